#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/actions.h"
#include "datapath/encapsulation.h"
#include "datapath/headers.h"
#include "wire/attributes.h"

// Actions that change headers of a packet.
namespace slowpath {
namespace {

constexpr uint32_t kVlanPresent = 0x1000;

void MaskedWord(uint32_t& word, std::span<const uint8_t> payload, bool masked) {
  uint32_t value = LoadHost<uint32_t>(payload.data());
  uint32_t mask = masked ? LoadHost<uint32_t>(payload.data() + 4) : ~uint32_t{0};
  word = (word & ~mask) | (value & mask);
}

}  // namespace

bool ActionRunner::Set(Packet& packet, uint32_t* key, std::span<const uint8_t> argument, bool masked) {
  AttributeReader reader(argument);
  Attribute field;
  if (!reader.Next(field)) return false;
  switch (field.type) {
    case OVS_KEY_ATTR_PRIORITY:
      MaskedWord(key[flow::kSkbPriority], field.payload, masked);
      return true;
    case OVS_KEY_ATTR_SKB_MARK:
      MaskedWord(key[flow::kSkbMark], field.payload, masked);
      return true;
    default:
      break;
  }
  if (!packet.Unshare(engine_.pool)) return false;
  stale_ = true;
  if (field.type == OVS_KEY_ATTR_NSH) return SetNsh(packet, field.payload, masked);
  if (masked) {
    size_t half = field.payload.size() / 2;
    return SetHeader(packet, field.type, field.payload.first(half), field.payload.subspan(half));
  }
  uint8_t ones[64];
  std::memset(ones, 0xff, sizeof ones);
  return SetHeader(packet, field.type, field.payload, std::span<const uint8_t>(ones).first(field.payload.size()));
}

bool ActionRunner::Header(Packet& packet, uint16_t type, std::span<const uint8_t> argument) {
  if (!packet.Unshare(engine_.pool)) return false;
  stale_ = true;
  const uint8_t* p = argument.data();
  switch (type) {
    case OVS_ACTION_ATTR_PUSH_VLAN:
      return PushVlan(packet, LoadBe16(p), LoadBe16(p + 2) & ~kVlanPresent);
    case OVS_ACTION_ATTR_POP_VLAN:
      PopVlan(packet);
      return true;
    case OVS_ACTION_ATTR_PUSH_MPLS:
      return PushMpls(packet, LoadBe32(p), LoadBe16(p + 4), LinkHeaderBytes(packet));
    case OVS_ACTION_ATTR_ADD_MPLS: {
      bool inner = (LoadHost<uint16_t>(p + 6) & OVS_MPLS_L3_TUNNEL_FLAG_MASK) != 0;
      return PushMpls(packet, LoadBe32(p), LoadBe16(p + 4), inner ? LinkHeaderBytes(packet) : 0);
    }
    case OVS_ACTION_ATTR_POP_MPLS:
      return PopMpls(packet, LoadBe16(p));
    case OVS_ACTION_ATTR_PUSH_ETH:
      return PushEthernet(packet, p);
    case OVS_ACTION_ATTR_POP_ETH:
      return PopEthernet(packet);
    case OVS_ACTION_ATTR_PUSH_NSH: {
      AttributeReader reader(argument);
      Attribute nsh;
      return reader.Next(nsh) && PushNsh(packet, nsh.payload);
    }
    case OVS_ACTION_ATTR_POP_NSH:
      return PopNsh(packet);
    default:
      return false;
  }
}

}  // namespace slowpath
