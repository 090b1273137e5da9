#include <utility>

#include "wire/key_fields.h"

// Frame → key, header by header. Each parser returns when the next header is not wholly there, leaving the words
// behind it zero. Where the Linux datapath (net/openvswitch/flow.c) and OVS's userspace (miniflow_extract) differ,
// 'view' says whose rules hold.
namespace slowpath {
namespace {

// Bits of ipv6_exthdrs (OFPIEH12_*).
constexpr uint32_t kExtNoNext = 1, kExtEsp = 2, kExtAuth = 4, kExtDest = 8, kExtFragment = 16, kExtRouter = 32,
                   kExtHop = 64, kExtRepeated = 128, kExtOutOfOrder = 256;
constexpr uint32_t kHopByHop = 0, kRouting = 43, kFragment = 44, kAuth = 51, kNoNext = 59, kDestination = 60;
constexpr size_t kMostPadding = 0xffff;  // Bytes behind an IP packet that OVS puts up with.

void ParseTransport(ByteReader frame, View view, uint32_t* key);

uint32_t ParseEthertype(ByteReader& frame, View view) {
  const uint8_t* p = frame.TryPull(2);
  if (p == nullptr) return 0;
  uint32_t type = LoadBe16(p);
  if (type >= kEthTypeMin) return type;
  // A length: 802.2. SNAP with a zero organisation carries an ethertype.
  ByteReader ahead = frame;
  const uint8_t* llc = ahead.TryPull(8);
  if (llc == nullptr || llc[0] != 0xaa || llc[1] != 0xaa || (llc[3] | llc[4] | llc[5]) != 0) return kEthTypeNone;
  if (view == View::kUserspace && llc[2] != 3) return kEthTypeNone;  // Not unnumbered information.
  frame = ahead;
  type = LoadBe16(llc + 6);
  return type >= kEthTypeMin ? type : kEthTypeNone;
}

// Pulls one tag if there is one. False when the frame ends inside it; then eth_type stays 0 and the tag's TPID says why.
bool ParseVlan(ByteReader& frame, uint32_t* tpid, uint32_t* tci) {
  ByteReader ahead = frame;
  const uint8_t* p = ahead.TryPull(2);
  if (p == nullptr || !IsVlanType(LoadBe16(p))) return true;
  *tpid = LoadBe16(p);
  const uint8_t* tag = ahead.TryPull(2);
  if (tag == nullptr || ahead.left() < 2) return false;
  *tci = LoadBe16(tag) | kVlanPresent;
  frame = ahead;
  return true;
}

void ParseMpls(ByteReader frame, uint32_t* key) {
  uint32_t entries[kMplsLabels] = {};
  for (unsigned n = 0;; n++) {
    const uint8_t* p = frame.TryPull(4);
    if (p == nullptr) break;
    if (n < kMplsLabels) entries[n] = LoadBe32(p);
    if ((LoadBe32(p) & kMplsBottom) != 0) break;
  }
  std::memcpy(key + flow::kMplsLse0, entries, sizeof entries);
}

void ParseArp(ByteReader frame, uint32_t* key) {
  const uint8_t* p = frame.TryPull(28);
  if (p == nullptr || LoadBe16(p) != 1 || LoadBe16(p + 2) != kEthTypeIpv4 || p[4] != 6 || p[5] != 4) return;
  uint32_t opcode = LoadBe16(p + 6);
  key[flow::kNwProto] = opcode <= 0xff ? opcode : 0;
  LoadMac(p + 8, key + flow::kArpSha);
  key[flow::kNwSrc] = LoadBe32(p + 14);
  LoadMac(p + 18, key + flow::kArpTha);
  key[flow::kNwDst] = LoadBe32(p + 24);
}

// The first 'n' bytes of what is left. False when there are not as many, or too many behind them.
bool CutPadding(ByteReader& frame, size_t n) {
  if (n > frame.left() || frame.left() - n > kMostPadding) return false;
  frame = ByteReader(frame.rest().first(n));
  return true;
}

void ParseIpv4(ByteReader frame, View view, uint32_t* key) {
  if (frame.left() < 20) return;
  // The length in the header counts for OVS, and not for the kernel.
  if (view == View::kUserspace && !CutPadding(frame, LoadBe16(frame.rest().data() + 2))) return;
  const uint8_t* p = frame.TryPull(20);
  if (p == nullptr) return;
  size_t headerBytes = static_cast<size_t>(p[0] & 15) * 4;
  if (headerBytes < 20 || frame.TryPull(headerBytes - 20) == nullptr) return;
  key[flow::kNwProto] = p[9];
  key[flow::kNwTos] = p[1];
  key[flow::kNwTtl] = p[8];
  key[flow::kNwSrc] = LoadBe32(p + 12);
  key[flow::kNwDst] = LoadBe32(p + 16);
  uint32_t fragment = LoadBe16(p + 6);
  if ((fragment & 0x1fff) != 0) {
    key[flow::kNwFrag] = kFragAny | kFragLater;
    return;
  }
  if ((fragment & 0x2000) != 0) key[flow::kNwFrag] = kFragAny;
  ParseTransport(frame, view, key);
}

bool IsExtension(uint32_t next) {
  return next == kHopByHop || next == kRouting || next == kFragment || next == kAuth || next == kNoNext ||
         next == kDestination;
}

// ipv6_exthdrs as Linux 6.1 computes it: which extension headers there are, and whether one is repeated or out of the
// order that RFC 8200 section 4.1 recommends. 'frame' begins behind the fixed header.
uint32_t ExtensionBits(ByteReader frame, uint32_t next) {
  uint32_t seen = 0;
  int destinations = 0;
  while (IsExtension(next)) {
    uint32_t bit = 0, before = 0;  // The header's own bit, and those which may precede it.
    switch (next) {
      case kNoNext:
        return seen | kExtNoNext;
      case kHopByHop:
        bit = kExtHop;
        break;
      case kDestination:
        // Once before a routing header, once as the last.
        bit = kExtDest;
        before = destinations == 0 ? kExtHop
                                   : kExtHop | kExtDest | kExtRouter | kExtFragment | kExtAuth | kExtEsp;
        break;
      case kRouting:
        bit = kExtRouter;
        before = kExtHop | kExtDest;
        break;
      case kFragment:
        bit = kExtFragment;
        before = kExtHop | kExtDest | kExtRouter;
        break;
      default:
        bit = kExtAuth;
        before = kExtHop | kExtDest | kExtRouter | kExtFragment;
    }
    bool repeated = next == kDestination ? destinations >= 2 : (seen & bit) != 0;
    if (repeated) seen |= kExtRepeated;
    bool misplaced = (seen & ~(before | kExtRepeated)) != 0 || (next != kDestination && destinations >= 2);
    if (misplaced) seen |= kExtOutOfOrder;
    if (next != kHopByHop || !misplaced) seen |= bit;
    if (next == kDestination) destinations++;
    const uint8_t* p = frame.TryPull(2);
    if (p == nullptr) break;
    next = p[0];
    if (frame.TryPull(static_cast<size_t>(p[1]) * 8 + 6) == nullptr) break;
  }
  return seen;
}

// Bytes of the extension header 'header' of type 'next'.
size_t ExtensionBytes(uint32_t next, const uint8_t* header) {
  if (next == kFragment) return 8;
  return next == kAuth ? (static_cast<size_t>(header[1]) + 2) * 4 : (static_cast<size_t>(header[1]) + 1) * 8;
}

// Where a chain of extension headers ends.
struct ChainEnd {
  bool reached = false;        // Else it is cut off.
  uint32_t next = kNoNext;     // The protocol that ends it.
  uint32_t fragment = 0;       // nw_frag
};

// Pulls the chain that begins with 'next', as ipv6_find_hdr() of the kernel does: of a header only what it reads has to be there.
ChainEnd FollowAsKernel(ByteReader& frame, uint32_t next) {
  ChainEnd end;
  while (IsExtension(next) && next != kNoNext) {
    if (next == kFragment) end.fragment = kFragAny;
    if (frame.left() < (next == kRouting || next == kFragment ? 4u : 2u)) return end;
    const uint8_t* header = frame.rest().data();
    size_t bytes = ExtensionBytes(next, header);
    if (next == kFragment && (LoadBe16(header + 2) & 0xfff8) != 0) {
      if (IsExtension(header[0]) && header[0] != kNoNext) return end;
      return {true, kFragment, kFragAny | kFragLater};
    }
    next = header[0];
    frame.TryPull(bytes < frame.left() ? bytes : frame.left());
  }
  end.reached = true;
  end.next = next;
  return end;
}

// The same as parse_ipv6_ext_hdrs() of OVS: each header has to be there, and a packet that is whole in spite of a
// fragment header is no fragment.
ChainEnd FollowAsUserspace(ByteReader& frame, uint32_t next) {
  ChainEnd end;
  while (IsExtension(next) && next != kNoNext) {
    if (frame.left() < 8) return end;
    const uint8_t* header = frame.rest().data();
    if (frame.TryPull(ExtensionBytes(next, header)) == nullptr) return end;
    uint32_t offset = next == kFragment ? LoadBe16(header + 2) : 0;
    if (offset != 0) end.fragment = kFragAny;
    if ((offset & 0xfff8) != 0) return {true, kFragment, kFragAny | kFragLater};
    next = header[0];
  }
  end.reached = true;
  end.next = next;
  return end;
}

void ParseIpv6(ByteReader frame, View view, uint32_t* key) {
  const uint8_t* p = frame.TryPull(40);
  if (p == nullptr || (view == View::kUserspace && !CutPadding(frame, LoadBe16(p + 4)))) return;
  LoadWords(p + 8, key + flow::kIpv6Src, 4);
  LoadWords(p + 24, key + flow::kIpv6Dst, 4);
  uint32_t first = LoadBe32(p), next = p[6];
  // OVS does not know ipv6_exthdrs.
  if (view == View::kKernel) key[flow::kIpv6Exthdrs] = ExtensionBits(frame, next);
  ChainEnd end = view == View::kKernel ? FollowAsKernel(frame, next) : FollowAsUserspace(frame, next);
  if (!end.reached && view == View::kUserspace) return;
  key[flow::kNwTos] = first >> 20 & 0xff;
  key[flow::kIpv6Label] = first & 0xfffff;
  key[flow::kNwTtl] = p[7];
  key[flow::kNwFrag] = end.fragment;
  key[flow::kNwProto] = end.next;
  if (end.reached && (end.fragment & kFragLater) == 0) ParseTransport(frame, view, key);
}

// Link-layer addresses among ND options. An option twice makes all of ND void, one of length 0 ends them.
void ParseNd(ByteReader frame, View view, uint32_t* key) {
  const uint8_t* target = frame.TryPull(16);
  if (target == nullptr) return;
  LoadWords(target, key + flow::kNdTarget, 4);
  while (frame.left() >= 8) {
    size_t bytes = static_cast<size_t>(frame.rest()[1]) * 8;
    const uint8_t* option = bytes == 0 ? nullptr : frame.TryPull(bytes);
    if (option == nullptr) return;
    if (bytes != 8 || (option[0] != 1 && option[0] != 2)) continue;
    uint32_t* mac = key + (option[0] == 1 ? flow::kArpSha : flow::kArpTha);
    if (AnyWord(mac, 2)) {
      ClearWords(key + flow::kNdTarget, 8);
      return;
    }
    LoadMac(option + 2, mac);
    if (view == View::kUserspace && key[flow::kNdOptionsType] == 0) key[flow::kNdOptionsType] = option[0];
  }
}
static_assert(flow::kArpTha + 2 == flow::kNdTarget + 8);

void ParseTcp(ByteReader frame, View view, uint32_t* key) {
  const uint8_t* p = frame.TryPull(20);
  if (p == nullptr) return;
  if (view == View::kKernel) {
    size_t headerBytes = static_cast<size_t>(p[12] >> 4) * 4;
    if (headerBytes < 20 || frame.TryPull(headerBytes - 20) == nullptr) return;
  }
  LoadL4(OVS_KEY_ATTR_TCP, p, key);
  key[flow::kTcpFlags] = LoadBe16(p + 12) & 0xfff;
}

// Type, code and group, of which datapaths have no attribute. The group is where OVS has it: in the word that ND packets keep
// their reserved field in.
void ParseIgmp(ByteReader frame, uint32_t* key) {
  const uint8_t* p = frame.TryPull(8);
  if (p == nullptr) return;
  key[flow::kTpSrc] = p[0];
  key[flow::kTpDst] = p[1];
  key[flow::kNdReserved] = LoadBe32(p + 4);
}

void ParseTransport(ByteReader frame, View view, uint32_t* key) {
  unsigned type = L4Attribute(key);
  switch (type) {
    case OVS_KEY_ATTR_TCP:
      return ParseTcp(frame, view, key);
    case OVS_KEY_ATTR_UDP:
    case OVS_KEY_ATTR_ICMP:
      if (const uint8_t* p = frame.TryPull(8)) LoadL4(type, p, key);
      return;
    case OVS_KEY_ATTR_SCTP:
      if (const uint8_t* p = frame.TryPull(12)) LoadL4(type, p, key);
      return;
    case OVS_KEY_ATTR_ICMPV6:
      if (const uint8_t* p = frame.TryPull(8)) {
        LoadL4(type, p, key);
        if (!IsNeighbourDiscovery(key)) return;
        if (view == View::kUserspace) key[flow::kNdReserved] = LoadBe32(p + 4);
        ParseNd(frame, view, key);
      }
      return;
    default:
      if (view == View::kUserspace && IsIgmp(key)) ParseIgmp(frame, key);
  }
}

void ParseNsh(ByteReader frame, View view, uint32_t* key) {
  const uint8_t* p = frame.TryPull(8);
  if (p == nullptr) return;
  uint32_t first = LoadBe16(p), mdType = p[2];
  size_t bytes = (first & 0x3f) * 4;
  if (first >> 14 != 0 || bytes < 8) return;
  const uint8_t* context = frame.TryPull(bytes - 8);
  if (context == nullptr || (mdType == kNshMdType1 && bytes != 24)) return;
  if (view == View::kKernel && mdType != kNshMdType1 && mdType != kNshMdType2) return;
  key[flow::kNshFlags] = first >> 12 & 3;
  key[flow::kNshTtl] = first >> 6 & 0x3f;
  key[flow::kNshMdtype] = mdType;
  key[flow::kNshNp] = p[3];
  key[flow::kNshPathHdr] = LoadBe32(p + 4);
  if (mdType == kNshMdType1) LoadWords(context, key + flow::kNshContext, 4);
}

// What is behind an ethertype.
void ParseNetwork(ByteReader frame, View view, uint32_t ethType, uint32_t* key) {
  key[flow::kEthType] = ethType;
  switch (L3Attribute(ethType)) {
    case OVS_KEY_ATTR_IPV4:
      return ParseIpv4(frame, view, key);
    case OVS_KEY_ATTR_IPV6:
      return ParseIpv6(frame, view, key);
    case OVS_KEY_ATTR_ARP:
      return ParseArp(frame, key);
    case OVS_KEY_ATTR_MPLS:
      return ParseMpls(frame, key);
    case OVS_KEY_ATTR_NSH:
      return ParseNsh(frame, view, key);
    default:
      return;
  }
}

// Clears the words that a frame can fill.
void ClearPacketWords(uint32_t* key) {
  ClearWords(key + flow::kEndMetadata, flow::kCtNwSrc - flow::kEndMetadata);
  ClearWords(key + flow::kIpv6Exthdrs, flow::kCtTpSrc - flow::kIpv6Exthdrs);
  key[flow::kNdReserved] = key[flow::kNdOptionsType] = 0;
}

}  // namespace

void ExtractPacket(std::span<const uint8_t> bytes, uint32_t* key, View view) {
  ClearPacketWords(key);
  ByteReader frame(bytes);
  if (view == View::kUserspace && bytes.size() < 14) return;
  const uint8_t* macs = frame.TryPull(12);
  if (macs == nullptr) return;
  LoadMac(macs, key + flow::kEthDst);
  LoadMac(macs + 6, key + flow::kEthSrc);
  bool whole = ParseVlan(frame, key + flow::kVlanTpid, key + flow::kVlanTci);
  if (whole && key[flow::kVlanTci] != 0) whole = ParseVlan(frame, key + flow::kVlan1Tpid, key + flow::kVlan1Tci);
  if (whole) {
    uint32_t ethType = ParseEthertype(frame, view);
    ParseNetwork(frame, view, ethType, key);
  }
  uint32_t* tpid = key + (key[flow::kVlanTci] == 0 ? flow::kVlanTpid : flow::kVlan1Tpid);
  if (view == View::kUserspace) {
    // OVS takes the TPID of a tag that is cut off for the frame's ethertype.
    if (!whole) std::swap(key[flow::kEthType], *tpid);
  } else if (key[flow::kVlan1Tci] == 0 && IsVlanType(key[flow::kEthType])) {
    // Behind a SNAP header a TPID is no tag. Attributes can only say that it is one without content.
    std::swap(key[flow::kEthType], *tpid);
  }
}

void ExtractBarePacket(std::span<const uint8_t> packet, uint16_t ethType, uint32_t* key, View view) {
  ClearPacketWords(key);
  key[flow::kPacketType] = kPacketTypeEthertype << 16 | ethType;
  ParseNetwork(ByteReader(packet), view, ethType, key);
}

}  // namespace slowpath
