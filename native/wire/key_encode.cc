#include "wire/key_fields.h"

// Key → attributes and mask → attributes. One walk serves both, since a mask's attributes are those of its key: 'key'
// decides which attributes there are, 'data' (the key again, or the mask) what is in them.
namespace slowpath {
namespace {

constexpr uint32_t kCtStateBits = 0xff;  // OVS_CS_F_* that Linux 6.1 knows; it rejects others.

// Label stack entries that a key holds: up to the bottom of the stack.
unsigned MplsEntries(const uint32_t* key) {
  unsigned n = 1;
  while (n < kMplsLabels && (key[flow::kMplsLse0 + n - 1] & kMplsBottom) == 0) n++;
  return n;
}

class Encoder {
 public:
  Encoder(const uint32_t* key, const uint32_t* data, ByteWriter& out)
      : key_(key), data_(data), isMask_(data != key), out_(out) {}

  void Run() {
    Metadata();
    Conntrack();
    bool macs = AnyWord(data_ + flow::kEthDst, 4);
    if (key_[flow::kPacketType] == 0 && (!isMask_ || macs)) {
      if (uint8_t* p = PutAttribute(out_, OVS_KEY_ATTR_ETHERNET, 12)) {
        StoreMac(p, data_ + flow::kEthSrc);
        StoreMac(p + 6, data_ + flow::kEthDst);
      }
    }
    FromVlan(0);
  }

 private:
  // Starts an attribute that a mask leaves out when it is all zero. 'fill' writes its payload.
  template <typename Fill>
  void Put(uint16_t type, size_t n, Fill fill) {
    size_t start = out_.size();
    uint8_t* p = PutAttribute(out_, type, n);
    if (p == nullptr) return;
    fill(p);
    if (!isMask_) return;
    for (size_t i = 0; i < n; i++) {
      if (p[i] != 0) return;
    }
    out_.Truncate(start);
  }
  void PutHostWord(uint16_t type, unsigned word) {
    Put(type, 4, [&](uint8_t* p) { StoreHost<uint32_t>(p, data_[word]); });
  }

  void Metadata() {
    PutU32(out_, OVS_KEY_ATTR_RECIRC_ID, data_[flow::kRecircId]);
    PutHostWord(OVS_KEY_ATTR_DP_HASH, flow::kDpHash);
    PutHostWord(OVS_KEY_ATTR_PRIORITY, flow::kSkbPriority);
    if (isMask_ ? AnyTunnelWord(data_) : HasTunnel(key_)) StoreTunnel(key_, data_, out_);
    if (isMask_) {
      if (data_[flow::kInPort] != 0) PutU32(out_, OVS_KEY_ATTR_IN_PORT, 0xffffffff);
    } else if (key_[flow::kInPort] != kNoPort) {
      PutU32(out_, OVS_KEY_ATTR_IN_PORT, key_[flow::kInPort]);
    }
    PutHostWord(OVS_KEY_ATTR_SKB_MARK, flow::kSkbMark);
  }

  void Conntrack() {
    Put(OVS_KEY_ATTR_CT_STATE, 4, [&](uint8_t* p) { StoreHost<uint32_t>(p, data_[flow::kCtState] & kCtStateBits); });
    Put(OVS_KEY_ATTR_CT_ZONE, 2, [&](uint8_t* p) { StoreHost(p, static_cast<uint16_t>(data_[flow::kCtZone])); });
    PutHostWord(OVS_KEY_ATTR_CT_MARK, flow::kCtMark);
    Put(OVS_KEY_ATTR_CT_LABELS, 16, [&](uint8_t* p) { StoreLabels(p, data_ + flow::kCtLabel); });
    if (key_[flow::kCtNwProto] == 0) return;
    if (key_[flow::kEthType] == kEthTypeIpv4) {
      Put(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, sizeof(ovs_key_ct_tuple_ipv4), [&](uint8_t* p) { StoreTuple4(p, data_); });
    } else if (key_[flow::kEthType] == kEthTypeIpv6 && !(isMask_ && HasNd())) {
      // The kernel keeps tuple and ND fields in one place, and will not match the tuple of an ND packet.
      Put(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, sizeof(ovs_key_ct_tuple_ipv6), [&](uint8_t* p) { StoreTuple6(p, data_); });
    }
  }

