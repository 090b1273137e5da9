#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "datapath/actions.h"
#include "datapath/actions_checker.h"
#include "datapath/encapsulation.h"
#include "datapath/psample.h"

namespace slowpath {
namespace {

constexpr int kMaxDepth = 16;           // OVS_COPY_ACTIONS_MAX_DEPTH.
constexpr uint32_t kVlanPresent = 0x1000;
constexpr uint32_t kMplsBottom = 0x100;
constexpr uint32_t kMaxHashAlgorithm = 1;  // L4, and the symmetric one of later kernels.
constexpr uint32_t kUnknownDepth = 1u << 30;
constexpr size_t kNshContextBytes = 248;  // All metadata that the length field of NSH allows.

bool IsMpls(uint16_t type) { return type == ETH_P_MPLS_UC || type == ETH_P_MPLS_MC; }

// Bytes of the argument of a fixed-size action, -1 for others.
int ArgumentBytes(uint16_t type) {
  switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
    case OVS_ACTION_ATTR_RECIRC:
    case OVS_ACTION_ATTR_TRUNC:
    case OVS_ACTION_ATTR_PUSH_VLAN:
    case OVS_ACTION_ATTR_METER:
      return 4;
    case OVS_ACTION_ATTR_HASH:
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS:
      return 8;
    case OVS_ACTION_ATTR_POP_MPLS:
      return 2;
    case OVS_ACTION_ATTR_PUSH_ETH:
      return sizeof(ovs_action_push_eth);
    case OVS_ACTION_ATTR_POP_VLAN:
    case OVS_ACTION_ATTR_POP_ETH:
    case OVS_ACTION_ATTR_POP_NSH:
    case OVS_ACTION_ATTR_CT_CLEAR:
      return 0;
    default:
      return -1;
  }
}

// How many label stack entries the flow matches, as far as a key holds them.
uint32_t MplsLabels(const uint32_t* key) {
  if (!IsMpls(static_cast<uint16_t>(key[flow::kEthType]))) return 0;
  uint32_t any = 0;
  for (unsigned i = 0; i < 3; i++) {
    any |= key[flow::kMplsLse0 + i];
    if ((key[flow::kMplsLse0 + i] & kMplsBottom) != 0) return i + 1;
  }
  return any != 0 ? 3 : kUnknownDepth;
}

}  // namespace

ActionChecker::ActionChecker(const uint32_t* key) : key_(key) {
  start_.etherType = static_cast<uint16_t>(key[flow::kEthType]);
  start_.vlanTci = static_cast<uint16_t>(key[flow::kVlanTci]);
  start_.mplsLabels = MplsLabels(key);
  start_.ethernet = key[flow::kPacketType] == 0;
  uint32_t fragment = key[flow::kNwFrag];
  fragment_ = fragment == 0 ? OVS_FRAG_TYPE_NONE : fragment == 1 ? OVS_FRAG_TYPE_FIRST : OVS_FRAG_TYPE_LATER;
}

int ActionChecker::List(std::span<const uint8_t> actions, Packet packet, int depth) {
  if (depth >= kMaxDepth) return Bad("actions nest too deep", -EOVERFLOW);
  AttributeReader reader(actions);
  for (Attribute action; reader.Next(action);) {
    if (int error = One(action, packet, depth); error != 0) return error;
  }
  return reader.malformed() ? Bad("an action has a bad length") : 0;
}

int ActionChecker::Inner(std::span<const uint8_t> actions, const Packet& packet, int depth) {
  Packet copy = packet;
  copy.ethernet = start_.ethernet;
  return List(actions, copy, depth + 1);
}

