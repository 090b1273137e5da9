#pragma once

#include <cstdint>

namespace slowpath {

// struct virtio_net_hdr of <linux/virtio_net.h>, which C++ cannot include (it has a member named 'class'). Host byte order,
// as packet sockets and TAP devices use it by default on little-endian machines.
struct VnetHeader {
  static constexpr uint8_t kNeedsChecksum = 1;  // VIRTIO_NET_HDR_F_NEEDS_CSUM.
  static constexpr uint8_t kGsoNone = 0;        // VIRTIO_NET_HDR_GSO_*, as below.
  static constexpr uint8_t kGsoTcp4 = 1;
  static constexpr uint8_t kGsoTcp6 = 4;
  static constexpr uint8_t kGsoUdpL4 = 5;
  static constexpr uint8_t kGsoEcn = 0x80;  // Bit: TCP has ECN set.

  uint8_t flags = 0;            // kNeedsChecksum, or DATA_VALID.
  uint8_t gso_type = kGsoNone;  // One of kGso*, maybe with kGsoEcn.
  uint16_t hdr_len = 0;         // Bytes of all headers; a hint.
  uint16_t gso_size = 0;        // Payload bytes of a segment.
  uint16_t csum_start = 0;      // Where checksumming starts.
  uint16_t csum_offset = 0;     // The checksum field, from csum_start.
};
static_assert(sizeof(VnetHeader) == 10);

}  // namespace slowpath
