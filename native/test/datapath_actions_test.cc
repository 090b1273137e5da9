#include <doctest/doctest.h>
#include <errno.h>
#include <linux/if_ether.h>

#include "test/datapath_bench.h"

using namespace slowpath;
using namespace slowpath::test;

TEST_CASE("actions: a packet changed after its output leaves unchanged where it was sent before") {
  Bench bench;
  Bytes frame = MakeFrame({}, 30);
  bench.Flow(0, OutputAction(1) + PushVlanAction(0x1005) + OutputAction(2) + SetSource(0x01020304) + OutputAction(1) +
                    PopVlanAction() + OutputAction(2));
  bench.Receive(frame);
  REQUIRE(bench.ports[1]->sent.size() == 2);
  REQUIRE(bench.ports[2]->sent.size() == 2);
  CHECK(bench.ports[1]->sent[0] == frame);
  CHECK(bench.ports[2]->sent[0] == MakeFrame({.vlan = 5}, 30));
  CHECK(bench.ports[1]->sent[1] == MakeFrame({.source = 0x01020304, .vlan = 5}, 30));
  CHECK(bench.ports[2]->sent[1] == MakeFrame({.source = 0x01020304}, 30));
  CHECK(bench.dp.hits == 1);
}

TEST_CASE("actions: trunc cuts the next output only") {
  Bench bench;
  Bytes frame = MakeFrame({}, 100);
  bench.Flow(0, Trunc(60) + OutputAction(1) + OutputAction(2) + Trunc(5000) + OutputAction(2));
  bench.Receive(frame);
  CHECK(bench.ports[1]->sent[0] == Bytes(frame.begin(), frame.begin() + 60));
  CHECK(bench.ports[2]->sent[0] == frame);
  CHECK(bench.ports[2]->sent[1] == frame);
}

TEST_CASE("actions: clone and sample leave the packet behind them alone") {
  Bench bench;
  Bytes frame = MakeFrame({}, 30);
  bench.Flow(0, Clone(PushVlanAction(0x1001) + OutputAction(2)) + Sample(UINT32_MAX, SetSource(9) + OutputAction(2)) +
                    Sample(0, OutputAction(2)) + OutputAction(1) + Clone(SetSource(7) + OutputAction(2)));
  bench.Receive(frame);
  REQUIRE(bench.ports[2]->sent.size() == 3);
  CHECK(bench.ports[2]->sent[0] == MakeFrame({.vlan = 1}, 30));
  CHECK(bench.ports[2]->sent[1] == MakeFrame({.source = 9}, 30));
  CHECK(bench.ports[2]->sent[2] == MakeFrame({.source = 7}, 30));
  CHECK(bench.ports[1]->sent == std::vector<Bytes>{frame});
}

TEST_CASE("actions: sample takes about its share") {
  Bench bench;
  bench.Flow(0, Sample(UINT32_MAX / 4, OutputAction(2)));
  for (int i = 0; i < 4000; i++) bench.Receive(MakeFrame({}, 10));
  CHECK(bench.ports[2]->sent.size() > 850);
  CHECK(bench.ports[2]->sent.size() < 1150);
}

TEST_CASE("actions: recirculation looks at the changed packet, and ends") {
  Bench bench;
  bench.Flow(0, PushVlanAction(0x1007) + Recirc(5) + OutputAction(1));
  bench.Flow(5, OutputAction(2));
  bench.Receive(MakeFrame({}, 10));
  CHECK(bench.ports[2]->sent == std::vector<Bytes>{MakeFrame({.vlan = 7}, 10)});
  CHECK(bench.ports[1]->sent == std::vector<Bytes>{MakeFrame({.vlan = 7}, 10)});
  CHECK(bench.dp.hits == 2);
  Bench loop;
  loop.Flow(0, Recirc(0));
  loop.Receive(MakeFrame({}, 10));
  CHECK(loop.counters.recirculationLimit == 1);
}

