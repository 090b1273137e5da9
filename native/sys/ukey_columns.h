#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace slowpath {

// States of a ukey that native code knows (ts/ukey/states.ts): the datapath has the flow.
inline constexpr uint8_t kUkeyOperational = 3;

// The columns of the ukey table (ts/ukey) that dumps are matched with; element i of each is of ukey i. The
// table is kept by JavaScript, in this memory, so nothing in it is trusted to be an index.
struct UkeyColumns {
  static constexpr uint32_t kNone = 0xffffffff;

  size_t capacity = 0;        // Ukeys.
  uint8_t* state = nullptr;   // UKEY_*.
  uint32_t* ufid = nullptr;   // Flow id, four words each.
  double* packets = nullptr;  // Statistics as last seen in the datapath.
  double* bytes = nullptr;
  double* used = nullptr;  // Monotonic milliseconds of the last hit; creation until the first.
  uint16_t* tcpFlags = nullptr;
  int32_t* generation = nullptr;  // Snapshot generation that it was last found right for.
  uint8_t* stale = nullptr;       // Not 0: must be translated again.
  uint8_t* untold = nullptr;      // Not 0: only another translation tells whom its packets are credited to.
  // Round that showed it last; 0 for none; minus the round whose dump was under way when it was made, if none
  // did yet.
  int32_t* dumpRound = nullptr;
  uint8_t* missed = nullptr;  // Dumps since then that did not.
  // The index by flow id: chains from buckets[bucket] over next[ukey]; each names ukey + 1, 0 for the end. It
  // is a linear hash, so it grows a bucket at a time: bucketCount[0] buckets are in use.
  uint32_t* buckets = nullptr;
  uint32_t* next = nullptr;
  uint32_t* bucketCount = nullptr;

  // The bucket of a flow id's first word, which is as good as random.
  uint32_t BucketOf(uint32_t hash) const {
    uint32_t count = bucketCount[0];
    if (count == 0 || count > capacity) return kNone;
    uint32_t mask = std::bit_ceil(count) - 1;
    uint32_t bucket = hash & mask;
    return bucket < count ? bucket : bucket & (mask >> 1);
  }

  // The ukey with this flow id, or kNone.
  uint32_t Find(const uint32_t* id) const {
    uint32_t bucket = BucketOf(id[0]);
    if (bucket == kNone) return kNone;
    size_t steps = 0;  // A chain that was tampered with may be a ring.
    for (uint32_t link = buckets[bucket]; link != 0 && link <= capacity && steps < capacity; steps++) {
      uint32_t ukey = link - 1;
      if (std::memcmp(ufid + size_t{4} * ukey, id, 16) == 0) return ukey;
      link = next[ukey];
    }
    return kNone;
  }
};

}  // namespace slowpath
