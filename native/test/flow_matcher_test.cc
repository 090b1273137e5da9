// FlowMatcher on columns that the test fills.

#include "sys/flow_matcher.h"

#include <doctest/doctest.h>

#include "test/support.h"

namespace slowpath::test {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr size_t kCapacity = 64;
constexpr int32_t kRound = 7;

Bytes MakeFlow(const uint32_t (&ufid)[4], uint64_t packets, uint64_t bytes, uint64_t used, uint8_t tcpFlags) {
  Bytes out(NLMSG_HDRLEN + 4 + 4 + 20 + 20 + 12 + 8);
  nlmsghdr header = {static_cast<uint32_t>(out.size()), 40, NLM_F_MULTI, 1, 77};
  StoreHost(out.data(), header);
  out[NLMSG_HDRLEN] = OVS_FLOW_CMD_NEW;
  uint8_t* p = out.data() + NLMSG_HDRLEN + 8;
  auto attribute = [&](uint16_t type, const void* payload, uint16_t length) {
    StoreHost<uint16_t>(p, static_cast<uint16_t>(4 + length));
    StoreHost<uint16_t>(p + 2, type);
    std::memcpy(p + 4, payload, length);
    p += NLA_ALIGN(4 + length);
  };
  uint64_t stats[2] = {packets, bytes};
  attribute(OVS_FLOW_ATTR_UFID, ufid, 16);
  attribute(OVS_FLOW_ATTR_STATS, stats, 16);
  attribute(OVS_FLOW_ATTR_USED, &used, 8);
  attribute(OVS_FLOW_ATTR_TCP_FLAGS, &tcpFlags, 1);
  return out;
}

// A ukey table as ts/ukey keeps it, and one round's match.
struct Fixture {
  std::vector<UkeyRow> ukey = std::vector<UkeyRow>(kCapacity);
  std::vector<uint32_t> buckets = std::vector<uint32_t>(kCapacity), bucketCount = {5};
  UkeyRows ukeys = {kCapacity, ukey.data(), buckets.data(), bucketCount.data()};

  std::vector<int32_t> outUkey = std::vector<int32_t>(kCapacity);
  std::vector<double> outPackets = std::vector<double>(kCapacity), outBytes = outPackets, outUsed = outPackets,
                      outBefore = outPackets;
  std::vector<uint8_t> outFlags = std::vector<uint8_t>(kCapacity);
  MatchedColumns matched;
  std::vector<uint32_t> rows = std::vector<uint32_t>(kCapacity * flow_row::kWords);
  Bytes slab = Bytes(8192);
  FlowRows unknown;
  FlowMatcher matcher{kCapacity};

