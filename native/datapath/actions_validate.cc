#include <errno.h>
#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include "datapath/actions.h"
#include "wire/attributes.h"

namespace slowpath {
namespace {

constexpr int kMaxDepth = 16;           // OVS_COPY_ACTIONS_MAX_DEPTH.
constexpr uint32_t kVlanPresent = 0x1000;
constexpr uint32_t kMaxHashAlgorithm = 1;  // L4, and the symmetric one of later kernels.

// What set actions depend on, as far as earlier actions of the list change it.
struct Checker {
  uint16_t etherType;
  uint8_t protocol;
  uint8_t fragment;  // enum ovs_frag_type.
  const char* problem = nullptr;

  int Bad(const char* what, int error = -EINVAL) {
    problem = what;
    return error;
  }
  int List(std::span<const uint8_t> actions, int depth);
  int One(const Attribute& action, int depth);
  int Userspace(std::span<const uint8_t> arguments);
  int Sample(std::span<const uint8_t> arguments, int depth);
  int Set(std::span<const uint8_t> argument, bool masked);
  int SetField(uint16_t type, const uint8_t* value, const uint8_t* mask);
  int SetIpv4(const uint8_t* value, const uint8_t* mask);
  int SetIpv6(const uint8_t* value, const uint8_t* mask);
  int SetTransport(uint8_t wanted);
};

// Bytes of the argument of a fixed-size action, -1 for others.
int ArgumentBytes(uint16_t type) {
  switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
    case OVS_ACTION_ATTR_RECIRC:
    case OVS_ACTION_ATTR_TRUNC:
    case OVS_ACTION_ATTR_PUSH_VLAN:
      return 4;
    case OVS_ACTION_ATTR_HASH:
      return 8;
    case OVS_ACTION_ATTR_POP_VLAN:
      return 0;
    default:
      return -1;
  }
}

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

int Checker::List(std::span<const uint8_t> actions, int depth) {
  if (depth >= kMaxDepth) return Bad("actions nest too deep", -EOVERFLOW);
  AttributeReader reader(actions);
  for (Attribute action; reader.Next(action);) {
    if (int error = One(action, depth); error != 0) return error;
  }
  return reader.malformed() ? Bad("an action has a bad length") : 0;
}

int Checker::One(const Attribute& action, int depth) {
  int bytes = ArgumentBytes(action.type);
  if (bytes >= 0 && action.payload.size() != static_cast<size_t>(bytes)) return Bad("an action has a bad length");
  const uint8_t* argument = action.payload.data();
  switch (action.type) {
    case OVS_ACTION_ATTR_OUTPUT:
      return LoadHost<uint32_t>(argument) < Datapath::kMaxPorts ? 0 : Bad("output port number is too large");
    case OVS_ACTION_ATTR_TRUNC:
      return LoadHost<uint32_t>(argument) >= ETH_HLEN ? 0 : Bad("trunc to less than an Ethernet header");
    case OVS_ACTION_ATTR_PUSH_VLAN: {
      uint16_t tpid = LoadBe16(argument);
      if (tpid != ETH_P_8021Q && tpid != ETH_P_8021AD) return Bad("push_vlan with a TPID that is not of a VLAN");
      return (LoadBe16(argument + 2) & kVlanPresent) != 0 ? 0 : Bad("push_vlan without the 0x1000 bit in its TCI");
    }
    case OVS_ACTION_ATTR_HASH:
      return LoadHost<uint32_t>(argument) <= kMaxHashAlgorithm ? 0 : Bad("unknown hash algorithm");
    case OVS_ACTION_ATTR_POP_VLAN:
    case OVS_ACTION_ATTR_RECIRC:
      return 0;
    case OVS_ACTION_ATTR_USERSPACE:
      return Userspace(action.payload);
    case OVS_ACTION_ATTR_SET:
      return Set(action.payload, false);
    case OVS_ACTION_ATTR_SET_MASKED:
      return Set(action.payload, true);
    case OVS_ACTION_ATTR_SAMPLE:
      return Sample(action.payload, depth);
    case OVS_ACTION_ATTR_CLONE:
      return List(action.payload, depth + 1);
    default:
      return Bad("action is not supported by this datapath");
  }
}

int Checker::Userspace(std::span<const uint8_t> arguments) {
  uint32_t pid = 0;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    bool word = argument.type == OVS_USERSPACE_ATTR_PID || argument.type == OVS_USERSPACE_ATTR_EGRESS_TUN_PORT;
    if (word && argument.payload.size() < 4) return Bad("userspace action has a short argument");
    if (argument.type == OVS_USERSPACE_ATTR_PID) pid = LoadHost<uint32_t>(argument.payload.data());
  }
  if (reader.malformed()) return Bad("userspace action has a bad length");
  return pid != 0 ? 0 : Bad("userspace action without a port id");
}

