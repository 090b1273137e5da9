#include "wire/key_fields.h"

// Key → attributes and mask → attributes in the form of OVS's userspace (odp_flow_key_from_flow and odp_flow_key_from_mask of OVS
// 3.1 with everything supported). 'key' decides which attributes there are, 'data' (the key again, or the mask) what is in them.
namespace slowpath {
namespace {

constexpr uint32_t kCtStateBits = 0xff;  // OVS_CS_F_* that OVS 3.1 translates.

class FullEncoder {
 public:
  FullEncoder(const uint32_t* key, const uint32_t* data, ByteWriter& out)
      : key_(key), data_(data), isMask_(data != key), out_(out) {}

  void Run() {
    Metadata();
    if (key_[flow::kPacketType] == 0) {
      if (uint8_t* p = PutAttribute(out_, OVS_KEY_ATTR_ETHERNET, 12)) {
        StoreMac(p, data_ + flow::kEthSrc);
        StoreMac(p + 6, data_ + flow::kEthDst);
      }
      FromVlan(0);
    } else {
      FromEthertype();
    }
  }

 private:
  // Appends an attribute of 'n' bytes that 'fill' writes.
  template <typename Fill>
  void Put(uint16_t type, size_t n, Fill fill) {
    if (uint8_t* p = PutAttribute(out_, type, n)) fill(p);
  }
  void PutBe16(uint16_t type, uint32_t value) {
    Put(type, 2, [&](uint8_t* p) { StoreBe16(p, value); });
  }

  void Metadata() {
    PutU32(out_, OVS_KEY_ATTR_PRIORITY, data_[flow::kSkbPriority]);
    bool hasTunnel = HasTunnel(key_) || key_[flow::kTunSrc] != 0 || AnyWord(key_ + flow::kTunIpv6Src, 4);
    if (isMask_ || hasTunnel) StoreFullTunnel(key_, data_, out_);
    PutU32(out_, OVS_KEY_ATTR_SKB_MARK, data_[flow::kSkbMark]);
    PutU32(out_, OVS_KEY_ATTR_CT_STATE, data_[flow::kCtState] & kCtStateBits);
    Put(OVS_KEY_ATTR_CT_ZONE, 2, [&](uint8_t* p) { StoreHost(p, static_cast<uint16_t>(data_[flow::kCtZone])); });
    PutU32(out_, OVS_KEY_ATTR_CT_MARK, data_[flow::kCtMark]);
    Put(OVS_KEY_ATTR_CT_LABELS, 16, [&](uint8_t* p) { StoreLabels(p, data_ + flow::kCtLabel); });
    if (key_[flow::kCtNwProto] != 0 && key_[flow::kEthType] == kEthTypeIpv4) {
      Put(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, sizeof(ovs_key_ct_tuple_ipv4), [&](uint8_t* p) { StoreTuple4(p, data_); });
    } else if (key_[flow::kCtNwProto] != 0 && key_[flow::kEthType] == kEthTypeIpv6) {
      Put(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, sizeof(ovs_key_ct_tuple_ipv6), [&](uint8_t* p) { StoreTuple6(p, data_); });
    }
    PutU32(out_, OVS_KEY_ATTR_RECIRC_ID, data_[flow::kRecircId]);
    PutU32(out_, OVS_KEY_ATTR_DP_HASH, data_[flow::kDpHash]);
    if (isMask_ || key_[flow::kInPort] != kNoPort) PutU32(out_, OVS_KEY_ATTR_IN_PORT, data_[flow::kInPort]);
    Put(OVS_KEY_ATTR_PACKET_TYPE, 4, [&](uint8_t* p) { StoreBe32(p, data_[flow::kPacketType]); });
  }

  void FromVlan(unsigned tags) {
    if (tags == 2) return FromEthertype();
    const unsigned tci = tags == 0 ? flow::kVlanTci : flow::kVlan1Tci;
    uint32_t tpid = key_[tags == 0 ? flow::kVlanTpid : flow::kVlan1Tpid];
    bool cutOff = key_[tci] == 0;  // A frame that ends inside its tag has the TPID, or that as its ethertype.
    if (cutOff && IsVlanType(key_[flow::kEthType])) tpid = key_[flow::kEthType];
    if (cutOff && tpid == 0) return FromEthertype();
    PutBe16(OVS_KEY_ATTR_ETHERTYPE, isMask_ ? 0xffff : tpid != 0 ? tpid : kEthTypeVlan);
    PutBe16(OVS_KEY_ATTR_VLAN, data_[tci]);
    NestedAttribute encap(out_, OVS_KEY_ATTR_ENCAP);
    if (!cutOff) FromVlan(tags + 1);
  }

