#include "datapath/engine.h"

#include <linux/genetlink.h>
#include <linux/if_ether.h>
#include <linux/openvswitch.h>
#include <time.h>

#include <cstring>

#include "datapath/actions.h"
#include "datapath/checksum.h"
#include "datapath/families.h"
#include "datapath/gso.h"
#include "datapath/headers.h"
#include "wire/attributes.h"

namespace slowpath {
namespace {

// Buffers for copies and executed packets; each packet on its way through nested actions holds at most one.
constexpr uint32_t kPoolBuffers = 96;
// As in the kernel (datapath.h): how the 64 bits of OVS_PACKET_ATTR_HASH are used.
constexpr uint64_t kHashIsSoftware = uint64_t{1} << 32;
constexpr uint64_t kHashIsL4 = uint64_t{1} << 33;
constexpr int kMaxRecirculations = 10;

}  // namespace

uint64_t MonotonicMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000 + static_cast<uint64_t>(now.tv_nsec) / 1000000;
}

uint32_t HashWord(uint32_t word, uint32_t basis) {
  uint64_t h = (uint64_t{basis} << 32 | word) * 0x9e3779b97f4a7c15;
  h = (h ^ h >> 29) * 0xbf58476d1ce4e5b9;
  return static_cast<uint32_t>(h >> 32);
}

uint32_t TransportHash(const uint32_t* key, bool symmetric) {
  uint32_t ends[2] = {};
  for (uint32_t side = 0; side < 2; side++) {
    uint32_t h = HashWord(key[flow::kNwSrc + side], key[flow::kTpSrc + side]);
    if (key[flow::kEthType] == ETH_P_IPV6) {
      for (uint32_t i = 0; i < 4; i++) h = HashWord(key[flow::kIpv6Src + 4 * side + i], h);
    }
    ends[side] = h;
  }
  if (symmetric && ends[0] > ends[1]) std::swap(ends[0], ends[1]);
  uint32_t h = HashWord(ends[1], HashWord(ends[0], key[flow::kEthType] << 8 | key[flow::kNwProto]));
  return h != 0 ? h : 1;
}

void ClearConntrackWords(uint32_t* key) {
  std::memset(key + flow::kCtState, 0, (flow::kCtLabel + 4 - flow::kCtState) * sizeof *key);
  std::memset(key + flow::kCtNwSrc, 0, (flow::kCtNwProto + 1 - flow::kCtNwSrc) * sizeof *key);
  key[flow::kCtTpSrc] = key[flow::kCtTpDst] = 0;
}

Engine::Engine(DatapathCounters& counters)
    : counters(counters),
      pool(kPoolBuffers, [](void* self) { static_cast<Engine*>(self)->FlushPorts(); }, this),
      head_(std::make_unique_for_overwrite<uint8_t[]>(Slab::kSlotBytes)),
      segment_(std::make_unique_for_overwrite<uint8_t[]>(Buffer::kFrameBytes)),
      random_(MonotonicMs() | 1) {
  ports.counters = &counters;
}

uint32_t Engine::Random() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  return static_cast<uint32_t>(random_ >> 32);
}

void Engine::Receive(Datapath& dp, Packet& packet, uint32_t port) {
  key_[flow::kInPort] = port;
  // What actions of the packet before may have set.
  key_[flow::kRecircId] = key_[flow::kDpHash] = key_[flow::kSkbPriority] = key_[flow::kSkbMark] = 0;
  ClearConntrackWords(key_);
  ExtractKey(packet, key_);
  Process(dp, packet, key_, 0);
}

void Engine::Process(Datapath& dp, Packet& packet, uint32_t* key, int depth) {
  if (depth > kMaxRecirculations) {
    Count(counters.recirculationLimit);
    return;
  }
  Flow* flow = dp.table.Lookup(key);
  if (flow == nullptr) {
    Miss(dp, packet, key);
    return;
  }
  dp.hits++;
  Count(counters.hits);
  flow->packets++;
  flow->bytes += packet.length;
  flow->usedMs = nowMs;
  flow->tcpFlags |= static_cast<uint16_t>(key[flow::kTcpFlags]);
  if (flow->actionsLength == 0) {
    Count(counters.emptyActions);
    return;
  }
  ActionRunner(*this, dp, depth).Run(packet, key, flow->actionBytes());
}

void Engine::Execute(Datapath& dp, Packet& packet, uint32_t* key, std::span<const uint8_t> actions) {
  ActionRunner(*this, dp, 0).Run(packet, key, actions);
}

void Engine::Miss(Datapath& dp, Packet& packet, const uint32_t* key) {
  dp.misses++;
  Count(counters.misses);
  UpcallInfo info;
  info.command = OVS_PACKET_CMD_MISS;
  if (packet.hash == 0) packet.hash = TransportHash(key, false) | kHashIsSoftware | kHashIsL4;
  uint32_t hash = static_cast<uint32_t>(packet.hash);
  const std::vector<uint32_t>* pids = &dp.cpuPids;
  if ((dp.userFeatures & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) == 0) {
    Port* port = dp.PortAt(key[flow::kInPort]);
    pids = port != nullptr ? &port->upcallPids : nullptr;
  }
  if (pids != nullptr && !pids->empty()) info.pid = (*pids)[pids->size() == 1 ? 0 : hash % pids->size()];
  Upcall(dp, packet, key, info);
}

