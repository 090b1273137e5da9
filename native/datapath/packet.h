#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "datapath/offload.h"

namespace slowpath {

// Memory for one frame.
struct Buffer {
  // Largest frame: 64 KiB of IP, Ethernet header, VLAN tags; and something to spare.
  static constexpr uint32_t kFrameBytes = 66 * 1024;
  // Before the frame, so that tags can be pushed in place.
  static constexpr uint32_t kHeadroom = 128;

  uint8_t* bytes = nullptr;  // kHeadroom + kFrameBytes bytes.
  uint32_t references = 0;   // Packets and pending transmissions that use it. One thread, so not atomic.
};

class BufferPool;

// A frame and what travels with it. Copying shares the buffer; Unshare before writing.
class Packet {
 public:
  Packet() = default;
  Packet(Buffer* buffer, uint32_t length)
      : data(buffer->bytes + Buffer::kHeadroom), length(length), buffer_(buffer) {
    buffer_->references++;
  }
  Packet(const Packet& other)
      : data(other.data),
        length(other.length),
        cut(other.cut),
        mru(other.mru),
        bare(other.bare),
        hash(other.hash),
        offload(other.offload),
        buffer_(other.buffer_) {
    if (buffer_ != nullptr) buffer_->references++;
  }
  Packet& operator=(const Packet& other) {
    if (this != &other) {
      Packet copy(other);
      Swap(copy);
    }
    return *this;
  }
  ~Packet() {
    if (buffer_ != nullptr) buffer_->references--;
  }

  std::span<const uint8_t> frame() const { return {data, length}; }
  bool isGso() const { return offload.gso_type != VnetHeader::kGsoNone; }
  bool needsChecksum() const { return (offload.flags & VnetHeader::kNeedsChecksum) != 0; }
  uint32_t headroom() const { return static_cast<uint32_t>(data - buffer_->bytes); }
  bool shared() const { return buffer_->references > 1; }
  // Makes the frame this packet's own, so that it can be written. False when the pool has no buffer left.
  bool Unshare(BufferPool& pool);
  // Makes room for 'n' more bytes in front of the frame, moving it when there is none. False when the buffer is full. The frame
  // must be the packet's own.
  bool EnsureHeadroom(uint32_t n);
  Buffer* buffer() const { return buffer_; }

  uint8_t* data = nullptr;  // First byte of the Ethernet frame, or of the packet without one.
  uint32_t length = 0;      // Bytes of the frame.
  uint32_t cut = 0;         // Bytes that a trunc action takes off the next output or upcall.
  uint16_t mru = 0;         // Maximum received fragment size of an executed packet, 0 for none.
  uint16_t bare = 0;        // Ethernet type of a packet that has no Ethernet header (after pop_eth); 0 for a frame.
  uint64_t hash = 0;        // As OVS_PACKET_ATTR_HASH; 0 while not computed.
  // Checksum and segmentation left to the next device. Offsets count from 'data'.
  VnetHeader offload = {};

 private:
  void Swap(Packet& other) {
    std::swap(data, other.data);
    std::swap(length, other.length);
    std::swap(cut, other.cut);
    std::swap(mru, other.mru);
    std::swap(bare, other.bare);
    std::swap(hash, other.hash);
    std::swap(offload, other.offload);
    std::swap(buffer_, other.buffer_);
  }
  Buffer* buffer_ = nullptr;
};

// Buffers for packets made by the thread itself: copies before a change, executed packets.
class BufferPool {
 public:
  // 'flush' is called when no buffer is free: it must send what is pending, which frees buffers.
  BufferPool(uint32_t count, void (*flush)(void*), void* context);
  // A free buffer (references 0), or null. Pages are touched only as frames use them.
  Buffer* Get();

 private:
  Buffer* Find();
  std::vector<Buffer> buffers_;
  std::unique_ptr<uint8_t[]> bytes_;
  size_t next_ = 0;  // Where the search goes on: the buffer freed longest ago.
  void (*flush_)(void*);
  void* context_;
};

}  // namespace slowpath
