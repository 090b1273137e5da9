#include <cstdlib>
#include <vector>

#include "wire/upcall.h"

// Datagrams of upcalls: every extent that a row names must lie in the datagram, each message is counted once, and
// keys are usable.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slowpath;
  constexpr uint16_t kPacketFamily = 35;  // As in the captured corpus.
  constexpr size_t kRows = 8;
  std::vector<uint8_t> copy(data, data + size);
  std::vector<uint32_t> rows(kRows * upcall_row::kWords), keys(kRows * flow::kWords);
  UpcallRows out = {rows.data(), keys.data(), kRows, 0};
  UpcallCounters counters;
  if (DecodeUpcalls(copy, 0, kPacketFamily, out, counters) != out.count || counters.decoded != out.count) std::abort();
  std::vector<uint8_t> room(4096);
  for (size_t i = 0; i < out.count; i++) {
    const uint32_t* row = rows.data() + i * upcall_row::kWords;
    for (unsigned column : {upcall_row::kKeyOff, upcall_row::kPacketOff, upcall_row::kUserdataOff,
                            upcall_row::kActionsOff, upcall_row::kTunnelOff}) {
      if (row[column] > size || row[column + 1] > size - row[column]) std::abort();
    }
    if (row[upcall_row::kFitness] > static_cast<uint32_t>(Fitness::kTooLittle)) std::abort();
    ByteWriter writer(room);
    EncodeKey(keys.data() + i * flow::kWords, writer);
    EncodeFullKey(keys.data() + i * flow::kWords, writer);
    if (writer.overflowed()) std::abort();
  }
  return 0;
}
