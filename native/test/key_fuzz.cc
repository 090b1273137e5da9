#include <cstdio>
#include <cstdlib>
#include <vector>

#include "wire/flow_key.h"

// Key attributes: whatever decodes without error must encode to attributes that decode to the same key, and so for a mask
// made of the same bytes, except that encoding may make a mask narrower.
namespace {

using namespace slowpath;

[[noreturn]] void Fail(const char* what, unsigned word) {
  std::fprintf(stderr, "%s, word %u\n", what, word);
  std::abort();
}

// The short way and the long one; the form of userspace says all that a key has.
void CheckDecode(const std::vector<uint8_t>& bytes) {
  uint32_t one[flow::kWords], other[flow::kWords];
  if (DecodeKey(bytes, one) != DecodeAnyKey(bytes, other)) Fail("two fitnesses", 0);
  for (unsigned i = 0; i < flow::kWords; i++) {
    if (one[i] != other[i]) Fail("the short way differs", i);
  }
}

void CheckFull(const uint32_t* key, const uint32_t* mask) {
  std::vector<uint8_t> room(4096);
  ByteWriter out(room);
  EncodeFullKey(key, out);
  EncodeFullMask(key, mask, out);
  if (out.overflowed()) Fail("full form does not fit", 0);
}

// Words that a key keeps through the datapath's form of it. Those of ND extensions do not exist there, and what an
// ill-fitting key says beyond its kind of packet gets lost.
void CheckKey(const uint32_t* key) {
  std::vector<uint8_t> room(2048);
  ByteWriter out(room);
  EncodeKey(key, out);
  if (out.overflowed()) Fail("key does not fit", 0);
  uint32_t again[flow::kWords], third[flow::kWords];
  if (DecodeKey(out.bytes(), again) == Fitness::kError) Fail("encoded key does not decode", 0);
  std::vector<uint8_t> secondRoom(2048);
  ByteWriter second(secondRoom);
  EncodeKey(again, second);
  if (DecodeKey(second.bytes(), third) == Fitness::kError) Fail("encoded key does not decode again", 0);
  for (unsigned i = 0; i < flow::kWords; i++) {
    if (again[i] != third[i]) Fail("encoding is not stable", i);
  }
}

void CheckMask(const uint32_t* key, const uint32_t* mask) {
  std::vector<uint8_t> room(2048);
  ByteWriter out(room);
  EncodeMask(key, mask, out);
  if (out.overflowed()) Fail("mask does not fit", 0);
  uint32_t again[flow::kWords];
  if (DecodeMask(out.bytes(), key, again) == Fitness::kError) Fail("encoded mask does not decode", 0);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // The first byte says how the rest is split into key and mask.
  if (size == 0) return 0;
  size_t split = (size - 1) * data[0] / 255;
  std::vector<uint8_t> keyBytes(data + 1, data + 1 + split), maskBytes(data + 1 + split, data + size);
  uint32_t key[flow::kWords], mask[flow::kWords], id[4];
  FlowId(keyBytes, id);
  CheckDecode(keyBytes);
  if (DecodeKey(keyBytes, key) == Fitness::kError) return 0;
  CheckKey(key);
  if (DecodeMask(maskBytes, key, mask) != Fitness::kError) CheckMask(key, mask);
  CheckFull(key, mask);
  if (DecodeMask(keyBytes, key, mask) != Fitness::kError) CheckMask(key, mask);
  return 0;
}
