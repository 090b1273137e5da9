#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace slowpath {

// States of a ukey that native code knows (ts/ukey/states.ts): the datapath has the flow.
inline constexpr uint8_t kUkeyOperational = 3;

// What dumps are matched with, of one ukey: a cache line. Dumps come in the order of flow ids, which is none, so
// each ukey that is looked at is a miss, and should be no more than one.
struct alignas(64) UkeyRow {
  uint32_t ufid[4];
  double packets;  // Statistics as last seen in the datapath.
  double bytes;
  double used;  // Monotonic milliseconds of the last hit; creation until the first.
  int32_t tcpFlags;
  int32_t generation;  // Snapshot generation that it was last found right for.
  // Round that showed it last; 0 for none; minus the round whose dump was under way when it was made, if none
  // did yet.
  int32_t dumpRound;
  uint32_t next;   // Of its bucket: that ukey + 1, 0 for the end.
  uint8_t state;   // UKEY_*.
  uint8_t stale;   // Not 0: must be translated again.
  uint8_t untold;  // Not 0: only another translation tells whom its packets are credited to.
  uint8_t missed;  // Dumps since then that did not show it.
  uint32_t place;  // Among the flows of the dump that showed it last.

  bool Is(const uint32_t* id) const { return std::memcmp(ufid, id, sizeof ufid) == 0; }
};
static_assert(sizeof(UkeyRow) == 64);

// The rows of the ukey table (ts/ukey), and its index by flow id. The table is kept by JavaScript, in this
// memory, so nothing in it is trusted to be an index.
struct UkeyRows {
  static constexpr uint32_t kNone = 0xffffffff;

  size_t capacity = 0;  // Ukeys.
  UkeyRow* rows = nullptr;
  // Chains from buckets[bucket] over next of each row; each names a ukey + 1, 0 for the end. It is a linear
  // hash, so it grows a bucket at a time: bucketCount[0] buckets are in use.
  uint32_t* buckets = nullptr;
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
      const UkeyRow& row = rows[link - 1];
      if (row.Is(id)) return link - 1;
      link = row.next;
    }
    return kNone;
  }
};

}  // namespace slowpath