void Engine::Upcall(Datapath& dp, Packet& packet, const uint32_t* key, const UpcallInfo& info) {
  ChannelQueue* channel = info.pid < channels.size() ? channels[info.pid].get() : nullptr;
  if (channel == nullptr) {
    dp.lost++;
    Count(info.pid == 0 ? counters.upcallsNoPid : counters.upcallsNoChannel);
    return;
  }
  bool writable = packet.isGso() || !packet.needsChecksum() || packet.Unshare(pool);
  if (packet.hash == 0) packet.hash = TransportHash(key, false) | kHashIsSoftware | kHashIsL4;
  ByteWriter head({head_.get(), Slab::kSlotBytes});
  if (!writable || !EncodeUpcall(dp, packet, key, info, head)) {
    dp.lost++;
    Count(counters.upcallsTooLarge);
    return;
  }
  std::span<uint8_t> bytes(head_.get(), head.size());
  if (!packet.isGso()) {
    if (packet.needsChecksum() && CompleteChecksum(packet)) Count(counters.checksumsCompleted);
    if (!QueueUpcall(dp, *channel, bytes, packet.frame(), packet.cut)) dp.lost++;
    return;
  }
  // A cut takes the same from each segment, as in the kernel; as there, the first loss ends it and counts once.
  Count(counters.gsoSegmented);
  bool queued = true;
  bool valid = Segment(packet, {segment_.get(), Buffer::kFrameBytes}, [&](std::span<const uint8_t> frame) {
    queued = QueueUpcall(dp, *channel, bytes, frame, packet.cut);
    return queued;
  });
  if (!valid) Count(counters.upcallsBadGso);
  if (!valid || !queued) dp.lost++;
}

bool Engine::EncodeUpcall(Datapath& dp, const Packet& packet, const uint32_t* key, const UpcallInfo& info,
                          ByteWriter& out) {
  PutHeaders(out, {.type = kPacketFamily, .command = info.command, .version = OVS_PACKET_VERSION}, dp.ifindex);
  {
    NestedAttribute nested(out, OVS_PACKET_ATTR_KEY);
    EncodeKey(key, out);
  }
  if (info.userdata != nullptr) PutBytes(out, OVS_PACKET_ATTR_USERDATA, *info.userdata);
  if (info.actions != nullptr) PutBytes(out, OVS_PACKET_ATTR_ACTIONS, *info.actions);
  if (packet.mru != 0) {
    if (uint8_t* p = PutAttribute(out, OVS_PACKET_ATTR_MRU, 2)) StoreHost<uint16_t>(p, packet.mru);
  }
  if (packet.cut > 0) PutU32(out, OVS_PACKET_ATTR_LEN, packet.length);
  if (uint8_t* p = PutAttribute(out, OVS_PACKET_ATTR_HASH, 8)) StoreHost<uint64_t>(p, packet.hash);
  PutAttribute(out, OVS_PACKET_ATTR_PACKET, 0);
  uint32_t largest = packet.isGso() ? packet.offload.gso_size + 256u : packet.length;
  return !out.overflowed() && out.size() + largest + 4 <= Slab::kSlotBytes;
}

bool Engine::QueueUpcall(Datapath& dp, ChannelQueue& channel, std::span<uint8_t> head,
                         std::span<const uint8_t> frame, uint32_t cut) {
  if (cut != 0) {
    const size_t least = std::min<size_t>(frame.size(), ETH_HLEN);
    frame = frame.first(frame.size() > cut + ETH_HLEN ? frame.size() - cut : least);
  }
  size_t padding = (dp.userFeatures & OVS_DP_F_UNALIGNED) != 0 ? 0 : AttributeReader::Padding(frame.size());
  StoreHost<uint32_t>(head.data(), static_cast<uint32_t>(head.size() + frame.size() + padding));
  StoreHost<uint16_t>(head.data() + head.size() - NLA_HDRLEN, static_cast<uint16_t>(NLA_HDRLEN + frame.size()));
  switch (channel.PushUpcall(head, frame, padding)) {
    case ChannelQueue::Pushed::kQueued:
      break;
    case ChannelQueue::Pushed::kFull:
      Count(counters.upcallsQueueFull);
      return false;
    case ChannelQueue::Pushed::kClosed:
      Count(counters.upcallsNoChannel);
      return false;
  }
  Count(counters.upcalls);
  WakeAfterBatch(channel);
  return true;
}

void Engine::WakeAfterBatch(ChannelQueue& channel) {
  for (ChannelQueue* other : toWake_) {
    if (other == &channel) return;
  }
  toWake_.push_back(&channel);
}

void Engine::FlushPorts() {
  for (Port* port : ports.dirty) port->Flush();
  ports.dirty.clear();
}

void Engine::Flush() {
  FlushPorts();
  for (ChannelQueue* channel : toWake_) channel->FlushWakeup();
  toWake_.clear();
}

}  // namespace slowpath