  void PutEthertype(uint32_t value) {
    if (uint8_t* p = PutAttribute(out_, OVS_KEY_ATTR_ETHERTYPE, 2)) StoreBe16(p, value);
  }
  void PutVlan(uint32_t tci) {
    if (uint8_t* p = PutAttribute(out_, OVS_KEY_ATTR_VLAN, 2)) StoreBe16(p, tci);
  }

  void FromVlan(unsigned tags) {
    if (tags < 2) {
      uint32_t tpid = key_[tags == 0 ? flow::kVlanTpid : flow::kVlan1Tpid];
      unsigned tci = tags == 0 ? flow::kVlanTci : flow::kVlan1Tci;
      if ((key_[tci] & kVlanPresent) != 0) {
        PutEthertype(isMask_ ? 0xffff : tpid != 0 ? tpid : kEthTypeVlan);
        PutVlan(isMask_ ? data_[tci] | kVlanPresent : key_[tci]);
        NestedAttribute encap(out_, OVS_KEY_ATTR_ENCAP);
        FromVlan(tags + 1);
        return;
      }
      if (tpid == 0 && IsVlanType(key_[flow::kEthType])) tpid = key_[flow::kEthType];
      if (tpid != 0) {
        CutOffTag(tpid);
        return;
      }
    }
    FromEthertype();
  }

  // A frame that ends inside its tag: a tag of 0 around nothing.
  void CutOffTag(uint32_t tpid) {
    PutEthertype(isMask_ ? 0xffff : tpid);
    if (isMask_) return;
    PutVlan(0);
    NestedAttribute encap(out_, OVS_KEY_ATTR_ENCAP);
  }

  void FromEthertype() {
    uint32_t ethType = key_[flow::kEthType];
    // A mask says so for frames without ethertype, too: it is where the kernel tells them from a wildcard.
    if (isMask_) {
      PutEthertype(0xffff);
    } else if (ethType >= kEthTypeMin) {
      PutEthertype(ethType);
    }
    L3(ethType);
    L4();
  }

  uint8_t Fragment() const {
    uint32_t frag = data_[flow::kNwFrag];
    if (isMask_) return frag != 0 ? 0xff : 0;
    if ((frag & kFragAny) == 0) return OVS_FRAG_TYPE_NONE;
    return (frag & kFragLater) != 0 ? OVS_FRAG_TYPE_LATER : OVS_FRAG_TYPE_FIRST;
  }

  void L3(uint32_t ethType) {
    switch (L3Attribute(ethType)) {
      case OVS_KEY_ATTR_IPV4:
        Put(OVS_KEY_ATTR_IPV4, sizeof(ovs_key_ipv4), [&](uint8_t* p) { StoreIpv4(p, data_, Fragment()); });
        break;
      case OVS_KEY_ATTR_IPV6:
        Put(OVS_KEY_ATTR_IPV6, sizeof(ovs_key_ipv6), [&](uint8_t* p) { StoreIpv6(p, data_, Fragment()); });
        Put(OVS_KEY_ATTR_IPV6_EXTHDRS, 2,
            [&](uint8_t* p) { StoreHost(p, static_cast<uint16_t>(data_[flow::kIpv6Exthdrs])); });
        break;
      case OVS_KEY_ATTR_ARP:
        Put(OVS_KEY_ATTR_ARP, sizeof(ovs_key_arp), [&](uint8_t* p) { StoreArp(p, data_, isMask_); });
        break;
      case OVS_KEY_ATTR_MPLS: {
        unsigned n = MplsEntries(key_);
        Put(OVS_KEY_ATTR_MPLS, 4 * n, [&](uint8_t* p) { StoreWords(p, data_ + flow::kMplsLse0, n); });
        break;
      }
      case OVS_KEY_ATTR_NSH:
        if (!isMask_ || AnyWord(data_ + flow::kNshFlags, 9)) StoreNsh(key_, data_, out_);
        break;
      default:
        break;
    }
  }

