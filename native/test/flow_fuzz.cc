#include <cstdlib>
#include <vector>

#include "wire/flow_message.h"
#include "wire/op.h"

// Messages of a flow dump: extents lie in the datagram; what decodes can be put back as an operation.
namespace {

using namespace slowpath;

void PutBack(std::span<const uint8_t> datagram, const uint32_t* row) {
  auto part = [&](unsigned column) { return datagram.subspan(row[column], row[column + 1]); };
  uint32_t key[flow::kWords], mask[flow::kWords];
  if (DecodeKey(part(flow_row::kKeyOff), key) == Fitness::kError) return;
  if (DecodeMask(part(flow_row::kMaskOff), key, mask) == Fitness::kError) return;
  uint32_t op[op_row::kWords] = {};
  op[op_row::kKind] = kOpFlowPut;
  op[op_row::kKeyOff] = row[flow_row::kKeyOff];
  op[op_row::kKeyLen] = row[flow_row::kKeyLen];
  op[op_row::kActionsOff] = row[flow_row::kActionsOff];
  op[op_row::kActionsLen] = row[flow_row::kActionsLen];
  std::vector<uint8_t> room(1 << 18);
  ByteWriter out(room);
  if (EncodeOp(op, {.flowFamily = 33, .packetFamily = 35, .dpIfindex = 1}, {.slab = datagram, .masks = mask}, out) != 0 &&
      out.size() != 0) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::vector<uint8_t> copy(data, data + size);
  NetlinkReader reader(copy);
  NetlinkMessage message;
  while (reader.Next(message)) {
    uint32_t row[flow_row::kWords];
    if (!DecodeFlowMessage(message, static_cast<uint32_t>(message.bytes.data() - copy.data()), row)) continue;
    for (unsigned column : {flow_row::kKeyOff, flow_row::kMaskOff, flow_row::kActionsOff}) {
      if (row[column] > size || row[column + 1] > size - row[column]) std::abort();
    }
    PutBack(copy, row);
  }
  return 0;
}
