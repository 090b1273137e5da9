#include "wire/flow_message.h"

namespace slowpath {

bool DecodeFlowMessage(const NetlinkMessage& message, uint32_t slabOffset, uint32_t* row) {
  std::memset(row, 0, flow_row::kWords * sizeof *row);
  OvsMessage ovs;
  if (!ReadOvsMessage(message, ovs)) return false;
  row[flow_row::kCmd] = ovs.cmd;
  row[flow_row::kSeq] = message.seq;
  auto extent = [&](std::span<const uint8_t> payload, unsigned column) {
    row[column] = slabOffset + static_cast<uint32_t>(payload.data() - message.bytes.data());
    row[column + 1] = static_cast<uint32_t>(payload.size());
  };
  AttributeReader reader(ovs.attributes);
  Attribute a;
  while (reader.Next(a)) {
    const uint8_t* p = a.payload.data();
    size_t n = a.payload.size();
    switch (a.type) {
      case OVS_FLOW_ATTR_UFID:
        if (n != 16) return false;  // The kernel allows shorter ones; nobody makes them.
        std::memcpy(row + flow_row::kUfid, p, n);
        break;
      case OVS_FLOW_ATTR_KEY:
        extent(a.payload, flow_row::kKeyOff);
        break;
      case OVS_FLOW_ATTR_MASK:
        extent(a.payload, flow_row::kMaskOff);
        row[flow_row::kFlags] |= kFlowHasMask;
        break;
      case OVS_FLOW_ATTR_ACTIONS:
        extent(a.payload, flow_row::kActionsOff);
        row[flow_row::kFlags] |= kFlowHasActions;
        break;
      case OVS_FLOW_ATTR_STATS:
        if (n != sizeof(ovs_flow_stats)) return false;
        std::memcpy(row + flow_row::kPackets, p, 8);
        std::memcpy(row + flow_row::kBytes, p + 8, 8);
        row[flow_row::kFlags] |= kFlowHasStats;
        break;
      case OVS_FLOW_ATTR_USED:
        if (n != 8) return false;
        std::memcpy(row + flow_row::kUsed, p, 8);
        break;
      case OVS_FLOW_ATTR_TCP_FLAGS:
        if (n != 1) return false;
        row[flow_row::kTcpFlags] = p[0];
        break;
      default:
        break;
    }
  }
  return !reader.malformed();
}

}  // namespace slowpath
