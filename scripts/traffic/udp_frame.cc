#include "udp_frame.h"

#include <cstdio>

#include "packet_socket.h"

namespace traffic {

namespace {

constexpr size_t kIp = 14;
constexpr size_t kUdp = kIp + 20;
constexpr size_t kPayload = kUdp + 8;
constexpr uint32_t kMagic = 0x736c7074;  // "slpt"
constexpr uint32_t kPorts = 60'000;
constexpr uint16_t kFirstPort = 1024;

void Put16(uint8_t* p, uint32_t value) {
  p[0] = static_cast<uint8_t>(value >> 8);
  p[1] = static_cast<uint8_t>(value);
}

void Put32(uint8_t* p, uint32_t value) {
  Put16(p, value >> 16);
  Put16(p + 2, value & 0xffff);
}

uint32_t Get16(const uint8_t* p) { return static_cast<uint32_t>(p[0]) << 8 | p[1]; }
uint32_t Get32(const uint8_t* p) { return Get16(p) << 16 | Get16(p + 2); }

// RFC 1071 over an IPv4 header without options.
uint32_t HeaderChecksum(const uint8_t* header) {
  uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += Get16(header + i);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return ~sum & 0xffff;
}

}  // namespace

Mac ParseMac(const std::string& text) {
  Mac mac;
  int used = 0;
  if (std::sscanf(text.c_str(), "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2], &mac[3],
                  &mac[4], &mac[5], &used) != 6 ||
      used != static_cast<int>(text.size()))
    Die("not a MAC address: " + text, false);
  return mac;
}

UdpFrame::UdpFrame(size_t bytes, const Mac& source, const Mac& destination) : bytes_(bytes) {
  uint8_t* p = bytes_.data();
  for (size_t i = 0; i < 6; ++i) {
    p[i] = destination[i];
    p[6 + i] = source[i];
  }
  Put16(p + 12, 0x0800);
  p[kIp] = 0x45;
  Put16(p + kIp + 2, static_cast<uint32_t>(bytes - kIp));
  Put16(p + kIp + 6, 0x4000);  // Don't fragment.
  p[kIp + 8] = 64;
  p[kIp + 9] = 17;
  Put32(p + kIp + 16, 0x0a02'0001);  // 10.2.0.1
  Put16(p + kUdp + 2, 5001);
  Put16(p + kUdp + 4, static_cast<uint32_t>(bytes - kUdp));
  // The UDP checksum stays 0, which says that there is none (RFC 768).
  Put32(p + kPayload, kMagic);
}

std::span<const uint8_t> UdpFrame::Make(uint32_t flow, uint32_t sequence) {
  uint8_t* p = bytes_.data();
  const uint32_t which = flow % kDistinctFlows;
  Put32(p + kIp + 12, 0x0a01'0000 + which / kPorts);  // 10.1.0.x
  Put16(p + kIp + 10, 0);
  Put16(p + kIp + 10, HeaderChecksum(p + kIp));
  Put16(p + kUdp, kFirstPort + which % kPorts);
  Put32(p + kPayload + 4, sequence);
  return bytes_;
}

std::optional<uint32_t> SequenceOf(std::span<const uint8_t> frame) {
  size_t tags = 0;
  while (frame.size() >= kPayload + tags + 8) {
    const uint32_t type = Get16(frame.data() + 12 + tags);
    if (type == 0x8100 || type == 0x88a8) {
      tags += 4;
      continue;
    }
    if (type != 0x0800 || frame[kIp + tags + 9] != 17) return std::nullopt;
    const uint8_t* payload = frame.data() + kPayload + tags;
    if (Get32(payload) != kMagic) return std::nullopt;
    return Get32(payload + 4);
  }
  return std::nullopt;
}

}  // namespace traffic
