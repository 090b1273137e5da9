#include <errno.h>
#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/server.h"

// The family ovs_datapath.
namespace slowpath {
namespace {

constexpr uint16_t kLeast[OVS_DP_ATTR_IFINDEX + 1] = {0, 1, 4, 0, 0, 4, 0, 4, 0, 4};
constexpr uint32_t kFeatures = OVS_DP_F_UNALIGNED | OVS_DP_F_VPORT_PIDS | OVS_DP_F_DISPATCH_UPCALL_PER_CPU;

}  // namespace

Datapath* Server::FindDatapath(uint32_t ifindex) {
  for (const auto& dp : datapaths_) {
    if (dp->ifindex == ifindex) return dp.get();
  }
  return nullptr;
}

int Server::FindDatapathByRequest(const Request& request, const AttributeTable<9>& a, Datapath** dp) {
  *dp = nullptr;
  if (!a.has(OVS_DP_ATTR_NAME)) {
    *dp = FindDatapath(request.ifindex);
  } else {
    std::string name = TextOf(a[OVS_DP_ATTR_NAME]);
    for (const auto& each : datapaths_) {
      if (each->name == name) *dp = each.get();
    }
  }
  return *dp != nullptr ? 0 : Fail(-ENODEV, "no such datapath");
}

int Server::ChangeDatapath(Datapath& dp, const AttributeTable<9>& a) {
  uint32_t features = a.has(OVS_DP_ATTR_USER_FEATURES) ? a.U32(OVS_DP_ATTR_USER_FEATURES) : dp.userFeatures;
  if ((features & ~kFeatures) != 0) return Fail(-EOPNOTSUPP, "unknown bit in user features");
  std::vector<uint32_t> pids = dp.cpuPids;
  bool perCpu = (features & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0;
  if (perCpu && a.has(OVS_DP_ATTR_PER_CPU_PIDS)) {
    if (int error = ParsePids(a[OVS_DP_ATTR_PER_CPU_PIDS], pids); error != 0) return error;
  }
  if (a.has(OVS_DP_ATTR_MASKS_CACHE_SIZE) && !dp.table.SetMaskCacheSize(a.U32(OVS_DP_ATTR_MASKS_CACHE_SIZE))) {
    return Fail(-EINVAL, "mask cache size must be 0 or a power of two up to 4096");
  }
  dp.userFeatures = features;
  dp.cpuPids = std::move(pids);
  return 0;
}

int Server::DatapathNew(const Request& request) {
  AttributeTable<9> a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (!a.has(OVS_DP_ATTR_NAME) || !a.has(OVS_DP_ATTR_UPCALL_PID)) {
    return Fail(-EINVAL, "a datapath needs a name and an upcall port id");
  }
  auto dp = std::make_unique<Datapath>();
  dp->name = TextOf(a[OVS_DP_ATTR_NAME]);
  if (int error = ChangeDatapath(*dp, a); error != 0) return error;
  for (const auto& other : datapaths_) {
    if (other->name == dp->name) return Fail(-EEXIST, "a datapath of this name exists");
  }
  Port* local = nullptr;
  if (int error = AddPort(*dp, OVSP_LOCAL, OVS_VPORT_TYPE_INTERNAL, dp->name, &local); error != 0) {
    return error == -EBUSY ? -EEXIST : error;
  }
  local->upcallPids = {a.U32(OVS_DP_ATTR_UPCALL_PID)};
  dp->ifindex = local->ifindex;
  datapaths_.push_back(std::move(dp));
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillDatapath(*datapaths_.back(), Head(request, OVS_DP_CMD_NEW), reply_);
    SendReply();
  }
  return 0;
}

int Server::DatapathDelete(const Request& request) {
  AttributeTable<9> a;
  Datapath* dp;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (int error = FindDatapathByRequest(request, a, &dp); error != 0) return error;
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillDatapath(*dp, Head(request, OVS_DP_CMD_DEL), reply_);
    SendReply();
  }
  for (uint32_t number = 0; number < dp->ports.size(); number++) RemovePort(*dp, number);
  std::erase_if(datapaths_, [&](const auto& each) { return each.get() == dp; });
  return 0;
}

int Server::DatapathSet(const Request& request) {
  AttributeTable<9> a;
  Datapath* dp;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (int error = FindDatapathByRequest(request, a, &dp); error != 0) return error;
  if (int error = ChangeDatapath(*dp, a); error != 0) return error;
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillDatapath(*dp, Head(request, OVS_DP_CMD_SET), reply_);
    SendReply();
  }
  return 0;
}

int Server::DatapathGet(const Request& request) {
  AttributeTable<9> a;
  Datapath* dp;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (int error = FindDatapathByRequest(request, a, &dp); error != 0) return error;
  FillDatapath(*dp, Head(request, OVS_DP_CMD_GET), reply_);
  SendReply();
  return 0;
}

void Server::FillDatapath(const Datapath& dp, const MessageHead& head, ByteWriter& out) {
  size_t start = out.size();
  PutHeaders(out, head, dp.ifindex);
  PutBytes(out, OVS_DP_ATTR_NAME, {reinterpret_cast<const uint8_t*>(dp.name.c_str()), dp.name.size() + 1});
  if (uint8_t* p = PutAttribute(out, OVS_DP_ATTR_STATS, sizeof(ovs_dp_stats))) {
    ovs_dp_stats stats = {.n_hit = dp.hits, .n_missed = dp.misses, .n_lost = dp.lost, .n_flows = dp.table.size()};
    std::memcpy(p, &stats, sizeof stats);
  }
  if (uint8_t* p = PutAttribute(out, OVS_DP_ATTR_MEGAFLOW_STATS, sizeof(ovs_dp_megaflow_stats))) {
    ovs_dp_megaflow_stats stats = {};
    stats.n_mask_hit = dp.table.maskHits();
    stats.n_masks = static_cast<uint32_t>(dp.table.masks());
    stats.n_cache_hit = dp.table.cacheHits();
    std::memcpy(p, &stats, sizeof stats);
  }
  PutU32(out, OVS_DP_ATTR_USER_FEATURES, dp.userFeatures);
  PutU32(out, OVS_DP_ATTR_MASKS_CACHE_SIZE, dp.table.maskCacheSize());
  if ((dp.userFeatures & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0 && !dp.cpuPids.empty()) {
    PutBytes(out, OVS_DP_ATTR_PER_CPU_PIDS,
             {reinterpret_cast<const uint8_t*>(dp.cpuPids.data()), dp.cpuPids.size() * sizeof(uint32_t)});
  }
  FinishMessage(out, start);
}

bool Server::DumpDatapaths(Dump& dump, ByteWriter& out) {
  MessageHead head = Head(dump.request, OVS_DP_CMD_NEW);
  head.flags = NLM_F_MULTI;
  while (dump.next < datapaths_.size() && out.size() < kDumpBytes) {
    size_t start = out.size();
    FillDatapath(*datapaths_[dump.next], head, out);
    if (out.overflowed()) {
      out.Truncate(start);
      break;
    }
    dump.next++;
  }
  return dump.next < datapaths_.size();
}

}  // namespace slowpath
