#include "wire/key_fields.h"

namespace slowpath {

void LoadMetadata(const KeyAttributes& a, uint32_t* words) {
  auto hostWord = [&](unsigned type, unsigned word) {
    if (a.Has(type)) words[word] = LoadHost<uint32_t>(a.At(type));
  };
  hostWord(OVS_KEY_ATTR_RECIRC_ID, flow::kRecircId);
  hostWord(OVS_KEY_ATTR_DP_HASH, flow::kDpHash);
  hostWord(OVS_KEY_ATTR_PRIORITY, flow::kSkbPriority);
  hostWord(OVS_KEY_ATTR_SKB_MARK, flow::kSkbMark);
  hostWord(OVS_KEY_ATTR_IN_PORT, flow::kInPort);
  hostWord(OVS_KEY_ATTR_CT_STATE, flow::kCtState);
  hostWord(OVS_KEY_ATTR_CT_MARK, flow::kCtMark);
  if (a.Has(OVS_KEY_ATTR_CT_ZONE)) words[flow::kCtZone] = LoadHost<uint16_t>(a.At(OVS_KEY_ATTR_CT_ZONE));
  if (a.Has(OVS_KEY_ATTR_CT_LABELS)) LoadLabels(a.At(OVS_KEY_ATTR_CT_LABELS), words + flow::kCtLabel);
  if (a.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4)) {
    const uint8_t* p = a.At(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4);
    words[flow::kCtNwSrc] = LoadBe32(p);
    words[flow::kCtNwDst] = LoadBe32(p + 4);
    words[flow::kCtTpSrc] = LoadBe16(p + 8);
    words[flow::kCtTpDst] = LoadBe16(p + 10);
    words[flow::kCtNwProto] = p[12];
  }
  if (a.Has(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6)) {
    const uint8_t* p = a.At(OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6);
    LoadWords(p, words + flow::kCtIpv6Src, 4);
    LoadWords(p + 16, words + flow::kCtIpv6Dst, 4);
    words[flow::kCtTpSrc] = LoadBe16(p + 32);
    words[flow::kCtTpDst] = LoadBe16(p + 34);
    words[flow::kCtNwProto] = p[36];
  }
}

// The last byte, the fragment type, is for the caller: it differs between key and mask.
void LoadIpv4(const uint8_t* p, uint32_t* words) {
  words[flow::kNwSrc] = LoadBe32(p);
  words[flow::kNwDst] = LoadBe32(p + 4);
  words[flow::kNwProto] = p[8];
  words[flow::kNwTos] = p[9];
  words[flow::kNwTtl] = p[10];
}

void LoadIpv6(const uint8_t* p, uint32_t* words) {
  LoadWords(p, words + flow::kIpv6Src, 4);
  LoadWords(p + 16, words + flow::kIpv6Dst, 4);
  words[flow::kIpv6Label] = LoadBe32(p + 32) & 0xfffff;
  words[flow::kNwProto] = p[36];
  words[flow::kNwTos] = p[37];
  words[flow::kNwTtl] = p[38];
}

void LoadArp(const uint8_t* p, uint32_t* words) {
  words[flow::kNwSrc] = LoadBe32(p);
  words[flow::kNwDst] = LoadBe32(p + 4);
  words[flow::kNwProto] = LoadBe16(p + 8) & 0xff;
  LoadMac(p + 10, words + flow::kArpSha);
  LoadMac(p + 16, words + flow::kArpTha);
}

void LoadL4(unsigned type, const uint8_t* p, uint32_t* words) {
  bool bytes = type == OVS_KEY_ATTR_ICMP || type == OVS_KEY_ATTR_ICMPV6;
  words[flow::kTpSrc] = bytes ? p[0] : LoadBe16(p);
  words[flow::kTpDst] = bytes ? p[1] : LoadBe16(p + 2);
}

