#include <cstdio>
#include <cstdlib>
#include <vector>

#include "wire/flow_key.h"

// Frames: what is extracted must survive a trip through key attributes, and words that no frame carries must stay alone.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slowpath;
  std::vector<uint8_t> frame(data, data + size);
  uint32_t key[flow::kWords] = {}, again[flow::kWords];
  key[flow::kInPort] = 7;
  key[flow::kCtNwSrc] = 0x01020304;
  key[flow::kCtNwDst] = 0x05060708;
  ExtractPacket(frame, key);
  if (key[flow::kInPort] != 7 || key[flow::kCtNwSrc] != 0x01020304 || key[flow::kCtNwDst] != 0x05060708) std::abort();
  key[flow::kCtNwSrc] = key[flow::kCtNwDst] = 0;
  if (size < 14) return 0;
  std::vector<uint8_t> room(2048);
  ByteWriter out(room);
  EncodeKey(key, out);
  if (DecodeKey(out.bytes(), again) == Fitness::kError) std::abort();
  for (unsigned i = 0; i < flow::kWords; i++) {
    if (key[i] == again[i]) continue;
    std::fprintf(stderr, "word %u: %x in the frame, %x in the attributes\n", i, key[i], again[i]);
    std::abort();
  }
  return 0;
}
