#pragma once

#include <cstdint>
#include <span>

#include "datapath/packet.h"

// Where the headers of a frame lie, and changing them in place with checksums kept right.
namespace slowpath {

struct Headers {
  uint16_t etherType = 0;   // After VLAN tags.
  uint32_t typeOffset = 0;  // Of the Ethernet type field that holds it; 0 without Ethernet header.
  uint32_t l3 = 0;          // Of the network header, which may be 0 without Ethernet header.
  bool network = false;     // There is a network header that we know (IPv4, IPv6, MPLS, NSH), at 'l3'.
  uint32_t l4 = 0;          // Of the transport header; 0 when there is none: later fragments, unknown protocols.
  uint8_t protocol = 0;     // IP protocol after extension headers.
  bool laterFragment = false;
};

// Finds headers; trusts nothing: every header found has its whole fixed part inside the frame.
Headers FindHeaders(std::span<const uint8_t> frame);
// Likewise, also without Ethernet header.
Headers FindHeaders(const Packet& packet);

// Bytes of the packet without its outermost VLAN tag, which the kernel keeps beside the packet and does not count.
uint32_t LengthWithoutTag(const Packet& packet);

// L2 to L4 words of 'key' and packet_type, of a packet with Ethernet header or without.
void ExtractKey(const Packet& packet, uint32_t* key);

// Makes a gap of 'n' bytes at offset 'at' by moving what is before it; the new bytes are undefined. False when there is no room.
bool OpenGap(Packet& packet, uint32_t at, uint32_t n);
// Takes away 'n' bytes at offset 'at'.
void CloseGap(Packet& packet, uint32_t at, uint32_t n);
// Moves what counts from the front of the frame for checksum and segmentation offload.
void MoveOffload(Packet& packet, int by);

// A new outermost tag. 'tci' without the 0x1000 bit that OVS uses to say "present". False when there is no room.
bool PushVlan(Packet& packet, uint16_t tpid, uint16_t tci);
// Removes the outermost tag, if there is one.
void PopVlan(Packet& packet);

// Writes value bits where the mask has ones into a header of the frame: 'value' and 'mask' are the payload of an
// OVS_KEY_ATTR_* of 'type' (network byte order, struct ovs_key_*). False when the frame has no such header. The frame must
// be the packet's own.
bool SetHeader(Packet& packet, uint16_t type, std::span<const uint8_t> value, std::span<const uint8_t> mask);

// Takes one from the TTL or hop limit of an IP packet. False when it is at its end; other packets are left alone.
bool DecrementTtl(Packet& packet);

}  // namespace slowpath
