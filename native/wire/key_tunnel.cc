#include "wire/key_fields.h"

// Tunnel and NSH attributes: the two nested ones of a key.
namespace slowpath {
namespace {

constexpr int kAnyLength = -1;
// Payload bytes of each OVS_TUNNEL_KEY_ATTR.
constexpr int kTunnelLengths[] = {
    8, 4, 4, 1, 1, 0, 0, 0, kAnyLength, 2, 2, kAnyLength, 16, 16, kAnyLength, 12, kAnyLength,
};
// struct gtpu_metadata { u8 flags, message type; } of OVS 3.1's userspace datapath. Linux uses the number for
// IPV4_INFO_BRIDGE, which is empty.
constexpr uint16_t kGtpuOptions = 16;
constexpr size_t kGtpuBytes = 2;
static_assert(kGtpuOptions == OVS_TUNNEL_KEY_ATTR_IPV4_INFO_BRIDGE);
constexpr size_t kMaxTunnelOptions = 252;  // The kernel has room for 255, and options are whole words.
constexpr uint32_t kTunnelFlagOam = 1, kTunnelFlagDf = 2, kTunnelFlagCsum = 4, kTunnelFlagKey = 8;
constexpr size_t kErspanBytes = 12;  // struct erspan_metadata, <linux/erspan.h>

Fitness TunnelError(const char* what) {
  Problem("tunnel", what);
  return Fitness::kError;
}

bool LoadGeneveOptions(std::span<const uint8_t> bytes, const uint32_t* key, uint32_t* words) {
  if (bytes.size() > kMaxTunnelOptions || bytes.size() % 4 != 0) return false;
  // A mask covers the options of its key one to one; their number is always matched.
  if (key != nullptr && bytes.size() != key[flow::kTunOptsLen]) return false;
  words[flow::kTunOptsLen] = key != nullptr ? 0xffff : static_cast<uint32_t>(bytes.size());
  LoadWords(bytes.data(), words + flow::kTunOpts, static_cast<unsigned>(bytes.size() / 4));
  return true;
}

bool LoadVxlanOptions(std::span<const uint8_t> bytes, uint32_t* words) {
  AttributeReader reader(bytes);
  Attribute attribute;
  while (reader.Next(attribute)) {
    if (attribute.type != OVS_VXLAN_EXT_GBP) continue;
    if (attribute.payload.size() != 4) return false;
    uint32_t gbp = LoadHost<uint32_t>(attribute.payload.data());
    words[flow::kTunGbpId] = gbp & 0xffff;
    words[flow::kTunGbpFlags] = gbp >> 16 & 0xff;
  }
  return !reader.malformed();
}

// The version of a mask is all ones, so which of the two layouts holds is for the key to say.
void LoadErspan(const uint8_t* p, const uint32_t* key, uint32_t* words) {
  words[flow::kTunErspanVer] = LoadHost<uint32_t>(p) & 0xff;
  uint32_t version = (key != nullptr ? key : words)[flow::kTunErspanVer];
  if (version == 1) {
    words[flow::kTunErspanIdx] = LoadBe32(p + 4);
  } else if (version == 2) {
    words[flow::kTunErspanDir] = p[11] >> 3 & 1;
    words[flow::kTunErspanHwid] = static_cast<uint32_t>(p[11] >> 4 | (p[10] & 3) << 4);
  }
}

void StoreErspan(const uint32_t* key, const uint32_t* data, ByteWriter& out) {
  uint8_t* p = PutAttribute(out, OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, kErspanBytes);
  if (p == nullptr) return;
  StoreHost<uint32_t>(p, data[flow::kTunErspanVer]);
  if (key[flow::kTunErspanVer] == 1) {
    StoreBe32(p + 4, data[flow::kTunErspanIdx]);
  } else {
    uint32_t hwid = data[flow::kTunErspanHwid];
    p[10] = hwid >> 4 & 3;
    p[11] = static_cast<uint8_t>((hwid & 15) << 4 | (data[flow::kTunErspanDir] & 1) << 3);
  }
}

void StoreGbp(const uint32_t* data, ByteWriter& out) {
  NestedAttribute vxlan(out, OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS);
  PutU32(out, OVS_VXLAN_EXT_GBP, data[flow::kTunGbpFlags] << 16 | data[flow::kTunGbpId]);
}

// One kind of options at most, which is what the kernel takes. The key decides; a mask of GBP bits alone says that there
// are no options.
void StoreTunnelOptions(const uint32_t* key, const uint32_t* data, ByteWriter& out) {
  uint32_t optionBytes = key[flow::kTunOptsLen];
  if (optionBytes > 0 && optionBytes <= kMaxTunnelOptions && optionBytes % 4 == 0) {
    unsigned n = optionBytes / 4;
    if (data[flow::kTunOptsLen] == 0 && !AnyWord(data + flow::kTunOpts, n)) return;
    if (uint8_t* p = PutAttribute(out, OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, optionBytes)) {
      StoreWords(p, data + flow::kTunOpts, n);
    }
  } else if (key[flow::kTunErspanVer] == 1 || key[flow::kTunErspanVer] == 2) {
    if (AnyWord(data + flow::kTunErspanVer, 4)) StoreErspan(key, data, out);
  } else if (data[flow::kTunGbpId] != 0 || data[flow::kTunGbpFlags] != 0) {
    StoreGbp(data, out);
  } else if (data != key && optionBytes == 0 && data[flow::kTunOptsLen] != 0) {
    // A mask that demands that there are no options.
    PutAttribute(out, OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, 0);
  }
}

}  // namespace

Fitness LoadTunnel(std::span<const uint8_t> bytes, const uint32_t* key, uint32_t* words) {
  AttributeReader reader(bytes);
  Attribute a;
  bool unknown = false, hasTtl = false;
  while (reader.Next(a)) {
    if (a.type >= std::size(kTunnelLengths)) {
      unknown = true;
      continue;
    }
    int length = kTunnelLengths[a.type];
    if (length != kAnyLength && a.payload.size() != static_cast<size_t>(length)) {
      return TunnelError("attribute of wrong length");
    }
    const uint8_t* p = a.payload.data();
    switch (a.type) {
      case OVS_TUNNEL_KEY_ATTR_ID:
        LoadWords(p, words + flow::kTunId, 2);
        words[flow::kTunFlags] |= kTunnelFlagKey;
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV4_SRC:
        words[flow::kTunSrc] = LoadBe32(p);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV4_DST:
        words[flow::kTunDst] = LoadBe32(p);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV6_SRC:
        LoadWords(p, words + flow::kTunIpv6Src, 4);
        break;
      case OVS_TUNNEL_KEY_ATTR_IPV6_DST:
        LoadWords(p, words + flow::kTunIpv6Dst, 4);
        break;
      case OVS_TUNNEL_KEY_ATTR_TOS:
        words[flow::kTunTos] = p[0];
        break;
      case OVS_TUNNEL_KEY_ATTR_TTL:
        words[flow::kTunTtl] = p[0];
        hasTtl = true;
        break;
      case OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT:
        words[flow::kTunFlags] |= kTunnelFlagDf;
        break;
      case OVS_TUNNEL_KEY_ATTR_CSUM:
        words[flow::kTunFlags] |= kTunnelFlagCsum;
        break;
      case OVS_TUNNEL_KEY_ATTR_OAM:
        words[flow::kTunFlags] |= kTunnelFlagOam;
        break;
      case OVS_TUNNEL_KEY_ATTR_TP_SRC:
        words[flow::kTunTpSrc] = LoadBe16(p);
        break;
      case OVS_TUNNEL_KEY_ATTR_TP_DST:
        words[flow::kTunTpDst] = LoadBe16(p);
        break;
      case OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS:
        if (!LoadGeneveOptions(a.payload, key, words)) return TunnelError("Geneve options of wrong length");
        break;
      case OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS:
        if (!LoadVxlanOptions(a.payload, words)) return TunnelError("malformed VXLAN options");
        break;
      case OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS:
        LoadErspan(p, key, words);
        break;
      case kGtpuOptions:
        if (a.payload.empty()) {  // IPV4_INFO_BRIDGE has no word in the key.
          unknown = true;
          break;
        }
        if (a.payload.size() != kGtpuBytes) return TunnelError("GTP-U options of wrong length");
        words[flow::kTunGtpuFlags] = p[0];
        words[flow::kTunGtpuMsgtype] = p[1];
        break;
      case OVS_TUNNEL_KEY_ATTR_PAD:
        break;
      default:
        unknown = true;
    }
  }
  if (reader.malformed()) return TunnelError("attribute runs past its end");
  if (key == nullptr && !hasTtl) return TunnelError("no TTL");
  return unknown ? Fitness::kTooMuch : Fitness::kPerfect;
}

bool AnyTunnelWord(const uint32_t* words) {
  return AnyWord(words + flow::kTunId, flow::kMetadata - flow::kTunId) || words[flow::kTunOptsLen] != 0 ||
         AnyWord(words + flow::kTunOpts, flow::kEndOptions - flow::kTunOpts);
}

namespace {

void PutByte(ByteWriter& out, uint16_t type, uint32_t value) {
  if (uint8_t* p = PutAttribute(out, type, 1)) *p = static_cast<uint8_t>(value);
}
// Appends 'n' words unless they are all zero.
void PutWordsUnlessZero(ByteWriter& out, uint16_t type, const uint32_t* words, unsigned n) {
  if (!AnyWord(words, n)) return;
  if (uint8_t* p = PutAttribute(out, type, 4 * n)) StoreWords(p, words, n);
}

// What goes before the ends of the tunnel, and what goes between them and the options.
void StoreTunnelId(const uint32_t* data, ByteWriter& out) {
  if ((data[flow::kTunFlags] & kTunnelFlagKey) == 0 && !AnyWord(data + flow::kTunId, 2)) return;
  if (uint8_t* p = PutAttribute(out, OVS_TUNNEL_KEY_ATTR_ID, 8)) StoreWords(p, data + flow::kTunId, 2);
}
void StoreTunnelHeader(const uint32_t* data, ByteWriter& out) {
  uint32_t flags = data[flow::kTunFlags];
  if (data[flow::kTunTos] != 0) PutByte(out, OVS_TUNNEL_KEY_ATTR_TOS, data[flow::kTunTos]);
  PutByte(out, OVS_TUNNEL_KEY_ATTR_TTL, data[flow::kTunTtl]);
  if ((flags & kTunnelFlagDf) != 0) PutAttribute(out, OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, 0);
  if ((flags & kTunnelFlagCsum) != 0) PutAttribute(out, OVS_TUNNEL_KEY_ATTR_CSUM, 0);
  if (data[flow::kTunTpSrc] != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_TUNNEL_KEY_ATTR_TP_SRC, 2)) StoreBe16(p, data[flow::kTunTpSrc]);
  }
  if (data[flow::kTunTpDst] != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_TUNNEL_KEY_ATTR_TP_DST, 2)) StoreBe16(p, data[flow::kTunTpDst]);
  }
  if ((flags & kTunnelFlagOam) != 0) PutAttribute(out, OVS_TUNNEL_KEY_ATTR_OAM, 0);
}

}  // namespace

