#include <errno.h>
#include <linux/openvswitch.h>

#include <algorithm>
#include <cstring>
#include <vector>

#include "datapath/actions.h"
#include "datapath/server.h"
#include "wire/key_fields.h"

// The family ovs_flow.
namespace slowpath {
namespace {

using FlowAttributes = AttributeTable<OVS_FLOW_ATTR_PAD>;
constexpr uint16_t kFlag = FlowAttributes::kFlag;
constexpr uint16_t kLeast[OVS_FLOW_ATTR_PAD + 1] = {0, 0, 0, 0, 0, 0, kFlag, 0, kFlag, 1, 4, 0};

// How many flows before a dump comes to it a flow's memory is asked for.
constexpr uint32_t kAhead = 8;

constexpr uint32_t kCtStateBits = 0xff;  // OVS_CS_F_* of Linux 6.1.

// What carries attributes of its own among key attributes.
bool IsNest(uint16_t type, int level) {
  return type == OVS_KEY_ATTR_ENCAP || (level == 0 && (type == OVS_KEY_ATTR_TUNNEL || type == OVS_KEY_ATTR_NSH));
}

// Turns key attributes into those of the mask that matches exactly what they name, as the kernel's mask_set_nlattr.
void FillOnes(std::span<uint8_t> attributes, int level) {
  AttributeReader reader(attributes);
  for (Attribute a; reader.Next(a);) {
    std::span<uint8_t> payload = attributes.subspan(static_cast<size_t>(a.payload.data() - attributes.data()));
    payload = payload.first(a.payload.size());
    if (IsNest(a.type, level)) {
      FillOnes(payload, a.type == OVS_KEY_ATTR_ENCAP ? level : 1);
    } else {
      std::fill(payload.begin(), payload.end(), uint8_t{0xff});
    }
  }
}

std::span<const uint8_t> UfidOf(const FlowAttributes& a) {
  if (!a.has(OVS_FLOW_ATTR_UFID) || a[OVS_FLOW_ATTR_UFID].size() > Flow::kMaxUfidBytes) return {};
  return a[OVS_FLOW_ATTR_UFID];
}

uint32_t UfidFlags(const FlowAttributes& a) {
  return a.has(OVS_FLOW_ATTR_UFID_FLAGS) ? a.U32(OVS_FLOW_ATTR_UFID_FLAGS) : 0;
}

// Whether a key has what tells an Ethernet frame from a packet without Ethernet header.
bool SaysWhatPacket(std::span<const uint8_t> key) {
  AttributeReader reader(key);
  Attribute a;
  while (reader.Next(a)) {
    if (a.type == OVS_KEY_ATTR_ETHERNET || a.type == OVS_KEY_ATTR_ETHERTYPE) return true;
  }
  return false;
}

}  // namespace

// Key and mask of a request into key_, mask_, maskedKey_. Stricter than decoding is: like the kernel, nothing may be missing
// from a flow's key, and nothing in it unknown.
int Server::ParseMatch(const FlowAttributes& a) {
  std::span<const uint8_t> key = a[OVS_FLOW_ATTR_KEY];
  switch (DecodeKey(key, key_)) {
    case Fitness::kPerfect:
      break;
    case Fitness::kTooMuch:
      return Fail(-EINVAL, "flow key has unknown attributes");
    case Fitness::kTooLittle:
      // Of IGMP only OVS wants more than a datapath can tell.
      if (IsIgmp(key_)) break;
      return Fail(-EINVAL, "flow key lacks attributes that its others call for");
    case Fitness::kError:
      return Fail(-EINVAL, LastDecodeProblem());
  }
  if (!SaysWhatPacket(key)) return Fail(-EINVAL, "flow key has neither Ethernet addresses nor an ethertype");
  std::vector<uint8_t> ones;
  std::span<const uint8_t> mask = a[OVS_FLOW_ATTR_MASK];
  if (!a.has(OVS_FLOW_ATTR_MASK)) {
    ones.assign(key.begin(), key.end());
    FillOnes(ones, 0);
    mask = ones;
  }
  if (DecodeMask(mask, key_, mask_) == Fitness::kError) return Fail(-EINVAL, LastDecodeProblem());
  if (!a.has(OVS_FLOW_ATTR_MASK)) mask_[flow::kCtState] &= kCtStateBits;
  if (((key_[flow::kCtState] | mask_[flow::kCtState]) & ~kCtStateBits) != 0) {
    return Fail(-EINVAL, "ct_state has bits that this datapath does not know");
  }
  // Matched always: what a packet without Ethernet header says is never what a frame does.
  mask_[flow::kPacketType] = 0xffffffff;
  for (unsigned i = 0; i < flow::kWords; i++) maskedKey_[i] = key_[i] & mask_[i];
  return 0;
}

int Server::CheckActions(std::span<const uint8_t> actions, const uint32_t* key) {
  const char* problem = nullptr;
  int error = ValidateActions(actions, key, &problem);
  return error == 0 ? 0 : Fail(error, problem);
}

Flow* Server::FindFlow(Datapath& dp, const FlowAttributes& a) {
  std::span<const uint8_t> ufid = UfidOf(a);
  return ufid.empty() ? dp.table.FindUnmaskedKey(key_) : dp.table.FindUfid(ufid);
}

int Server::FlowNew(const Request& request) {
  FlowAttributes a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (!a.has(OVS_FLOW_ATTR_KEY)) return Fail(-EINVAL, "flow without a key");
  if (!a.has(OVS_FLOW_ATTR_ACTIONS)) return Fail(-EINVAL, "flow without actions");
  if (int error = ParseMatch(a); error != 0) return error;
  std::span<const uint8_t> actions = a[OVS_FLOW_ATTR_ACTIONS];
  if (int error = CheckActions(actions, maskedKey_); error != 0) return error;
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  std::span<const uint8_t> ufid = UfidOf(a);
  Flow* flow = ufid.empty() ? nullptr : dp->table.FindUfid(ufid);
  if (flow == nullptr) flow = dp->table.LookupQuietly(key_);
  if (flow == nullptr) {
    flow = dp->table.Insert(key_, mask_, ufid, actions);
  } else {
    if ((request.flags & (NLM_F_CREATE | NLM_F_EXCL)) != 0) return Fail(-EEXIST, "flow exists, or overlaps another");
    bool same = false;
    if (flow->ufidLength != 0) {
      uint32_t other[flow::kWords];
      flow->subtable->ExpandKey(*flow, other);
      same = std::memcmp(other, maskedKey_, sizeof other) == 0;
    } else {
      flow = dp->table.FindUnmaskedKey(key_);
      same = flow != nullptr;
    }
    if (!same) return Fail(-ENOENT, "flow overlaps another");
    flow->SetActions(actions);
  }
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillFlow(*dp, *flow, Head(request, OVS_FLOW_CMD_NEW), UfidFlags(a), reply_);
    SendReply();
  }
  return 0;
}