int ActionChecker::One(const Attribute& action, Packet& packet, int depth) {
  int bytes = ArgumentBytes(action.type);
  if (bytes >= 0 && action.payload.size() != static_cast<size_t>(bytes)) return Bad("an action has a bad length");
  const uint8_t* argument = action.payload.data();
  switch (action.type) {
    case OVS_ACTION_ATTR_OUTPUT:
      return LoadHost<uint32_t>(argument) < Datapath::kMaxPorts ? 0 : Bad("output port number is too large");
    case OVS_ACTION_ATTR_TRUNC:
      return LoadHost<uint32_t>(argument) >= ETH_HLEN ? 0 : Bad("trunc to less than an Ethernet header");
    case OVS_ACTION_ATTR_HASH:
      return LoadHost<uint32_t>(argument) <= kMaxHashAlgorithm ? 0 : Bad("unknown hash algorithm");
    case OVS_ACTION_ATTR_RECIRC:
    case OVS_ACTION_ATTR_METER:
    case OVS_ACTION_ATTR_CT_CLEAR:
      return 0;
    case OVS_ACTION_ATTR_CT:
      return Ct(action.payload);
    case OVS_ACTION_ATTR_USERSPACE:
      return Userspace(action.payload);
    case kActionPsample: {
      // The kernel reads it with nla_parse_nested, which is strict.
      if (!action.nested) return Bad("psample needs NLA_F_NESTED");
      PsampleArguments parsed;
      return ParsePsample(action.payload, parsed) == 0 ? 0 : Bad("psample needs a group and a cookie of 1 to 16 bytes");
    }
    case OVS_ACTION_ATTR_SET:
      return Set(action.payload, packet, false);
    case OVS_ACTION_ATTR_SET_MASKED:
      return Set(action.payload, packet, true);
    case OVS_ACTION_ATTR_SAMPLE:
      return Sample(action.payload, packet, depth);
    case OVS_ACTION_ATTR_CLONE:
      return Inner(action.payload, packet, depth);
    case OVS_ACTION_ATTR_DEC_TTL:
      return DecTtl(action.payload, packet, depth);
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
      return CheckLength(action.payload, packet, depth);
    default:
      return Header(action, packet);
  }
}

// Actions that add and remove headers.
int ActionChecker::Header(const Attribute& action, Packet& packet) {
  const uint8_t* argument = action.payload.data();
  switch (action.type) {
    case OVS_ACTION_ATTR_PUSH_VLAN: {
      if (!packet.ethernet) return Bad("push_vlan on a packet without Ethernet header");
      uint16_t tpid = LoadBe16(argument);
      if (tpid != ETH_P_8021Q && tpid != ETH_P_8021AD) return Bad("push_vlan with a TPID that is not of a VLAN");
      packet.vlanTci = LoadBe16(argument + 2);
      return (packet.vlanTci & kVlanPresent) != 0 ? 0 : Bad("push_vlan without the 0x1000 bit in its TCI");
    }
    case OVS_ACTION_ATTR_POP_VLAN:
      packet.vlanTci = 0;
      return packet.ethernet ? 0 : Bad("pop_vlan on a packet without Ethernet header");
    case OVS_ACTION_ATTR_PUSH_MPLS:
      return PushMpls(LoadBe16(argument + 4), true, packet);
    case OVS_ACTION_ATTR_ADD_MPLS:
      return PushMpls(LoadBe16(argument + 4),
                      (LoadHost<uint16_t>(argument + 6) & OVS_MPLS_L3_TUNNEL_FLAG_MASK) != 0, packet);
    case OVS_ACTION_ATTR_POP_MPLS:
      return PopMpls(LoadBe16(argument), packet);
    case OVS_ACTION_ATTR_PUSH_ETH:
      if (packet.ethernet) return Bad("push_eth on a packet that has an Ethernet header");
      packet.ethernet = true;
      return 0;
    case OVS_ACTION_ATTR_POP_ETH:
      if (!packet.ethernet) return Bad("pop_eth on a packet without Ethernet header");
      if ((packet.vlanTci & kVlanPresent) != 0) return Bad("pop_eth on a packet with a VLAN tag");
      packet.ethernet = false;
      return 0;
    case OVS_ACTION_ATTR_PUSH_NSH:
      return PushNsh(action.payload, packet);
    case OVS_ACTION_ATTR_POP_NSH:
      return PopNsh(packet);
    default:
      return Bad("action is not supported by this datapath");
  }
}