int Checker::Sample(std::span<const uint8_t> arguments, int depth) {
  bool probability = false;
  bool actions = false;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type == OVS_SAMPLE_ATTR_PROBABILITY) probability = argument.payload.size() == 4;
    if (argument.type != OVS_SAMPLE_ATTR_ACTIONS) continue;
    actions = true;
    if (int error = List(argument.payload, depth + 1); error != 0) return error;
  }
  return !reader.malformed() && probability && actions ? 0 : Bad("sample action needs a probability and actions");
}

int Checker::Set(std::span<const uint8_t> argument, bool masked) {
  AttributeReader reader(argument);
  Attribute field;
  if (!reader.Next(field) || reader.malformed()) return Bad("set action without a field");
  Attribute extra;
  if (reader.Next(extra) || reader.malformed()) return Bad("set action with more than one field");
  size_t bytes = SettableBytes(field.type);
  if (bytes == 0) return Bad("set action on a field that this datapath cannot set");
  if (field.payload.size() != bytes * (masked ? 2 : 1)) return Bad("set action has a bad length");
  const uint8_t* value = field.payload.data();
  const uint8_t* mask = masked ? value + bytes : nullptr;
  for (size_t i = 0; mask != nullptr && i < bytes; i++) {
    if ((value[i] & ~mask[i]) != 0) return Bad("set_masked action sets bits outside its mask");
  }
  return SetField(field.type, value, mask);
}

int Checker::SetField(uint16_t type, const uint8_t* value, const uint8_t* mask) {
  switch (type) {
    case OVS_KEY_ATTR_IPV4:
      return SetIpv4(value, mask);
    case OVS_KEY_ATTR_IPV6:
      return SetIpv6(value, mask);
    case OVS_KEY_ATTR_TCP:
      return SetTransport(IPPROTO_TCP);
    case OVS_KEY_ATTR_UDP:
      return SetTransport(IPPROTO_UDP);
    case OVS_KEY_ATTR_SCTP:
      return SetTransport(IPPROTO_SCTP);
    case OVS_KEY_ATTR_MPLS:
      return etherType == ETH_P_MPLS_UC || etherType == ETH_P_MPLS_MC ? 0 : Bad("set mpls on a flow without MPLS");
    default:
      return 0;
  }
}

int Checker::SetIpv4(const uint8_t* value, const uint8_t* mask) {
  if (etherType != ETH_P_IP) return Bad("set ipv4 on a flow that is not IPv4");
  bool bad = mask != nullptr ? mask[8] != 0 || mask[11] != 0 : value[8] != protocol || value[11] != fragment;
  return bad ? Bad("set ipv4 would change protocol or fragment type") : 0;
}

int Checker::SetIpv6(const uint8_t* value, const uint8_t* mask) {
  if (etherType != ETH_P_IPV6) return Bad("set ipv6 on a flow that is not IPv6");
  bool bad = mask != nullptr ? mask[36] != 0 || mask[39] != 0 : value[36] != protocol || value[39] != fragment;
  if (bad) return Bad("set ipv6 would change protocol or fragment type");
  uint32_t label = LoadBe32((mask != nullptr ? mask : value) + 32);
  return (label & 0xfff00000) != 0 ? Bad("set ipv6 with a flow label of more than 20 bits") : 0;
}

int Checker::SetTransport(uint8_t wanted) {
  bool ip = etherType == ETH_P_IP || etherType == ETH_P_IPV6;
  return ip && protocol == wanted ? 0 : Bad("set of transport ports on a flow without that protocol");
}

}  // namespace

int ValidateActions(std::span<const uint8_t> actions, const uint32_t* key, const char** problem) {
  uint32_t frag = key[flow::kNwFrag];
  Checker checker{.etherType = static_cast<uint16_t>(key[flow::kEthType]),
                  .protocol = static_cast<uint8_t>(key[flow::kNwProto]),
                  .fragment = static_cast<uint8_t>(frag == 0   ? OVS_FRAG_TYPE_NONE
                                                   : frag == 1 ? OVS_FRAG_TYPE_FIRST
                                                               : OVS_FRAG_TYPE_LATER)};
  int error = checker.List(actions, 0);
  *problem = checker.problem;
  return error;
}

}  // namespace slowpath