void LoadNd(const uint8_t* p, uint32_t* words) {
  LoadWords(p, words + flow::kNdTarget, 4);
  LoadMac(p + 16, words + flow::kArpSha);
  LoadMac(p + 22, words + flow::kArpTha);
}

void LoadNdExtensions(const uint8_t* p, uint32_t* words) {
  words[flow::kNdReserved] = LoadBe32(p);
  words[flow::kNdOptionsType] = p[4];
}

namespace {

// The four bytes that IPv4 and IPv6 keys end with.
void StoreIpEnd(uint8_t* p, const uint32_t* words, uint8_t fragment) {
  p[0] = static_cast<uint8_t>(words[flow::kNwProto]);
  p[1] = static_cast<uint8_t>(words[flow::kNwTos]);
  p[2] = static_cast<uint8_t>(words[flow::kNwTtl]);
  p[3] = fragment;
}

void StoreTupleEnd(uint8_t* p, const uint32_t* words) {
  StoreBe16(p, words[flow::kCtTpSrc]);
  StoreBe16(p + 2, words[flow::kCtTpDst]);
  p[4] = static_cast<uint8_t>(words[flow::kCtNwProto]);
}

}  // namespace

void StoreIpv4(uint8_t* p, const uint32_t* words, uint8_t fragment) {
  StoreBe32(p, words[flow::kNwSrc]);
  StoreBe32(p + 4, words[flow::kNwDst]);
  StoreIpEnd(p + 8, words, fragment);
}

void StoreIpv6(uint8_t* p, const uint32_t* words, uint8_t fragment) {
  StoreWords(p, words + flow::kIpv6Src, 4);
  StoreWords(p + 16, words + flow::kIpv6Dst, 4);
  StoreBe32(p + 32, words[flow::kIpv6Label] & 0xfffff);
  StoreIpEnd(p + 36, words, fragment);
}

void StoreArp(uint8_t* p, const uint32_t* words, bool widen) {
  uint32_t opcode = words[flow::kNwProto];
  StoreBe32(p, words[flow::kNwSrc]);
  StoreBe32(p + 4, words[flow::kNwDst]);
  StoreBe16(p + 8, widen && opcode == 0xff ? 0xffff : opcode);
  StoreMac(p + 10, words + flow::kArpSha);
  StoreMac(p + 16, words + flow::kArpTha);
}

void StoreNd(uint8_t* p, const uint32_t* words) {
  StoreWords(p, words + flow::kNdTarget, 4);
  StoreMac(p + 16, words + flow::kArpSha);
  StoreMac(p + 22, words + flow::kArpTha);
}

void StoreNdExtensions(uint8_t* p, const uint32_t* words) {
  StoreBe32(p, words[flow::kNdReserved]);
  p[4] = static_cast<uint8_t>(words[flow::kNdOptionsType]);
}

void StoreTuple4(uint8_t* p, const uint32_t* words) {
  StoreBe32(p, words[flow::kCtNwSrc]);
  StoreBe32(p + 4, words[flow::kCtNwDst]);
  StoreTupleEnd(p + 8, words);
}

void StoreTuple6(uint8_t* p, const uint32_t* words) {
  StoreWords(p, words + flow::kCtIpv6Src, 4);
  StoreWords(p + 16, words + flow::kCtIpv6Dst, 4);
  StoreTupleEnd(p + 32, words);
}

void StoreL4(ByteWriter& out, unsigned type, const uint32_t* words) {
  bool bytes = type == OVS_KEY_ATTR_ICMP || type == OVS_KEY_ATTR_ICMPV6;
  uint8_t* p = PutAttribute(out, static_cast<uint16_t>(type), bytes ? 2 : 4);
  if (p == nullptr) return;
  if (bytes) {
    p[0] = static_cast<uint8_t>(words[flow::kTpSrc]);
    p[1] = static_cast<uint8_t>(words[flow::kTpDst]);
  } else {
    StoreBe16(p, words[flow::kTpSrc]);
    StoreBe16(p + 2, words[flow::kTpDst]);
  }
}

}  // namespace slowpath
