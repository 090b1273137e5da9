#pragma once

#include "wire/flow_key.h"
#include "wire/key_attributes.h"

// Payloads of single key attributes ↔ words of a flow key. The same for keys and masks unless said otherwise. Internal to
// native/wire.
namespace slowpath {

inline constexpr uint32_t kEthTypeIpv4 = 0x0800;
inline constexpr uint32_t kEthTypeArp = 0x0806;
inline constexpr uint32_t kEthTypeVlan = 0x8100;
inline constexpr uint32_t kEthTypeRarp = 0x8035;
inline constexpr uint32_t kEthTypeIpv6 = 0x86dd;
inline constexpr uint32_t kEthTypeMpls = 0x8847;
inline constexpr uint32_t kEthTypeMplsMulticast = 0x8848;
inline constexpr uint32_t kEthTypeServiceVlan = 0x88a8;
inline constexpr uint32_t kEthTypeNsh = 0x894f;
inline constexpr uint32_t kEthTypeMin = 0x0600;   // Below this the field is a length (802.3).
inline constexpr uint32_t kEthTypeNone = 0x05ff;  // eth_type of 802.2 frames without SNAP.

inline constexpr uint32_t kIpProtoIcmp = 1;
inline constexpr uint32_t kIpProtoIgmp = 2;
inline constexpr uint32_t kIpProtoTcp = 6;
inline constexpr uint32_t kIpProtoUdp = 17;
inline constexpr uint32_t kIpProtoIcmpv6 = 58;
inline constexpr uint32_t kIpProtoSctp = 132;

inline constexpr uint32_t kVlanPresent = 0x1000;  // vlan_tci: the tag is there. On the wire of netlink, too.
inline constexpr uint32_t kMplsBottom = 0x100;    // Bottom-of-stack bit of a label stack entry.
inline constexpr unsigned kMplsLabels = 3;        // Label stack entries that a key holds.
inline constexpr uint32_t kFragAny = 1;           // nw_frag bits.
inline constexpr uint32_t kFragLater = 2;
inline constexpr uint32_t kNdSolicit = 135;
inline constexpr uint32_t kNdAdvert = 136;
inline constexpr uint32_t kNoPort = 0xffffffff;  // in_port of a packet that came from no port.
inline constexpr uint32_t kNshMdType1 = 1;
inline constexpr uint32_t kNshMdType2 = 2;
inline constexpr uint32_t kPacketTypeEthertype = 1;  // Namespace of packet_type for packets without Ethernet header.

inline bool IsVlanType(uint32_t ethType) { return ethType == kEthTypeVlan || ethType == kEthTypeServiceVlan; }
inline bool IsMplsType(uint32_t ethType) {
  return ethType == kEthTypeMpls || ethType == kEthTypeMplsMulticast;
}
inline bool IsArpType(uint32_t ethType) { return ethType == kEthTypeArp || ethType == kEthTypeRarp; }
inline bool IsIpType(uint32_t ethType) { return ethType == kEthTypeIpv4 || ethType == kEthTypeIpv6; }

// The attribute that carries the L4 fields of a key; 0 when none does.
inline unsigned L4Attribute(const uint32_t* key) {
  uint32_t ethType = key[flow::kEthType];
  if (!IsIpType(ethType) || (key[flow::kNwFrag] & kFragLater) != 0) return 0;
  switch (key[flow::kNwProto]) {
    case kIpProtoTcp:
      return OVS_KEY_ATTR_TCP;
    case kIpProtoUdp:
      return OVS_KEY_ATTR_UDP;
    case kIpProtoSctp:
      return OVS_KEY_ATTR_SCTP;
    case kIpProtoIcmp:
      return ethType == kEthTypeIpv4 ? OVS_KEY_ATTR_ICMP : 0;
    case kIpProtoIcmpv6:
      return ethType == kEthTypeIpv6 ? OVS_KEY_ATTR_ICMPV6 : 0;
    default:
      return 0;
  }
}
// The attribute that carries the L3 fields of packets of 'ethType'; 0 when none does.
inline unsigned L3Attribute(uint32_t ethType) {
  if (ethType == kEthTypeIpv4) return OVS_KEY_ATTR_IPV4;
  if (ethType == kEthTypeIpv6) return OVS_KEY_ATTR_IPV6;
  if (IsArpType(ethType)) return OVS_KEY_ATTR_ARP;
  if (IsMplsType(ethType)) return OVS_KEY_ATTR_MPLS;
  if (ethType == kEthTypeNsh) return OVS_KEY_ATTR_NSH;
  return 0;
}
// A key whose ND words mean something: a neighbour solicitation or advertisement.
inline bool IsNeighbourDiscovery(const uint32_t* key) {
  return (key[flow::kTpSrc] == kNdSolicit || key[flow::kTpSrc] == kNdAdvert) && key[flow::kTpDst] == 0;
}

// A packet that OVS looks further into than datapaths do: their keys and masks never say enough.
inline bool IsIgmp(const uint32_t* key) {
  return key[flow::kEthType] == kEthTypeIpv4 && key[flow::kNwProto] == kIpProtoIgmp;
}

inline void LoadMac(const uint8_t* p, uint32_t* words) {
  words[0] = LoadBe16(p);
  words[1] = LoadBe32(p + 2);
}
inline void StoreMac(uint8_t* p, const uint32_t* words) {
  StoreBe16(p, words[0]);
  StoreBe32(p + 2, words[1]);
}
inline void LoadWords(const uint8_t* p, uint32_t* words, unsigned n) {
  for (unsigned i = 0; i < n; i++) words[i] = LoadBe32(p + 4 * i);
}
inline void StoreWords(uint8_t* p, const uint32_t* words, unsigned n) {
  for (unsigned i = 0; i < n; i++) StoreBe32(p + 4 * i, words[i]);
}
// Conntrack labels are a host-order 128-bit number on netlink, its least significant word first.
inline void LoadLabels(const uint8_t* p, uint32_t* words) {
  for (unsigned i = 0; i < 4; i++) words[3 - i] = LoadHost<uint32_t>(p + 4 * i);
}
inline void StoreLabels(uint8_t* p, const uint32_t* words) {
  for (unsigned i = 0; i < 4; i++) StoreHost<uint32_t>(p + 4 * i, words[3 - i]);
}
inline bool AnyWord(const uint32_t* words, unsigned n) {
  uint32_t any = 0;
  for (unsigned i = 0; i < n; i++) any |= words[i];
  return any != 0;
}

// Attributes with their flow words, decoding. Metadata is everything outside the packet except the tunnel.
void LoadMetadata(const KeyAttributes& a, uint32_t* words);
void LoadIpv4(const uint8_t* p, uint32_t* words);
void LoadIpv6(const uint8_t* p, uint32_t* words);
void LoadArp(const uint8_t* p, uint32_t* words);
void LoadL4(unsigned type, const uint8_t* p, uint32_t* words);
void LoadNd(const uint8_t* p, uint32_t* words);
// struct ovs_key_nd_extensions, which the kernel has a number for and no definition.
inline constexpr size_t kNdExtensionBytes = 8;
void LoadNdExtensions(const uint8_t* p, uint32_t* words);

// The other way. 'fragment' is the last byte of the IP attributes. 'p' is zeroed and has room for the attribute's payload.
void StoreIpv4(uint8_t* p, const uint32_t* words, uint8_t fragment);
void StoreIpv6(uint8_t* p, const uint32_t* words, uint8_t fragment);
// With 'widen' an opcode of 0xff is written as 0xffff: a mask of all the opcode that a key can hold.
void StoreArp(uint8_t* p, const uint32_t* words, bool widen);
void StoreNd(uint8_t* p, const uint32_t* words);
void StoreNdExtensions(uint8_t* p, const uint32_t* words);
void StoreTuple4(uint8_t* p, const uint32_t* words);
void StoreTuple6(uint8_t* p, const uint32_t* words);
// Appends the L4 attribute of number 'type'.
void StoreL4(ByteWriter& out, unsigned type, const uint32_t* words);

// Content of OVS_KEY_ATTR_TUNNEL. 'key' is null when decoding a key, else the key that the mask belongs to.
Fitness LoadTunnel(std::span<const uint8_t> bytes, const uint32_t* key, uint32_t* words);
// Appends OVS_KEY_ATTR_TUNNEL. 'data' is 'key' itself, or a mask of it.
void StoreTunnel(const uint32_t* key, const uint32_t* data, ByteWriter& out);
// The same with everything that the words say, whether a datapath takes it or not: ends of both families, all kinds of
// options, GTP-U.
void StoreFullTunnel(const uint32_t* key, const uint32_t* data, ByteWriter& out);
// Whether any word of the tunnel (metadata, not options) is set in a mask.
bool AnyTunnelWord(const uint32_t* words);
inline bool HasTunnel(const uint32_t* key) {
  return key[flow::kTunDst] != 0 || AnyWord(key + flow::kTunIpv6Dst, 4);
}

// Content of OVS_KEY_ATTR_NSH.
Fitness LoadNsh(std::span<const uint8_t> bytes, bool isMask, uint32_t* words);
// Appends OVS_KEY_ATTR_NSH; MD1 context when 'key' is of that type.
void StoreNsh(const uint32_t* key, const uint32_t* data, ByteWriter& out);

}  // namespace slowpath
