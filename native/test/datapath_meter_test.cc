#include <doctest/doctest.h>
#include <errno.h>

#include <cstring>

#include "test/datapath_bench.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

Bytes Band(uint32_t rate, uint32_t burst, uint32_t type = OVS_METER_BAND_TYPE_DROP) {
  return Attributes().U32(OVS_BAND_ATTR_TYPE, type).U32(OVS_BAND_ATTR_RATE, rate).U32(OVS_BAND_ATTR_BURST, burst).bytes();
}
Attributes Spec(uint32_t id, const Bytes& band) {
  return Attributes().U32(OVS_METER_ATTR_ID, id).Put(OVS_METER_ATTR_BANDS, Attributes().Put(0, band));
}
ovs_flow_stats Stats(const Bytes& bytes) {
  ovs_flow_stats stats = {};
  if (bytes.size() == sizeof stats) std::memcpy(&stats, bytes.data(), sizeof stats);
  return stats;
}
Meter Limit(bool kbps, uint32_t rate, uint32_t burst) {
  Meter meter;
  meter.kbps = kbps;
  meter.hasBand = true;
  meter.bandType = OVS_METER_BAND_TYPE_DROP;
  meter.rate = rate;
  meter.burst = burst;
  meter.bucket = burst * 1000;
  return meter;
}

}  // namespace

TEST_CASE("meter: a burst of packets, then as many as the rate allows") {
  Meter meter = Limit(false, 10, 5);
  meter.usedMs = 1000;
  int passed = 0;
  for (int i = 0; i < 20; i++) passed += meter.Exceeded(1000, 100) ? 0 : 1;
  CHECK(passed == 5);
  CHECK(meter.statistics.n_packets == 20);
  CHECK(meter.bandStatistics.n_packets == 15);
  CHECK(meter.bandStatistics.n_bytes == 1500);
  CHECK(meter.Exceeded(1099, 100));
  CHECK_FALSE(meter.Exceeded(1100, 100));
  CHECK(meter.Exceeded(1100, 100));
  // However long nothing came, there is one burst and no more; time that runs backwards gives nothing.
  passed = 0;
  for (int i = 0; i < 20; i++) passed += meter.Exceeded(uint64_t{1} << 60, 100) ? 0 : 1;
  CHECK(passed == 5);
  CHECK(meter.Exceeded(1, 100));
}

TEST_CASE("meter: bits in kbit/s; without a band, or with one of another type, nothing is dropped") {
  Meter meter = Limit(true, 8, 8);  // 1000 bytes a second.
  CHECK_FALSE(meter.Exceeded(0, 600));
  CHECK(meter.Exceeded(0, 600));
  CHECK_FALSE(meter.Exceeded(0, 400));
  CHECK_FALSE(meter.Exceeded(500, 500));
  CHECK(meter.Exceeded(500, 1));
  Meter other = Limit(false, 1, 0);
  other.bandType = 7;
  CHECK_FALSE(other.Exceeded(1, 100));
  CHECK(other.bandStatistics.n_packets == 1);
  Meter none;
  CHECK_FALSE(none.Exceeded(1, 100));
  CHECK(none.statistics.n_bytes == 100);
}

TEST_CASE("meter: an action drops what is too much; a meter that is not there lets all pass") {
  Bench bench;
  bench.dp.meters.Set(3, Limit(false, 1, 2));
  auto meter = [](uint32_t id) { return Attributes().U32(OVS_ACTION_ATTR_METER, id).bytes(); };
  bench.Flow(0, meter(9) + OutputAction(1) + meter(3) + OutputAction(2));
  for (int i = 0; i < 5; i++) bench.Receive(MakeFrame({.vlan = 4}, 30));
  CHECK(bench.ports[1]->sent.size() == 5);
  CHECK(bench.ports[2]->sent.size() == 2);
  CHECK(bench.counters.metered == 3);
  CHECK(bench.dp.meters.Find(3)->statistics.n_bytes == 5 * 72);  // Without the tag, as in the kernel.
}

TEST_CASE("meter: messages as the kernel's") {
  EmbeddedOptions options;
  int error = 0;
  Namespace ns("meter");
  if (!ns.valid()) return;
  options.netns = ns.path();
  auto datapath = EmbeddedDatapath::Open(options, &error);
  REQUIRE(datapath != nullptr);
  Client c(*datapath);
  uint32_t dp = 0;
  REQUIRE(c.NewDatapath("br0", 0, &dp) == 0);
  std::vector<Message> replies;
  auto ask = [&](uint8_t command, std::span<const uint8_t> attributes) {
    replies.clear();
    return c.Ask(kMeterFamily, command, 0, dp, attributes, &replies);
  };
  CHECK(ask(OVS_METER_CMD_FEATURES, {}) == 0);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].U32(OVS_METER_ATTR_MAX_BANDS) == 1);
  CHECK(replies[0].U32(OVS_METER_ATTR_MAX_METERS) > 1000);
  CHECK(c.Ask(kMeterFamily, OVS_METER_CMD_FEATURES, 0, dp + 99, {}) == -ENODEV);
  auto id = Attributes().U32(OVS_METER_ATTR_ID, 7);
  CHECK(ask(OVS_METER_CMD_GET, {}) == -EINVAL);
  CHECK(ask(OVS_METER_CMD_GET, id) == -ENOENT);
  CHECK(ask(OVS_METER_CMD_SET, id) == -EINVAL);
  CHECK(ask(OVS_METER_CMD_SET, Spec(7, Band(0, 5))) == -EINVAL);
  CHECK(ask(OVS_METER_CMD_SET, Spec(7, Attributes().U32(OVS_BAND_ATTR_TYPE, 1).bytes())) == -EINVAL);
  CHECK(ask(OVS_METER_CMD_SET, Spec(7, Attributes().Put(OVS_BAND_ATTR_TYPE, Bytes(2)).bytes())) == -ERANGE);
  Bytes two = Attributes().Put(0, Band(1, 1)).Put(0, Band(2, 2)).bytes();
  CHECK(ask(OVS_METER_CMD_SET, Attributes().U32(OVS_METER_ATTR_ID, 7).Put(OVS_METER_ATTR_BANDS, two)) == -EINVAL);
  CHECK(ask(OVS_METER_CMD_SET, Spec(7, Band(5, 5))) == 0);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].U32(OVS_METER_ATTR_ID) == 7);
  CHECK(replies[0].Get(OVS_METER_ATTR_STATS) == nullptr);
  CHECK(ask(OVS_METER_CMD_GET, id) == 0);
  REQUIRE(replies.size() == 1);
  REQUIRE(replies[0].Get(OVS_METER_ATTR_STATS) != nullptr);
  CHECK(Stats(*replies[0].Get(OVS_METER_ATTR_STATS)).n_packets == 0);
  CHECK(replies[0].Get(OVS_METER_ATTR_BANDS)->size() == 4 + 4 + sizeof(ovs_flow_stats));
  CHECK(ask(OVS_METER_CMD_SET, Spec(7, Band(6, 6))) == 0);
  CHECK(replies[0].Get(OVS_METER_ATTR_STATS) != nullptr);  // Of the one before.
  CHECK(ask(OVS_METER_CMD_DEL, id) == 0);
  CHECK(replies[0].Get(OVS_METER_ATTR_STATS) != nullptr);
  CHECK(ask(OVS_METER_CMD_DEL, id) == 0);
  CHECK(replies[0].Get(OVS_METER_ATTR_STATS) == nullptr);
}
