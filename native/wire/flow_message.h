#pragma once

#include "wire/netlink.h"
#include "wire/layout.generated.h"

// Messages of the ovs_flow family (answers, dumps, notifications) → flow rows.
namespace slowpath {

// flow_row::kFlags
inline constexpr uint32_t kFlowHasActions = 1;
inline constexpr uint32_t kFlowHasMask = 2;
inline constexpr uint32_t kFlowHasStats = 4;

// Fills one row of flow_row::kWords words. 'slabOffset' is where message.bytes begins in the slab that row offsets point
// into. False when the message is cut off or an attribute has not the length that its type has; the row is then
// meaningless. Does not look inside key, mask and actions.
bool DecodeFlowMessage(const NetlinkMessage& message, uint32_t slabOffset, uint32_t* row);

}  // namespace slowpath
