#pragma once

#include <linux/netlink.h>

#include "wire/bytes.h"

// Netlink attributes (struct nlattr, <linux/netlink.h>): 4-byte aligned type-length-value, header in host byte order.
namespace slowpath {

struct Attribute {
  uint16_t type = 0;                     // Without NLA_F_NESTED and NLA_F_NET_BYTEORDER.
  std::span<const uint8_t> payload = {};  // Without header and padding.
  bool nested = false;                    // NLA_F_NESTED; most attributes that hold others do without.
};

// Walks a sequence of attributes. Next() is false at the end and at the first malformed header; malformed() tells which.
class AttributeReader {
 public:
  explicit AttributeReader(std::span<const uint8_t> bytes) : reader_(bytes) {}

  bool Next(Attribute& attribute) {
    auto rest = reader_.rest();
    if (rest.empty()) return false;
    size_t length = rest.size() >= NLA_HDRLEN ? LoadHost<uint16_t>(rest.data()) : 0;
    if (length < NLA_HDRLEN || length > rest.size()) {
      malformed_ = true;
      return false;
    }
    uint16_t type = LoadHost<uint16_t>(rest.data() + 2);
    attribute.type = type & NLA_TYPE_MASK;
    attribute.nested = (type & NLA_F_NESTED) != 0;
    attribute.payload = rest.subspan(NLA_HDRLEN, length - NLA_HDRLEN);
    // The padding of the last attribute may be missing.
    size_t aligned = NLA_ALIGN(length);
    reader_.TryPull(aligned < rest.size() ? aligned : rest.size());
    return true;
  }
  bool malformed() const { return malformed_; }

  static size_t Padding(size_t n) { return (NLA_ALIGNTO - n % NLA_ALIGNTO) % NLA_ALIGNTO; }

 private:
  ByteReader reader_;
  bool malformed_ = false;
};

// Appends an attribute with 'n' zeroed payload bytes; returns the payload, null on overflow.
inline uint8_t* PutAttribute(ByteWriter& out, uint16_t type, size_t n) {
  uint8_t* p = out.Push(NLA_HDRLEN + n + AttributeReader::Padding(n));
  if (p == nullptr) return nullptr;
  StoreHost<uint16_t>(p, static_cast<uint16_t>(NLA_HDRLEN + n));
  StoreHost<uint16_t>(p + 2, type);
  return p + NLA_HDRLEN;
}
inline void PutBytes(ByteWriter& out, uint16_t type, std::span<const uint8_t> bytes) {
  if (uint8_t* p = PutAttribute(out, type, bytes.size()); p != nullptr && !bytes.empty()) {
    std::memcpy(p, bytes.data(), bytes.size());
  }
}
inline void PutU32(ByteWriter& out, uint16_t type, uint32_t value) {
  if (uint8_t* p = PutAttribute(out, type, 4)) StoreHost<uint32_t>(p, value);
}

// Opens a nested attribute now and writes its length when it goes out of scope. NLA_F_NESTED is not set: the Linux
// datapath neither sets it in what it sends nor asks for it.
class NestedAttribute {
 public:
  NestedAttribute(ByteWriter& out, uint16_t type) : out_(out), start_(out.size()) { PutAttribute(out, type, 0); }
  ~NestedAttribute() {
    if (!out_.overflowed()) StoreHost<uint16_t>(out_.data() + start_, static_cast<uint16_t>(out_.size() - start_));
  }
  NestedAttribute(const NestedAttribute&) = delete;
  NestedAttribute& operator=(const NestedAttribute&) = delete;

 private:
  ByteWriter& out_;
  size_t start_;
};

}  // namespace slowpath