  // The kernel has the ND attribute for these types whatever the code.
  bool HasNd() const {
    return L4Attribute(key_) == OVS_KEY_ATTR_ICMPV6 &&
           (key_[flow::kTpSrc] == kNdSolicit || key_[flow::kTpSrc] == kNdAdvert);
  }

  void L4() {
    unsigned type = L4Attribute(key_);
    if (type == 0) return;
    uint32_t src = data_[flow::kTpSrc], dst = data_[flow::kTpDst];
    if (type == OVS_KEY_ATTR_ICMP || type == OVS_KEY_ATTR_ICMPV6) {
      Put(static_cast<uint16_t>(type), 2, [&](uint8_t* p) {
        p[0] = static_cast<uint8_t>(src);
        p[1] = static_cast<uint8_t>(dst);
      });
    } else {
      Put(static_cast<uint16_t>(type), 4, [&](uint8_t* p) {
        StoreBe16(p, src);
        StoreBe16(p + 2, dst);
      });
    }
    if (type == OVS_KEY_ATTR_TCP) {
      Put(OVS_KEY_ATTR_TCP_FLAGS, 2, [&](uint8_t* p) { StoreBe16(p, data_[flow::kTcpFlags]); });
    }
    if (!HasNd()) return;
    Put(OVS_KEY_ATTR_ND, sizeof(ovs_key_nd), [&](uint8_t* p) { StoreNd(p, data_); });
  }

  const uint32_t* key_;
  const uint32_t* data_;
  const bool isMask_;
  ByteWriter& out_;
};

// Makes exact what the datapath wants exact before it looks further in: the protocol for any L4 field, the ICMPv6 type for
// ND fields. The ethertype is exact always, as in OVS: L3 fields need it, and the kernel shows a flow that does not match
// it with an ethertype of 0, which is not valid in a key. For the same reason the depth of an MPLS stack is: the kernel shows
// no entries at all where it does not match any, and no connection tuple whose protocol it does not match. Never clears a
// bit.
void Complete(const uint32_t* key, uint32_t* mask) {
  unsigned l4 = L4Attribute(key);
  if (l4 == OVS_KEY_ATTR_ICMPV6 && IsNeighbourDiscovery(key) && AnyWord(mask + flow::kNdTarget, 8)) {
    mask[flow::kTpSrc] = mask[flow::kTpDst] = 0xff;
  }
  bool anyL4 = (mask[flow::kTpSrc] | mask[flow::kTpDst]) != 0 ||
               (l4 == OVS_KEY_ATTR_TCP && mask[flow::kTcpFlags] != 0);
  if (l4 != 0 && anyL4) mask[flow::kNwProto] = 0xff;
  bool anyTuple = AnyWord(mask + flow::kCtNwSrc, 10) || (mask[flow::kCtTpSrc] | mask[flow::kCtTpDst]) != 0;
  if (key[flow::kCtNwProto] != 0 && anyTuple) mask[flow::kCtNwProto] = 0xff;
  if (IsMplsType(key[flow::kEthType])) {
    unsigned n = MplsEntries(key);
    for (unsigned i = 0; i < n; i++) mask[flow::kMplsLse0 + i] |= kMplsBottom;
  }
  mask[flow::kEthType] = 0xffff;
}

}  // namespace

void EncodeKey(const uint32_t* key, ByteWriter& out) { Encoder(key, key, out).Run(); }

void EncodeMask(const uint32_t* key, const uint32_t* mask, ByteWriter& out) {
  uint32_t complete[flow::kWords];
  CopyWords(complete, mask, flow::kWords);
  Complete(key, complete);
  Encoder(key, complete, out).Run();
}

}  // namespace slowpath
