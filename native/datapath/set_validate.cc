#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include "datapath/actions_checker.h"

// Set actions, as validate_set of Linux 6.1.
namespace slowpath {
namespace {

// Bytes of the headers that can be set, 0 for all other key attributes.
size_t SettableBytes(uint16_t type) {
  switch (type) {
    case OVS_KEY_ATTR_PRIORITY:
    case OVS_KEY_ATTR_SKB_MARK:
    case OVS_KEY_ATTR_MPLS:
      return 4;
    case OVS_KEY_ATTR_ETHERNET:
      return sizeof(ovs_key_ethernet);
    case OVS_KEY_ATTR_IPV4:
      return sizeof(ovs_key_ipv4);
    case OVS_KEY_ATTR_IPV6:
      return sizeof(ovs_key_ipv6);
    case OVS_KEY_ATTR_TCP:
    case OVS_KEY_ATTR_UDP:
    case OVS_KEY_ATTR_SCTP:
      return 4;
    default:
      return 0;
  }
}

}  // namespace

int ActionChecker::Set(std::span<const uint8_t> argument, const Packet& packet, bool masked) {
  AttributeReader reader(argument);
  Attribute field;
  if (!reader.Next(field) || reader.malformed()) return Bad("set action without a field");
  Attribute extra;
  if (reader.Next(extra) || reader.malformed()) return Bad("set action with more than one field");
  if (field.type == OVS_KEY_ATTR_NSH) return SetNsh(field.payload, packet, masked);
  size_t bytes = SettableBytes(field.type);
  if (bytes == 0) return Bad("set action on a field that this datapath cannot set");
  if (field.payload.size() != bytes * (masked ? 2 : 1)) return Bad("set action has a bad length");
  const uint8_t* value = field.payload.data();
  const uint8_t* mask = masked ? value + bytes : nullptr;
  for (size_t i = 0; mask != nullptr && i < bytes; i++) {
    if ((value[i] & ~mask[i]) != 0) return Bad("set_masked action sets bits outside its mask");
  }
  return SetField(field.type, value, mask, packet);
}

int ActionChecker::SetField(uint16_t type, const uint8_t* value, const uint8_t* mask, const Packet& packet) {
  switch (type) {
    case OVS_KEY_ATTR_ETHERNET:
      return packet.ethernet ? 0 : Bad("set eth on a packet without Ethernet header");
    case OVS_KEY_ATTR_IPV4:
      return SetIpv4(value, mask, packet);
    case OVS_KEY_ATTR_IPV6:
      return SetIpv6(value, mask, packet);
    case OVS_KEY_ATTR_TCP:
      return SetTransport(IPPROTO_TCP, packet);
    case OVS_KEY_ATTR_UDP:
      return SetTransport(IPPROTO_UDP, packet);
    case OVS_KEY_ATTR_SCTP:
      return SetTransport(IPPROTO_SCTP, packet);
    case OVS_KEY_ATTR_MPLS:
      if (packet.etherType == ETH_P_MPLS_UC || packet.etherType == ETH_P_MPLS_MC) return 0;
      return Bad("set mpls on a flow without MPLS");
    default:
      return 0;
  }
}

int ActionChecker::SetIpv4(const uint8_t* value, const uint8_t* mask, const Packet& packet) {
  if (packet.etherType != ETH_P_IP) return Bad("set ipv4 on a flow that is not IPv4");
  bool bad = mask != nullptr ? mask[8] != 0 || mask[11] != 0
                             : value[8] != key_[flow::kNwProto] || value[11] != fragment_;
  return bad ? Bad("set ipv4 would change protocol or fragment type") : 0;
}

int ActionChecker::SetIpv6(const uint8_t* value, const uint8_t* mask, const Packet& packet) {
  if (packet.etherType != ETH_P_IPV6) return Bad("set ipv6 on a flow that is not IPv6");
  bool bad = mask != nullptr ? mask[36] != 0 || mask[39] != 0
                             : value[36] != key_[flow::kNwProto] || value[39] != fragment_;
  if (bad) return Bad("set ipv6 would change protocol or fragment type");
  uint32_t label = LoadBe32((mask != nullptr ? mask : value) + 32);
  return (label & 0xfff00000) != 0 ? Bad("set ipv6 with a flow label of more than 20 bits") : 0;
}

int ActionChecker::SetTransport(uint8_t wanted, const Packet& packet) {
  bool ip = packet.etherType == ETH_P_IP || packet.etherType == ETH_P_IPV6;
  return ip && key_[flow::kNwProto] == wanted ? 0 : Bad("set of transport ports on a flow without that protocol");
}

// Linux has this action and refuses every use of it, since its check expects other lengths than its execution; OVS's userspace
// datapath sets NSH fields, and so does this one. Type and next protocol stay as they are.
int ActionChecker::SetNsh(std::span<const uint8_t> content, const Packet& packet, bool masked) {
  if (packet.etherType != ETH_P_NSH) return Bad("set nsh on a flow without NSH");
  AttributeReader reader(content);
  for (Attribute a; reader.Next(a);) {
    size_t bytes = a.type == OVS_NSH_KEY_ATTR_BASE ? 8 : a.type == OVS_NSH_KEY_ATTR_MD1 ? 16 : 0;
    if (bytes == 0) return Bad("set nsh of a field that cannot be set");
    if (a.payload.size() != bytes * (masked ? 2 : 1)) return Bad("set nsh has a bad length");
  }
  return reader.malformed() ? Bad("set nsh has a bad length") : 0;
}

}  // namespace slowpath
