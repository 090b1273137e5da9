#include "datapath/checksum.h"

#include <array>

#include "wire/bytes.h"

namespace slowpath {

uint64_t ChecksumAdd(std::span<const uint8_t> bytes, uint64_t sum) {
  const uint8_t* p = bytes.data();
  size_t n = bytes.size();
  // 32-bit words in host order: the one's complement sum does not care for byte order until it is folded.
  uint64_t host = 0;
  for (; n >= 4; p += 4, n -= 4) host += LoadHost<uint32_t>(p);
  if (n >= 2) {
    host += LoadHost<uint16_t>(p);
    p += 2;
    n -= 2;
  }
  if (n == 1) host += *p;  // Little-endian: the low byte is the first of the word.
  uint16_t folded = ChecksumFold(host);
  return sum + static_cast<uint16_t>(folded << 8 | folded >> 8);
}

uint64_t PseudoHeaderSum(std::span<const uint8_t> addresses, uint8_t protocol, uint32_t length) {
  return ChecksumAdd(addresses) + protocol + (length >> 16) + (length & 0xffff);
}

namespace {

uint64_t Difference(const uint8_t* from, const uint8_t* to, size_t n) {
  uint64_t sum = 0;
  for (size_t i = 0; i + 1 < n; i += 2) sum += static_cast<uint16_t>(~LoadBe16(from + i)) + uint64_t{LoadBe16(to + i)};
  return sum;
}

}  // namespace

void ChecksumReplace(uint8_t* field, const uint8_t* from, const uint8_t* to, size_t n) {
  uint64_t sum = static_cast<uint16_t>(~LoadBe16(field)) + Difference(from, to, n);
  StoreBe16(field, static_cast<uint16_t>(~ChecksumFold(sum)));
}

void PartialSumReplace(uint8_t* field, const uint8_t* from, const uint8_t* to, size_t n) {
  StoreBe16(field, ChecksumFold(LoadBe16(field) + Difference(from, to, n)));
}

namespace {

// Of the common transport protocols only SCTP has its checksum, a CRC32c, at this offset.
constexpr uint16_t kSctpChecksum = 8;

}  // namespace

bool CompleteChecksum(Packet& packet) {
  uint32_t start = packet.offload.csum_start;
  uint32_t field = start + packet.offload.csum_offset;
  if (field + 2 + (packet.offload.csum_offset == kSctpChecksum ? 2 : 0) > packet.length || start >= packet.length) return false;
  if (packet.offload.csum_offset == kSctpChecksum) {
    StoreHost<uint32_t>(packet.data + field, 0);
    StoreHost<uint32_t>(packet.data + field, Crc32c(packet.frame().subspan(start)));
    packet.offload = {};
    return true;
  }
  uint16_t sum = static_cast<uint16_t>(~ChecksumFold(ChecksumAdd(packet.frame().subspan(start))));
  // 0 would say "no checksum" in UDP; 0xffff is the same number.
  StoreBe16(packet.data + field, sum == 0 ? 0xffff : sum);
  packet.offload.flags = 0;
  packet.offload.csum_start = packet.offload.csum_offset = 0;
  return true;
}

bool OffloadIsSane(const Packet& packet) {
  if (packet.needsChecksum()) {
    uint32_t field = uint32_t{packet.offload.csum_start} + packet.offload.csum_offset;
    if (packet.offload.csum_start < 14 || field + 2 > packet.length) return false;
  }
  return !packet.isGso() || (packet.offload.gso_size != 0 && packet.needsChecksum());
}

uint32_t Crc32c(std::span<const uint8_t> bytes, uint32_t crc) {
  static constexpr auto kTable = [] {
    std::array<uint32_t, 256> table = {};
    for (uint32_t i = 0; i < 256; i++) {
      uint32_t c = i;
      for (int bit = 0; bit < 8; bit++) c = c & 1 ? c >> 1 ^ 0x82f63b78 : c >> 1;
      table[i] = c;
    }
    return table;
  }();
  crc = ~crc;
  for (uint8_t byte : bytes) crc = crc >> 8 ^ kTable[(crc ^ byte) & 0xff];
  return ~crc;
}

}  // namespace slowpath