  Fixture() {
    matched = {kCapacity,        0,
               outUkey.data(),   outPackets.data(),
               outBytes.data(),  outUsed.data(),
               outBefore.data(), outFlags.data()};
    unknown.rows = rows.data();
    unknown.capacity = kCapacity;
    unknown.slab = slab;
    // Flow ids that share buckets.
    for (uint32_t i = 0; i < 20; i++) Put(i, {i / 3, i, 1, 2});
  }
  void Put(uint32_t index, const uint32_t (&id)[4]) {
    UkeyRow& row = ukey[index];
    std::memcpy(row.ufid, id, sizeof row.ufid);
    row.state = kUkeyOperational;
    uint32_t bucket = ukeys.BucketOf(id[0]);
    row.next = buckets[bucket];
    buckets[bucket] = index + 1;
  }
  void Match(const std::vector<Bytes>& flows, int32_t since = 0, int32_t round = kRound) {
    matched.count = unknown.count = unknown.used = 0;
    matcher.Begin(ukeys, round);
    for (const Bytes& flow : flows) {
      NetlinkReader reader(flow);
      NetlinkMessage message;
      REQUIRE(reader.Next(message));
      CHECK(matcher.Add(message) == FlowSink::Added::kYes);
    }
    matcher.Finish(since, matched, unknown);
  }
};

TEST_CASE_FIXTURE(Fixture, "matcher: a flow finds its ukey, which takes its statistics in") {
  ukey[4].packets = 10;
  ukey[4].bytes = 1000;
  ukey[4].used = 50;
  ukey[4].missed = 3;
  ukey[4].dumpRound = kRound - 1;
  Match({MakeFlow({1, 4, 1, 2}, 15, 1600, 80, 0x12)});
  REQUIRE(matched.count == 1);
  CHECK(outUkey[0] == 4);
  CHECK(outPackets[0] == 5);
  CHECK(outBytes[0] == 600);
  CHECK(outUsed[0] == 80);
  CHECK(outBefore[0] == 50);
  CHECK(outFlags[0] == 0);
  CHECK(ukey[4].packets == 15);
  CHECK(ukey[4].bytes == 1600);
  CHECK(ukey[4].used == 80);
  CHECK(ukey[4].tcpFlags == 0x12);
  CHECK(ukey[4].missed == 0);
  CHECK(ukey[4].dumpRound == kRound);
}

TEST_CASE_FIXTURE(Fixture, "matcher: all find theirs, whatever shares their bucket, and none twice a round") {
  std::vector<Bytes> flows;
  for (uint32_t i = 0; i < 20; i++) flows.push_back(MakeFlow({i / 3, i, 1, 2}, i, i, i, 0));
  Match(flows);
  REQUIRE(matched.count == 20);
  for (size_t i = 0; i < 20; i++) CHECK(outUkey[i] == static_cast<int32_t>(i));
  Match(flows);
  CHECK(matched.count == 0);
  CHECK(unknown.count == 0);
  CHECK(matcher.count() == 20);
}

TEST_CASE_FIXTURE(Fixture, "matcher: all find theirs in dumps after the first, whatever comes, goes or moves between") {
  auto flow = [](uint32_t i) { return MakeFlow({i / 3, i, 1, 2}, i, i, i, 0); };
  auto all = [&](const std::vector<uint32_t>& order) {
    std::vector<Bytes> flows;
    for (uint32_t i : order) flows.push_back(flow(i));
    return flows;
  };
  int32_t round = kRound;
  auto check = [&](const std::vector<uint32_t>& order) {
    // In two batches, as dumps come.
    size_t half = order.size() / 2;
    std::vector<int32_t> seen;
    for (auto [from, to] : {std::pair{size_t{0}, half}, std::pair{half, order.size()}}) {
      Match(all({order.begin() + static_cast<long>(from), order.begin() + static_cast<long>(to)}), 0, round);
      seen.insert(seen.end(), outUkey.begin(), outUkey.begin() + static_cast<long>(matched.count));
      CHECK(unknown.count == 0);
    }
    CHECK(seen == std::vector<int32_t>(order.begin(), order.end()));
    round++;
  };
  check({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  check({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  check({0, 1, 10, 11, 2, 3, 4, 5, 6, 7, 8, 9, 12});  // Some came,
  check({10, 3, 4, 5, 12});                           // went,
  check({12, 5, 4, 3, 10, 0});                        // moved,
  check({});                                          // and all are gone, and back.
  check({0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
  ukey[19].place = 0xffffffff;  // Tampered with.
  check({0, 19, 1, 2});
}

TEST_CASE_FIXTURE(Fixture, "matcher: what a dump shows of a flow that was made during it may be of another") {
  ukey[3].dumpRound = -kRound;
  ukey[4].dumpRound = -(kRound - 1);
  Match({MakeFlow({1, 3, 1, 2}, 10, 1000, 50, 0), MakeFlow({1, 4, 1, 2}, 11, 1100, 60, 0)});
  CHECK(unknown.count == 0);
  REQUIRE(matched.count == 1);
  CHECK(outUkey[0] == 4);
  CHECK((outFlags[0] & MatchedColumns::kFirst) != 0);
  CHECK(ukey[3].packets == 0);
  CHECK(ukey[3].dumpRound == -kRound);
}

TEST_CASE_FIXTURE(Fixture, "matcher: flags tell what calls for another translation") {
  ukey[0].stale = 1;
  ukey[1].generation = 8;
  ukey[2].generation = 9;
  ukey[3].untold = 1;
  for (size_t i = 0; i < 5; i++) ukey[i].dumpRound = 1;
  ukey[4].dumpRound = 0;
  ukey[0].generation = ukey[3].generation = ukey[4].generation = 9;
  std::vector<Bytes> flows;
  for (uint32_t i = 0; i < 5; i++) flows.push_back(MakeFlow({i / 3, i, 1, 2}, 0, 0, 0, 0));
  Match(flows, 9);
  REQUIRE(matched.count == 5);
  CHECK(outFlags[0] == MatchedColumns::kStale);
  CHECK(outFlags[1] == MatchedColumns::kStale);
  CHECK(outFlags[2] == 0);
  CHECK(outFlags[3] == MatchedColumns::kUntold);
  CHECK(outFlags[4] == MatchedColumns::kFirst);
}

TEST_CASE_FIXTURE(Fixture,
                  "matcher: counters that ran backwards count afresh, the last hit never goes back") {
  ukey[4].packets = 10;
  ukey[4].bytes = 1000;
  ukey[4].used = 50;
  ukey[4].dumpRound = 1;
  Match({MakeFlow({1, 4, 1, 2}, 3, 200, 40, 0)});
  REQUIRE(matched.count == 1);
  CHECK(outFlags[0] == MatchedColumns::kBackwards);
  CHECK(outPackets[0] == 3);
  CHECK(outBytes[0] == 200);
  CHECK(ukey[4].packets == 3);
  CHECK(ukey[4].used == 50);
}

TEST_CASE_FIXTURE(Fixture, "matcher: unknown flows come whole, those being installed or deleted not at all") {
  ukey[4].state = kUkeyOperational - 1;
  ukey[5].state = kUkeyOperational + 1;
  Match({MakeFlow({1, 4, 1, 2}, 9, 9, 9, 0), MakeFlow({1, 99, 1, 2}, 8, 7, 6, 0),
         MakeFlow({1, 5, 1, 2}, 9, 9, 9, 0)});
  CHECK(matched.count == 0);
  CHECK(ukey[4].packets == 0);
  REQUIRE(unknown.count == 1);
  CHECK(rows[flow_row::kUfid + 1] == 99);
  CHECK(rows[flow_row::kPackets] == 8);
}

TEST_CASE_FIXTURE(Fixture, "matcher: what a table was tampered with to hold is no index") {
  Bytes flow = MakeFlow({1, 77, 1, 2}, 1, 1, 1, 0);
  uint32_t bucket = ukeys.BucketOf(1);
  buckets[bucket] = kCapacity + 1;
  Match({flow});
  CHECK(unknown.count == 1);
  buckets[bucket] = 4;
  ukey[3].next = 4;  // A ring.
  Match({flow});
  CHECK(unknown.count == 1);
  for (uint32_t count : {0u, static_cast<uint32_t>(kCapacity) + 1, 0xffffffffu}) {
    bucketCount[0] = count;
    Match({flow});
    CHECK(unknown.count == 1);
  }
}

TEST_CASE("matcher: takes no more than it has room for, and nothing malformed") {
  UkeyRows none;
  std::vector<uint32_t> zero(1);
  none.bucketCount = zero.data();
  FlowMatcher matcher(1);
  matcher.Begin(none, kRound);
  Bytes flow = MakeFlow({1, 2, 3, 4}, 1, 1, 1, 0);
  Bytes broken = flow;
  StoreHost<uint16_t>(broken.data() + NLMSG_HDRLEN + 8, 19);
  NetlinkMessage message;
  NetlinkReader(broken).Next(message);
  CHECK(matcher.Add(message) == FlowSink::Added::kMalformed);
  NetlinkReader(flow).Next(message);
  CHECK(matcher.Add(message) == FlowSink::Added::kYes);
  CHECK(matcher.Add(message) == FlowSink::Added::kFull);
}

}  // namespace
}  // namespace slowpath::test
