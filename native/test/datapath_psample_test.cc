#include <doctest/doctest.h>
#include <errno.h>
#include <linux/if_ether.h>

#include "datapath/psample.h"
#include "test/datapath_bench.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

constexpr uint16_t kPsampleNested = kActionPsample | NLA_F_NESTED;

Bytes Cookie(size_t n) { return Bytes(n, 0x5a); }

Bytes PsampleAction(uint32_t group, const Bytes& cookie) {
  Attributes arguments;
  arguments.U32(kPsampleGroup, group);
  if (!cookie.empty()) arguments.Put(kPsampleCookie, cookie);
  return Attributes().Put(kPsampleNested, arguments).bytes();
}

int Validate(const Bytes& actions) {
  Key key(flow::kWords);
  const char* problem = nullptr;
  return ValidateActions(actions, key.data(), &problem);
}

// A channel that reads samples, on the engine of a bench.
struct Reader {
  explicit Reader(Bench& bench) : hub(bench.hub), queue(bench.hub->Open(true)) {
    bench.engine.sampleReaders.push_back(queue.get());
  }
  // The next sample; false without one. Its frame is the attribute PSAMPLE_ATTR_DATA.
  bool Next(Message& message) {
    int n = queue->Receive(1, *hub, [&](std::span<const uint8_t> datagram) {
      CHECK(LoadHost<uint32_t>(datagram.data()) == datagram.size());
      CHECK(LoadHost<uint16_t>(&datagram[4]) == kPsampleFamily);
      CHECK(datagram[16] == PSAMPLE_CMD_SAMPLE);
      AttributeReader reader(datagram.subspan(20));
      for (Attribute a; reader.Next(a);) {
        message.parsed.emplace_back(a.type, Bytes(a.payload.begin(), a.payload.end()));
      }
      CHECK(!reader.malformed());
      return true;
    });
    return n == 1;
  }
  std::shared_ptr<Hub> hub;
  std::shared_ptr<ChannelQueue> queue;
};

}  // namespace

TEST_CASE("psample: is refused without a group, with a long or empty cookie, and with anything else") {
  CHECK(Validate(PsampleAction(1, {})) == 0);
  CHECK(Validate(PsampleAction(1, Cookie(16))) == 0);
  CHECK(Validate(PsampleAction(1, Cookie(17))) == -EINVAL);
  CHECK(Validate(Attributes().Put(kPsampleNested, {}).bytes()) == -EINVAL);
  CHECK(Validate(Attributes().Put(kActionPsample, Attributes().U32(kPsampleGroup, 1)).bytes()) == -EINVAL);
  CHECK(Validate(Attributes().Put(kPsampleNested, Attributes().Put(kPsampleCookie, Cookie(8))).bytes()) ==
        -EINVAL);
  CHECK(Validate(Attributes()
                     .Put(kPsampleNested, Attributes().U32(kPsampleGroup, 1).Put(kPsampleCookie, {}))
                     .bytes()) == -EINVAL);
  CHECK(Validate(Attributes().Put(kPsampleNested, Attributes().U32(kPsampleGroup, 1).U32(3, 1)).bytes()) ==
        -EINVAL);
}

TEST_CASE("psample: each reader gets the packet as it then is, with group, cookie, probability and device") {
  Bench bench;
  Reader one(bench), two(bench);
  Bytes frame = MakeFrame({}, 100);
  bench.Flow(0, PushVlanAction(0x1005) + PsampleAction(7, Cookie(8)) + Trunc(60) +
                    Sample(UINT32_MAX, PsampleAction(8, {})) + OutputAction(1));
  bench.Receive(frame);
  for (Reader* reader : {&one, &two}) {
    Message first, second, third;
    REQUIRE(reader->Next(first));
    CHECK(first.U32(PSAMPLE_ATTR_SAMPLE_GROUP) == 7);
    CHECK(first.U32(PSAMPLE_ATTR_SAMPLE_RATE) == UINT32_MAX);
    CHECK(first.U32(PSAMPLE_ATTR_ORIGSIZE) == frame.size() + 4);
    CHECK(first.Get(PSAMPLE_ATTR_IIFINDEX)->size() == 2);
    CHECK(LoadHost<uint16_t>(first.Get(PSAMPLE_ATTR_IIFINDEX)->data()) == 1);
    CHECK(*first.Get(kSampleCookie) == Cookie(8));
    CHECK(first.Get(kSampleProbability) != nullptr);
    CHECK(*first.Get(PSAMPLE_ATTR_DATA) == MakeFrame({.vlan = 5}, 100));
    REQUIRE(reader->Next(second));
    CHECK(second.U32(PSAMPLE_ATTR_SAMPLE_GROUP) == 8);
    CHECK(second.Get(kSampleCookie) == nullptr);
    CHECK(second.Get(PSAMPLE_ATTR_DATA)->size() == 60);
    CHECK(!reader->Next(third));
  }
  CHECK(bench.counters.samples.load() == 4);
}

TEST_CASE("psample: tells the probability of the sample action that it is in, and of no other") {
  Bench bench;
  Reader reader(bench);
  constexpr uint32_t kHalf = UINT32_MAX / 2;
  bench.Flow(0, Sample(kHalf, PsampleAction(1, {})) + PsampleAction(2, {}));
  for (int i = 0; i < 64; i++) bench.Receive(MakeFrame({}, 10));
  int sampled = 0, always = 0;
  for (Message message; reader.Next(message); message.parsed.clear()) {
    bool inner = message.U32(PSAMPLE_ATTR_SAMPLE_GROUP) == 1;
    CHECK(message.U32(PSAMPLE_ATTR_SAMPLE_RATE) == (inner ? kHalf : UINT32_MAX));
    (inner ? sampled : always)++;
  }
  CHECK(always == 64);
  CHECK(sampled > 8);
  CHECK(sampled < 56);
}

TEST_CASE("psample: what nobody reads, or a reader has no room for, is counted, and the packet goes on") {
  Bench bench;
  bench.Flow(0, PsampleAction(1, {}) + OutputAction(1));
  bench.Receive(MakeFrame({}, 10));
  CHECK(bench.counters.samplesUnread.load() == 1);
  Reader reader(bench);
  for (int i = 0; i < 1100; i++) bench.Receive(MakeFrame({}, 10));
  CHECK(bench.counters.samples.load() == 1000);
  CHECK(bench.counters.samplesLost.load() == 100);
  CHECK(bench.ports[1]->sent.size() == 1101);
}
