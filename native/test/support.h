#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "wire/netlink.h"

// What the native tests share.
namespace slowpath::test {

// "0a:0b", "0a0b" or "0a 0b" → bytes.
inline std::vector<uint8_t> Hex(const std::string& text) {
  std::vector<uint8_t> out;
  std::string digits;
  for (char c : text) {
    if (c == ' ' || c == ':' || c == '\n') continue;
    digits += c;
    if (digits.size() < 2) continue;
    out.push_back(static_cast<uint8_t>(std::strtoul(digits.c_str(), nullptr, 16)));
    digits.clear();
  }
  return out;
}

inline std::string ToHex(std::span<const uint8_t> bytes) {
  std::string out;
  char digits[3];
  for (uint8_t b : bytes) {
    std::snprintf(digits, sizeof digits, "%02x", b);
    out += digits;
  }
  return out;
}

inline std::vector<uint8_t> ReadFile(const std::string& path) {
  std::vector<uint8_t> out;
  FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) return out;
  uint8_t chunk[4096];
  for (size_t n; (n = std::fread(chunk, 1, sizeof chunk, file)) > 0;) out.insert(out.end(), chunk, chunk + n);
  std::fclose(file);
  return out;
}

// Netlink messages of a little-endian pcap file of link type NETLINK (253), protocol NETLINK_GENERIC only.
inline std::vector<std::vector<uint8_t>> ReadCapture(const std::string& path) {
  constexpr size_t kCooked = 16, kGeneric = 16;
  std::vector<uint8_t> file = ReadFile(path);
  std::vector<std::vector<uint8_t>> out;
  ByteReader reader(file);
  const uint8_t* header = reader.TryPull(24);
  if (header == nullptr || LoadHost<uint32_t>(header) != 0xa1b2c3d4) return out;
  while (const uint8_t* record = reader.TryPull(16)) {
    size_t n = LoadHost<uint32_t>(record + 8);
    const uint8_t* p = reader.TryPull(n);
    if (p == nullptr || n < kCooked) break;
    if (LoadBe16(p + 14) == kGeneric) out.emplace_back(p + kCooked, p + n);
  }
  return out;
}

// The capture of ovs-vswitchd 3.1.0 on Linux 6.1, and the genetlink family numbers in it.
inline const std::vector<std::vector<uint8_t>>& Capture() {
  static const auto messages = ReadCapture(SLOWPATH_FIXTURES "/netlink-ovs310.pcap");
  return messages;
}
inline constexpr uint16_t kCapturedFlowFamily = 34;
inline constexpr uint16_t kCapturedPacketFamily = 35;

// Deterministic random numbers (xorshift64).
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed * 2654435761u + 88172645463325252u) {}
  uint32_t Next() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<uint32_t>(state_ >> 16);
  }
  uint32_t Below(uint32_t n) { return Next() % n; }

 private:
  uint64_t state_;
};

// Changes a few bytes, or cuts the end off.
inline std::vector<uint8_t> Mutate(std::span<const uint8_t> bytes, Random& random) {
  std::vector<uint8_t> out(bytes.begin(), bytes.end());
  if (out.empty()) return out;
  for (uint32_t n = 1 + random.Below(4); n > 0; n--) {
    uint32_t at = random.Below(static_cast<uint32_t>(out.size()));
    if (random.Below(3) == 0) {
      out[at] = static_cast<uint8_t>(random.Next());
    } else {
      out[at] ^= static_cast<uint8_t>(1u << random.Below(8));
    }
  }
  if (random.Below(5) == 0) out.resize(random.Below(static_cast<uint32_t>(out.size() + 1)));
  return out;
}

}  // namespace slowpath::test
