#include "datapath/headers.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <netinet/in.h>

#include <cstring>

#include "datapath/checksum.h"
#include "wire/flow_key.h"

namespace slowpath {
namespace {

constexpr uint32_t kTagBytes = 4;
constexpr uint32_t kNshBaseBytes = 8;

bool IsVlan(uint16_t type) { return type == ETH_P_8021Q || type == ETH_P_8021AD; }

uint32_t TransportBytes(uint8_t protocol) {
  switch (protocol) {
    case IPPROTO_TCP:
      return 20;
    case IPPROTO_UDP:
    case IPPROTO_ICMP:
    case IPPROTO_ICMPV6:
      return 8;
    case IPPROTO_SCTP:
      return 12;
    default:
      return 0;
  }
}

void FindTransport(std::span<const uint8_t> frame, uint32_t at, Headers& h) {
  uint32_t need = TransportBytes(h.protocol);
  if (need != 0 && !h.laterFragment && at + need <= frame.size()) h.l4 = at;
}

void FindIpv4(std::span<const uint8_t> frame, uint32_t at, Headers& h) {
  if (at + 20 > frame.size()) return;
  uint32_t length = (frame[at] & 0x0f) * 4u;
  if (frame[at] >> 4 != 4 || length < 20 || at + length > frame.size()) return;
  h.l3 = at;
  h.network = true;
  h.protocol = frame[at + 9];
  h.laterFragment = (LoadBe16(&frame[at + 6]) & 0x1fff) != 0;
  FindTransport(frame, at + length, h);
}

void FindIpv6(std::span<const uint8_t> frame, uint32_t at, Headers& h) {
  if (at + 40 > frame.size() || frame[at] >> 4 != 6) return;
  h.l3 = at;
  h.network = true;
  uint8_t next = frame[at + 6];
  uint32_t p = at + 40;
  for (;;) {
    bool options = next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS;
    if (!options && next != IPPROTO_FRAGMENT && next != IPPROTO_AH) break;
    if (p + 8 > frame.size()) return;
    if (next == IPPROTO_FRAGMENT && (LoadBe16(&frame[p + 2]) & 0xfff8) != 0) h.laterFragment = true;
    uint32_t length = options ? (frame[p + 1] + 1u) * 8 : next == IPPROTO_AH ? (frame[p + 1] + 2u) * 4 : 8;
    next = frame[p];
    p += length;
    if (h.laterFragment) break;
  }
  h.protocol = next;
  FindTransport(frame, p, h);
}

// Merges value into n bytes at p under the mask; true when something changed. 'old' gets the bytes of before.
bool Merge(uint8_t* p, const uint8_t* value, const uint8_t* mask, size_t n, uint8_t* old) {
  std::memcpy(old, p, n);
  for (size_t i = 0; i < n; i++) p[i] = static_cast<uint8_t>((p[i] & ~mask[i]) | (value[i] & mask[i]));
  return std::memcmp(old, p, n) != 0;
}

// The checksum field of the transport header at h.l4; 0 when it has none (or UDP goes without).
uint32_t TransportChecksum(const Packet& packet, const Headers& h) {
  if (h.l4 == 0) return 0;
  switch (h.protocol) {
    case IPPROTO_TCP:
      return h.l4 + 16;
    case IPPROTO_UDP:
      return LoadBe16(packet.data + h.l4 + 6) != 0 || packet.needsChecksum() ? h.l4 + 6 : 0;
    case IPPROTO_ICMPV6:
      return h.l4 + 2;
    default:
      return 0;
  }
}

bool LeftToDevice(const Packet& packet, uint32_t field) {
  return packet.needsChecksum() && uint32_t{packet.offload.csum_start} + packet.offload.csum_offset == field;
}

void AvoidZeroUdp(Packet& packet, const Headers& h, uint32_t field) {
  if (h.protocol == IPPROTO_UDP && LoadBe16(packet.data + field) == 0) StoreBe16(packet.data + field, 0xffff);
}

// An address of the pseudo header changed from 'old' to what is now at 'now'.
void AddressChanged(Packet& packet, const Headers& h, const uint8_t* old, const uint8_t* now, size_t n) {
  uint32_t field = TransportChecksum(packet, h);
  if (field == 0) return;
  if (LeftToDevice(packet, field)) {
    PartialSumReplace(packet.data + field, old, now, n);
  } else {
    ChecksumReplace(packet.data + field, old, now, n);
    AvoidZeroUdp(packet, h, field);
  }
}

bool SetEthernet(Packet& packet, const uint8_t* value, const uint8_t* mask) {
  if (packet.bare != 0) return false;
  uint8_t old[6];
  Merge(packet.data + 6, value, mask, 6, old);
  Merge(packet.data, value + 6, mask + 6, 6, old);
  return true;
}

// struct ovs_key_ipv4: src, dst, proto, tos, ttl, frag.
bool SetIpv4(Packet& packet, const uint8_t* value, const uint8_t* mask) {
  Headers h = FindHeaders(packet);
  if (h.etherType != ETH_P_IP || !h.network) return false;
  uint8_t* ip = packet.data + h.l3;
  uint8_t old[4];
  for (uint32_t i = 0; i < 2; i++) {
    uint8_t* address = ip + 12 + 4 * i;
    if (!Merge(address, value + 4 * i, mask + 4 * i, 4, old)) continue;
    ChecksumReplace(ip + 10, old, address, 4);
    AddressChanged(packet, h, old, address, 4);
  }
  std::memcpy(old, ip, 2);
  ip[1] = static_cast<uint8_t>((ip[1] & ~mask[9]) | (value[9] & mask[9]));
  ChecksumReplace(ip + 10, old, ip, 2);
  std::memcpy(old, ip + 8, 2);
  ip[8] = static_cast<uint8_t>((ip[8] & ~mask[10]) | (value[10] & mask[10]));
  ChecksumReplace(ip + 10, old, ip + 8, 2);
  return true;
}

// struct ovs_key_ipv6: src[16], dst[16], label (be32), proto, tclass, hlimit, frag.
bool SetIpv6(Packet& packet, const uint8_t* value, const uint8_t* mask) {
  Headers h = FindHeaders(packet);
  if (h.etherType != ETH_P_IPV6 || !h.network) return false;
  uint8_t* ip = packet.data + h.l3;
  uint8_t old[16];
  for (uint32_t i = 0; i < 2; i++) {
    uint8_t* address = ip + 8 + 16 * i;
    if (Merge(address, value + 16 * i, mask + 16 * i, 16, old)) AddressChanged(packet, h, old, address, 16);
  }
  uint32_t bits = (LoadBe32(mask + 32) & 0xfffff) | static_cast<uint32_t>(mask[37]) << 20;
  uint32_t set = (LoadBe32(value + 32) & 0xfffff) | static_cast<uint32_t>(value[37]) << 20;
  StoreBe32(ip, (LoadBe32(ip) & ~bits) | (set & bits));
  ip[7] = static_cast<uint8_t>((ip[7] & ~mask[38]) | (value[38] & mask[38]));
  return true;
}

// TCP and UDP: two ports.
bool SetPorts(Packet& packet, uint8_t protocol, const uint8_t* value, const uint8_t* mask) {
  Headers h = FindHeaders(packet);
  if (h.l4 == 0 || h.protocol != protocol) return false;
  uint8_t* ports = packet.data + h.l4;
  uint8_t old[4];
  if (!Merge(ports, value, mask, 4, old)) return true;
  uint32_t field = TransportChecksum(packet, h);
  // A device that completes the sum will see the new ports: they are not in the pseudo header.
  if (field == 0 || LeftToDevice(packet, field)) return true;
  ChecksumReplace(packet.data + field, old, ports, 4);
  AvoidZeroUdp(packet, h, field);
  return true;
}

// SCTP has a CRC over everything. As Linux does, an error that was there stays visible: the new CRC differs from the right
// one by the same bits as the old.
bool SetSctp(Packet& packet, const uint8_t* value, const uint8_t* mask) {
  Headers h = FindHeaders(packet);
  if (h.l4 == 0 || h.protocol != IPPROTO_SCTP) return false;
  uint8_t* sctp = packet.data + h.l4;
  std::span<const uint8_t> body = packet.frame().subspan(h.l4);
  auto rightCrc = [&] {
    static constexpr uint8_t kZero[4] = {};
    uint32_t crc = Crc32c(body.first(8));
    return Crc32c(body.subspan(12), Crc32c(kZero, crc));
  };
  uint32_t found = LoadHost<uint32_t>(sctp + 8);
  bool left = LeftToDevice(packet, h.l4 + 8);
  uint32_t before = left ? 0 : rightCrc();
  uint8_t old[4];
  Merge(sctp, value, mask, 4, old);
  if (!left) StoreHost<uint32_t>(sctp + 8, found ^ before ^ rightCrc());
  return true;
}

bool SetMpls(Packet& packet, const uint8_t* value, const uint8_t* mask) {
  Headers h = FindHeaders(packet);
  bool mpls = h.etherType == ETH_P_MPLS_UC || h.etherType == ETH_P_MPLS_MC;
  if (!mpls || !h.network) return false;
  uint8_t old[4];
  Merge(packet.data + h.l3, value, mask, 4, old);
  return true;
}

void FindNetwork(std::span<const uint8_t> frame, uint32_t at, Headers& h) {
  switch (h.etherType) {
    case ETH_P_IP:
      return FindIpv4(frame, at, h);
    case ETH_P_IPV6:
      return FindIpv6(frame, at, h);
    case ETH_P_MPLS_UC:
    case ETH_P_MPLS_MC:
    case ETH_P_NSH:
      h.network = at + (h.etherType == ETH_P_NSH ? kNshBaseBytes : 4) <= frame.size();
      h.l3 = h.network ? at : 0;
      return;
    default:
      return;
  }
}

}  // namespace

Headers FindHeaders(std::span<const uint8_t> frame) {
  Headers h;
  if (frame.size() < ETH_HLEN) return h;
  uint32_t at = 12;
  for (int tags = 0; tags < 2 && IsVlan(LoadBe16(&frame[at])) && at + 6 <= frame.size(); tags++) at += kTagBytes;
  h.typeOffset = at;
  h.etherType = LoadBe16(&frame[at]);
  FindNetwork(frame, at + 2, h);
  return h;
}

Headers FindHeaders(const Packet& packet) {
  if (packet.bare == 0) return FindHeaders(packet.frame());
  Headers h;
  h.etherType = packet.bare;
  FindNetwork(packet.frame(), 0, h);
  return h;
}

uint32_t LengthWithoutTag(const Packet& packet) {
  bool tagged = packet.bare == 0 && packet.length >= ETH_HLEN + kTagBytes && IsVlan(LoadBe16(packet.data + 12));
  return packet.length - (tagged ? kTagBytes : 0);
}

void ExtractKey(const Packet& packet, uint32_t* key) {
  if (packet.bare != 0) {
    ExtractBarePacket(packet.frame(), packet.bare, key);
    return;
  }
  key[flow::kPacketType] = 0;
  ExtractPacket(packet.frame(), key);
}

void MoveOffload(Packet& packet, int by) {
  if (packet.needsChecksum()) packet.offload.csum_start = static_cast<uint16_t>(packet.offload.csum_start + by);
  if (packet.offload.hdr_len != 0) packet.offload.hdr_len = static_cast<uint16_t>(packet.offload.hdr_len + by);
}

bool OpenGap(Packet& packet, uint32_t at, uint32_t n) {
  if (!packet.EnsureHeadroom(n)) return false;
  packet.data -= n;
  packet.length += n;
  std::memmove(packet.data, packet.data + n, at);
  MoveOffload(packet, static_cast<int>(n));
  return true;
}

void CloseGap(Packet& packet, uint32_t at, uint32_t n) {
  std::memmove(packet.data + n, packet.data, at);
  packet.data += n;
  packet.length -= n;
  MoveOffload(packet, -static_cast<int>(n));
}

bool PushVlan(Packet& packet, uint16_t tpid, uint16_t tci) {
  if (packet.bare != 0 || !OpenGap(packet, 12, kTagBytes)) return false;
  StoreBe16(packet.data + 12, tpid);
  StoreBe16(packet.data + 14, tci);
  return true;
}

void PopVlan(Packet& packet) {
  if (packet.bare != 0 || packet.length < ETH_HLEN + kTagBytes || !IsVlan(LoadBe16(packet.data + 12))) return;
  CloseGap(packet, 12, kTagBytes);
}

bool DecrementTtl(Packet& packet) {
  Headers h = FindHeaders(packet);
  if (!h.network) return true;
  uint8_t* ip = packet.data + h.l3;
  if (h.etherType == ETH_P_IPV6) {
    if (ip[7] <= 1) return false;
    ip[7]--;
  } else if (h.etherType == ETH_P_IP) {
    if (ip[8] <= 1) return false;
    uint8_t old[2] = {ip[8], ip[9]};
    ip[8]--;
    ChecksumReplace(ip + 10, old, ip + 8, 2);
  }
  return true;
}

bool SetHeader(Packet& packet, uint16_t type, std::span<const uint8_t> value, std::span<const uint8_t> mask) {
  const uint8_t* v = value.data();
  const uint8_t* m = mask.data();
  switch (type) {
    case OVS_KEY_ATTR_ETHERNET:
      return SetEthernet(packet, v, m);
    case OVS_KEY_ATTR_IPV4:
      return SetIpv4(packet, v, m);
    case OVS_KEY_ATTR_IPV6:
      return SetIpv6(packet, v, m);
    case OVS_KEY_ATTR_TCP:
      return SetPorts(packet, IPPROTO_TCP, v, m);
    case OVS_KEY_ATTR_UDP:
      return SetPorts(packet, IPPROTO_UDP, v, m);
    case OVS_KEY_ATTR_SCTP:
      return SetSctp(packet, v, m);
    case OVS_KEY_ATTR_MPLS:
      return SetMpls(packet, v, m);
    default:
      return false;
  }
}

}  // namespace slowpath
