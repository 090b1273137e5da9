#include "wire/op.h"

#include <cerrno>

#include "wire/netlink.h"

namespace slowpath {
namespace {

using Bytes = std::span<const uint8_t>;

// The 'length' bytes that an offset of a row means. False when they are not all there.
bool Resolve(const OpSources& sources, uint32_t offset, uint32_t length, Bytes& out) {
  if (length == 0) {
    out = {};
    return true;
  }
  Bytes from = (offset & kOpOwnBytes) != 0 ? sources.own : sources.slab;
  size_t start = offset & ~kOpOwnBytes;
  if (start > from.size() || length > from.size() - start) return false;
  out = from.subspan(start, length);
  return true;
}

bool HasUfid(const uint32_t* row) {
  const uint32_t* ufid = row + op_row::kUfid;
  return (ufid[0] | ufid[1] | ufid[2] | ufid[3]) != 0;
}

// A nested attribute's length field has 16 bits; longer content cannot be said.
bool FitsAttribute(Bytes bytes) { return bytes.size() <= 0xffff - NLA_HDRLEN; }

struct FlowRequest {
  uint8_t cmd;
  uint16_t flags;     // NLM_F_*
  bool hasMatch;      // Carries the mask, and its key must be there.
  bool hasActions;
};

constexpr FlowRequest kFlowRequests[] = {
    {OVS_FLOW_CMD_NEW, NLM_F_CREATE, true, true},
    {OVS_FLOW_CMD_SET, 0, true, true},
    {OVS_FLOW_CMD_DEL, 0, false, false},
    {OVS_FLOW_CMD_GET, 0, false, false},
};

// Appends the mask of 'maskRow' for 'key', nested. False when there is no such row or the key does not decode.
bool PutMask(Bytes key, uint32_t maskRow, const OpSources& sources, ByteWriter& out) {
  if (maskRow >= sources.masks.size() / flow::kWords) return false;
  uint32_t decoded[flow::kWords];
  if (DecodeKey(key, decoded) == Fitness::kError) return false;
  NestedAttribute mask(out, OVS_FLOW_ATTR_MASK);
  EncodeMask(decoded, sources.masks.data() + size_t{maskRow} * flow::kWords, out);
  return true;
}

bool PutFlow(const uint32_t* row, const OpContext& context, const OpSources& sources, ByteWriter& out) {
  const FlowRequest& request = kFlowRequests[row[op_row::kKind] - kOpFlowPut];
  const uint32_t flags = row[op_row::kFlags];
  Bytes key, actions;
  if (!Resolve(sources, row[op_row::kKeyOff], row[op_row::kKeyLen], key) || !FitsAttribute(key)) return false;
  if (!Resolve(sources, row[op_row::kActionsOff], row[op_row::kActionsLen], actions) || !FitsAttribute(actions)) {
    return false;
  }
  if (key.empty() && (request.cmd == OVS_FLOW_CMD_NEW || !HasUfid(row))) return false;
  OvsMessageWriter::Header header;
  header.family = context.flowFamily;
  header.flags = static_cast<uint16_t>(NLM_F_REQUEST | context.flags | request.flags |
                                       ((flags & kOpEcho) != 0 ? NLM_F_ECHO : 0));
  header.seq = context.seq;
  header.portId = context.portId;
  header.cmd = request.cmd;
  header.dpIfindex = context.dpIfindex;
  OvsMessageWriter message(out, header);
  if (HasUfid(row)) {
    if (uint8_t* p = PutAttribute(out, OVS_FLOW_ATTR_UFID, 16)) std::memcpy(p, row + op_row::kUfid, 16);
  }
  if ((flags & kOpTerse) != 0) {
    PutU32(out, OVS_FLOW_ATTR_UFID_FLAGS, OVS_UFID_F_OMIT_KEY | OVS_UFID_F_OMIT_MASK | OVS_UFID_F_OMIT_ACTIONS);
  }
  if (!key.empty()) PutBytes(out, OVS_FLOW_ATTR_KEY, key);
  if (request.hasMatch && !key.empty() && row[op_row::kMaskRow] != 0xffffffff &&
      !PutMask(key, row[op_row::kMaskRow], sources, out)) {
    return false;
  }
  // Without actions the attribute is there all the same, empty: it means drop.
  if (request.hasActions) PutBytes(out, OVS_FLOW_ATTR_ACTIONS, actions);
  if ((flags & kOpClear) != 0) PutAttribute(out, OVS_FLOW_ATTR_CLEAR, 0);
  if ((flags & kOpProbe) != 0) PutAttribute(out, OVS_FLOW_ATTR_PROBE, 0);
  return true;
}

bool PutExecute(const uint32_t* row, const OpContext& context, const OpSources& sources, ByteWriter& out) {
  Bytes key, actions, packet;
  bool resolved = Resolve(sources, row[op_row::kKeyOff], row[op_row::kKeyLen], key) &&
                  Resolve(sources, row[op_row::kActionsOff], row[op_row::kActionsLen], actions) &&
                  Resolve(sources, row[op_row::kPacketOff], row[op_row::kPacketLen], packet);
  if (!resolved || packet.empty() || !FitsAttribute(key) || !FitsAttribute(actions) || !FitsAttribute(packet)) {
    return false;
  }
  OvsMessageWriter::Header header;
  header.family = context.packetFamily;
  header.flags = static_cast<uint16_t>(NLM_F_REQUEST | context.flags);
  header.seq = context.seq;
  header.portId = context.portId;
  header.cmd = OVS_PACKET_CMD_EXECUTE;
  header.dpIfindex = context.dpIfindex;
  OvsMessageWriter message(out, header);
  PutBytes(out, OVS_PACKET_ATTR_PACKET, packet);
  PutBytes(out, OVS_PACKET_ATTR_KEY, key);
  PutBytes(out, OVS_PACKET_ATTR_ACTIONS, actions);
  if ((row[op_row::kFlags] & kOpProbe) != 0) PutAttribute(out, OVS_PACKET_ATTR_PROBE, 0);
  if (row[op_row::kMru] != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_PACKET_ATTR_MRU, 2)) {
      StoreHost(p, static_cast<uint16_t>(row[op_row::kMru]));
    }
  }
  if ((row[op_row::kHash] | row[op_row::kHash + 1]) != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_PACKET_ATTR_HASH, 8)) std::memcpy(p, row + op_row::kHash, 8);
  }
  return true;
}

}  // namespace

int EncodeOp(const uint32_t* row, const OpContext& context, const OpSources& sources, ByteWriter& out) {
  const size_t start = out.size();
  if (out.overflowed()) return -ENOBUFS;
  uint32_t kind = row[op_row::kKind];
  bool valid = false;
  if (kind >= kOpFlowPut && kind <= kOpFlowGet) {
    valid = PutFlow(row, context, sources, out);
  } else if (kind == kOpExecute) {
    valid = PutExecute(row, context, sources, out);
  }
  if (valid && !out.overflowed()) return 0;
  int error = valid ? -ENOBUFS : -EINVAL;
  out.Truncate(start);
  return error;
}

}  // namespace slowpath
