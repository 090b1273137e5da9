#pragma once

#include <cstdint>
#include <span>

#include "datapath/packet.h"

// Where the headers of a frame lie, and changing them in place with checksums kept right.
namespace slowpath {

struct Headers {
  uint16_t etherType = 0;   // After VLAN tags.
  uint32_t typeOffset = 0;  // Of the Ethernet type field that holds it.
  uint32_t l3 = 0;          // Of the network header; 0 when there is none that we know (IPv4, IPv6, MPLS).
  uint32_t l4 = 0;          // Of the transport header; 0 when there is none: later fragments, unknown protocols.
  uint8_t protocol = 0;     // IP protocol after extension headers.
  bool laterFragment = false;
};

// Finds headers; trusts nothing: every offset that is not 0 has its whole fixed header inside the frame.
Headers FindHeaders(std::span<const uint8_t> frame);

// A new outermost tag. 'tci' without the 0x1000 bit that OVS uses to say "present". False when there is no room.
bool PushVlan(Packet& packet, uint16_t tpid, uint16_t tci);
// Removes the outermost tag, if there is one.
void PopVlan(Packet& packet);

// Writes value bits where the mask has ones into a header of the frame: 'value' and 'mask' are the payload of an
// OVS_KEY_ATTR_* of 'type' (network byte order, struct ovs_key_*). False when the frame has no such header. The frame must
// be the packet's own.
bool SetHeader(Packet& packet, uint16_t type, std::span<const uint8_t> value, std::span<const uint8_t> mask);

}  // namespace slowpath
