#pragma once

#include "datapath/conntrack/tuple.h"
#include "datapath/headers.h"

namespace slowpath {

// What connection tracking wants to know of a packet.
struct TrackedPacket {
  Headers headers;
  Tuple tuple;             // Of the packet; of an ICMP error, of packets that go the way of the error.
  bool related = false;    // An ICMP error about a packet of some connection.
  uint32_t inner = 0;      // Of an ICMP error: offset of the IP header of the packet it is about.
  uint32_t innerL4 = 0;    // Likewise, of its transport header.
  uint32_t l4Bytes = 0;    // Transport header and payload, as the IP header has it.
  // TCP only.
  uint32_t sequence = 0;
  uint32_t acknowledged = 0;
  uint32_t payload = 0;    // Bytes.
  uint16_t window = 0;     // Not scaled.
  uint8_t flags = 0;       // TH_*.
  uint8_t scale = 0;       // TcpPeer::scale as a SYN says it.
};

// Looks at a packet that is no fragment. False for what cannot be tracked: not IP, headers that lie or are cut off, wrong
// checksums (where no device vouches for them), ICMP that is neither query nor error.
bool ParseTracked(const Packet& packet, uint16_t zone, TrackedPacket& out);

// Writes the transport checksum of ICMP and ICMPv6 anew.
void RewriteIcmpChecksum(Packet& packet, const TrackedPacket& parsed);

}  // namespace slowpath