TEST_CASE("actions: hashes are equal for packets of one connection, symmetric ones in both directions") {
  for (uint32_t algorithm : {0u, 1u}) {
    uint32_t hashes[3];
    FrameOptions there, other, back{.source = 0x0a000002, .destination = 0x0a000001, .sourcePort = 2000,
                                    .destinationPort = 1000};
    other.sourcePort = 1001;
    int n = 0;
    for (const FrameOptions& o : {there, back, other}) {
      Bench bench;
      bench.Flow(0, HashAction(algorithm) + Recirc(1));
      bench.Receive(MakeFrame(o, 10));
      Message upcall;
      bench.dp.ports[1]->upcallPids = {1};
      bench.Receive(MakeFrame(o, 99));
      REQUIRE_FALSE(bench.Upcall(&upcall).empty());
      Bytes key = *upcall.Get(OVS_PACKET_ATTR_KEY);
      AttributeReader reader(key);
      hashes[n] = 0;
      for (Attribute a; reader.Next(a);) {
        if (a.type == OVS_KEY_ATTR_DP_HASH) hashes[n] = LoadHost<uint32_t>(a.payload.data());
      }
      CHECK(hashes[n++] != 0);
    }
    CHECK((hashes[0] == hashes[1]) == (algorithm == 1));
    CHECK(hashes[0] != hashes[2]);
  }
}

TEST_CASE("upcalls: a miss carries key, hash and the finished packet; a userspace action what it was told") {
  Bench bench;
  Bytes frame = MakeFrame({.tcp = true}, 50);
  bench.Receive(frame);
  CHECK(bench.dp.misses == 1);
  CHECK(bench.dp.lost == 1);  // Port id 0: nobody to tell.
  bench.dp.ports[1]->upcallPids = {1};
  bench.Receive(frame);
  Message miss;
  CHECK(bench.Upcall(&miss) == frame);
  CHECK(miss.command == OVS_PACKET_CMD_MISS);
  REQUIRE(miss.parsed.size() == 3);
  CHECK(miss.parsed[0].first == OVS_PACKET_ATTR_KEY);
  CHECK(miss.parsed[1].first == OVS_PACKET_ATTR_HASH);
  CHECK(miss.parsed[2].first == OVS_PACKET_ATTR_PACKET);
  Key key(flow::kWords);
  CHECK(DecodeKey(*miss.Get(OVS_PACKET_ATTR_KEY), key.data()) == Fitness::kPerfect);
  CHECK(key[flow::kInPort] == 1);
  CHECK(key[flow::kTpDst] == 2000);
  Bytes actions = Trunc(20) + Userspace(1, {1, 2, 3}, true) + OutputAction(2);
  bench.Flow(0, actions);
  bench.Receive(MakeFrame({}, 50));
  Message action;
  CHECK(bench.Upcall(&action).size() == 20);
  CHECK(action.command == OVS_PACKET_CMD_ACTION);
  CHECK(*action.Get(OVS_PACKET_ATTR_USERDATA) == Bytes{1, 2, 3});
  CHECK(*action.Get(OVS_PACKET_ATTR_ACTIONS) == actions);
  CHECK(action.U32(OVS_PACKET_ATTR_LEN) == 92);
  CHECK(bench.ports[2]->sent[0].size() == 92);
  bench.dp.table.Clear();
  bench.Flow(0, Userspace(9, {}, false));
  bench.Receive(MakeFrame({}, 50));
  CHECK(bench.dp.lost == 2);
  CHECK(bench.counters.upcallsNoChannel == 1);
}

TEST_CASE("upcalls: offloaded checksums are finished, segments come one by one with the same key") {
  Bench bench;
  bench.dp.ports[1]->upcallPids = {1};
  Bytes frame = MakeFrame({.tcp = true}, 2500);
  Packet packet(bench.engine.pool.Get(), static_cast<uint32_t>(frame.size()));
  std::copy(frame.begin(), frame.end(), packet.data);
  packet.offload = {.flags = VnetHeader::kNeedsChecksum, .gso_type = VnetHeader::kGsoTcp4, .hdr_len = 54,
                    .gso_size = 1000, .csum_start = 34, .csum_offset = 16};
  bench.engine.Receive(bench.dp, packet, 1);
  CHECK(bench.dp.misses == 1);
  CHECK(bench.counters.upcalls == 3);
  Bytes key;
  for (int i = 0; i < 3; i++) {
    Message upcall;
    Bytes segment = bench.Upcall(&upcall);
    CHECK(ChecksumsHold(segment));
    CHECK(segment.size() == (i < 2 ? 1054 : 554));
    if (i == 0) key = *upcall.Get(OVS_PACKET_ATTR_KEY);
    CHECK(*upcall.Get(OVS_PACKET_ATTR_KEY) == key);
  }
}

