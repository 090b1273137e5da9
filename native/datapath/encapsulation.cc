#include "datapath/encapsulation.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/headers.h"
#include "wire/attributes.h"

namespace slowpath {
namespace {

constexpr uint32_t kEntryBytes = 4;
constexpr uint32_t kNshBaseBytes = 8;
constexpr uint32_t kNshMaxBytes = 256;
constexpr uint8_t kNshMdType1 = 1;
constexpr uint8_t kNshEthernet = 3;  // Next protocol.

bool IsMpls(uint16_t etherType) { return etherType == ETH_P_MPLS_UC || etherType == ETH_P_MPLS_MC; }

// Bytes of the NSH header at 'nsh'.
uint32_t NshBytes(const uint8_t* nsh) { return (LoadBe16(nsh) & 0x3fu) * 4; }

// The NSH header of a packet; null without one that is wholly there.
uint8_t* NshHeader(Packet& packet) {
  Headers h = FindHeaders(packet);
  if (h.etherType != ETH_P_NSH || !h.network) return nullptr;
  uint8_t* nsh = packet.data + h.l3;
  uint32_t bytes = NshBytes(nsh);
  return bytes >= kNshBaseBytes && h.l3 + bytes <= packet.length ? nsh : nullptr;
}

uint8_t Masked(uint8_t old, uint8_t value, uint8_t mask) {
  return static_cast<uint8_t>((old & ~mask) | (value & mask));
}

}  // namespace

uint8_t NshProtocol(uint16_t etherType) {
  switch (etherType) {
    case ETH_P_IP:
      return 1;
    case ETH_P_IPV6:
      return 2;
    case ETH_P_TEB:
      return kNshEthernet;
    case ETH_P_NSH:
      return 4;
    case ETH_P_MPLS_UC:
      return 5;
    default:
      return 0;
  }
}

uint16_t NshEtherType(uint8_t protocol) {
  static constexpr uint16_t kTypes[] = {0, ETH_P_IP, ETH_P_IPV6, ETH_P_TEB, ETH_P_NSH, ETH_P_MPLS_UC};
  return protocol < std::size(kTypes) ? kTypes[protocol] : 0;
}

uint32_t LinkHeaderBytes(const Packet& packet) {
  return packet.bare != 0 ? 0 : FindHeaders(packet.frame()).typeOffset + 2;
}

bool PushMpls(Packet& packet, uint32_t entry, uint16_t etherType, uint32_t before) {
  if (!OpenGap(packet, before, kEntryBytes)) return false;
  if (before != 0) {
    StoreBe16(packet.data + before - 2, etherType);
  } else {
    packet.bare = etherType;
  }
  StoreBe32(packet.data + before, entry);
  return true;
}

bool PopMpls(Packet& packet, uint16_t etherType) {
  Headers h = FindHeaders(packet);
  if (!IsMpls(h.etherType)) return true;
  if (!h.network) return false;
  bool ethernet = packet.bare == 0;
  CloseGap(packet, h.l3, kEntryBytes);
  if (ethernet) {
    StoreBe16(packet.data + h.typeOffset, etherType);
  } else {
    packet.bare = etherType == ETH_P_TEB ? 0 : etherType;
  }
  // Actions count on every frame having a whole Ethernet header.
  return packet.bare != 0 || packet.length >= ETH_HLEN;
}

bool PushEthernet(Packet& packet, const uint8_t* addresses) {
  uint16_t etherType = packet.bare;
  if (etherType == 0 || !OpenGap(packet, 0, ETH_HLEN)) return false;
  std::memcpy(packet.data, addresses + ETH_ALEN, ETH_ALEN);
  std::memcpy(packet.data + ETH_ALEN, addresses, ETH_ALEN);
  StoreBe16(packet.data + 2 * ETH_ALEN, etherType);
  packet.bare = 0;
  return true;
}

bool PopEthernet(Packet& packet) {
  if (packet.bare != 0 || packet.length < ETH_HLEN) return false;
  uint16_t etherType = LoadBe16(packet.data + 2 * ETH_ALEN);
  // A tag, or a length: 802.2 has no type that could tell what the rest is.
  if (etherType == ETH_P_8021Q || etherType == ETH_P_8021AD || etherType < ETH_P_802_3_MIN) return false;
  CloseGap(packet, 0, ETH_HLEN);
  packet.bare = etherType;
  return true;
}

bool PushNsh(Packet& packet, std::span<const uint8_t> content) {
  uint8_t header[kNshMaxBytes] = {};
  uint32_t bytes = kNshBaseBytes;
  uint8_t flags = 0, ttl = 0;
  AttributeReader reader(content);
  for (Attribute a; reader.Next(a);) {
    if (a.type == OVS_NSH_KEY_ATTR_BASE) {
      flags = a.payload[0];
      ttl = a.payload[1];
      header[2] = a.payload[2];
      std::memcpy(header + 4, a.payload.data() + 4, 4);
    } else {
      std::memcpy(header + kNshBaseBytes, a.payload.data(), a.payload.size());
      bytes = kNshBaseBytes + static_cast<uint32_t>(a.payload.size());
    }
  }
  header[3] = packet.bare == 0 ? kNshEthernet : NshProtocol(packet.bare);
  // The length is in words; what is left over is not sent.
  bytes &= ~3u;
  StoreBe16(header, (flags & 3u) << 12 | (ttl & 0x3fu) << 6 | ((bytes / 4) & 0x3f));
  bytes = NshBytes(header);
  if (header[3] == 0 || bytes == 0 || !OpenGap(packet, 0, bytes)) return false;
  std::memcpy(packet.data, header, bytes);
  packet.bare = ETH_P_NSH;
  return true;
}

bool PopNsh(Packet& packet) {
  if (packet.bare != ETH_P_NSH) return false;
  const uint8_t* nsh = NshHeader(packet);
  if (nsh == nullptr) return false;
  uint16_t inner = NshEtherType(nsh[3]);
  if (inner == 0) return false;
  CloseGap(packet, 0, NshBytes(nsh));
  packet.bare = inner == ETH_P_TEB ? 0 : inner;
  return packet.bare != 0 || packet.length >= ETH_HLEN;
}

bool SetNsh(Packet& packet, std::span<const uint8_t> content, bool masked) {
  uint8_t* nsh = NshHeader(packet);
  if (nsh == nullptr) return false;
  static constexpr uint8_t kOnes[16] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
  AttributeReader reader(content);
  for (Attribute a; reader.Next(a);) {
    const uint8_t* value = a.payload.data();
    const uint8_t* mask = masked ? value + a.payload.size() / 2 : kOnes;
    if (a.type == OVS_NSH_KEY_ATTR_BASE) {
      uint32_t first = LoadBe16(nsh);
      uint8_t flags = Masked(first >> 12 & 3, value[0], mask[0]);
      uint8_t ttl = Masked(first >> 6 & 0x3f, value[1], mask[1]);
      StoreBe16(nsh, (first & 0xc03f) | (flags & 3u) << 12 | (ttl & 0x3fu) << 6);
      for (int i = 4; i < 8; i++) nsh[i] = Masked(nsh[i], value[i], mask[i]);
    } else if (nsh[2] == kNshMdType1 && NshBytes(nsh) >= kNshBaseBytes + 16) {
      for (int i = 0; i < 16; i++) nsh[kNshBaseBytes + i] = Masked(nsh[kNshBaseBytes + i], value[i], mask[i]);
    }
  }
  return true;
}

}  // namespace slowpath
