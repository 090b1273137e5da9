#include <cstdlib>
#include <vector>

#include "wire/flow_message.h"
#include "wire/upcall.h"

// Datagrams: the decoders must stay inside them, and every extent that a row names must lie in the datagram.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace slowpath;
  constexpr uint16_t kPacketFamily = 35;  // As in the captured corpus.
  // An exact copy, so that a read past the end is seen.
  std::vector<uint8_t> copy(data, data + size);
  std::vector<uint32_t> rows(8 * upcall_row::kWords), keys(8 * flow::kWords);
  UpcallRows out = {rows.data(), keys.data(), 8, 0};
  UpcallCounters counters;
  DecodeUpcalls(copy, 0, kPacketFamily, out, counters);
  auto inside = [&](const uint32_t* row, unsigned column) {
    return row[column] <= size && row[column + 1] <= size - row[column];
  };
  for (size_t i = 0; i < out.count; i++) {
    const uint32_t* row = rows.data() + i * upcall_row::kWords;
    for (unsigned column : {upcall_row::kKeyOff, upcall_row::kPacketOff, upcall_row::kUserdataOff,
                            upcall_row::kActionsOff, upcall_row::kTunnelOff}) {
      if (!inside(row, column)) std::abort();
    }
  }
  NetlinkReader reader(copy);
  NetlinkMessage message;
  while (reader.Next(message)) {
    uint32_t row[flow_row::kWords];
    NetlinkErrorMessage error;
    ReadErrorMessage(message, error);
    uint32_t offset = static_cast<uint32_t>(message.bytes.data() - copy.data());
    if (!DecodeFlowMessage(message, offset, row)) continue;
    for (unsigned column : {flow_row::kKeyOff, flow_row::kMaskOff, flow_row::kActionsOff}) {
      if (!inside(row, column)) std::abort();
    }
  }
  return 0;
}
