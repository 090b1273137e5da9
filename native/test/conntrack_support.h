#pragma once

#include <doctest/doctest.h>
#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include <cstring>
#include <utility>

#include "datapath/checksum.h"
#include "datapath/conntrack/conntrack.h"
#include "datapath/engine.h"
#include "datapath/headers.h"
#include "test/datapath_support.h"

// Connection tracking without a datapath around it.
namespace slowpath::test {

inline constexpr uint32_t kNew = OVS_CS_F_NEW | OVS_CS_F_TRACKED, kEst = OVS_CS_F_ESTABLISHED | OVS_CS_F_TRACKED,
                          kRel = OVS_CS_F_RELATED | OVS_CS_F_TRACKED, kInv = OVS_CS_F_INVALID | OVS_CS_F_TRACKED,
                          kRpl = OVS_CS_F_REPLY_DIR, kSnat = OVS_CS_F_SRC_NAT, kDnat = OVS_CS_F_DST_NAT;

struct TrackerBench {
  explicit TrackerBench(uint32_t limit = 1000) : pool(2, nullptr, nullptr), tracker(counters, limit) {}

  // Tracks one frame; its ct_state. 'frame' becomes the frame as it goes on, empty when dropped; 'key' keeps its ct words.
  uint32_t Track(Bytes& frame, const CtArguments& arguments = {}) {
    Packet packet(pool.Get(), static_cast<uint32_t>(frame.size()));
    std::memcpy(packet.data, frame.data(), frame.size());
    packet.offload = offload;
    ExtractKey(packet, key);
    auto outcome = tracker.Execute(packet, pool, key, arguments, 12345, now);
    if (outcome == Conntrack::Outcome::kDrop) {
      frame.clear();
    } else {
      frame.assign(packet.data, packet.data + packet.length);
    }
    return key[flow::kCtState];
  }
  // A packet that no ct action has seen.
  uint32_t First(Bytes frame, const CtArguments& arguments = {}) {
    ClearConntrackWords(key);
    return Track(frame, arguments);
  }

  DatapathCounters counters;
  BufferPool pool;
  Conntrack tracker;
  VnetHeader offload = {};
  uint64_t now = 1000000;
  uint32_t key[flow::kWords] = {};
};

inline CtArguments Commit(uint16_t zone = 0) {
  CtArguments a;
  a.commit = true;
  a.zone = zone;
  return a;
}
inline CtArguments Zone(uint16_t zone) {
  CtArguments a;
  a.zone = zone;
  return a;
}
inline CtArguments Nat(uint16_t zone = 0) {
  CtArguments a;
  a.zone = zone;
  a.nat = true;
  return a;
}
// Commit with translation of source or destination to addresses and ports; ports of 0: none.
inline CtArguments NatTo(uint8_t type, uint32_t low, uint32_t high, uint16_t lowPort = 0, uint16_t highPort = 0) {
  CtArguments a = Commit();
  a.nat = true;
  a.natType = type;
  a.natAddresses = low != 0;
  a.natLow[0] = low;
  a.natHigh[0] = high;
  a.natPorts = lowPort != 0;
  a.natLowPort = lowPort;
  a.natHighPort = highPort;
  return a;
}

// The frame that goes the other way.
inline FrameOptions Back(FrameOptions o) {
  std::swap(o.source, o.destination);
  std::swap(o.sourcePort, o.destinationPort);
  return o;
}

// Writes the checksum of the IPv4 header anew, and that of TCP when there is one.
inline void Mend(Bytes& frame) {
  StoreBe16(&frame[24], 0);
  StoreBe16(&frame[24], static_cast<uint16_t>(~ChecksumFold(ChecksumAdd({&frame[14], 20}))));
  if (frame[23] != 6) return;
  std::span<uint8_t> tcp(frame.data() + 34, frame.size() - 34);
  StoreBe16(&tcp[16], 0);
  uint64_t sum = PseudoHeaderSum({&frame[26], 8}, 6, static_cast<uint32_t>(tcp.size())) + ChecksumAdd(tcp);
  StoreBe16(&tcp[16], static_cast<uint16_t>(~ChecksumFold(sum)));
}

// A TCP packet over IPv4.
inline Bytes TcpFrame(const FrameOptions& ends, uint8_t flags, uint32_t sequence, uint32_t acknowledged, size_t payload = 0,
                      uint16_t window = 0x4000) {
  FrameOptions o = ends;
  o.tcp = true;
  o.tcpFlags = flags;
  Bytes frame = MakeFrame(o, payload);
  StoreBe32(&frame[38], sequence);
  StoreBe32(&frame[42], acknowledged);
  StoreBe16(&frame[48], window);
  Mend(frame);
  return frame;
}

// An ICMP packet over IPv4: type, code, rest of the header, body.
inline Bytes IcmpFrame(uint32_t source, uint32_t destination, uint8_t type, uint8_t code, uint32_t rest, const Bytes& body) {
  Bytes frame = MakeFrame({.source = source, .destination = destination}, body.size());
  frame[23] = 1;
  frame[34] = type, frame[35] = code;
  StoreBe16(&frame[36], 0);
  StoreBe32(&frame[38], rest);
  std::copy(body.begin(), body.end(), frame.begin() + 42);
  Mend(frame);
  StoreBe16(&frame[36], static_cast<uint16_t>(~ChecksumFold(ChecksumAdd(std::span(frame).subspan(34)))));
  return frame;
}

}  // namespace slowpath::test