int Server::FlowSet(const Request& request) {
  FlowAttributes a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  bool hasKey = a.has(OVS_FLOW_ATTR_KEY);
  if (!hasKey && UfidOf(a).empty()) return Fail(-EINVAL, "flow without key and ufid");
  if (hasKey) {
    if (int error = ParseMatch(a); error != 0) return error;
  }
  if (a.has(OVS_FLOW_ATTR_ACTIONS)) {
    // The kernel checks actions against the key of the request, and so insists on it.
    if (!hasKey) return Fail(-EINVAL, "new actions need the flow's key");
    if (int error = CheckActions(a[OVS_FLOW_ATTR_ACTIONS], maskedKey_); error != 0) return error;
  }
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  Flow* flow = FindFlow(*dp, a);
  if (flow == nullptr) return Fail(-ENOENT, "no such flow");
  if (a.has(OVS_FLOW_ATTR_ACTIONS)) flow->SetActions(a[OVS_FLOW_ATTR_ACTIONS]);
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillFlow(*dp, *flow, Head(request, OVS_FLOW_CMD_SET), UfidFlags(a), reply_);
    SendReply();
  }
  if (a.has(OVS_FLOW_ATTR_CLEAR)) flow->ClearStatistics();
  return 0;
}

int Server::FlowGet(const Request& request) {
  FlowAttributes a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (a.has(OVS_FLOW_ATTR_KEY)) {
    if (int error = ParseMatch(a); error != 0) return error;
  } else if (UfidOf(a).empty()) {
    return Fail(-EINVAL, "flow without key and ufid");
  }
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  Flow* flow = FindFlow(*dp, a);
  if (flow == nullptr) return Fail(-ENOENT, "no such flow");
  FillFlow(*dp, *flow, Head(request, OVS_FLOW_CMD_GET), UfidFlags(a), reply_);
  SendReply();
  return 0;
}

