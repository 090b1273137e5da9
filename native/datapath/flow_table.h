#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <memory>
#include <span>
#include <vector>

#include "wire/flow_key.h"

namespace slowpath {

class Subtable;

// One megaflow. Its masked key lies behind it in memory: one word for each word of its subtable's mask.
struct Flow {
  static constexpr uint32_t kMaxUfidBytes = 16;

  Subtable* subtable = nullptr;                  // Holds the mask.
  uint32_t hash = 0;                             // Of the masked key.
  uint32_t idHash = 0;                           // Of the identifier.
  uint32_t slot = 0;                             // Stable number of the flow while it lives; order of dumps.
  uint32_t ufidLength = 0;                       // Bytes of 'ufid'; 0: known by its unmasked key.
  uint8_t ufid[kMaxUfidBytes] = {};              // Identifier that userspace gave.
  std::unique_ptr<uint32_t[]> unmaskedKey;       // flow::kWords words, only without a ufid.
  std::unique_ptr<uint8_t[]> actions;            // Content of OVS_FLOW_ATTR_ACTIONS, validated.
  uint32_t actionsLength = 0;                    // Bytes of 'actions'.
  uint16_t tcpFlags = 0;                         // TCP flags of all packets, ORed.
  uint64_t packets = 0;                          // Packets that matched.
  uint64_t bytes = 0;                            // Their bytes, Ethernet headers and tags included.
  uint64_t usedMs = 0;                           // CLOCK_MONOTONIC of the last one; 0 for never.

  uint32_t* key() { return reinterpret_cast<uint32_t*>(this + 1); }
  const uint32_t* key() const { return reinterpret_cast<const uint32_t*>(this + 1); }
  std::span<const uint8_t> actionBytes() const { return {actions.get(), actionsLength}; }
  std::span<const uint8_t> ufidBytes() const { return {ufid, ufidLength}; }
  void SetActions(std::span<const uint8_t> bytes);
  void ClearStatistics() {
    packets = bytes = usedMs = 0;
    tcpFlags = 0;
  }
};

// Open addressing by a given 32-bit hash; linear probing. Does not own. Grows and shrinks a piece with each change, so
// that no packet waits for it: meanwhile entries are in two tables.
class FlowIndex {
 public:
  template <typename Matches>
  Flow* Find(uint32_t hash, Matches matches) const {
    Flow* flow = FindIn(table_, hash, matches);
    return flow != nullptr || old_.slots == 0 ? flow : FindIn(old_, hash, matches);
  }
  void Insert(uint32_t hash, Flow* flow);
  void Remove(uint32_t hash, const Flow* flow);
  size_t size() const { return size_; }

 private:
  struct Entry {
    Flow* flow;  // Null: free, or in 'old_' gone.
    uint32_t hash;
    uint32_t taken;  // 0: nothing was ever here.
  };
  struct Release {
    void operator()(Entry* entries) const { std::free(entries); }
  };
  struct Table {
    explicit Table(size_t count = 0);
    size_t mask() const { return slots - 1; }

    std::unique_ptr<Entry[], Release> entries;
    size_t slots;  // A power of two, or 0.
  };

  template <typename Matches>
  static Flow* FindIn(const Table& table, uint32_t hash, Matches matches) {
    if (table.slots == 0) return nullptr;
    for (size_t i = hash & table.mask();; i = (i + 1) & table.mask()) {
      const Entry& entry = table.entries[i];
      if (entry.taken == 0) return nullptr;
      if (entry.hash == hash && entry.flow != nullptr && matches(*entry.flow)) return entry.flow;
    }
  }
  static Entry* EntryOf(const Table& table, uint32_t hash, const Flow* flow);
  void Put(uint32_t hash, Flow* flow);
  void CloseGap(size_t hole);
  void Resize(size_t slots);
  void Move(size_t slots);

  Table table_;       // At most half full.
  Table old_;         // The one before, as far as it has not been moved.
  size_t moved_ = 0;  // Slots of 'old_' that have.
  size_t size_ = 0;
};

// The flows of one mask.
class Subtable {
 public:
  Subtable(const uint32_t* mask, uint64_t seed);

