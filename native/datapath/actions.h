#pragma once

#include <cstdint>
#include <span>

#include "datapath/engine.h"

namespace slowpath {

// Checks the content of OVS_FLOW_ATTR_ACTIONS (or OVS_PACKET_ATTR_ACTIONS) as the kernel's module does: lengths, nesting,
// prerequisites of set actions in 'key' (masked). 0, or -EINVAL, -EOVERFLOW for nesting beyond 16; 'problem' then names
// what is wrong. Actions that passed are run without further checks of their form.
int ValidateActions(std::span<const uint8_t> actions, const uint32_t* key, const char** problem);

// Runs actions on packets, as do_execute_actions of the kernel.
class ActionRunner {
 public:
  // 'depth': recirculations behind the packet.
  ActionRunner(Engine& engine, Datapath& dp, int depth) : engine_(engine), dp_(dp), depth_(depth) {}
  // Uses up packet and key.
  void Run(Packet& packet, uint32_t* key, std::span<const uint8_t> actions);

 private:
  // False when the packet is dropped or given away.
  bool One(Packet& packet, uint32_t* key, uint16_t type, std::span<const uint8_t> argument, bool last);
  void Output(Packet& packet, uint32_t number);
  void Userspace(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments);
  // True when the rest of the list is done with.
  bool RunSegments(Packet& packet, const uint32_t* key, std::span<const uint8_t> rest);
  void CheckLength(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments, bool last);
  // False when the packet is dropped.
  bool Ct(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments);
  // False when the packet's TTL has expired, and its list with it.
  bool DecTtl(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments);
  void Sample(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments, bool last);
  // psample.cc
  void Psample(const Packet& packet, const uint32_t* key, std::span<const uint8_t> arguments);
  void Recirculate(Packet& packet, uint32_t* key, uint32_t id, bool last);
  // Runs nested actions on a copy, or on the packet itself when nothing follows.
  void Nested(Packet& packet, uint32_t* key, std::span<const uint8_t> actions, bool last);
  void Hash(Packet& packet, uint32_t* key, std::span<const uint8_t> argument);
  // actions_headers.cc. Both false when the action does not fit the packet.
  bool Set(Packet& packet, uint32_t* key, std::span<const uint8_t> argument, bool masked);
  bool Header(Packet& packet, uint16_t type, std::span<const uint8_t> argument);
  bool Drop(std::atomic<uint64_t>& counter);
  // Headers were changed since the key was extracted: does it again.
  void Refresh(const Packet& packet, uint32_t* key);

  Engine& engine_;
  Datapath& dp_;
  const int depth_;
  uint32_t probability_ = 0;  // Of the innermost sample action around what runs; 0 outside of all.
  bool stale_ = false;  // The key's header fields are older than the packet.
  std::span<const uint8_t> actions_ = {};  // The outermost list, which userspace may ask to see.
};

}  // namespace slowpath
