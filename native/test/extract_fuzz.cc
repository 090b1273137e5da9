#include <cstdio>
#include <cstdlib>
#include <vector>

#include "wire/flow_key.h"

// Frames: what is extracted survives a trip through key attributes, in both views, and words that no frame carries stay alone.
namespace {

using namespace slowpath;

void Extract(const std::vector<uint8_t>& frame, View view, uint32_t* key) {
  key[flow::kInPort] = 7;
  key[flow::kCtNwSrc] = 0x01020304;
  key[flow::kCtNwDst] = 0x05060708;
  ExtractPacket(frame, key, view);
  if (key[flow::kInPort] != 7 || key[flow::kCtNwSrc] != 0x01020304 || key[flow::kCtNwDst] != 0x05060708) std::abort();
  key[flow::kCtNwSrc] = key[flow::kCtNwDst] = 0;
}

void CheckSame(const uint32_t* key, const uint32_t* again) {
  for (unsigned i = 0; i < flow::kWords; i++) {
    if (key[i] == again[i]) continue;
    std::fprintf(stderr, "word %u: %x in the frame, %x in the attributes\n", i, key[i], again[i]);
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> frame(data, data + size), room(4096);
  uint32_t kernel[flow::kWords] = {}, userspace[flow::kWords] = {}, again[flow::kWords];
  Extract(frame, View::kKernel, kernel);
  Extract(frame, View::kUserspace, userspace);
  if (size < 14) return 0;
  ByteWriter out(room);
  EncodeKey(kernel, out);
  if (DecodeKey(out.bytes(), again) == Fitness::kError) std::abort();
  CheckSame(kernel, again);
  ByteWriter full(room);
  EncodeFullKey(userspace, full);
  // OVS writes label stacks without any entry as an attribute without content, which it does not take back.
  bool emptyStack = userspace[flow::kEthType] == 0x8847 || userspace[flow::kEthType] == 0x8848;
  if (full.overflowed() || (DecodeKey(full.bytes(), again) == Fitness::kError && !emptyStack)) std::abort();
  return 0;
}