  // Words of the mask that are not zero: their indexes in a key, and their values.
  std::span<const uint16_t> words() const { return words_; }
  const uint32_t* bits() const { return bits_.data(); }
  bool SameMask(const uint32_t* mask) const;
  // Masked words of a key into 'out' (words().size()); returns their hash.
  uint32_t MaskKey(const uint32_t* key, uint32_t* out) const {
    uint64_t h = seed_;
    size_t n = words_.size();
    for (size_t i = 0; i < n; i++) {
      uint32_t w = key[words_[i]] & bits_[i];
      out[i] = w;
      h = (h ^ w) * 0x9e3779b97f4a7c15;
      h ^= h >> 29;
    }
    return static_cast<uint32_t>(h >> 32);
  }
  Flow* Find(const uint32_t* key) const;
  void ExpandMask(uint32_t* mask) const;
  void ExpandKey(const Flow& flow, uint32_t* key) const;

  FlowIndex flows;
  uint64_t hits = 0;  // Recent ones, halved now and then.

 private:
  std::vector<uint16_t> words_;
  std::vector<uint32_t> bits_;
  uint64_t seed_;
};

// Megaflows: tuple space search, a cache from packet hash to subtable, an index by identifier. One thread.
class FlowTable {
 public:
  static constexpr uint32_t kMaxMaskCache = 4096;

  FlowTable();
  ~FlowTable();
  FlowTable(const FlowTable&) = delete;
  FlowTable& operator=(const FlowTable&) = delete;

  // The flow that a packet's key matches, or null. 'subtables' counts the subtables probed, 'cached' whether the cache
  // named the right one.
  Flow* Lookup(const uint32_t* key);
  // Likewise without touching cache, statistics or order.
  Flow* LookupQuietly(const uint32_t* key) const;
  Flow* FindUfid(std::span<const uint8_t> ufid) const;
  Flow* FindUnmaskedKey(const uint32_t* key) const;

  // A new flow; the caller has made sure that the identifier is not in use. Empty ufid: known by 'key'.
  Flow* Insert(const uint32_t* key, const uint32_t* mask, std::span<const uint8_t> ufid,
               std::span<const uint8_t> actions);
  void Remove(Flow* flow);
  void Clear();

  size_t size() const { return size_; }
  size_t masks() const { return subtables_.size(); }
  // The first flow at slot 'slot' or behind, or null. A flow keeps its slot, so a walk misses none that stays.
  Flow* AtOrAfter(uint32_t slot) const;
  // Asks for the memory of the flow at 'slot', which a walk is about to come to.
  void Expect(size_t slot) const {
    if (slot >= slots_.size() || slots_[slot] == nullptr) return;
    __builtin_prefetch(slots_[slot]);
    __builtin_prefetch(&slots_[slot]->usedMs);
  }

  // 0 or a power of two up to kMaxMaskCache; false otherwise.
  bool SetMaskCacheSize(uint32_t size);
  uint32_t maskCacheSize() const { return static_cast<uint32_t>(cache_.size()); }
  uint64_t maskHits() const { return maskHits_; }    // Subtables probed in all lookups.
  uint64_t cacheHits() const { return cacheHits_; }  // Lookups that the cache answered.

  // A hash of what tells connections apart: ports, addresses, protocol, tags, in_port and recirculation.
  uint32_t PacketHash(const uint32_t* key) const;

 private:
  struct CacheEntry {
    uint32_t hash = 0;
    Subtable* subtable = nullptr;
  };
  static constexpr uint32_t kReorderEvery = 1 << 15;

  Subtable* SubtableFor(const uint32_t* mask);
  void DropSubtable(Subtable* subtable);
  void Reorder();
  uint32_t HashBytes(std::span<const uint8_t> bytes) const;
  uint32_t HashKey(const uint32_t* key) const;
  void Free(Flow* flow);

  std::vector<std::unique_ptr<Subtable>> subtables_;  // Those hit most come first.
  std::vector<CacheEntry> cache_;                      // By packet hash; empty when switched off.
  FlowIndex ids_;                                      // By identifier.
  std::deque<Flow*> slots_;                            // By Flow::slot; null where free.
  std::vector<uint32_t> freeSlots_;
  size_t size_ = 0;
  uint64_t seed_;  // Nobody outside can aim for collisions.
  uint64_t maskHits_ = 0;
  uint64_t cacheHits_ = 0;
  uint32_t untilReorder_ = kReorderEvery;
};

}  // namespace slowpath
