#pragma once

#include <cstdint>
#include <span>

#include "datapath/packet.h"

// Internet checksums (RFC 1071), their incremental update (RFC 1624), CRC32c, and checksums left to the device.
namespace slowpath {

// One's complement sum of big-endian 16-bit words, not folded; an odd last byte counts as the high half of a word.
uint64_t ChecksumAdd(std::span<const uint8_t> bytes, uint64_t sum = 0);
inline uint16_t ChecksumFold(uint64_t sum) {
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<uint16_t>(sum);
}
// Sum of the pseudo header of TCP, UDP and ICMPv6: addresses (8 bytes of IPv4, 32 of IPv6), protocol, length.
uint64_t PseudoHeaderSum(std::span<const uint8_t> addresses, uint8_t protocol, uint32_t length);

// Updates the checksum field at 'field' for bytes of the checksummed data that change from 'from' to 'to' (an even
// number, at an even offset).
void ChecksumReplace(uint8_t* field, const uint8_t* from, const uint8_t* to, size_t n);
// Likewise for a field that still holds the plain pseudo header sum, to be completed by a device.
void PartialSumReplace(uint8_t* field, const uint8_t* from, const uint8_t* to, size_t n);

// Does now what the sender left to the device. False when the offload points outside the frame. The frame must be the
// packet's own.
bool CompleteChecksum(Packet& packet);
// True when offload offsets lie inside the frame and segmentation makes sense.
bool OffloadIsSane(const Packet& packet);

uint32_t Crc32c(std::span<const uint8_t> bytes, uint32_t crc = 0);

}  // namespace slowpath
