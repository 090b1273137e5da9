#include <algorithm>

#include "wire/key_fields.h"

// Mask attributes → mask. What an attribute means depends on the key that the mask belongs to.
namespace slowpath {
namespace {

struct Level {
  KeyAttributes attributes;
  uint64_t expected = 0;  // Attributes that the key gives a meaning to.
};

// Nothing that is left out of a mask is missed.
Fitness Judge(const Level& level) { return JudgeExtra(level.attributes, level.expected); }

bool AllZero(std::span<const uint8_t> bytes) {
  uint8_t any = 0;
  for (uint8_t b : bytes) any |= b;
  return any == 0;
}

bool DecodeMetadata(Level& level, const uint32_t* key, uint32_t* mask) {
  const KeyAttributes& a = level.attributes;
  // Of all fields only this one is exact when it is not mentioned: no flow is meant for every pass.
  mask[flow::kRecircId] = 0xffffffff;
  LoadMetadata(a, mask);
  if (a.Has(OVS_KEY_ATTR_PACKET_TYPE)) mask[flow::kPacketType] = LoadBe32(a.At(OVS_KEY_ATTR_PACKET_TYPE));
  if (a.Has(OVS_KEY_ATTR_ETHERNET)) {
    LoadMac(a.At(OVS_KEY_ATTR_ETHERNET), mask + flow::kEthSrc);
    LoadMac(a.At(OVS_KEY_ATTR_ETHERNET) + 6, mask + flow::kEthDst);
  }
  constexpr uint64_t kUnderstood =
      Bit(OVS_KEY_ATTR_RECIRC_ID) | Bit(OVS_KEY_ATTR_DP_HASH) | Bit(OVS_KEY_ATTR_PRIORITY) |
      Bit(OVS_KEY_ATTR_SKB_MARK) | Bit(OVS_KEY_ATTR_IN_PORT) | Bit(OVS_KEY_ATTR_CT_STATE) |
      Bit(OVS_KEY_ATTR_CT_ZONE) | Bit(OVS_KEY_ATTR_CT_MARK) | Bit(OVS_KEY_ATTR_CT_LABELS) |
      Bit(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4) | Bit(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6) |
      Bit(OVS_KEY_ATTR_PACKET_TYPE) | Bit(OVS_KEY_ATTR_ETHERNET);
  level.expected |= a.present & kUnderstood;
  if (!a.Has(OVS_KEY_ATTR_TUNNEL)) return true;
  Fitness fitness = LoadTunnel(a.Payload(OVS_KEY_ATTR_TUNNEL), key, mask);
  if (fitness == Fitness::kPerfect) level.expected |= Bit(OVS_KEY_ATTR_TUNNEL);
  return fitness != Fitness::kError;
}

bool DecodeEthertype(Level& level, const uint32_t* key, uint32_t* mask) {
  const KeyAttributes& a = level.attributes;
  bool lacksType = key[flow::kEthType] < kEthTypeMin;
  if (a.Has(OVS_KEY_ATTR_ETHERTYPE)) {
    uint32_t bits = LoadBe16(a.At(OVS_KEY_ATTR_ETHERTYPE));
    mask[flow::kEthType] = bits;
    level.expected |= Bit(OVS_KEY_ATTR_ETHERTYPE);
    if (!lacksType || bits == 0xffff) return true;
    return KeyProblem(OVS_KEY_ATTR_ETHERTYPE, "a frame without ethertype cannot be matched in part");
  }
  if (key[flow::kPacketType] != 0) {  // The type is all that there is to say what such a packet is.
    mask[flow::kEthType] = 0xffff;
    return true;
  }
  // The kernel says in the mask alone that a frame has no ethertype, so a mask that is silent could mean anything.
  return !lacksType || KeyProblem(OVS_KEY_ATTR_ETHERTYPE, "mask needed for a frame without ethertype");
}

void DecodeL3Payload(Level& level, unsigned type, uint32_t* mask) {
  const KeyAttributes& a = level.attributes;
  const uint8_t* p = a.At(type);
  constexpr uint32_t kFragment = kFragAny | kFragLater;
  switch (type) {
    case OVS_KEY_ATTR_IPV4:
      LoadIpv4(p, mask);
      mask[flow::kNwFrag] = p[11] != 0 ? kFragment : 0;  // An enumeration: all of it or nothing.
      break;
    case OVS_KEY_ATTR_IPV6:
      LoadIpv6(p, mask);
      mask[flow::kNwFrag] = p[39] != 0 ? kFragment : 0;
      break;
    case OVS_KEY_ATTR_ARP:
      LoadArp(p, mask);
      break;
    case OVS_KEY_ATTR_MPLS:
      LoadWords(p, mask + flow::kMplsLse0, static_cast<unsigned>(std::min<size_t>(a.size[type] / 4, kMplsLabels)));
      break;
    default:
      break;
  }
}

bool DecodeL3(Level& level, const uint32_t* key, uint32_t* mask) {
  const KeyAttributes& a = level.attributes;
  unsigned type = L3Attribute(key[flow::kEthType]);
  if (type == OVS_KEY_ATTR_IPV6 && a.Has(OVS_KEY_ATTR_IPV6_EXTHDRS)) {
    mask[flow::kIpv6Exthdrs] = LoadHost<uint16_t>(a.At(OVS_KEY_ATTR_IPV6_EXTHDRS));
    level.expected |= Bit(OVS_KEY_ATTR_IPV6_EXTHDRS);
  }
  if (type == 0 || !a.Has(type)) return true;
  if (!AllZero(a.Payload(type)) && mask[flow::kEthType] != 0xffff && type != OVS_KEY_ATTR_MPLS) {
    return KeyProblem(type, "mask needs an exact ethertype");
  }
  level.expected |= Bit(type);
  if (type == OVS_KEY_ATTR_NSH) {
    Fitness fitness = LoadNsh(a.Payload(type), true, mask);
    if (fitness == Fitness::kTooMuch) level.expected &= ~Bit(type);
    return fitness != Fitness::kError;
  }
  if (type == OVS_KEY_ATTR_MPLS) {
    size_t size = a.size[type];
    if (size == 0 || size % 4 != 0) return KeyProblem(type, "not a whole number of label stack entries");
    if (size > 4 * kMplsLabels) level.expected &= ~Bit(type);
  }
  DecodeL3Payload(level, type, mask);
  return true;
}

bool DecodeNd(Level& level, uint32_t* mask) {
  const KeyAttributes& a = level.attributes;
  bool exact = mask[flow::kTpSrc] == 0xff && mask[flow::kTpDst] == 0xff;
  for (unsigned type : {OVS_KEY_ATTR_ND, OVS_KEY_ATTR_ND_EXTENSIONS}) {
    if (!a.Has(type)) continue;
    if (!exact && !AllZero(a.Payload(type))) return KeyProblem(type, "mask needs exact ICMPv6 type and code");
    level.expected |= Bit(type);
  }
  if (a.Has(OVS_KEY_ATTR_ND)) LoadNd(a.At(OVS_KEY_ATTR_ND), mask);
  if (a.Has(OVS_KEY_ATTR_ND_EXTENSIONS)) LoadNdExtensions(a.At(OVS_KEY_ATTR_ND_EXTENSIONS), mask);
  return true;
}

bool DecodeL4(Level& level, const uint32_t* key, uint32_t* mask) {
  const KeyAttributes& a = level.attributes;
  unsigned type = L4Attribute(key);
  if (type == 0) return true;
  if (a.Has(type)) {
    LoadL4(type, a.At(type), mask);
    level.expected |= Bit(type);
    if ((mask[flow::kTpSrc] | mask[flow::kTpDst]) != 0 && mask[flow::kNwProto] != 0xff) {
      return KeyProblem(type, "mask needs an exact IP protocol");
    }
  }
  if (type == OVS_KEY_ATTR_TCP && a.Has(OVS_KEY_ATTR_TCP_FLAGS)) {
    mask[flow::kTcpFlags] = LoadBe16(a.At(OVS_KEY_ATTR_TCP_FLAGS)) & 0xfff;
    level.expected |= Bit(OVS_KEY_ATTR_TCP_FLAGS);
  }
  bool isNd = type == OVS_KEY_ATTR_ICMPV6 && IsNeighbourDiscovery(key);
  return !isNd || DecodeNd(level, mask);
}

Fitness Worse(Fitness a, Fitness b) { return a > b ? a : b; }

Fitness DecodeFromVlan(Level& level, const uint32_t* key, unsigned tags, uint32_t* mask) {
  const unsigned tpid = tags == 0 ? flow::kVlanTpid : flow::kVlan1Tpid;
  const unsigned tci = tags == 0 ? flow::kVlanTci : flow::kVlan1Tci;
  const KeyAttributes& a = level.attributes;
  if (tags == 2 || (key[tci] & kVlanPresent) == 0) {
    // Datapaths match the absence of a tag whether the mask says so or not; of the outer one the mask may say which bits.
    if (tags == 0) {
      mask[flow::kVlanTpid] = mask[flow::kVlanTci] = 0xffff;
      if (a.Has(OVS_KEY_ATTR_VLAN)) mask[flow::kVlanTci] = LoadBe16(a.At(OVS_KEY_ATTR_VLAN));
      level.expected |= a.present & Bit(OVS_KEY_ATTR_VLAN);
    }
    if (tags <= 1) mask[flow::kVlan1Tpid] = mask[flow::kVlan1Tci] = 0xffff;
    if (!DecodeL3(level, key, mask)) return Fitness::kError;
    if (IsIgmp(key)) return Misfit(Fitness::kTooLittle, Bit(OVS_KEY_ATTR_IPV4));
    return DecodeL4(level, key, mask) ? Judge(level) : Fitness::kError;
  }
  level.expected |= a.present & (Bit(OVS_KEY_ATTR_VLAN) | Bit(OVS_KEY_ATTR_ENCAP));
  mask[tpid] = mask[flow::kEthType];
  mask[flow::kEthType] = 0;
  mask[tci] = a.Has(OVS_KEY_ATTR_VLAN) ? LoadBe16(a.At(OVS_KEY_ATTR_VLAN)) : 0xffff;
  Fitness fitness = Judge(level);
  if (!a.Has(OVS_KEY_ATTR_ENCAP)) return fitness;
  Level inner;
  if (!CollectKeyAttributes(a.Payload(OVS_KEY_ATTR_ENCAP), inner.attributes)) return Fitness::kError;
  if (!DecodeEthertype(inner, key, mask)) return Fitness::kError;
  return Worse(fitness, DecodeFromVlan(inner, key, tags + 1, mask));
}

}  // namespace

Fitness DecodeMask(std::span<const uint8_t> attributes, const uint32_t* key, uint32_t* mask) {
  ClearWords(mask, flow::kWords);
  Level level;
  if (!CollectKeyAttributes(attributes, level.attributes) || !DecodeMetadata(level, key, mask)) {
    return Fitness::kError;
  }
  // Outside a tag's ENCAP the ethertype attribute is the tag's, so whether the frame has a type does not matter yet.
  if ((key[flow::kVlanTci] & kVlanPresent) != 0) {
    const KeyAttributes& a = level.attributes;
    if (a.Has(OVS_KEY_ATTR_ETHERTYPE)) mask[flow::kEthType] = LoadBe16(a.At(OVS_KEY_ATTR_ETHERTYPE));
    level.expected |= Bit(OVS_KEY_ATTR_ETHERTYPE);
  } else if (!DecodeEthertype(level, key, mask)) {
    return Fitness::kError;
  }
  return DecodeFromVlan(level, key, 0, mask);
}

}  // namespace slowpath