int Server::FlowDelete(const Request& request) {
  FlowAttributes a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  bool hasKey = a.has(OVS_FLOW_ATTR_KEY);
  if (hasKey) {
    if (int error = ParseMatch(a); error != 0) return error;
  }
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  if (!hasKey && UfidOf(a).empty()) {
    dp->table.Clear();
    return 0;
  }
  Flow* flow = FindFlow(*dp, a);
  if (flow == nullptr) return Fail(-ENOENT, "no such flow");
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillFlow(*dp, *flow, Head(request, OVS_FLOW_CMD_DEL), UfidFlags(a), reply_);
    SendReply();
  }
  dp->table.Remove(flow);
  return 0;
}

// Attributes in the order of ovs_flow_cmd_fill_info.
void Server::FillFlow(const Datapath& dp, const Flow& flow, const MessageHead& head, uint32_t ufidFlags,
                      ByteWriter& out) {
  size_t start = out.size();
  PutHeaders(out, head, dp.ifindex);
  bool byUfid = flow.ufidLength != 0;
  bool withKey = !byUfid || (ufidFlags & OVS_UFID_F_OMIT_KEY) == 0;
  bool withMask = !byUfid || (ufidFlags & OVS_UFID_F_OMIT_MASK) == 0;
  uint32_t key[flow::kWords];
  if (withKey || withMask) flow.subtable->ExpandKey(flow, key);
  if (byUfid) PutBytes(out, OVS_FLOW_ATTR_UFID, flow.ufidBytes());
  if (withKey) {
    NestedAttribute nested(out, OVS_FLOW_ATTR_KEY);
    EncodeKey(byUfid ? key : flow.unmaskedKey.get(), out);
  }
  if (withMask) {
    uint32_t mask[flow::kWords];
    flow.subtable->ExpandMask(mask);
    NestedAttribute nested(out, OVS_FLOW_ATTR_MASK);
    EncodeMask(key, mask, out);
  }
  if (flow.usedMs != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_FLOW_ATTR_USED, 8)) StoreHost<uint64_t>(p, flow.usedMs);
  }
  if (flow.packets != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_FLOW_ATTR_STATS, sizeof(ovs_flow_stats))) {
      ovs_flow_stats stats = {.n_packets = flow.packets, .n_bytes = flow.bytes};
      std::memcpy(p, &stats, sizeof stats);
    }
  }
  if ((flow.tcpFlags & 0xff) != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_FLOW_ATTR_TCP_FLAGS, 1)) *p = static_cast<uint8_t>(flow.tcpFlags);
  }
  if (!byUfid || (ufidFlags & OVS_UFID_F_OMIT_ACTIONS) == 0) {
    PutBytes(out, OVS_FLOW_ATTR_ACTIONS, flow.actionBytes());
  }
  FinishMessage(out, start);
}

bool Server::DumpFlows(Dump& dump, ByteWriter& out) {
  Datapath* dp = FindDatapath(dump.request.ifindex);
  if (dp == nullptr) {
    dump.error = -ENODEV;
    return false;
  }
  MessageHead head = Head(dump.request, OVS_FLOW_CMD_NEW);
  head.flags = NLM_F_MULTI;
  while (out.size() < kDumpBytes) {
    Flow* flow = dp->table.AtOrAfter(dump.next);
    if (flow == nullptr) return false;
    dp->table.Expect(size_t{flow->slot} + kAhead);
    size_t start = out.size();
    FillFlow(*dp, *flow, head, dump.ufidFlags, out);
    if (out.overflowed()) {
      out.Truncate(start);
      // A flow that no datagram has room for could not have been put with a datagram either.
      if (start != 0) return true;
    }
    dump.next = flow->slot + 1;
  }
  return true;
}

}  // namespace slowpath
