#pragma once

#include "wire/flow_key.h"

// Rows of an op batch (op_row in the generated layout) → netlink requests.
namespace slowpath {

// op_row::kKind
inline constexpr uint32_t kOpFlowPut = 1;
inline constexpr uint32_t kOpFlowModify = 2;
inline constexpr uint32_t kOpFlowDelete = 3;
inline constexpr uint32_t kOpFlowGet = 4;
inline constexpr uint32_t kOpExecute = 5;
// op_row::kFlags
inline constexpr uint32_t kOpProbe = 1;
inline constexpr uint32_t kOpEcho = 2;
inline constexpr uint32_t kOpClear = 4;
inline constexpr uint32_t kOpTerse = 8;
// Set in an offset that points into the op batch's own bytes.
inline constexpr uint32_t kOpOwnBytes = 0x80000000;

// What all operations of a batch have in common, and the sequence number of this one.
struct OpContext {
  uint16_t flowFamily = 0;    // Genetlink id of ovs_flow.
  uint16_t packetFamily = 0;  // Genetlink id of ovs_packet.
  uint32_t dpIfindex = 0;
  uint32_t portId = 0;        // nlmsg_pid
  uint32_t seq = 0;
  uint16_t flags = 0;         // NLM_F_* besides NLM_F_REQUEST, e.g. NLM_F_ACK.
};

// Where offsets and mask rows of an op point.
struct OpSources {
  std::span<const uint8_t> slab = {};     // The upcall slab.
  std::span<const uint8_t> own = {};      // The op batch's bytes.
  std::span<const uint32_t> masks = {};   // The op batch's masks, flow::kWords words each.
};

// Appends the request of one op row. 0; -EINVAL when the row names a kind, bytes or a mask that do not exist, or its key does
// not decode; -ENOBUFS when 'out' is full. On error nothing is appended. The kernel's side of it:
// - put creates, and is refused (EEXIST) when the flow exists; modify changes its actions, and needs key and mask for that;
// - delete and get find a flow by its ufid when there is one, else by its key;
// - terse asks for an answer without key, mask and actions.
int EncodeOp(const uint32_t* row, const OpContext& context, const OpSources& sources, ByteWriter& out);

}  // namespace slowpath
