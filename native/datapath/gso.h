#pragma once

#include "datapath/packet.h"

namespace slowpath {

// Splits a packet that a device was to segment (TCP over IPv4 or IPv6, UDP by gso_size) into finished frames: lengths, IPv4
// identification, TCP sequence and flags, and all checksums. Frames are built one after the other in 'scratch', which has
// room for any frame; each goes to take(frame), which says whether to go on. False, and possibly nothing taken, when the
// offload is of another kind or contradicts the headers. Follows tcp_gso_segment and inet_gso_segment of Linux.
template <typename Take>
bool Segment(const Packet& packet, std::span<uint8_t> scratch, Take take);

// Bytes of the longest frame that a packet will be segmented into, its outermost VLAN tag not counted; all of it when that is
// not known.
uint32_t LongestSegment(const Packet& packet);

// The state between segments; Segment's inner part.
class Segmenter {
 public:
  Segmenter(const Packet& packet, std::span<uint8_t> scratch);
  bool valid() const { return valid_; }
  // The next frame in 'scratch'; empty at the end.
  std::span<const uint8_t> Next();

 private:
  void FixNetwork(uint32_t payload);
  void FixTransport(uint32_t payload, bool first, bool last);

  const Packet& packet_;
  std::span<uint8_t> scratch_;
  bool valid_ = false;
  bool ipv6_ = false;
  uint8_t protocol_ = 0;
  uint32_t l3_ = 0;           // Offset of the IP header.
  uint32_t l4_ = 0;           // Offset of the transport header.
  uint32_t headerBytes_ = 0;  // Everything before the payload.
  uint32_t end_ = 0;          // End of the IP packet in the frame.
  uint32_t at_ = 0;           // Payload not sent yet starts here.
  uint32_t index_ = 0;        // Of the next segment.
};

template <typename Take>
bool Segment(const Packet& packet, std::span<uint8_t> scratch, Take take) {
  Segmenter segmenter(packet, scratch);
  if (!segmenter.valid()) return false;
  for (;;) {
    std::span<const uint8_t> frame = segmenter.Next();
    if (frame.empty() || !take(frame)) return true;
  }
}

}  // namespace slowpath
