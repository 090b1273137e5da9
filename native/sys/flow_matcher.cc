#include "sys/flow_matcher.h"

#include <algorithm>

#include "wire/bytes.h"

namespace slowpath {
namespace {

// The 64-bit counter at two words of a flow row. Exact up to 2^53.
double Counter(const uint32_t* row, unsigned column) {
  return static_cast<double>(LoadHost<uint64_t>(reinterpret_cast<const uint8_t*>(row + column)));
}

}  // namespace

void FlowMatcher::Begin(const UkeyRows& ukeys, int32_t round) {
  ukeys_ = &ukeys;
  count_ = 0;
  if (flows_.size() < capacity_) flows_.resize(capacity_);
  if (round == round_) return;
  round_ = round;
  before_.swap(order_);
  order_.clear();
  next_ = 0;
}

FlowSink::Added FlowMatcher::Add(const NetlinkMessage& message) {
  if (count_ == capacity_) return Added::kFull;
  Collected& flow = flows_[count_];
  if (!DecodeFlowMessage(message, 0, flow.row)) return Added::kMalformed;
  flow.message = message;
  size_t place = next_ + count_++;
  if (place < before_.size()) {
    __builtin_prefetch(ukeys_->rows + before_[place], 1);
  } else {
    uint32_t bucket = ukeys_->BucketOf(flow.row[flow_row::kUfid]);
    if (bucket != UkeyRows::kNone) __builtin_prefetch(ukeys_->buckets + bucket);
  }
  return Added::kYes;
}

void FlowMatcher::Finish(int32_t since, MatchedColumns& matched, FlowRows& unknown) {
  for (size_t i = 0; i < count_; i++) {
    const uint32_t* flow = flows_[i].row;
    uint32_t ukey = Find(flow + flow_row::kUfid);
    if (ukey == UkeyRows::kNone) {
      unknown.Add(flows_[i].message);
      continue;
    }
    UkeyRow& row = ukeys_->rows[ukey];
    if (row.state != kUkeyOperational || row.dumpRound == round_ || row.dumpRound == -round_) continue;
    matched.ukey[matched.count] = static_cast<int32_t>(ukey);
    Take(flow, row, since, matched, matched.count++);
    row.dumpRound = round_;
  }
}

// The ukey with this flow id, or kNone: the one that the last dump had here, else by the index.
uint32_t FlowMatcher::Find(const uint32_t* id) {
  uint32_t ukey = next_ < before_.size() ? before_[next_] : UkeyRows::kNone;
  if (ukey < ukeys_->capacity && ukeys_->rows[ukey].Is(id)) {
    next_++;
  } else {
    ukey = ukeys_->Find(id);
    if (ukey == UkeyRows::kNone) return ukey;
    next_ = size_t{ukeys_->rows[ukey].place} + 1;
  }
  ukeys_->rows[ukey].place = static_cast<uint32_t>(order_.size());
  order_.push_back(ukey);
  return ukey;
}

// Takes the statistics of a flow in, and tells in element 'at' what is new.
void FlowMatcher::Take(const uint32_t* flow, UkeyRow& row, int32_t since, MatchedColumns& matched,
                       size_t at) {
  double packets = Counter(flow, flow_row::kPackets);
  double bytes = Counter(flow, flow_row::kBytes);
  bool backwards = packets < row.packets || bytes < row.bytes;
  matched.packets[at] = backwards ? packets : packets - row.packets;
  matched.bytes[at] = backwards ? bytes : bytes - row.bytes;
  matched.usedBefore[at] = row.used;
  row.used = matched.used[at] = std::max(row.used, Counter(flow, flow_row::kUsed));
  uint8_t flags = backwards ? MatchedColumns::kBackwards : 0;
  if (row.stale != 0 || row.generation < since) flags |= MatchedColumns::kStale;
  if (row.untold != 0) flags |= MatchedColumns::kUntold;
  if (row.dumpRound <= 0) flags |= MatchedColumns::kFirst;
  matched.flags[at] = flags;
  row.packets = packets;
  row.bytes = bytes;
  row.tcpFlags = static_cast<int32_t>(flow[flow_row::kTcpFlags]);
  row.missed = 0;
}

}  // namespace slowpath
