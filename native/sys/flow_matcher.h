#pragma once

#include <vector>

#include "sys/flow_rows.h"
#include "sys/ukey_rows.h"

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
//
// Each ukey that is looked at is a miss of all caches when there are a million. So flows are looked for where the
// last dump had them, as dumps come in the same order until flows come or go; and first all flows of a batch are
// collected, so that memory is asked for long before it is needed.
class FlowMatcher final : public FlowSink {
 public:
  // Collects up to 'capacity' flows.
  explicit FlowMatcher(size_t capacity) : capacity_(capacity) {}

  // Begins with nothing collected. 'round' is the number of the round, and marks the ukeys that were seen.
  // 'ukeys' and the memory of messages must last until Finish.
  void Begin(const UkeyRows& ukeys, int32_t round);
  Added Add(const NetlinkMessage& message) override;
  // Looks up what was collected. Flows last found right for an older generation than 'since' are stale.
  // 'matched' has room for what was collected, and so has 'unknown', but a flow it has no room for is left out:
  // the next round shows it again.
  void Finish(int32_t since, MatchedColumns& matched, FlowRows& unknown);
  // Flows collected.
  size_t count() const { return count_; }

 private:
  struct Collected {
    uint32_t row[flow_row::kWords];  // Its offsets are into the message.
    NetlinkMessage message;
  };

  uint32_t Find(const uint32_t* id);
  static void Take(const uint32_t* flow, UkeyRow& row, int32_t since, MatchedColumns& matched, size_t at);

  size_t capacity_;
  size_t count_ = 0;
  const UkeyRows* ukeys_ = nullptr;
  std::vector<Collected> flows_;  // Grows once.
  int32_t round_ = 0;
  // Ukeys in the order of the last round's dump and of this one's, and what of the former comes next.
  std::vector<uint32_t> before_, order_;
  size_t next_ = 0;
};

}  // namespace slowpath
