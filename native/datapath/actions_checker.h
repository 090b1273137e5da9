#pragma once

#include <errno.h>

#include <cstdint>
#include <span>

#include "wire/attributes.h"
#include "wire/flow_key.h"

namespace slowpath {

// Internal to ValidateActions: checks one list after the other as __ovs_nla_copy_actions of Linux 6.1.
class ActionChecker {
 public:
  // 'key' is that of the flow, masked.
  explicit ActionChecker(const uint32_t* key);
  // A whole list. 0 or -errno.
  int Run(std::span<const uint8_t> actions) { return List(actions, start_, 0); }
  const char* problem() const { return problem_; }

 private:
  // What later actions depend on and earlier ones change. Lists inside a list get a copy, and their changes end with them.
  struct Packet {
    uint16_t etherType = 0;    // 0 when nobody can tell any more.
    uint16_t vlanTci = 0;      // With the present bit.
    uint32_t mplsLabels = 0;   // Label stack entries left, counting down; huge when the flow does not match them.
    bool ethernet = true;      // Has an Ethernet header.
  };

  int Bad(const char* what, int error = -EINVAL) {
    problem_ = what;
    return error;
  }
  int List(std::span<const uint8_t> actions, Packet packet, int depth);
  // Lists in actions: whether the list has an Ethernet header is taken from the key again, as the kernel does.
  int Inner(std::span<const uint8_t> actions, const Packet& packet, int depth);
  int One(const Attribute& action, Packet& packet, int depth);
  int Header(const Attribute& action, Packet& packet);
  int Userspace(std::span<const uint8_t> arguments);
  int Sample(std::span<const uint8_t> arguments, const Packet& packet, int depth);
  int DecTtl(std::span<const uint8_t> arguments, const Packet& packet, int depth);
  int CheckLength(std::span<const uint8_t> arguments, const Packet& packet, int depth);
  int PushMpls(uint16_t etherType, bool inner, Packet& packet);
  int PopMpls(uint16_t etherType, Packet& packet);
  int PushNsh(std::span<const uint8_t> argument, Packet& packet);
  int PopNsh(Packet& packet);
  int Ct(std::span<const uint8_t> arguments);

  // set_validate.cc
  int Set(std::span<const uint8_t> argument, const Packet& packet, bool masked);
  int SetField(uint16_t type, const uint8_t* value, const uint8_t* mask, const Packet& packet);
  int SetIpv4(const uint8_t* value, const uint8_t* mask, const Packet& packet);
  int SetIpv6(const uint8_t* value, const uint8_t* mask, const Packet& packet);
  int SetTransport(uint8_t wanted, const Packet& packet);
  int SetNsh(std::span<const uint8_t> content, const Packet& packet, bool masked);

  const uint32_t* key_;
  Packet start_;        // As the flow matches it.
  uint8_t fragment_;    // enum ovs_frag_type.
  const char* problem_ = nullptr;
};

}  // namespace slowpath
