#pragma once

#include <vector>

#include "sys/flow_rows.h"
#include "sys/ukey_columns.h"

namespace slowpath {

// What a dump says of flows that have a ukey; element i of each column is of the i-th such flow.
struct MatchedColumns {
  // Bits of 'flags'; MATCHED_* of ts/native/native.ts.
  static constexpr uint8_t kStale = 1;   // Something changed since it was translated that may concern it.
  static constexpr uint8_t kUntold = 2;  // Only another translation tells whom its packets are credited to.
  static constexpr uint8_t kFirst = 4;   // No dump showed it before.
  static constexpr uint8_t kBackwards = 8;  // Its counters ran backwards, and count from 0 on.

  size_t capacity = 0;
  size_t count = 0;  // Elements filled.
  int32_t* ukey = nullptr;
  double* packets = nullptr;  // Since they were last taken in.
  double* bytes = nullptr;
  double* used = nullptr;  // Monotonic milliseconds of the last hit, and of the one known before.
  double* usedBefore = nullptr;
  uint8_t* flags = nullptr;
};

// Matches dumped flows to ukeys, and takes in their statistics. Flows of no ukey go elsewhere; those that the
// round has seen already, that were made during its dump, or whose install or delete is on its way, nowhere.
// First all flows are collected, then all are looked up: so memory is asked for long before it is needed,
// which is what a lookup among a million flows waits for.
class FlowMatcher final : public FlowSink {
 public:
  // Collects up to 'capacity' flows.
  explicit FlowMatcher(size_t capacity) : capacity_(capacity) {}

  // Begins with nothing collected. 'ukeys' and the memory of messages must last until Finish.
  void Begin(const UkeyColumns& ukeys);
  Added Add(const NetlinkMessage& message) override;
  // Looks up what was collected. 'round' marks the ukeys that were seen; those last found right for an older
  // generation than 'since' are stale. 'matched' has room for what was collected, and so has 'unknown', but a
  // flow it has no room for is left out: the next round shows it again.
  void Finish(int32_t round, int32_t since, MatchedColumns& matched, FlowRows& unknown);
  // Flows collected.
  size_t count() const { return count_; }

 private:
  struct Collected {
    uint32_t row[flow_row::kWords];  // Its offsets are into the message.
    NetlinkMessage message;
  };

  void Expect(const Collected& flow) const;
  void Take(uint32_t ukey, const uint32_t* row, int32_t since, MatchedColumns& matched) const;

  size_t capacity_;
  size_t count_ = 0;
  const UkeyColumns* ukeys_ = nullptr;
  std::vector<Collected> flows_;  // Grows once.
};

}  // namespace slowpath