int ActionChecker::Userspace(std::span<const uint8_t> arguments) {
  uint32_t pid = 0;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    bool word = argument.type == OVS_USERSPACE_ATTR_PID || argument.type == OVS_USERSPACE_ATTR_EGRESS_TUN_PORT;
    if (word && argument.payload.size() < 4) return Bad("userspace action has a short argument", -ERANGE);
    if (argument.type == OVS_USERSPACE_ATTR_PID) pid = LoadHost<uint32_t>(argument.payload.data());
  }
  if (reader.malformed()) return Bad("userspace action has a bad length");
  return pid != 0 ? 0 : Bad("userspace action without a port id");
}

int ActionChecker::Sample(std::span<const uint8_t> arguments, const Packet& packet, int depth) {
  std::span<const uint8_t> actions;
  bool seen[OVS_SAMPLE_ATTR_MAX + 1] = {};
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type == 0 || argument.type > OVS_SAMPLE_ATTR_MAX || seen[argument.type]) {
      return Bad("sample action has an argument that is unknown, or comes twice");
    }
    seen[argument.type] = true;
    if (argument.type == OVS_SAMPLE_ATTR_ACTIONS) actions = argument.payload;
    if (argument.type == OVS_SAMPLE_ATTR_PROBABILITY && argument.payload.size() != 4) {
      return Bad("sample action has a probability of a bad length");
    }
  }
  if (reader.malformed() || !seen[OVS_SAMPLE_ATTR_PROBABILITY] || !seen[OVS_SAMPLE_ATTR_ACTIONS]) {
    return Bad("sample action needs a probability and actions");
  }
  return Inner(actions, packet, depth);
}

int ActionChecker::DecTtl(std::span<const uint8_t> arguments, const Packet& packet, int depth) {
  std::span<const uint8_t> actions;
  bool found = false;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type > OVS_DEC_TTL_ATTR_MAX) continue;
    if (argument.type == 0 || found) return Bad("dec_ttl action has its actions twice");
    found = true;
    actions = argument.payload;
  }
  if (reader.malformed() || !found) return Bad("dec_ttl action needs the actions for an expired TTL");
  return Inner(actions, packet, depth);
}

int ActionChecker::CheckLength(std::span<const uint8_t> arguments, const Packet& packet, int depth) {
  std::span<const uint8_t> lists[OVS_CHECK_PKT_LEN_ATTR_MAX + 1];
  bool seen[OVS_CHECK_PKT_LEN_ATTR_MAX + 1] = {};
  uint16_t length = 0;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type == 0 || argument.type > OVS_CHECK_PKT_LEN_ATTR_MAX) {
      return Bad("check_pkt_len action has an unknown argument");
    }
    size_t size = argument.payload.size();
    bool number = argument.type == OVS_CHECK_PKT_LEN_ATTR_PKT_LEN;
    if (number ? size < 2 : size != 0 && size < NLA_HDRLEN) return Bad("check_pkt_len has a short argument", -ERANGE);
    if (number) length = LoadHost<uint16_t>(argument.payload.data());
    seen[argument.type] = true;
    lists[argument.type] = argument.payload;
  }
  if (reader.malformed() || length == 0 || !seen[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER] ||
      !seen[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL]) {
    return Bad("check_pkt_len action needs a length and two lists of actions");
  }
  int error = Inner(lists[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL], packet, depth);
  return error != 0 ? error : Inner(lists[OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER], packet, depth);
}

