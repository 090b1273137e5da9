#include "datapath/packet.h"

#include <cstring>

namespace slowpath {
namespace {

// Not a multiple of the page size, so that the fronts of frames do not all fall into the same cache sets.
constexpr size_t kStride = Buffer::kHeadroom + Buffer::kFrameBytes + 320;

}  // namespace

bool Packet::Unshare(BufferPool& pool) {
  if (!shared()) return true;
  if (length > Buffer::kFrameBytes) return false;  // Grown into its headroom.
  Buffer* fresh = pool.Get();
  if (fresh == nullptr) return false;
  std::memcpy(fresh->bytes + Buffer::kHeadroom, data, length);
  data = fresh->bytes + Buffer::kHeadroom;
  buffer_->references--;
  buffer_ = fresh;
  buffer_->references++;
  return true;
}

bool Packet::EnsureHeadroom(uint32_t n) {
  if (headroom() >= n) return true;
  // For those that come after, too.
  uint32_t shift = n + Buffer::kHeadroom;
  if (headroom() + length + shift > Buffer::kHeadroom + Buffer::kFrameBytes) return false;
  std::memmove(data + shift, data, length);
  data += shift;
  return true;
}

BufferPool::BufferPool(uint32_t count, void (*flush)(void*), void* context)
    : buffers_(count),
      bytes_(std::make_unique_for_overwrite<uint8_t[]>(count * kStride)),
      flush_(flush),
      context_(context) {
  for (uint32_t i = 0; i < count; i++) buffers_[i].bytes = bytes_.get() + i * kStride;
}

Buffer* BufferPool::Get() {
  Buffer* buffer = Find();
  if (buffer == nullptr && flush_ != nullptr) {
    flush_(context_);
    buffer = Find();
  }
  return buffer;
}

Buffer* BufferPool::Find() {
  for (size_t i = 0; i < buffers_.size(); i++) {
    Buffer& buffer = buffers_[next_];
    if (buffer.references == 0) return &buffer;
    next_ = (next_ + 1) % buffers_.size();
  }
  return nullptr;
}

}  // namespace slowpath
