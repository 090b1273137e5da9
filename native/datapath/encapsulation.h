#pragma once

#include <cstdint>
#include <span>

#include "datapath/packet.h"

// Headers that actions put around packets and take off: MPLS (RFC 3032), Ethernet, NSH (RFC 8300). All follow what Linux does
// to the packet (net/core/skbuff.c, net/nsh/nsh.c). The packet must be its own, and no longer be one that a device segments.
// False: there is no room, or the packet does not have what the action is about.
namespace slowpath {

// Bytes of the Ethernet header with its tags, before what MPLS is pushed on or popped from; 0 without Ethernet header.
uint32_t LinkHeaderBytes(const Packet& packet);

// A label stack entry behind the first 'before' bytes: LinkHeaderBytes(), or 0 for a label in front of everything, which
// leaves a packet without Ethernet header.
bool PushMpls(Packet& packet, uint32_t entry, uint16_t etherType, uint32_t before);
// Takes the outermost entry off. What was below it is 'etherType'; ETH_P_TEB: an Ethernet frame. A packet without MPLS is
// left alone.
bool PopMpls(Packet& packet, uint16_t etherType);

// 'addresses' is struct ovs_key_ethernet: source, destination. The packet must have no Ethernet header.
bool PushEthernet(Packet& packet, const uint8_t* addresses);
// Takes the Ethernet header off; not under a VLAN tag.
bool PopEthernet(Packet& packet);

// An NSH header in front of everything. 'content' is that of OVS_KEY_ATTR_NSH, validated.
bool PushNsh(Packet& packet, std::span<const uint8_t> content);
bool PopNsh(Packet& packet);
// 'content' is that of OVS_KEY_ATTR_NSH in a set action; with 'masked' each of its attributes has value and mask, one after
// the other.
bool SetNsh(Packet& packet, std::span<const uint8_t> content, bool masked);

// The protocol number of NSH for an Ethernet type and the other way; 0 for none.
uint8_t NshProtocol(uint16_t etherType);
uint16_t NshEtherType(uint8_t protocol);

}  // namespace slowpath