void StoreTunnel(const uint32_t* key, const uint32_t* data, ByteWriter& out) {
  NestedAttribute tunnel(out, OVS_KEY_ATTR_TUNNEL);
  StoreTunnelId(data, out);
  // The kernel keeps the ends of both families in one place, so a mask names those of its key's family only.
  if (AnyWord(key + flow::kTunIpv6Dst, 4)) {
    PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV6_SRC, data + flow::kTunIpv6Src, 4);
    PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV6_DST, data + flow::kTunIpv6Dst, 4);
  } else {
    PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV4_SRC, data + flow::kTunSrc, 1);
    PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV4_DST, data + flow::kTunDst, 1);
  }
  StoreTunnelHeader(data, out);
  StoreTunnelOptions(key, data, out);
}

void StoreFullTunnel(const uint32_t* key, const uint32_t* data, ByteWriter& out) {
  NestedAttribute tunnel(out, OVS_KEY_ATTR_TUNNEL);
  StoreTunnelId(data, out);
  PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV4_SRC, data + flow::kTunSrc, 1);
  PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV4_DST, data + flow::kTunDst, 1);
  PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV6_SRC, data + flow::kTunIpv6Src, 4);
  PutWordsUnlessZero(out, OVS_TUNNEL_KEY_ATTR_IPV6_DST, data + flow::kTunIpv6Dst, 4);
  StoreTunnelHeader(data, out);
  if (data[flow::kTunGbpId] != 0 || data[flow::kTunGbpFlags] != 0) StoreGbp(data, out);
  uint32_t optionBytes = key[flow::kTunOptsLen];
  if (optionBytes > 0 && optionBytes <= kMaxTunnelOptions && optionBytes % 4 == 0) {
    if (uint8_t* p = PutAttribute(out, OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, optionBytes)) {
      StoreWords(p, data + flow::kTunOpts, optionBytes / 4);
    }
  }
  // Of a mask OVS shows no ERSPAN fields: there a version of 1 or 2 means something else.
  uint32_t version = data[flow::kTunErspanVer];
  if (version == 1 || version == 2) StoreErspan(data, data, out);
  if (data[flow::kTunGtpuFlags] != 0 && data[flow::kTunGtpuMsgtype] != 0) {
    if (uint8_t* p = PutAttribute(out, kGtpuOptions, kGtpuBytes)) {
      p[0] = static_cast<uint8_t>(data[flow::kTunGtpuFlags]);
      p[1] = static_cast<uint8_t>(data[flow::kTunGtpuMsgtype]);
    }
  }
}

