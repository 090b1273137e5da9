#include <doctest/doctest.h>

#include <map>
#include <random>

#include "datapath/flow_table.h"
#include "test/datapath_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

struct Model {
  Key key;  // Masked.
  Key mask;
  Flow* flow;
};

// A key over few values, so that flows overlap and packets hit.
Key RandomKey(std::mt19937& random) {
  Key key(flow::kWords);
  for (unsigned word : {flow::kInPort, flow::kEthType, flow::kNwSrc, flow::kNwDst, flow::kTpDst}) key[word] = random() % 4;
  return key;
}

bool Matches(const Model& m, const Key& key) {
  for (unsigned i = 0; i < flow::kWords; i++) {
    if ((key[i] & m.mask[i]) != m.key[i]) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("flow table: lookup finds what a linear scan finds, while flows come and go") {
  std::mt19937 random(7);
  FlowTable table;
  std::map<uint64_t, Model> model;
  std::vector<Key> masks;
  for (int i = 0; i < 12; i++) {
    Key mask(flow::kWords);
    for (unsigned word : {flow::kInPort, flow::kEthType, flow::kNwSrc, flow::kNwDst, flow::kTpDst}) {
      mask[word] = random() % 2 != 0 ? 0xffffffff : random() % 3;
    }
    masks.push_back(mask);
  }
  uint64_t id = 0;
  size_t hits = 0;
  for (int step = 0; step < 60000; step++) {
    if (step == 20000) REQUIRE(table.SetMaskCacheSize(0));
    if (step == 40000) REQUIRE(table.SetMaskCacheSize(64));
    Key key = RandomKey(random);
    Flow* found = table.Lookup(key.data());
    bool expected = false, agrees = false;
    for (const auto& [_, m] : model) {
      if (!Matches(m, key)) continue;
      expected = true;
      agrees |= m.flow == found;
    }
    REQUIRE((found != nullptr) == expected);
    REQUIRE((!expected || agrees));
    REQUIRE((table.LookupQuietly(key.data()) != nullptr) == expected);
    hits += expected;
    if (found == nullptr && model.size() < 150) {
      const Key& mask = masks[random() % masks.size()];
      Model m{key, mask, nullptr};
      for (unsigned i = 0; i < flow::kWords; i++) m.key[i] &= mask[i];
      id++;
      m.flow = table.Insert(key.data(), mask.data(), Ufid(id), OutputAction(static_cast<uint32_t>(id)));
      model.emplace(id, m);
    } else if (!model.empty() && random() % 4 == 0) {
      auto it = model.lower_bound(random() % (id + 1));
      if (it == model.end()) it = model.begin();
      REQUIRE(table.FindUfid(Ufid(it->first)) == it->second.flow);
      table.Remove(it->second.flow);
      REQUIRE(table.FindUfid(Ufid(it->first)) == nullptr);
      model.erase(it);
    }
    REQUIRE(table.size() == model.size());
  }
  CHECK(hits > 5000);
  CHECK(table.cacheHits() > 0);
  CHECK(table.masks() <= masks.size());
  while (!model.empty()) {
    table.Remove(model.begin()->second.flow);
    model.erase(model.begin());
  }
  CHECK(table.masks() == 0);
}

TEST_CASE("flow table: many flows of one mask, walked by slot, key and mask come back whole") {
  FlowTable table;
  Key mask(flow::kWords);
  mask[flow::kInPort] = 0xffffffff;
  mask[flow::kTpSrc] = 0xffff;
  mask[flow::kNwSrc] = 0xffffff00;
  constexpr uint32_t kFlows = 20000;
  for (uint32_t i = 0; i < kFlows; i++) {
    Key key(flow::kWords);
    key[flow::kInPort] = i >> 16;
    key[flow::kTpSrc] = i & 0xffff;
    key[flow::kNwSrc] = i * 77 << 8 | 5;
    table.Insert(key.data(), mask.data(), Ufid(i + 1), {});
  }
  CHECK(table.masks() == 1);
  uint32_t seen = 0;
  for (Flow* flow = table.AtOrAfter(0); flow != nullptr; flow = table.AtOrAfter(flow->slot + 1)) {
    uint32_t key[flow::kWords], bits[flow::kWords];
    flow->subtable->ExpandKey(*flow, key);
    flow->subtable->ExpandMask(bits);
    REQUIRE(std::equal(mask.begin(), mask.end(), bits));
    REQUIRE((key[flow::kNwSrc] & 0xff) == 0);
    REQUIRE(table.Lookup(key) == flow);
    seen++;
  }
  CHECK(seen == kFlows);
  table.Clear();
  CHECK(table.size() == 0);
  CHECK(table.AtOrAfter(0) == nullptr);
}

TEST_CASE("flow table: each flow is found, and none that went, at any moment of growing and shrinking") {
  FlowTable table;
  Key mask(flow::kWords);
  mask[flow::kNwSrc] = 0xffffffff;
  constexpr uint32_t kFlows = 3000;
  std::vector<Flow*> flows;
  auto key = [](uint32_t i) {
    Key bits(flow::kWords);
    bits[flow::kNwSrc] = i;
    return bits;
  };
  uint32_t random = 7;
  auto check = [&](uint32_t from, uint32_t to) {
    // Ten of those that are there, and the neighbours of the range.
    for (int n = 0; n < 10 && from < to; n++) {
      random = random * 1664525 + 1013904223;
      uint32_t i = from + random % (to - from);
      REQUIRE(table.LookupQuietly(key(i).data()) == flows[i]);
      REQUIRE(table.FindUfid(Ufid(i + 1)) == flows[i]);
    }
    if (from > 0) REQUIRE(table.LookupQuietly(key(from - 1).data()) == nullptr);
    if (from > 0) REQUIRE(table.FindUfid(Ufid(from)) == nullptr);
    REQUIRE(table.LookupQuietly(key(to).data()) == nullptr);
  };
  for (int round = 0; round < 2; round++) {
    flows.clear();
    for (uint32_t i = 0; i < kFlows; i++) {
      flows.push_back(table.Insert(key(i).data(), mask.data(), Ufid(i + 1), {}));
      check(0, i + 1);
    }
    for (uint32_t i = 0; i < kFlows; i++) {
      table.Remove(flows[i]);
      check(i + 1, kFlows);
    }
    CHECK(table.size() == 0);
  }
}

TEST_CASE("flow table: flows without a ufid are known by their unmasked key") {
  FlowTable table;
  Key key(flow::kWords), mask(flow::kWords);
  key[flow::kNwSrc] = 0x0a000001;
  mask[flow::kNwSrc] = 0xff000000;
  Flow* flow = table.Insert(key.data(), mask.data(), {}, {});
  CHECK(table.FindUnmaskedKey(key.data()) == flow);
  Key other = key;
  other[flow::kNwSrc] = 0x0a000002;
  CHECK(table.FindUnmaskedKey(other.data()) == nullptr);
  CHECK(table.Lookup(other.data()) == flow);
  CHECK_FALSE(table.SetMaskCacheSize(3));
  CHECK_FALSE(table.SetMaskCacheSize(8192));
}