// 'inner': behind the Ethernet header, which is possible where what is behind it is known to be no tag.
int ActionChecker::PushMpls(uint16_t etherType, bool inner, Packet& packet) {
  if (!IsMpls(etherType)) return Bad("MPLS pushed with an ethertype that is not of MPLS");
  if (inner) {
    bool known = packet.etherType == ETH_P_IP || packet.etherType == ETH_P_IPV6 || packet.etherType == ETH_P_ARP ||
                 packet.etherType == ETH_P_RARP || IsMpls(packet.etherType);
    if ((packet.vlanTci & kVlanPresent) != 0 || !known) {
      return Bad("MPLS pushed on a tagged packet or an unknown ethertype");
    }
    packet.mplsLabels++;
  } else if (packet.ethernet) {
    packet.mplsLabels = 1;
    packet.ethernet = false;
  } else {
    packet.mplsLabels++;
  }
  packet.etherType = etherType;
  return 0;
}

int ActionChecker::PopMpls(uint16_t etherType, Packet& packet) {
  if ((packet.vlanTci & kVlanPresent) != 0 || !IsMpls(packet.etherType)) {
    return Bad("pop_mpls on a tagged packet or one without MPLS");
  }
  if (etherType == ETH_P_TEB && packet.ethernet) return Bad("pop_mpls to an Ethernet frame inside a frame");
  packet.mplsLabels--;
  // Nobody can promise that what is below the last label is what the action says.
  packet.etherType = !IsMpls(etherType) || packet.mplsLabels == 0 ? 0 : etherType;
  return 0;
}

int ActionChecker::PushNsh(std::span<const uint8_t> argument, Packet& packet) {
  if (!packet.ethernet && NshProtocol(packet.etherType) == 0) {
    return Bad("push_nsh on a packet that NSH has no number for");
  }
  packet.ethernet = false;
  AttributeReader outer(argument);
  Attribute nsh;
  if (!outer.Next(nsh)) return Bad("push_nsh action without a header");
  bool base = false, first = false, second = false;
  uint8_t type = 0;
  AttributeReader reader(nsh.payload);
  for (Attribute a; reader.Next(a);) {
    size_t size = a.payload.size();
    switch (a.type) {
      case OVS_NSH_KEY_ATTR_BASE:
        if (size != 8) return Bad("push_nsh action has a base header of a bad length");
        base = true;
        type = a.payload[2];
        break;
      case OVS_NSH_KEY_ATTR_MD1:
        if (size != 16) return Bad("push_nsh action has a context of a bad length");
        first = true;
        break;
      case OVS_NSH_KEY_ATTR_MD2:
        if (size == 0 || size > kNshContextBytes) return Bad("push_nsh action has metadata of a bad length");
        second = true;
        break;
      default:
        return Bad("push_nsh action has an unknown argument");
    }
  }
  bool fits = base && first != second && type == (first ? 1 : 2);
  return !reader.malformed() && fits ? 0 : Bad("push_nsh action needs a base header and metadata of its type");
}

int ActionChecker::PopNsh(Packet& packet) {
  if (packet.etherType != ETH_P_NSH) return Bad("pop_nsh on a flow without NSH");
  uint16_t inner = NshEtherType(static_cast<uint8_t>(key_[flow::kNshNp]));
  if (inner == 0) return Bad("pop_nsh on a flow whose next protocol is not known");
  packet.ethernet = inner == ETH_P_TEB;
  return 0;
}

int ActionChecker::Ct(std::span<const uint8_t> arguments) {
  uint32_t type = key_[flow::kEthType];
  if (type != ETH_P_IP && type != ETH_P_IPV6) return Bad("ct on a flow that is not IP");
  CtArguments parsed;
  return ParseCt(arguments, type == ETH_P_IPV6, parsed, &problem_);
}

int ValidateActions(std::span<const uint8_t> actions, const uint32_t* key, const char** problem) {
  ActionChecker checker(key);
  int error = checker.Run(actions);
  *problem = checker.problem();
  return error;
}

}  // namespace slowpath
