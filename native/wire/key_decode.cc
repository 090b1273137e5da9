#include "wire/key_fast.h"
#include "wire/key_fields.h"

// Key attributes → key, with OVS's notion of which attributes a packet of each kind calls for.
namespace slowpath {
namespace {

// What decoding has to remember of one level of nesting.
struct Level {
  KeyAttributes attributes;
  uint64_t expected = 0;  // Attributes that the packet calls for, plus optional ones that were understood.
};

Fitness Judge(const Level& level) {
  uint64_t missing = level.expected & ~level.attributes.present;
  if (missing != 0) return Misfit(Fitness::kTooLittle, missing);
  return JudgeExtra(level.attributes, level.expected);
}

constexpr uint64_t kMetadataAttributes =
    Bit(OVS_KEY_ATTR_RECIRC_ID) | Bit(OVS_KEY_ATTR_DP_HASH) | Bit(OVS_KEY_ATTR_PRIORITY) |
    Bit(OVS_KEY_ATTR_SKB_MARK) | Bit(OVS_KEY_ATTR_IN_PORT) | Bit(OVS_KEY_ATTR_CT_STATE) |
    Bit(OVS_KEY_ATTR_CT_ZONE) | Bit(OVS_KEY_ATTR_CT_MARK) | Bit(OVS_KEY_ATTR_CT_LABELS) |
    Bit(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4) | Bit(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6);

// False on error. Without the attribute those of L3 tell; a frame with none of them is 802.2.
bool DecodeEthertype(Level& level, uint32_t* key) {
  const KeyAttributes& a = level.attributes;
  if (a.Has(OVS_KEY_ATTR_ETHERTYPE)) {
    uint32_t ethType = LoadBe16(a.At(OVS_KEY_ATTR_ETHERTYPE));
    if (ethType < kEthTypeMin) return KeyProblem(OVS_KEY_ATTR_ETHERTYPE, "below 0x600");
    key[flow::kEthType] = ethType;
    level.expected |= Bit(OVS_KEY_ATTR_ETHERTYPE);
  } else if (a.Has(OVS_KEY_ATTR_IPV4)) {
    key[flow::kEthType] = kEthTypeIpv4;
  } else if (a.Has(OVS_KEY_ATTR_IPV6)) {
    key[flow::kEthType] = kEthTypeIpv6;
  } else if (a.Has(OVS_KEY_ATTR_MPLS)) {
    key[flow::kEthType] = kEthTypeMpls;
  } else {
    key[flow::kEthType] = kEthTypeNone;
  }
  return true;
}

bool DecodeMetadata(Level& level, uint32_t* key) {
  const KeyAttributes& a = level.attributes;
  key[flow::kInPort] = kNoPort;
  LoadMetadata(a, key);
  level.expected |= a.present & kMetadataAttributes;
  if (a.Has(OVS_KEY_ATTR_TUNNEL)) {
    Fitness fitness = LoadTunnel(a.Payload(OVS_KEY_ATTR_TUNNEL), nullptr, key);
    if (fitness == Fitness::kError) return false;
    if (fitness == Fitness::kPerfect) level.expected |= Bit(OVS_KEY_ATTR_TUNNEL);
  }
  if (a.Has(OVS_KEY_ATTR_PACKET_TYPE)) {
    key[flow::kPacketType] = LoadBe32(a.At(OVS_KEY_ATTR_PACKET_TYPE));
    level.expected |= Bit(OVS_KEY_ATTR_PACKET_TYPE);
  }
  if (a.Has(OVS_KEY_ATTR_ETHERNET)) {
    LoadMac(a.At(OVS_KEY_ATTR_ETHERNET), key + flow::kEthSrc);
    LoadMac(a.At(OVS_KEY_ATTR_ETHERNET) + 6, key + flow::kEthDst);
    key[flow::kPacketType] = 0;
    level.expected |= Bit(OVS_KEY_ATTR_ETHERNET);
  } else if (a.Has(OVS_KEY_ATTR_ETHERTYPE)) {  // A packet without Ethernet header is known by its ethertype instead.
    key[flow::kPacketType] = kPacketTypeEthertype << 16 | LoadBe16(a.At(OVS_KEY_ATTR_ETHERTYPE));
  }
  return true;
}

Fitness DecodeMpls(Level& level, uint32_t* key) {
  auto bytes = level.attributes.Payload(OVS_KEY_ATTR_MPLS);
  size_t n = bytes.size() / 4;
  if (!level.attributes.Has(OVS_KEY_ATTR_MPLS)) return Judge(level);
  if (n == 0 || bytes.size() % 4 != 0) {
    KeyProblem(OVS_KEY_ATTR_MPLS, "not a whole number of label stack entries");
    return Fitness::kError;
  }
  LoadWords(bytes.data(), key + flow::kMplsLse0, static_cast<unsigned>(n < kMplsLabels ? n : kMplsLabels));
  if (n > kMplsLabels) return Misfit(Fitness::kTooMuch, Bit(OVS_KEY_ATTR_MPLS));
  for (size_t i = 0; i + 1 < n; i++) {
    if ((LoadBe32(bytes.data() + 4 * i) & kMplsBottom) != 0) {
      KeyProblem(OVS_KEY_ATTR_MPLS, "bottom of stack above its end");
      return Fitness::kError;
    }
  }
  if (n < kMplsLabels && (key[flow::kMplsLse0 + n - 1] & kMplsBottom) == 0) {
    return Misfit(Fitness::kTooLittle, Bit(OVS_KEY_ATTR_MPLS));
  }
  return Judge(level);
}

// Fragment type of ovs_key_ipv4/6 → nw_frag. False if there is no such type.
bool DecodeFragment(unsigned type, uint8_t fragment, uint32_t* key) {
  if (fragment > OVS_FRAG_TYPE_LATER) return KeyProblem(type, "no such fragment type");
  constexpr uint32_t kBits[] = {0, kFragAny, kFragAny | kFragLater};
  key[flow::kNwFrag] = kBits[fragment];
  return true;
}

bool DecodeL3(Level& level, unsigned type, uint32_t* key) {
  const KeyAttributes& a = level.attributes;
  level.expected |= Bit(type);
  if (!a.Has(type)) return true;
  const uint8_t* p = a.At(type);
  switch (type) {
    case OVS_KEY_ATTR_IPV4:
      LoadIpv4(p, key);
      return DecodeFragment(type, p[11], key);
    case OVS_KEY_ATTR_IPV6:
      LoadIpv6(p, key);
      if (a.Has(OVS_KEY_ATTR_IPV6_EXTHDRS)) {
        key[flow::kIpv6Exthdrs] = LoadHost<uint16_t>(a.At(OVS_KEY_ATTR_IPV6_EXTHDRS));
        level.expected |= Bit(OVS_KEY_ATTR_IPV6_EXTHDRS);
      }
      return DecodeFragment(type, p[39], key);
    case OVS_KEY_ATTR_ARP:
      if (p[8] != 0) return KeyProblem(type, "opcode above 255");
      LoadArp(p, key);
      return true;
    default: {  // NSH
      Fitness fitness = LoadNsh(a.Payload(type), false, key);
      if (fitness == Fitness::kTooMuch) level.expected &= ~Bit(type);
      return fitness != Fitness::kError;
    }
  }
}

void DecodeL4(Level& level, uint32_t* key) {
  const KeyAttributes& a = level.attributes;
  unsigned type = L4Attribute(key);
  if (type == 0) return;
  level.expected |= Bit(type);
  if (a.Has(type)) LoadL4(type, a.At(type), key);
  if (type == OVS_KEY_ATTR_TCP && a.Has(OVS_KEY_ATTR_TCP_FLAGS)) {
    key[flow::kTcpFlags] = LoadBe16(a.At(OVS_KEY_ATTR_TCP_FLAGS)) & 0xfff;
    level.expected |= Bit(OVS_KEY_ATTR_TCP_FLAGS);
  }
  if (type != OVS_KEY_ATTR_ICMPV6 || !IsNeighbourDiscovery(key)) return;
  level.expected |= Bit(OVS_KEY_ATTR_ND);
  if (a.Has(OVS_KEY_ATTR_ND)) LoadNd(a.At(OVS_KEY_ATTR_ND), key);
  if (a.Has(OVS_KEY_ATTR_ND_EXTENSIONS)) {
    LoadNdExtensions(a.At(OVS_KEY_ATTR_ND_EXTENSIONS), key);
    level.expected |= Bit(OVS_KEY_ATTR_ND_EXTENSIONS);
  }
}

Fitness DecodeAfterEthertype(Level& level, uint32_t* key) {
  unsigned type = L3Attribute(key[flow::kEthType]);
  if (type == OVS_KEY_ATTR_MPLS) {
    level.expected |= Bit(type);
    return DecodeMpls(level, key);
  }
  if (type != 0) {
    if (!DecodeL3(level, type, key)) return Fitness::kError;
    if (IsIgmp(key)) return Misfit(Fitness::kTooLittle, Bit(OVS_KEY_ATTR_IPV4));
    DecodeL4(level, key);
  }
  return Judge(level);
}

Fitness Worse(Fitness a, Fitness b) { return a > b ? a : b; }

// Decodes from the ethertype on: up to two tags, then what they carry.
Fitness DecodeFromVlan(Level& level, unsigned tags, uint32_t* key) {
  if (tags == 2 || !IsVlanType(key[flow::kEthType])) return DecodeAfterEthertype(level, key);
  const KeyAttributes& a = level.attributes;
  uint32_t* tpid = key + (tags == 0 ? flow::kVlanTpid : flow::kVlan1Tpid);
  uint32_t* tci = key + (tags == 0 ? flow::kVlanTci : flow::kVlan1Tci);
  *tpid = key[flow::kEthType];
  key[flow::kEthType] = 0;
  level.expected |= Bit(OVS_KEY_ATTR_VLAN) | Bit(OVS_KEY_ATTR_ENCAP);
  Fitness fitness = Judge(level);
  if (a.Has(OVS_KEY_ATTR_VLAN)) *tci = LoadBe16(a.At(OVS_KEY_ATTR_VLAN));
  if (!a.Has(OVS_KEY_ATTR_VLAN) || !a.Has(OVS_KEY_ATTR_ENCAP)) return fitness;
  if (*tci == 0) {  // The frame ended inside the tag.
    bool empty = a.size[OVS_KEY_ATTR_ENCAP] == 0;
    return fitness == Fitness::kPerfect && !empty ? Misfit(Fitness::kTooMuch, Bit(OVS_KEY_ATTR_ENCAP)) : fitness;
  }
  if ((*tci & kVlanPresent) == 0) {
    KeyProblem(OVS_KEY_ATTR_VLAN, "tag without bit 0x1000");
    return Fitness::kError;
  }
  Level inner;
  if (!CollectKeyAttributes(a.Payload(OVS_KEY_ATTR_ENCAP), inner.attributes)) return Fitness::kError;
  if (!DecodeEthertype(inner, key)) return Fitness::kError;
  return Worse(fitness, DecodeFromVlan(inner, tags + 1, key));
}

}  // namespace

Fitness DecodeKey(std::span<const uint8_t> attributes, uint32_t* key) {
  if (DecodeUsualKey(attributes, key)) return Fitness::kPerfect;
  return DecodeAnyKey(attributes, key);
}

Fitness DecodeAnyKey(std::span<const uint8_t> attributes, uint32_t* key) {
  ClearWords(key, flow::kWords);
  Level level;
  if (!CollectKeyAttributes(attributes, level.attributes) || !DecodeMetadata(level, key) ||
      !DecodeEthertype(level, key)) {
    return Fitness::kError;
  }
  return DecodeFromVlan(level, 0, key);
}

}  // namespace slowpath
