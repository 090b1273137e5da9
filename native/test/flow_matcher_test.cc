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
  std::vector<uint8_t> state = std::vector<uint8_t>(kCapacity), stale = state, untold = state, missed = state;
  std::vector<uint32_t> ufid = std::vector<uint32_t>(kCapacity * 4), buckets = ufid, next = ufid,
                        bucketCount = {5};
  std::vector<double> packets = std::vector<double>(kCapacity), bytes = packets, used = packets;
  std::vector<uint16_t> tcpFlags = std::vector<uint16_t>(kCapacity);
  std::vector<int32_t> generation = std::vector<int32_t>(kCapacity), dumpRound = generation;
  UkeyColumns ukeys;

  std::vector<int32_t> outUkey = generation;
  std::vector<double> outPackets = packets, outBytes = packets, outUsed = packets, outBefore = packets;
  std::vector<uint8_t> outFlags = state;
  MatchedColumns matched;
  std::vector<uint32_t> rows = std::vector<uint32_t>(kCapacity * flow_row::kWords);
  Bytes slab = Bytes(8192);
  FlowRows unknown;
  FlowMatcher matcher{kCapacity};

  Fixture() {
    ukeys = {kCapacity,        state.data(),    ufid.data(),       packets.data(), bytes.data(),
             used.data(),      tcpFlags.data(), generation.data(), stale.data(),   untold.data(),
             dumpRound.data(), missed.data(),   buckets.data(),    next.data(),    bucketCount.data()};
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
  void Put(uint32_t ukey, const uint32_t (&id)[4]) {
    std::memcpy(&ufid[4 * ukey], id, 16);
    state[ukey] = kUkeyOperational;
    uint32_t bucket = ukeys.BucketOf(id[0]);
    next[ukey] = buckets[bucket];
    buckets[bucket] = ukey + 1;
  }
  void Match(const std::vector<Bytes>& flows, int32_t since = 0) {
    matched.count = unknown.count = unknown.used = 0;
    matcher.Begin(ukeys);
    for (const Bytes& flow : flows) {
      NetlinkReader reader(flow);
      NetlinkMessage message;
      REQUIRE(reader.Next(message));
      CHECK(matcher.Add(message) == FlowSink::Added::kYes);
    }
    matcher.Finish(kRound, since, matched, unknown);
  }
};

TEST_CASE_FIXTURE(Fixture, "matcher: a flow finds its ukey, which takes its statistics in") {
  packets[4] = 10;
  bytes[4] = 1000;
  used[4] = 50;
  missed[4] = 3;
  dumpRound[4] = kRound - 1;
  Match({MakeFlow({1, 4, 1, 2}, 15, 1600, 80, 0x12)});
  REQUIRE(matched.count == 1);
  CHECK(outUkey[0] == 4);
  CHECK(outPackets[0] == 5);
  CHECK(outBytes[0] == 600);
  CHECK(outUsed[0] == 80);
  CHECK(outBefore[0] == 50);
  CHECK(outFlags[0] == 0);
  CHECK(packets[4] == 15);
  CHECK(bytes[4] == 1600);
  CHECK(used[4] == 80);
  CHECK(tcpFlags[4] == 0x12);
  CHECK(missed[4] == 0);
  CHECK(dumpRound[4] == kRound);
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

TEST_CASE_FIXTURE(Fixture, "matcher: what a dump shows of a flow that was made during it may be of another") {
  dumpRound[3] = -kRound;
  dumpRound[4] = -(kRound - 1);
  Match({MakeFlow({1, 3, 1, 2}, 10, 1000, 50, 0), MakeFlow({1, 4, 1, 2}, 11, 1100, 60, 0)});
  CHECK(unknown.count == 0);
  REQUIRE(matched.count == 1);
  CHECK(outUkey[0] == 4);
  CHECK((outFlags[0] & MatchedColumns::kFirst) != 0);
  CHECK(packets[3] == 0);
  CHECK(dumpRound[3] == -kRound);
}

TEST_CASE_FIXTURE(Fixture, "matcher: flags tell what calls for another translation") {
  stale[0] = 1;
  generation[1] = 8;
  generation[2] = 9;
  untold[3] = 1;
  for (size_t i = 0; i < 5; i++) dumpRound[i] = 1;
  dumpRound[4] = 0;
  generation[0] = generation[3] = generation[4] = 9;
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
  packets[4] = 10;
  bytes[4] = 1000;
  used[4] = 50;
  dumpRound[4] = 1;
  Match({MakeFlow({1, 4, 1, 2}, 3, 200, 40, 0)});
  REQUIRE(matched.count == 1);
  CHECK(outFlags[0] == MatchedColumns::kBackwards);
  CHECK(outPackets[0] == 3);
  CHECK(outBytes[0] == 200);
  CHECK(packets[4] == 3);
  CHECK(used[4] == 50);
}

TEST_CASE_FIXTURE(Fixture, "matcher: unknown flows come whole, those being installed or deleted not at all") {
  state[4] = kUkeyOperational - 1;
  state[5] = kUkeyOperational + 1;
  Match({MakeFlow({1, 4, 1, 2}, 9, 9, 9, 0), MakeFlow({1, 99, 1, 2}, 8, 7, 6, 0),
         MakeFlow({1, 5, 1, 2}, 9, 9, 9, 0)});
  CHECK(matched.count == 0);
  CHECK(packets[4] == 0);
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
  next[3] = 4;  // A ring.
  Match({flow});
  CHECK(unknown.count == 1);
  for (uint32_t count : {0u, static_cast<uint32_t>(kCapacity) + 1, 0xffffffffu}) {
    bucketCount[0] = count;
    Match({flow});
    CHECK(unknown.count == 1);
  }
}

TEST_CASE("matcher: takes no more than it has room for, and nothing malformed") {
  UkeyColumns none;
  std::vector<uint32_t> zero(1);
  none.bucketCount = zero.data();
  FlowMatcher matcher(1);
  matcher.Begin(none);
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
