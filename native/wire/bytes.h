#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

// Bounded reading and writing of bytes. Everything in native/wire goes through these two; there is no pointer arithmetic
// on input elsewhere.
namespace slowpath {

inline uint16_t LoadBe16(const uint8_t* p) { return static_cast<uint16_t>(p[0] << 8 | p[1]); }
inline uint32_t LoadBe32(const uint8_t* p) {
  return static_cast<uint32_t>(p[0]) << 24 | static_cast<uint32_t>(p[1]) << 16 | static_cast<uint32_t>(p[2]) << 8 | p[3];
}
inline void StoreBe16(uint8_t* p, uint32_t v) {
  p[0] = static_cast<uint8_t>(v >> 8);
  p[1] = static_cast<uint8_t>(v);
}
inline void StoreBe32(uint8_t* p, uint32_t v) {
  StoreBe16(p, v >> 16);
  StoreBe16(p + 2, v);
}
// Unaligned load and store of a trivially copyable value in host order.
template <typename T>
inline T LoadHost(const uint8_t* p) {
  T v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
template <typename T>
inline void StoreHost(uint8_t* p, T v) {
  std::memcpy(p, &v, sizeof v);
}

// Reads from the front of a span. TryPull is the only way to touch bytes: null when fewer are left, and the cursor then
// stays where it is.
class ByteReader {
 public:
  explicit ByteReader(std::span<const uint8_t> bytes) : at_(bytes.data()), left_(bytes.size()) {}
  const uint8_t* TryPull(size_t n) {
    if (n > left_) return nullptr;
    const uint8_t* p = at_;
    at_ += n;
    left_ -= n;
    return p;
  }
  size_t left() const { return left_; }
  std::span<const uint8_t> rest() const { return {at_, left_}; }

 private:
  const uint8_t* at_;
  size_t left_;
};

// Appends to a fixed buffer. Overflow is sticky: nothing more is written and overflowed() stays true, so that callers
// write everything and check once.
class ByteWriter {
 public:
  explicit ByteWriter(std::span<uint8_t> room) : room_(room) {}
  // Room for n bytes, zeroed; null when full.
  uint8_t* Push(size_t n) {
    if (overflowed_ || n > room_.size() - size_) {
      overflowed_ = true;
      return nullptr;
    }
    uint8_t* p = room_.data() + size_;
    std::memset(p, 0, n);
    size_ += n;
    return p;
  }
  void Append(std::span<const uint8_t> bytes) {
    if (uint8_t* p = Push(bytes.size()); p != nullptr && !bytes.empty()) std::memcpy(p, bytes.data(), bytes.size());
  }
  size_t size() const { return size_; }
  bool overflowed() const { return overflowed_; }
  uint8_t* data() { return room_.data(); }
  std::span<const uint8_t> bytes() const { return room_.first(size_); }
  // Back to an earlier size, e.g. to take back a message that did not fit.
  void Truncate(size_t size) {
    size_ = size;
    overflowed_ = false;
  }

 private:
  std::span<uint8_t> room_;
  size_t size_ = 0;
  bool overflowed_ = false;
};

}  // namespace slowpath