TEST_CASE("actions: refused are wrong lengths, deep nests, unknown ones, and sets that do not fit the flow") {
  Key udp(flow::kWords);
  udp[flow::kEthType] = ETH_P_IP;
  udp[flow::kNwProto] = 17;
  auto validate = [&](std::span<const uint8_t> actions) {
    const char* problem = nullptr;
    int error = ValidateActions(actions, udp.data(), &problem);
    CHECK((error == 0) == (problem == nullptr));
    return error;
  };
  auto set = [](uint16_t type, const Bytes& value, bool masked) {
    return Attributes().Put(masked ? OVS_ACTION_ATTR_SET_MASKED : OVS_ACTION_ATTR_SET, Attributes().Put(type, value)).bytes();
  };
  CHECK(validate({}) == 0);
  CHECK(validate(OutputAction(65534)) == 0);
  CHECK(validate(OutputAction(65535)) == -EINVAL);
  CHECK(validate(Attributes().Put(OVS_ACTION_ATTR_OUTPUT, Bytes(2))) == -EINVAL);
  CHECK(validate(Bytes{8, 0, 1, 0, 1}) == -EINVAL);
  CHECK(validate(Trunc(13)) == -EINVAL);
  CHECK(validate(Trunc(14)) == 0);
  CHECK(validate(PushVlanAction(5)) == -EINVAL);
  CHECK(validate(PushVlanAction(0x1005)) == 0);
  CHECK(validate(HashAction(2)) == -EINVAL);
  CHECK(validate(Userspace(0, {}, false)) == -EINVAL);
  CHECK(validate(set(OVS_KEY_ATTR_UDP, Bytes(4), false)) == 0);
  CHECK(validate(set(OVS_KEY_ATTR_TCP, Bytes(4), false)) == -EINVAL);
  CHECK(validate(set(OVS_KEY_ATTR_UDP, Bytes(4), true)) == -EINVAL);   // Without its mask.
  CHECK(validate(set(OVS_KEY_ATTR_UDP, {1, 0, 0, 0, 0, 0, 0, 0}, true)) == -EINVAL);
  CHECK(validate(set(OVS_KEY_ATTR_IPV4, Bytes(12), false)) == -EINVAL);  // Protocol 0, the flow has 17.
  CHECK(validate(set(OVS_KEY_ATTR_IPV4, {0, 0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0}, false)) == 0);
  CHECK(validate(set(OVS_KEY_ATTR_IPV6, Bytes(40), false)) == -EINVAL);
  CHECK(validate(set(OVS_KEY_ATTR_ARP, Bytes(24), false)) == -EINVAL);
  CHECK(validate(set(OVS_KEY_ATTR_ETHERNET, Bytes(12), false) + Recirc(3)) == 0);
  CHECK(validate(Attributes().Put(OVS_ACTION_ATTR_SET, {})) == -EINVAL);
  CHECK(validate(Attributes().U32(99, 0)) == -EINVAL);
  CHECK(validate(Sample(5, {})) == 0);
  CHECK(validate(Attributes().Put(OVS_ACTION_ATTR_SAMPLE, Attributes().U32(OVS_SAMPLE_ATTR_PROBABILITY, 1))) == -EINVAL);
  Bytes nested = OutputAction(1);
  for (int i = 0; i < 15; i++) nested = Clone(nested);
  CHECK(validate(nested) == 0);
  CHECK(validate(Clone(nested)) == -EOVERFLOW);
}
