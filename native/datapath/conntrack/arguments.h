#pragma once

#include <cstdint>
#include <span>

namespace slowpath {

// The arguments of a ct action.
struct CtArguments {
  bool commit = false;
  bool force = false;            // Commit, even if the connection was begun by the other end.
  uint16_t zone = 0;
  uint32_t mark = 0;
  uint32_t markMask = 0;         // 0: leave the mark alone.
  uint32_t label[4] = {};        // As in a flow key.
  uint32_t labelMask[4] = {};    // Likewise.
  bool nat = false;              // Translate packets of connections that are translated.
  uint8_t natType = 0;           // Connection::kNat*: translate new connections; 0: none.
  bool natAddresses = false;     // There is a range of addresses.
  uint32_t natLow[4] = {};       // Host byte order, IPv4 in the first.
  uint32_t natHigh[4] = {};
  bool natPorts = false;         // There is a range of ports.
  uint16_t natLowPort = 0;
  uint16_t natHighPort = 0;
  bool natPersistent = false;    // A client gets the same address for every destination.
  bool natRandom = false;        // Ports are drawn, not computed.
};

// Reads the content of OVS_ACTION_ATTR_CT for IPv4 or IPv6 packets, with the checks of parse_ct and parse_nat of Linux 6.1. 0,
// or -EINVAL, -ERANGE for two kinds of NAT at once, and 'problem' says why. Helpers are refused as by a kernel that has none;
// timeout policies and event masks change nothing.
int ParseCt(std::span<const uint8_t> content, bool ipv6, CtArguments& out, const char** problem);

}  // namespace slowpath
