#include <netinet/tcp.h>

#include "test/conntrack_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

FrameOptions From(uint32_t n) {
  FrameOptions o;
  o.source = 0x0b000000 + n;
  return o;
}

}  // namespace

TEST_CASE("ct table: connections expire as their state says, when looked for and when swept") {
  TrackerBench b;
  REQUIRE(b.First(MakeFrame(From(1), 10), Commit()) == kNew);
  REQUIRE(b.First(MakeFrame(From(2), 10), Commit()) == kNew);
  REQUIRE(b.First(MakeFrame(Back(From(2)), 10)) == (kEst | kRpl));
  REQUIRE(b.First(TcpFrame(From(3), TH_SYN, 1, 0), Commit()) == kNew);
  REQUIRE(b.First(TcpFrame(From(4), TH_SYN, 1, 0), Commit()) == kNew);
  REQUIRE(b.First(TcpFrame(Back(From(4)), TH_SYN | TH_ACK, 1, 2)) == (kEst | kRpl));
  REQUIRE(b.First(TcpFrame(From(4), TH_ACK, 2, 2)) == kEst);
  b.now += 29999;
  b.tracker.Sweep(b.now);
  CHECK(b.tracker.size() == 4);
  b.now++;
  CHECK(b.First(MakeFrame(Back(From(2)), 10)) == kNew);  // 30 s: answered UDP.
  CHECK(b.tracker.size() == 3);
  b.tracker.Sweep(b.now);  // And a SYN that nobody answered.
  CHECK(b.tracker.size() == 2);
  b.now += 30000;
  b.tracker.Sweep(b.now);
  CHECK(b.tracker.size() == 1);
  b.now += 86400000;
  b.tracker.Sweep(b.now);
  CHECK(b.tracker.size() == 0);
}

TEST_CASE("ct table: a flood makes place only at the cost of its like") {
  TrackerBench b(100);
  for (uint32_t i = 0; i < 40; i++) {
    REQUIRE(b.First(TcpFrame(From(i), TH_SYN, 1, 0), Commit()) == kNew);
    REQUIRE(b.First(TcpFrame(Back(From(i)), TH_SYN | TH_ACK, 1, 2)) == (kEst | kRpl));
    REQUIRE(b.First(TcpFrame(From(i), TH_ACK, 2, 2)) == kEst);
  }
  for (uint32_t i = 1000; i < 6000; i++) REQUIRE(b.First(TcpFrame(From(i), TH_SYN, 1, 0), Commit()) == kNew);
  CHECK(b.tracker.size() == 100);
  CHECK(b.counters.ctEvicted == 4940);
  for (uint32_t i = 0; i < 40; i++) CHECK(b.First(TcpFrame(From(i), TH_ACK, 2, 2, 1)) == kEst);
  CHECK(b.First(TcpFrame(From(5999), TH_SYN, 1, 0)) == kNew);
}

TEST_CASE("ct table: full of established connections it refuses, and the packet goes on") {
  TrackerBench b(3);
  for (uint32_t i = 0; i < 3; i++) {
    REQUIRE(b.First(MakeFrame(From(i), 10), Commit()) == kNew);
    REQUIRE(b.First(MakeFrame(Back(From(i)), 10)) == (kEst | kRpl));
  }
  CHECK(b.First(MakeFrame(From(9), 10), Commit()) == kNew);
  CHECK(b.counters.ctFull == 1);
  CHECK(b.First(MakeFrame(Back(From(9)), 10)) == kNew);
  Bytes frame = MakeFrame(From(9), 10);
  b.Track(frame, NatTo(Connection::kNatSource, 1, 1));
  CHECK(frame.empty());  // Not with the address that was to be hidden.
}

TEST_CASE("ct table: many connections are found, each by both of its tuples, while it grows and shrinks") {
  ConnectionTable table(20000);
  Tuple tuple = {};
  tuple.version = 4, tuple.protocol = 17, tuple.destination[0] = 1;
  for (uint32_t i = 0; i < 20000; i++) {
    tuple.source[0] = 1000 + i;
    Connection* made = table.Make();
    REQUIRE(made != nullptr);
    made->tuples[0] = tuple, made->tuples[1] = Inverse(tuple);
    table.Insert(made, i % 2 == 0 ? Timeout::kOtherBoth : Timeout::kTcpEstablished, 0);
  }
  CHECK(table.Make() == nullptr);
  for (uint32_t round = 0; round < 2; round++) {
    for (uint32_t i = 0; i < 20000; i++) {
      tuple.source[0] = 1000 + i;
      bool reply = true, back = false;
      Connection* found = table.Find(tuple, 1, &reply);
      bool there = round == 0 || i % 2 == 1;
      REQUIRE((found != nullptr) == there);
      REQUIRE(table.Find(Inverse(tuple), 1, &back) == found);
      if (there) REQUIRE((!reply && back));
    }
    table.Sweep(30000, 1u << 30);
    CHECK(table.size() == 10000);
  }
}

TEST_CASE("ct tuple: the inverse of an inverse is the tuple; hashes depend on the secret") {
  Tuple tuple = {};
  tuple.version = 4, tuple.protocol = 1, tuple.destinationPort = 0x0800, tuple.sourcePort = 3, tuple.source[0] = 5;
  CHECK(Inverse(tuple).destinationPort == 0);
  CHECK(Inverse(Inverse(tuple)) == tuple);
  tuple.protocol = 6, tuple.sourcePort = 1, tuple.destinationPort = 2;
  CHECK(Inverse(tuple).sourcePort == 2);
  CHECK(Inverse(Inverse(tuple)) == tuple);
  HashSecret one, two;
  CHECK(HashTuple(tuple, one) == HashTuple(tuple, one));
  CHECK(HashTuple(tuple, one) != HashTuple(tuple, two));
}
