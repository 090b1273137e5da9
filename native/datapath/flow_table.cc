#include "datapath/flow_table.h"

#include <sys/random.h>

#include <algorithm>
#include <cstdlib>
#include <new>

namespace slowpath {
namespace {

constexpr size_t kMinIndex = 16;
// Slots moved with each change while an index grows or shrinks: all are before it is time to grow again.
constexpr size_t kMovedAtOnce = 32;

uint64_t Mix(uint64_t h, uint32_t w) {
  h = (h ^ w) * 0x9e3779b97f4a7c15;
  return h ^ h >> 29;
}

uint64_t RandomSeed() {
  uint64_t seed = 0;
  // Cannot fail for 8 bytes once the kernel's generator is up; before that, a constant is as good as it gets.
  if (getrandom(&seed, sizeof seed, GRND_NONBLOCK) != sizeof seed) seed = 0x2545f4914f6cdd1d;
  return seed;
}

}  // namespace

void Flow::SetActions(std::span<const uint8_t> bytes) {
  actions = std::make_unique_for_overwrite<uint8_t[]>(bytes.size());
  if (!bytes.empty()) std::memcpy(actions.get(), bytes.data(), bytes.size());
  actionsLength = static_cast<uint32_t>(bytes.size());
}

// Zeros come from the system a page at a time, as they are touched.
FlowIndex::Table::Table(size_t count)
    : entries(count != 0 ? static_cast<Entry*>(std::calloc(count, sizeof(Entry))) : nullptr), slots(count) {
  if (count != 0 && entries == nullptr) std::abort();
}

// The entry of a flow, or null.
FlowIndex::Entry* FlowIndex::EntryOf(const Table& table, uint32_t hash, const Flow* flow) {
  if (table.slots == 0) return nullptr;
  for (size_t i = hash & table.mask(); table.entries[i].taken != 0; i = (i + 1) & table.mask()) {
    if (table.entries[i].flow == flow) return &table.entries[i];
  }
  return nullptr;
}

void FlowIndex::Insert(uint32_t hash, Flow* flow) {
  if ((size_ + 1) * 2 > table_.slots) Resize(std::max(kMinIndex, table_.slots * 2));
  Put(hash, flow);
  size_++;
  Move(kMovedAtOnce);
}

void FlowIndex::Remove(uint32_t hash, const Flow* flow) {
  if (Entry* entry = EntryOf(table_, hash, flow)) {
    CloseGap(static_cast<size_t>(entry - table_.entries.get()));
  } else {
    EntryOf(old_, hash, flow)->flow = nullptr;
  }
  size_--;
  if (table_.slots > kMinIndex && size_ * 16 < table_.slots) Resize(table_.slots / 4);
  Move(kMovedAtOnce);
}

void FlowIndex::Put(uint32_t hash, Flow* flow) {
  size_t i = hash & table_.mask();
  while (table_.entries[i].taken != 0) i = (i + 1) & table_.mask();
  table_.entries[i] = {flow, hash, 1};
}

// Later entries of the run move up, unless that would put them before their home.
void FlowIndex::CloseGap(size_t hole) {
  Entry* entries = table_.entries.get();
  size_t mask = table_.mask();
  for (size_t i = (hole + 1) & mask; entries[i].taken != 0; i = (i + 1) & mask) {
    size_t home = entries[i].hash & mask;
    if (((i - home) & mask) < ((i - hole) & mask)) continue;
    entries[hole] = entries[i];
    hole = i;
  }
  entries[hole] = {};
}

// Begins to move into a table of another size.
void FlowIndex::Resize(size_t slots) {
  Move(old_.slots);
  old_ = std::move(table_);
  moved_ = 0;
  table_ = Table(std::max(slots, kMinIndex));
}

// Moves what is in some more slots of the old table, and lets go of it with the last.
void FlowIndex::Move(size_t slots) {
  if (old_.slots == 0) return;
  for (size_t end = std::min(moved_ + slots, old_.slots); moved_ < end; moved_++) {
    Entry& entry = old_.entries[moved_];
    if (entry.flow == nullptr) continue;
    Put(entry.hash, entry.flow);
    entry.flow = nullptr;
  }
  if (moved_ == old_.slots) old_ = Table();
}

Subtable::Subtable(const uint32_t* mask, uint64_t seed) : seed_(seed) {
  for (unsigned i = 0; i < flow::kWords; i++) {
    if (mask[i] == 0) continue;
    words_.push_back(static_cast<uint16_t>(i));
    bits_.push_back(mask[i]);
  }
}

bool Subtable::SameMask(const uint32_t* mask) const {
  size_t at = 0;
  for (unsigned i = 0; i < flow::kWords; i++) {
    if (mask[i] == 0) continue;
    if (at == words_.size() || words_[at] != i || bits_[at] != mask[i]) return false;
    at++;
  }
  return at == words_.size();
}

Flow* Subtable::Find(const uint32_t* key) const {
  uint32_t masked[flow::kWords];
  uint32_t hash = MaskKey(key, masked);
  size_t bytes = words_.size() * sizeof masked[0];
  return flows.Find(hash, [&](const Flow& flow) { return std::memcmp(flow.key(), masked, bytes) == 0; });
}

void Subtable::ExpandMask(uint32_t* mask) const {
  std::memset(mask, 0, flow::kWords * sizeof mask[0]);
  for (size_t i = 0; i < words_.size(); i++) mask[words_[i]] = bits_[i];
}

void Subtable::ExpandKey(const Flow& flow, uint32_t* key) const {
  std::memset(key, 0, flow::kWords * sizeof key[0]);
  for (size_t i = 0; i < words_.size(); i++) key[words_[i]] = flow.key()[i];
}

FlowTable::FlowTable() : cache_(kMaxMaskCache), seed_(RandomSeed()) {}

FlowTable::~FlowTable() { Clear(); }

uint32_t FlowTable::PacketHash(const uint32_t* key) const {
  uint64_t h = Mix(seed_, key[flow::kInPort]);
  h = Mix(h, key[flow::kRecircId]);
  h = Mix(h, key[flow::kEthType] << 16 ^ key[flow::kVlanTci]);
  for (unsigned i = flow::kEthDst; i < flow::kEthDst + 4; i++) h = Mix(h, key[i]);
  h = Mix(h, key[flow::kNwSrc]);
  h = Mix(h, key[flow::kNwDst]);
  if (key[flow::kEthType] == 0x86dd) {
    for (unsigned i = flow::kIpv6Src; i < flow::kIpv6Src + 8; i++) h = Mix(h, key[i]);
  }
  h = Mix(h, key[flow::kNwProto]);
  h = Mix(h, key[flow::kTpSrc] << 16 ^ key[flow::kTpDst]);
  return static_cast<uint32_t>(h >> 32);
}

Flow* FlowTable::Lookup(const uint32_t* key) {
  if (--untilReorder_ == 0) Reorder();
  CacheEntry* entry = nullptr;
  uint32_t hash = 0;
  if (subtables_.size() > 1 && !cache_.empty()) {
    hash = PacketHash(key);
    entry = &cache_[hash & (cache_.size() - 1)];
    if (entry->hash == hash && entry->subtable != nullptr) {
      maskHits_++;
      if (Flow* flow = entry->subtable->Find(key)) {
        entry->subtable->hits++;
        cacheHits_++;
        return flow;
      }
    }
  }
  for (const auto& subtable : subtables_) {
    maskHits_++;
    Flow* flow = subtable->Find(key);
    if (flow == nullptr) continue;
    subtable->hits++;
    if (entry != nullptr) *entry = {hash, subtable.get()};
    return flow;
  }
  return nullptr;
}

Flow* FlowTable::LookupQuietly(const uint32_t* key) const {
  for (const auto& subtable : subtables_) {
    if (Flow* flow = subtable->Find(key)) return flow;
  }
  return nullptr;
}

Flow* FlowTable::FindUfid(std::span<const uint8_t> ufid) const {
  return ids_.Find(HashBytes(ufid), [&](const Flow& flow) {
    return flow.ufidLength == ufid.size() && std::memcmp(flow.ufid, ufid.data(), ufid.size()) == 0;
  });
}

Flow* FlowTable::FindUnmaskedKey(const uint32_t* key) const {
  return ids_.Find(HashKey(key), [&](const Flow& flow) {
    return flow.ufidLength == 0 && std::memcmp(flow.unmaskedKey.get(), key, flow::kWords * sizeof key[0]) == 0;
  });
}

Flow* FlowTable::Insert(const uint32_t* key, const uint32_t* mask, std::span<const uint8_t> ufid,
                        std::span<const uint8_t> actions) {
  Subtable* subtable = SubtableFor(mask);
  void* memory = std::malloc(sizeof(Flow) + subtable->words().size() * sizeof(uint32_t));
  if (memory == nullptr) std::abort();
  Flow* flow = new (memory) Flow;
  flow->subtable = subtable;
  flow->hash = subtable->MaskKey(key, flow->key());
  flow->ufidLength = static_cast<uint32_t>(ufid.size());
  if (ufid.empty()) {
    flow->unmaskedKey = std::make_unique_for_overwrite<uint32_t[]>(flow::kWords);
    std::memcpy(flow->unmaskedKey.get(), key, flow::kWords * sizeof key[0]);
    flow->idHash = HashKey(key);
  } else {
    std::memcpy(flow->ufid, ufid.data(), ufid.size());
    flow->idHash = HashBytes(ufid);
  }
  flow->SetActions(actions);
  if (freeSlots_.empty()) {
    flow->slot = static_cast<uint32_t>(slots_.size());
    slots_.push_back(flow);
  } else {
    flow->slot = freeSlots_.back();
    freeSlots_.pop_back();
    slots_[flow->slot] = flow;
  }
  subtable->flows.Insert(flow->hash, flow);
  ids_.Insert(flow->idHash, flow);
  size_++;
  return flow;
}

void FlowTable::Remove(Flow* flow) {
  Subtable* subtable = flow->subtable;
  subtable->flows.Remove(flow->hash, flow);
  ids_.Remove(flow->idHash, flow);
  slots_[flow->slot] = nullptr;
  freeSlots_.push_back(flow->slot);
  Free(flow);
  size_--;
  if (subtable->flows.size() == 0) DropSubtable(subtable);
  if (size_ == 0) {
    slots_ = {};
    freeSlots_ = {};
  }
}

void FlowTable::Clear() {
  for (Flow* flow : slots_) {
    if (flow != nullptr) Free(flow);
  }
  slots_ = {};
  freeSlots_ = {};
  ids_ = {};
  subtables_.clear();
  std::fill(cache_.begin(), cache_.end(), CacheEntry{});
  size_ = 0;
}

Flow* FlowTable::AtOrAfter(uint32_t slot) const {
  for (; slot < slots_.size(); slot++) {
    if (slots_[slot] != nullptr) return slots_[slot];
  }
  return nullptr;
}

bool FlowTable::SetMaskCacheSize(uint32_t size) {
  if (size > kMaxMaskCache || (size & (size - 1)) != 0) return false;
  cache_.assign(size, CacheEntry{});
  return true;
}

Subtable* FlowTable::SubtableFor(const uint32_t* mask) {
  for (const auto& subtable : subtables_) {
    if (subtable->SameMask(mask)) return subtable.get();
  }
  subtables_.push_back(std::make_unique<Subtable>(mask, seed_));
  return subtables_.back().get();
}

void FlowTable::DropSubtable(Subtable* subtable) {
  std::fill(cache_.begin(), cache_.end(), CacheEntry{});
  std::erase_if(subtables_, [&](const auto& other) { return other.get() == subtable; });
}

void FlowTable::Reorder() {
  untilReorder_ = kReorderEvery;
  std::stable_sort(subtables_.begin(), subtables_.end(), [](const auto& a, const auto& b) { return a->hits > b->hits; });
  for (const auto& subtable : subtables_) subtable->hits /= 2;
}

uint32_t FlowTable::HashBytes(std::span<const uint8_t> bytes) const {
  uint64_t h = seed_;
  size_t i = 0;
  for (; i + 4 <= bytes.size(); i += 4) h = Mix(h, LoadHost<uint32_t>(&bytes[i]));
  for (; i < bytes.size(); i++) h = Mix(h, bytes[i]);
  return static_cast<uint32_t>(h >> 32);
}

uint32_t FlowTable::HashKey(const uint32_t* key) const {
  uint64_t h = seed_;
  for (unsigned i = 0; i < flow::kEndL4; i++) h = Mix(h, key[i]);
  return static_cast<uint32_t>(h >> 32);
}

void FlowTable::Free(Flow* flow) {
  flow->~Flow();
  std::free(flow);
}

}  // namespace slowpath
