#include "wire/key_fields.h"

// Frame → key, header by header, with the checks of the Linux datapath (net/openvswitch/flow.c): each parser returns when
// the next header is not wholly there, leaving the words behind it zero.
namespace slowpath {
namespace {

// Bits of ipv6_exthdrs (OFPIEH12_*).
constexpr uint32_t kExtNoNext = 1, kExtEsp = 2, kExtAuth = 4, kExtDest = 8, kExtFragment = 16, kExtRouter = 32,
                   kExtHop = 64, kExtRepeated = 128, kExtOutOfOrder = 256;
constexpr uint32_t kHopByHop = 0, kRouting = 43, kFragment = 44, kEsp = 50, kAuth = 51, kNoNext = 59, kDestination = 60;

void ParseTransport(ByteReader frame, uint32_t* key);

uint32_t ParseEthertype(ByteReader& frame) {
  const uint8_t* p = frame.TryPull(2);
  if (p == nullptr) return 0;
  uint32_t type = LoadBe16(p);
  if (type >= kEthTypeMin) return type;
  // A length: 802.2. SNAP with a zero organisation carries an ethertype.
  ByteReader ahead = frame;
  const uint8_t* llc = ahead.TryPull(8);
  if (llc == nullptr || llc[0] != 0xaa || llc[1] != 0xaa || (llc[3] | llc[4] | llc[5]) != 0) return kEthTypeNone;
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

void ParseIpv4(ByteReader frame, uint32_t* key) {
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
  ParseTransport(frame, key);
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

void ParseIpv6(ByteReader frame, uint32_t* key) {
  const uint8_t* p = frame.TryPull(40);
  if (p == nullptr) return;
  uint32_t first = LoadBe32(p);
  key[flow::kNwTos] = first >> 20 & 0xff;
  key[flow::kIpv6Label] = first & 0xfffff;
  key[flow::kNwTtl] = p[7];
  LoadWords(p + 8, key + flow::kIpv6Src, 4);
  LoadWords(p + 24, key + flow::kIpv6Dst, 4);
  uint32_t next = p[6];
  key[flow::kIpv6Exthdrs] = ExtensionBits(frame, next);
  key[flow::kNwProto] = kNoNext;  // Unless the chain can be followed to its end.
  while (IsExtension(next) && next != kNoNext) {
    const uint8_t* header = frame.TryPull(8);
    if (header == nullptr) return;
    if (next == kFragment) {
      next = header[0];
      uint32_t offset = LoadBe16(header + 2);
      if ((offset & 0xfff8) != 0) {
        key[flow::kNwFrag] = kFragAny | kFragLater;
        key[flow::kNwProto] = next;
        return;
      }
      key[flow::kNwFrag] = kFragAny;
      continue;
    }
    size_t rest = next == kAuth ? (static_cast<size_t>(header[1]) + 2) * 4 : (static_cast<size_t>(header[1]) + 1) * 8;
    next = header[0];
    if (frame.TryPull(rest < 8 ? 0 : rest - 8) == nullptr) return;
  }
  key[flow::kNwProto] = next;
  ParseTransport(frame, key);
}

// Link-layer addresses among ND options. An option twice, or one of length 0, makes all of ND void.
void ParseNd(ByteReader frame, uint32_t* key) {
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
      std::memset(key + flow::kNdTarget, 0, 8 * sizeof *key);
      return;
    }
    LoadMac(option + 2, mac);
  }
}

void ParseTransport(ByteReader frame, uint32_t* key) {
  switch (L4Attribute(key)) {
    case OVS_KEY_ATTR_TCP: {
      const uint8_t* p = frame.TryPull(20);
      if (p == nullptr) return;
      size_t headerBytes = static_cast<size_t>(p[12] >> 4) * 4;
      if (headerBytes < 20 || frame.TryPull(headerBytes - 20) == nullptr) return;
      LoadL4(OVS_KEY_ATTR_TCP, p, key);
      key[flow::kTcpFlags] = LoadBe16(p + 12) & 0xfff;
      return;
    }
    case OVS_KEY_ATTR_UDP:
      if (const uint8_t* p = frame.TryPull(8)) LoadL4(OVS_KEY_ATTR_UDP, p, key);
      return;
    case OVS_KEY_ATTR_SCTP:
      if (const uint8_t* p = frame.TryPull(12)) LoadL4(OVS_KEY_ATTR_SCTP, p, key);
      return;
    case OVS_KEY_ATTR_ICMP:
      if (const uint8_t* p = frame.TryPull(8)) LoadL4(OVS_KEY_ATTR_ICMP, p, key);
      return;
    case OVS_KEY_ATTR_ICMPV6:
      if (const uint8_t* p = frame.TryPull(8)) {
        LoadL4(OVS_KEY_ATTR_ICMPV6, p, key);
        if (IsNeighbourDiscovery(key)) ParseNd(frame, key);
      }
      return;
    default:
      return;
  }
}

void ParseNsh(ByteReader frame, uint32_t* key) {
  const uint8_t* p = frame.TryPull(8);
  if (p == nullptr) return;
  uint32_t first = LoadBe16(p);
  size_t bytes = (first & 0x3f) * 4;
  if (first >> 14 != 0 || bytes < 8) return;
  const uint8_t* context = frame.TryPull(bytes - 8);
  uint32_t mdType = p[2] & 15;
  if (context == nullptr || (mdType == kNshMdType1 ? bytes != 24 : mdType != 2)) return;
  key[flow::kNshFlags] = first >> 12 & 3;
  key[flow::kNshTtl] = first >> 6 & 0x3f;
  key[flow::kNshMdtype] = mdType;
  key[flow::kNshNp] = p[3];
  key[flow::kNshPathHdr] = LoadBe32(p + 4);
  if (mdType == kNshMdType1) LoadWords(context, key + flow::kNshContext, 4);
}

// Clears the words that a frame can fill.
void ClearPacketWords(uint32_t* key) {
  ClearWords(key + flow::kEndMetadata, flow::kCtNwSrc - flow::kEndMetadata);
  ClearWords(key + flow::kIpv6Exthdrs, flow::kCtTpSrc - flow::kIpv6Exthdrs);
  key[flow::kNdReserved] = key[flow::kNdOptionsType] = 0;
}

}  // namespace

void ExtractPacket(std::span<const uint8_t> bytes, uint32_t* key) {
  ClearPacketWords(key);
  ByteReader frame(bytes);
  const uint8_t* macs = frame.TryPull(12);
  if (macs == nullptr) return;
  LoadMac(macs, key + flow::kEthDst);
  LoadMac(macs + 6, key + flow::kEthSrc);
  if (!ParseVlan(frame, key + flow::kVlanTpid, key + flow::kVlanTci)) return;
  if (key[flow::kVlanTci] != 0 && !ParseVlan(frame, key + flow::kVlan1Tpid, key + flow::kVlan1Tci)) return;
  uint32_t ethType = ParseEthertype(frame);
  key[flow::kEthType] = ethType;
  switch (L3Attribute(ethType)) {
    case OVS_KEY_ATTR_IPV4:
      return ParseIpv4(frame, key);
    case OVS_KEY_ATTR_IPV6:
      return ParseIpv6(frame, key);
    case OVS_KEY_ATTR_ARP:
      return ParseArp(frame, key);
    case OVS_KEY_ATTR_MPLS:
      return ParseMpls(frame, key);
    case OVS_KEY_ATTR_NSH:
      return ParseNsh(frame, key);
    default:
      return;
  }
}

}  // namespace slowpath