Fitness LoadNsh(std::span<const uint8_t> bytes, bool isMask, uint32_t* words) {
  AttributeReader reader(bytes);
  Attribute a;
  bool unknown = false, hasMd1 = false;
  while (reader.Next(a)) {
    const uint8_t* p = a.payload.data();
    if (a.type == OVS_NSH_KEY_ATTR_BASE && a.payload.size() == 8) {
      words[flow::kNshFlags] = p[0];
      words[flow::kNshTtl] = p[1];
      words[flow::kNshMdtype] = p[2];
      words[flow::kNshNp] = p[3];
      words[flow::kNshPathHdr] = LoadBe32(p + 4);
    } else if (a.type == OVS_NSH_KEY_ATTR_MD1 && a.payload.size() == 16) {
      LoadWords(p, words + flow::kNshContext, 4);
      hasMd1 = true;
    } else if (a.type == OVS_NSH_KEY_ATTR_BASE || a.type == OVS_NSH_KEY_ATTR_MD1) {
      Problem("nsh", "attribute of wrong length");
      return Fitness::kError;
    } else {  // MD2 has no words in the key.
      unknown = true;
    }
  }
  if (reader.malformed() || (!isMask && hasMd1 && words[flow::kNshMdtype] != kNshMdType1)) {
    Problem("nsh", reader.malformed() ? "attribute runs past its end" : "MD1 context in a header of another type");
    return Fitness::kError;
  }
  return unknown ? Fitness::kTooMuch : Fitness::kPerfect;
}

void StoreNsh(const uint32_t* key, const uint32_t* data, ByteWriter& out) {
  NestedAttribute nsh(out, OVS_KEY_ATTR_NSH);
  if (uint8_t* p = PutAttribute(out, OVS_NSH_KEY_ATTR_BASE, 8)) {
    p[0] = static_cast<uint8_t>(data[flow::kNshFlags]);
    p[1] = static_cast<uint8_t>(data[flow::kNshTtl]);
    p[2] = static_cast<uint8_t>(data[flow::kNshMdtype]);
    p[3] = static_cast<uint8_t>(data[flow::kNshNp]);
    StoreBe32(p + 4, data[flow::kNshPathHdr]);
  }
  if (key[flow::kNshMdtype] != kNshMdType1) return;
  if (uint8_t* p = PutAttribute(out, OVS_NSH_KEY_ATTR_MD1, 16)) StoreWords(p, data + flow::kNshContext, 4);
}

}  // namespace slowpath