  void FromEthertype() {
    uint32_t ethType = key_[flow::kEthType];
    if (ethType < kEthTypeMin) {
      // How a mask tells frames without ethertype from a wildcard.
      if (isMask_) PutBe16(OVS_KEY_ATTR_ETHERTYPE, 0xffff);
      return;
    }
    PutBe16(OVS_KEY_ATTR_ETHERTYPE, data_[flow::kEthType]);
    if (IsVlanType(ethType)) return;
    L3(ethType);
    L4();
  }

  uint8_t Fragment() const {
    uint32_t frag = data_[flow::kNwFrag];
    if ((frag & kFragAny) == 0) return OVS_FRAG_TYPE_NONE;
    if (isMask_) return 0xff;
    return (frag & kFragLater) != 0 ? OVS_FRAG_TYPE_LATER : OVS_FRAG_TYPE_FIRST;
  }

  // Up to the bottom of the stack; without one, as many as there are entries that are not zero.
  unsigned MplsEntries() const {
    unsigned n = 0;
    for (unsigned i = 0; i < kMplsLabels; i++) {
      uint32_t entry = key_[flow::kMplsLse0 + i];
      if ((entry & kMplsBottom) != 0) return i + 1;
      if (entry != 0) n++;
    }
    return n;
  }

  void L3(uint32_t ethType) {
    switch (L3Attribute(ethType)) {
      case OVS_KEY_ATTR_IPV4:
        Put(OVS_KEY_ATTR_IPV4, sizeof(ovs_key_ipv4), [&](uint8_t* p) { StoreIpv4(p, data_, Fragment()); });
        break;
      case OVS_KEY_ATTR_IPV6:
        Put(OVS_KEY_ATTR_IPV6, sizeof(ovs_key_ipv6), [&](uint8_t* p) { StoreIpv6(p, data_, Fragment()); });
        // OVS 3.1 does not know this one, so a key without extension headers looks as OVS's does.
        if (data_[flow::kIpv6Exthdrs] != 0) {
          Put(OVS_KEY_ATTR_IPV6_EXTHDRS, 2,
              [&](uint8_t* p) { StoreHost(p, static_cast<uint16_t>(data_[flow::kIpv6Exthdrs])); });
        }
        break;
      case OVS_KEY_ATTR_ARP:
        Put(OVS_KEY_ATTR_ARP, sizeof(ovs_key_arp), [&](uint8_t* p) { StoreArp(p, data_, isMask_); });
        break;
      case OVS_KEY_ATTR_MPLS: {
        unsigned n = MplsEntries();
        Put(OVS_KEY_ATTR_MPLS, 4 * n, [&](uint8_t* p) { StoreWords(p, data_ + flow::kMplsLse0, n); });
        break;
      }
      case OVS_KEY_ATTR_NSH:
        StoreNsh(key_, data_, out_);
        break;
      default:
        break;
    }
  }

  void L4() {
    unsigned type = L4Attribute(key_);
    if (type == 0) return;
    StoreL4(out_, type, data_);
    if (type == OVS_KEY_ATTR_TCP && data_[flow::kTcpFlags] != 0) PutBe16(OVS_KEY_ATTR_TCP_FLAGS, data_[flow::kTcpFlags]);
    if (type != OVS_KEY_ATTR_ICMPV6 || !IsNeighbourDiscovery(key_)) return;
    // A mask has ND fields only where it has type and code whole.
    if (isMask_ && (data_[flow::kTpSrc] != 0xff || data_[flow::kTpDst] != 0xff)) return;
    Put(OVS_KEY_ATTR_ND, sizeof(ovs_key_nd), [&](uint8_t* p) { StoreNd(p, data_); });
    if (data_[flow::kNdReserved] != 0 || data_[flow::kNdOptionsType] != 0) {
      Put(OVS_KEY_ATTR_ND_EXTENSIONS, kNdExtensionBytes, [&](uint8_t* p) { StoreNdExtensions(p, data_); });
    }
  }

  const uint32_t* key_;
  const uint32_t* data_;
  const bool isMask_;
  ByteWriter& out_;
};

}  // namespace

void EncodeFullKey(const uint32_t* key, ByteWriter& out) { FullEncoder(key, key, out).Run(); }

void EncodeFullMask(const uint32_t* key, const uint32_t* mask, ByteWriter& out) { FullEncoder(key, mask, out).Run(); }

}  // namespace slowpath
