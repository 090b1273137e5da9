#include "wire/key_fast.h"

// The keys that nearly every upcall has, without a walk: Linux writes its attributes in a fixed order with fixed sizes, so for a
// packet that came through no tunnel, has no tag and is not tracked, what is where is known. Headers are compared with what they
// then are; anything else is for the general decoder.
namespace slowpath {
namespace {

// struct nlattr of an attribute with 'n' bytes, as a word of the host (little-endian: the length comes first).
constexpr uint32_t Header(unsigned type, size_t n) { return static_cast<uint32_t>(NLA_HDRLEN + n) | type << 16; }
static_assert(std::endian::native == std::endian::little);

// Where the payloads are, as ovs_nla_put_key() of net/openvswitch/flow_netlink.c writes them.
constexpr size_t kRecircId = 4, kDpHash = 12, kPriority = 20, kInPort = 28, kSkbMark = 36, kCtState = 44, kCtZone = 52,
                 kCtMark = 60, kCtLabels = 68, kEthernet = 88, kEthertype = 104, kPrefixBytes = 108;

uint32_t Differs(const uint8_t* p, size_t payload, uint32_t header) {
  return LoadHost<uint32_t>(p + payload - NLA_HDRLEN) ^ header;
}

// Whether the key begins as described; all headers are looked at, without a branch for each.
bool HasPrefix(const uint8_t* p) {
  uint32_t differs =
      Differs(p, kRecircId, Header(OVS_KEY_ATTR_RECIRC_ID, 4)) | Differs(p, kDpHash, Header(OVS_KEY_ATTR_DP_HASH, 4)) |
      Differs(p, kPriority, Header(OVS_KEY_ATTR_PRIORITY, 4)) | Differs(p, kInPort, Header(OVS_KEY_ATTR_IN_PORT, 4)) |
      Differs(p, kSkbMark, Header(OVS_KEY_ATTR_SKB_MARK, 4)) | Differs(p, kCtState, Header(OVS_KEY_ATTR_CT_STATE, 4)) |
      Differs(p, kCtZone, Header(OVS_KEY_ATTR_CT_ZONE, 2)) | Differs(p, kCtMark, Header(OVS_KEY_ATTR_CT_MARK, 4)) |
      Differs(p, kCtLabels, Header(OVS_KEY_ATTR_CT_LABELS, 16)) |
      Differs(p, kEthernet, Header(OVS_KEY_ATTR_ETHERNET, 12)) |
      Differs(p, kEthertype, Header(OVS_KEY_ATTR_ETHERTYPE, 2));
  return differs == 0;
}

void LoadPrefix(const uint8_t* p, uint32_t* key) {
  key[flow::kRecircId] = LoadHost<uint32_t>(p + kRecircId);
  key[flow::kDpHash] = LoadHost<uint32_t>(p + kDpHash);
  key[flow::kSkbPriority] = LoadHost<uint32_t>(p + kPriority);
  key[flow::kInPort] = LoadHost<uint32_t>(p + kInPort);
  key[flow::kSkbMark] = LoadHost<uint32_t>(p + kSkbMark);
  key[flow::kCtState] = LoadHost<uint32_t>(p + kCtState);
  key[flow::kCtZone] = LoadHost<uint16_t>(p + kCtZone);
  key[flow::kCtMark] = LoadHost<uint32_t>(p + kCtMark);
  LoadLabels(p + kCtLabels, key + flow::kCtLabel);
  LoadMac(p + kEthernet, key + flow::kEthSrc);
  LoadMac(p + kEthernet + 6, key + flow::kEthDst);
  key[flow::kEthType] = LoadBe16(p + kEthertype);
}

// What is behind the IP attributes: exactly the one for 'protocol' and nothing more. False for anything else, and for
// protocols that need a closer look.
bool LoadTransport(ByteReader& rest, uint32_t* key) {
  unsigned type = L4Attribute(key);
  switch (type) {
    case OVS_KEY_ATTR_UDP:
    case OVS_KEY_ATTR_SCTP:
    case OVS_KEY_ATTR_TCP: {
      const uint8_t* p = rest.TryPull(8);
      if (p == nullptr || LoadHost<uint32_t>(p) != Header(type, 4)) return false;
      LoadL4(type, p + NLA_HDRLEN, key);
      if (type != OVS_KEY_ATTR_TCP) break;
      p = rest.TryPull(8);
      if (p == nullptr || LoadHost<uint32_t>(p) != Header(OVS_KEY_ATTR_TCP_FLAGS, 2)) return false;
      key[flow::kTcpFlags] = LoadBe16(p + NLA_HDRLEN) & 0xfff;
      break;
    }
    case OVS_KEY_ATTR_ICMP: {
      const uint8_t* p = rest.TryPull(8);
      if (p == nullptr || LoadHost<uint32_t>(p) != Header(type, 2)) return false;
      LoadL4(type, p + NLA_HDRLEN, key);
      break;
    }
    default:
      return false;
  }
  return rest.left() == 0;
}

}  // namespace

bool DecodeUsualKey(std::span<const uint8_t> attributes, uint32_t* key) {
  ByteReader rest(attributes);
  const uint8_t* prefix = rest.TryPull(kPrefixBytes + 4);
  if (prefix == nullptr || !HasPrefix(prefix)) return false;
  ClearWords(key, flow::kWords);
  uint32_t header = LoadHost<uint32_t>(prefix + kPrefixBytes);
  uint32_t ethType = LoadBe16(prefix + kEthertype);
  if (ethType == kEthTypeIpv4 && header == Header(OVS_KEY_ATTR_IPV4, sizeof(ovs_key_ipv4))) {
    const uint8_t* p = rest.TryPull(sizeof(ovs_key_ipv4));
    if (p == nullptr || p[11] != OVS_FRAG_TYPE_NONE) return false;
    LoadPrefix(prefix, key);
    LoadIpv4(p, key);
  } else if (ethType == kEthTypeIpv6 && header == Header(OVS_KEY_ATTR_IPV6, sizeof(ovs_key_ipv6))) {
    const uint8_t* p = rest.TryPull(sizeof(ovs_key_ipv6) + 8);
    if (p == nullptr || p[39] != OVS_FRAG_TYPE_NONE) return false;
    if (LoadHost<uint32_t>(p + sizeof(ovs_key_ipv6)) != Header(OVS_KEY_ATTR_IPV6_EXTHDRS, 2)) return false;
    LoadPrefix(prefix, key);
    LoadIpv6(p, key);
    key[flow::kIpv6Exthdrs] = LoadHost<uint16_t>(p + sizeof(ovs_key_ipv6) + NLA_HDRLEN);
  } else {
    return false;
  }
  return LoadTransport(rest, key);
}

}  // namespace slowpath
