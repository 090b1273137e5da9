#include "wire/upcall.h"

#include "wire/key_attributes.h"
#include "wire/netlink.h"

namespace slowpath {
namespace {

constexpr size_t kMinPacket = 14;  // An Ethernet header; L3 packets are longer, too.

struct Context {
  std::span<const uint8_t> datagram;
  uint32_t slabOffset;
};

// Notes where 'payload' is, in the two words from 'column' on.
void StoreExtent(const Context& context, std::span<const uint8_t> payload, unsigned column, uint32_t* row) {
  row[column] = context.slabOffset + static_cast<uint32_t>(payload.data() - context.datagram.data());
  row[column + 1] = static_cast<uint32_t>(payload.size());
}

// Fills a cleared row. False when an attribute has not the length that its type has, or the list is cut off.
bool ReadAttributes(const Context& context, std::span<const uint8_t> attributes, uint32_t* row,
                    std::span<const uint8_t>& key) {
  AttributeReader reader(attributes);
  Attribute a;
  while (reader.Next(a)) {
    size_t n = a.payload.size();
    switch (a.type) {
      case OVS_PACKET_ATTR_PACKET:
        StoreExtent(context, a.payload, upcall_row::kPacketOff, row);
        break;
      case OVS_PACKET_ATTR_KEY:
        StoreExtent(context, a.payload, upcall_row::kKeyOff, row);
        key = a.payload;
        break;
      case OVS_PACKET_ATTR_USERDATA:
        StoreExtent(context, a.payload, upcall_row::kUserdataOff, row);
        break;
      case OVS_PACKET_ATTR_ACTIONS:
        StoreExtent(context, a.payload, upcall_row::kActionsOff, row);
        break;
      case OVS_PACKET_ATTR_EGRESS_TUN_KEY:
        StoreExtent(context, a.payload, upcall_row::kTunnelOff, row);
        break;
      case OVS_PACKET_ATTR_MRU:
        if (n != 2) return false;
        row[upcall_row::kMru] = LoadHost<uint16_t>(a.payload.data());
        break;
      case OVS_PACKET_ATTR_LEN:
        if (n != 4) return false;
        row[upcall_row::kWireLen] = LoadHost<uint32_t>(a.payload.data());
        break;
      case OVS_PACKET_ATTR_HASH:
        if (n != 8) return false;
        row[upcall_row::kHash] = LoadHost<uint32_t>(a.payload.data());
        row[upcall_row::kHash + 1] = LoadHost<uint32_t>(a.payload.data() + 4);
        break;
      default:  // Newer kernels may say more; nothing of it is needed.
        break;
    }
  }
  return !reader.malformed();
}

bool DecodeUpcall(const Context& context, const OvsMessage& message, uint32_t* row, uint32_t* key) {
  ClearWords(row, upcall_row::kWords);
  row[upcall_row::kCmd] = message.cmd;
  row[upcall_row::kDpIfindex] = message.dpIfindex;
  std::span<const uint8_t> keyAttributes;
  if (!ReadAttributes(context, message.attributes, row, keyAttributes)) return false;
  if (row[upcall_row::kKeyLen] == 0 || row[upcall_row::kPacketLen] < kMinPacket) return false;
  if (row[upcall_row::kWireLen] == 0) row[upcall_row::kWireLen] = row[upcall_row::kPacketLen];
  Fitness fitness = DecodeKey(keyAttributes, key);
  if (fitness == Fitness::kError) return false;
  row[upcall_row::kFitness] = static_cast<uint32_t>(fitness);
  FlowId(keyAttributes, row + upcall_row::kUfid);
  return true;
}

}  // namespace

size_t DecodeUpcalls(std::span<const uint8_t> datagram, uint32_t slabOffset, uint16_t packetFamily, UpcallRows& out,
                     UpcallCounters& counters) {
  const Context context = {datagram, slabOffset};
  const size_t before = out.count;
  NetlinkReader reader(datagram);
  NetlinkMessage message;
  while (reader.Next(message)) {
    OvsMessage ovs;
    if (message.type != packetFamily) {
      counters.foreign++;
    } else if (!ReadOvsMessage(message, ovs)) {
      counters.malformed++;
    } else if (ovs.cmd != OVS_PACKET_CMD_MISS && ovs.cmd != OVS_PACKET_CMD_ACTION) {
      counters.foreign++;
    } else if (out.count == out.capacity) {
      counters.overflow++;
    } else if (!DecodeUpcall(context, ovs, out.rows + out.count * upcall_row::kWords,
                             out.keys + out.count * flow::kWords)) {
      counters.malformed++;
    } else {
      counters.decoded++;
      out.count++;
    }
  }
  if (reader.malformed()) counters.malformed++;
  return out.count - before;
}

}  // namespace slowpath
