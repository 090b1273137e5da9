#pragma once

#include <algorithm>
#include <cstring>

#include "sys/flow_sink.h"
#include "wire/flow_message.h"

namespace slowpath {

// Where flow messages are put: their bytes one behind the other in 'slab', and a row of flow_row::kWords
// words for each.
struct FlowRows final : FlowSink {
  uint32_t* rows = nullptr;
  size_t capacity = 0;  // Rows.
  std::span<uint8_t> slab = {};
  size_t count = 0;  // Rows filled.
  size_t used = 0;   // Bytes of 'slab' filled.

  Added Add(const NetlinkMessage& message) override {
    if (count == capacity || message.bytes.size() > slab.size() - used) return Added::kFull;
    if (!DecodeFlowMessage(message, static_cast<uint32_t>(used), rows + count * flow_row::kWords)) {
      return Added::kMalformed;
    }
    std::memcpy(slab.data() + used, message.bytes.data(), message.bytes.size());
    used += std::min(NLMSG_ALIGN(message.bytes.size()), slab.size() - used);
    count++;
    return Added::kYes;
  }
};

}  // namespace slowpath
