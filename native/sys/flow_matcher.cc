#include "sys/flow_matcher.h"

#include <algorithm>

#include "wire/bytes.h"

namespace slowpath {
namespace {

// How many flows before it is looked up a ukey's columns are asked for.
constexpr size_t kAhead = 16;

// The 64-bit counter at two words of a flow row. Exact up to 2^53.
double Counter(const uint32_t* row, unsigned column) {
  return static_cast<double>(LoadHost<uint64_t>(reinterpret_cast<const uint8_t*>(row + column)));
}

}  // namespace

void FlowMatcher::Begin(const UkeyColumns& ukeys) {
  ukeys_ = &ukeys;
  count_ = 0;
  if (flows_.size() < capacity_) flows_.resize(capacity_);
}

FlowSink::Added FlowMatcher::Add(const NetlinkMessage& message) {
  if (count_ == capacity_) return Added::kFull;
  Collected& flow = flows_[count_];
  if (!DecodeFlowMessage(message, 0, flow.row)) return Added::kMalformed;
  flow.message = message;
  count_++;
  uint32_t bucket = ukeys_->BucketOf(flow.row[flow_row::kUfid]);
  if (bucket != UkeyColumns::kNone) __builtin_prefetch(ukeys_->buckets + bucket);
  return Added::kYes;
}

// Asks for the columns of the ukey that the flow has most likely: the first in its bucket.
void FlowMatcher::Expect(const Collected& flow) const {
  const UkeyColumns& u = *ukeys_;
  uint32_t bucket = u.BucketOf(flow.row[flow_row::kUfid]);
  if (bucket == UkeyColumns::kNone) return;
  uint32_t link = u.buckets[bucket];
  if (link == 0 || link > u.capacity) return;
  size_t ukey = link - 1;
  __builtin_prefetch(u.ufid + 4 * ukey);
  __builtin_prefetch(u.state + ukey);
  __builtin_prefetch(u.packets + ukey, 1);
  __builtin_prefetch(u.bytes + ukey, 1);
  __builtin_prefetch(u.used + ukey, 1);
  __builtin_prefetch(u.tcpFlags + ukey, 1);
  __builtin_prefetch(u.generation + ukey);
  __builtin_prefetch(u.dumpRound + ukey, 1);
}

void FlowMatcher::Finish(int32_t round, int32_t since, MatchedColumns& matched, FlowRows& unknown) {
  const UkeyColumns& u = *ukeys_;
  for (size_t i = 0; i < std::min(kAhead, count_); i++) Expect(flows_[i]);
  for (size_t i = 0; i < count_; i++) {
    if (i + kAhead < count_) Expect(flows_[i + kAhead]);
    const uint32_t* row = flows_[i].row;
    uint32_t ukey = u.Find(row + flow_row::kUfid);
    if (ukey == UkeyColumns::kNone) {
      unknown.Add(flows_[i].message);
    } else if (u.state[ukey] == kUkeyOperational && u.dumpRound[ukey] != round &&
               u.dumpRound[ukey] != -round) {
      Take(ukey, row, since, matched);
      u.dumpRound[ukey] = round;
    }
  }
}

void FlowMatcher::Take(uint32_t ukey, const uint32_t* row, int32_t since, MatchedColumns& matched) const {
  const UkeyColumns& u = *ukeys_;
  double packets = Counter(row, flow_row::kPackets);
  double bytes = Counter(row, flow_row::kBytes);
  bool backwards = packets < u.packets[ukey] || bytes < u.bytes[ukey];
  size_t i = matched.count++;
  matched.ukey[i] = static_cast<int32_t>(ukey);
  matched.packets[i] = backwards ? packets : packets - u.packets[ukey];
  matched.bytes[i] = backwards ? bytes : bytes - u.bytes[ukey];
  matched.usedBefore[i] = u.used[ukey];
  u.used[ukey] = matched.used[i] = std::max(u.used[ukey], Counter(row, flow_row::kUsed));
  uint8_t flags = backwards ? MatchedColumns::kBackwards : 0;
  if (u.stale[ukey] != 0 || u.generation[ukey] < since) flags |= MatchedColumns::kStale;
  if (u.untold[ukey] != 0) flags |= MatchedColumns::kUntold;
  if (u.dumpRound[ukey] <= 0) flags |= MatchedColumns::kFirst;
  matched.flags[i] = flags;
  u.packets[ukey] = packets;
  u.bytes[ukey] = bytes;
  u.tcpFlags[ukey] = static_cast<uint16_t>(row[flow_row::kTcpFlags]);
  u.missed[ukey] = 0;
}

}  // namespace slowpath
