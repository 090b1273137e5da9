#include "datapath/gso.h"

#include <linux/if_ether.h>
#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "datapath/checksum.h"
#include "datapath/headers.h"
#include "wire/bytes.h"

namespace slowpath {
namespace {

constexpr uint8_t kTcpFin = 0x01;
constexpr uint8_t kTcpPsh = 0x08;
constexpr uint8_t kTcpCwr = 0x80;

}  // namespace

uint32_t LongestSegment(const Packet& packet) {
  Headers h = FindHeaders(packet);
  if (h.l4 == 0) return packet.length;
  uint32_t transport = h.protocol == IPPROTO_TCP ? (packet.data[h.l4 + 12] >> 4) * 4u : 8u;
  return h.l4 + transport + packet.offload.gso_size - (packet.length - LengthWithoutTag(packet));
}

Segmenter::Segmenter(const Packet& packet, std::span<uint8_t> scratch) : packet_(packet), scratch_(scratch) {
  Headers h = FindHeaders(packet);
  if (h.l4 == 0 || packet.offload.gso_size == 0) return;
  ipv6_ = h.etherType == ETH_P_IPV6;
  protocol_ = h.protocol;
  l3_ = h.l3;
  l4_ = h.l4;
  switch (packet.offload.gso_type & ~VnetHeader::kGsoEcn) {
    case VnetHeader::kGsoTcp4:
      if (ipv6_ || protocol_ != IPPROTO_TCP) return;
      break;
    case VnetHeader::kGsoTcp6:
      if (!ipv6_ || protocol_ != IPPROTO_TCP) return;
      break;
    case VnetHeader::kGsoUdpL4:
      if (protocol_ != IPPROTO_UDP) return;
      break;
    default:
      return;
  }
  uint32_t transport = protocol_ == IPPROTO_TCP ? (packet.data[l4_ + 12] >> 4) * 4u : 8u;
  headerBytes_ = l4_ + transport;
  at_ = headerBytes_;
  end_ = packet.length;
  valid_ = transport >= 8 && (protocol_ != IPPROTO_TCP || transport >= 20) && headerBytes_ < end_ &&
           headerBytes_ + packet.offload.gso_size <= scratch.size();
}

std::span<const uint8_t> Segmenter::Next() {
  if (at_ >= end_) return {};
  uint32_t payload = std::min<uint32_t>(packet_.offload.gso_size, end_ - at_);
  std::memcpy(scratch_.data(), packet_.data, headerBytes_);
  std::memcpy(scratch_.data() + headerBytes_, packet_.data + at_, payload);
  FixNetwork(payload);
  FixTransport(payload, at_ == headerBytes_, at_ + payload == end_);
  at_ += payload;
  index_++;
  return scratch_.first(headerBytes_ + payload);
}

void Segmenter::FixNetwork(uint32_t payload) {
  uint8_t* ip = scratch_.data() + l3_;
  if (ipv6_) {
    StoreBe16(ip + 4, headerBytes_ - l3_ - 40 + payload);
    return;
  }
  StoreBe16(ip + 2, headerBytes_ - l3_ + payload);
  StoreBe16(ip + 4, LoadBe16(ip + 4) + index_);
  StoreBe16(ip + 10, 0);
  StoreBe16(ip + 10, static_cast<uint16_t>(~ChecksumFold(ChecksumAdd({ip, (ip[0] & 15) * 4u}))));
}

void Segmenter::FixTransport(uint32_t payload, bool first, bool last) {
  uint8_t* header = scratch_.data() + l4_;
  uint32_t length = headerBytes_ - l4_ + payload;
  uint8_t* field = header + (protocol_ == IPPROTO_TCP ? 16 : 6);
  if (protocol_ == IPPROTO_TCP) {
    StoreBe32(header + 4, LoadBe32(header + 4) + (at_ - headerBytes_));
    if (!last) header[13] &= static_cast<uint8_t>(~(kTcpFin | kTcpPsh));
    if (!first) header[13] &= static_cast<uint8_t>(~kTcpCwr);
  } else {
    StoreBe16(header + 4, length);
  }
  const uint8_t* ip = scratch_.data() + l3_;
  std::span<const uint8_t> addresses = ipv6_ ? std::span(ip + 8, 32) : std::span(ip + 12, 8);
  StoreBe16(field, 0);
  uint64_t sum = PseudoHeaderSum(addresses, protocol_, length) + ChecksumAdd({header, length});
  uint16_t checksum = static_cast<uint16_t>(~ChecksumFold(sum));
  StoreBe16(field, checksum == 0 && protocol_ == IPPROTO_UDP ? 0xffff : checksum);
}

}  // namespace slowpath
