#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace traffic {

using Mac = std::array<uint8_t, 6>;

// "02:00:00:00:00:01" → bytes; ends the program on anything else.
Mac ParseMac(const std::string& text);

// Makes UDP frames that are equal but for the 5-tuple and a sequence number in the payload, by which the receiver knows them.
class UdpFrame {
 public:
  // Bytes on the wire without the frame check sequence.
  static constexpr size_t kLeastBytes = 60;
  static constexpr size_t kMostBytes = 9000;
  // Flows that have different 5-tuples; after these they come round again.
  static constexpr uint32_t kDistinctFlows = 60'000u << 8;

  UdpFrame(size_t bytes, const Mac& source, const Mac& destination);

  // The frame of flow `flow` (source address 10.1.0.x, source port) with the sequence number `sequence`.
  std::span<const uint8_t> Make(uint32_t flow, uint32_t sequence);

 private:
  std::vector<uint8_t> bytes_;
};

// The sequence number of a frame that UdpFrame made, also behind VLAN tags; nothing for other frames.
std::optional<uint32_t> SequenceOf(std::span<const uint8_t> frame);

}  // namespace traffic
