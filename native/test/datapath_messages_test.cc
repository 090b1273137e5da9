#include <doctest/doctest.h>
#include <errno.h>
#include <linux/if_ether.h>

#include <atomic>
#include <set>
#include <thread>

#include "test/datapath_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

// A datapath "br0" with ports p1 and p2 (ends of veth pairs e1, e2 in the same namespace), if we are root.
struct Switch {
  Switch() : ns("sw") {
    if (!ns.valid()) return;
    for (std::string i : {"1", "2"}) {
      Shell("ip -n " + ns.name() + " link add p" + i + " type veth peer name e" + i);
      Shell("ip -n " + ns.name() + " link set p" + i + " up");
    }
    int error = 0;
    datapath = EmbeddedDatapath::Open({.netns = ns.path(), .upcallQueueLength = 100}, &error);
    REQUIRE(datapath != nullptr);
    client = std::make_unique<Client>(*datapath);
    REQUIRE(client->NewDatapath("br0", 0, &ifindex) == 0);
    ready = true;
  }
  uint64_t Counter(const std::string& name) {
    for (const NamedCounter& c : datapath->Counters()) {
      if (c.name == name) return c.value;
    }
    return ~uint64_t{0};
  }
  ovs_dp_stats Stats() {
    std::vector<Message> replies;
    REQUIRE(client->Ask(kDatapathFamily, OVS_DP_CMD_GET, 0, ifindex, {}, &replies) == 0);
    return LoadHost<ovs_dp_stats>(replies.at(0).Get(OVS_DP_ATTR_STATS)->data());
  }

  Namespace ns;
  std::unique_ptr<EmbeddedDatapath> datapath;
  std::unique_ptr<Client> client;
  uint32_t ifindex = 0;
  bool ready = false;
};

#define NEEDS_ROOT(sw)                                                        \
  if (!(sw).ready) {                                                          \
    MESSAGE("skipped: making network namespaces needs root and iproute2");    \
    return;                                                                   \
  }

struct Match {
  Key key = Key(flow::kWords), mask = Key(flow::kWords);
};

// IPv4/UDP to one port; everything but in_port, ethertype, protocol and port is free.
Match UdpTo(uint16_t port) {
  Match m;
  auto exact = [&](unsigned word, uint32_t value, uint32_t bits) { m.key[word] = value, m.mask[word] = bits; };
  exact(flow::kInPort, 1, ~0u), exact(flow::kRecircId, 0, ~0u), exact(flow::kEthType, ETH_P_IP, 0xffff);
  exact(flow::kNwProto, 17, 0xff), exact(flow::kTpDst, port, 0xffff), exact(flow::kVlanTci, 0, 0xffff);
  m.key[flow::kNwSrc] = 0x0a000001;  // Not in the mask.
  return m;
}

Bytes FrameFor(uint16_t port) { return MakeFrame({.destinationPort = port}, 30); }

int Execute(Client& client, uint32_t ifindex, const Bytes& frame, const Bytes& actions) {
  Bytes key = Attributes().U32(OVS_KEY_ATTR_IN_PORT, 1).bytes();
  Attributes a;
  a.Put(OVS_PACKET_ATTR_PACKET, frame).Put(OVS_PACKET_ATTR_KEY, key).Put(OVS_PACKET_ATTR_ACTIONS, actions);
  return client.Ask(kPacketFamily, OVS_PACKET_CMD_EXECUTE, 0, ifindex, a);
}

Bytes ThroughTable() { return Attributes().U32(OVS_ACTION_ATTR_RECIRC, 0).bytes(); }

}  // namespace

TEST_CASE("datapath messages: new, get, set, dump, delete") {
  Switch sw;
  NEEDS_ROOT(sw);
  Client& c = *sw.client;
  uint32_t other = 0;
  CHECK(c.NewDatapath("br0", 0, &other) == -EEXIST);
  CHECK(c.NewDatapath("p1", 0, &other) == -EEXIST);  // The name of a device.
  CHECK(c.NewDatapath("br1", 4, &other) == -EOPNOTSUPP);
  CHECK(c.NewDatapath("a-name-of-17-byte", 0, &other) == -EINVAL);
  CHECK(c.Ask(kDatapathFamily, OVS_DP_CMD_NEW, 0, 0, Attributes().Text(OVS_DP_ATTR_NAME, "x")) == -EINVAL);
  CHECK(c.NewDatapath("br1", OVS_DP_F_UNALIGNED | OVS_DP_F_VPORT_PIDS, &other) == 0);
  CHECK(other != sw.ifindex);
  CHECK(c.Dump(kDatapathFamily, 0, {}).size() == 2);
  std::vector<Message> replies;
  REQUIRE(c.Ask(kDatapathFamily, OVS_DP_CMD_GET, 0, 0, Attributes().Text(OVS_DP_ATTR_NAME, "br1"), &replies) == 0);
  CHECK(replies[0].ifindex == other);
  CHECK(replies[0].U32(OVS_DP_ATTR_USER_FEATURES) == 3);
  CHECK(*replies[0].Get(OVS_DP_ATTR_NAME) == Bytes{'b', 'r', '1', 0});
  CHECK(c.Ask(kDatapathFamily, OVS_DP_CMD_SET, 0, other, Attributes().U32(OVS_DP_ATTR_MASKS_CACHE_SIZE, 5)) == -EINVAL);
  CHECK(c.Ask(kDatapathFamily, OVS_DP_CMD_SET, 0, other, Attributes().U32(OVS_DP_ATTR_USER_FEATURES, 0)) == 0);
  CHECK(c.Ask(kDatapathFamily, OVS_DP_CMD_DEL, 0, other, {}) == 0);
  CHECK(c.Ask(kDatapathFamily, OVS_DP_CMD_DEL, 0, other, {}) == -ENODEV);
  CHECK_FALSE(Shell("ip -n " + sw.ns.name() + " link show br1"));
  CHECK(Shell("ip -n " + sw.ns.name() + " link show br0"));
}

TEST_CASE("vport messages: errno by errno, statistics, a device that vanishes") {
  Switch sw;
  NEEDS_ROOT(sw);
  Client& c = *sw.client;
  CHECK(c.AddPort(sw.ifindex, "nothing", 1, 0) == -ENODEV);
  CHECK(c.AddPort(sw.ifindex, "lo", 1, 0) == -EINVAL);
  CHECK(c.AddPort(sw.ifindex, "p1", 65535, 0) == -EFBIG);
  CHECK(c.AddPort(sw.ifindex + 50, "p1", 1, 0) == -ENODEV);
  CHECK(c.AddPort(sw.ifindex, "p1", 7, 5) == 0);
  CHECK(c.AddPort(sw.ifindex, "p1", 8, 0) == -EEXIST);
  CHECK(c.AddPort(sw.ifindex, "p2", 7, 0) == -EBUSY);
  Attributes chosen;
  chosen.Text(OVS_VPORT_ATTR_NAME, "p2").U32(OVS_VPORT_ATTR_TYPE, OVS_VPORT_TYPE_NETDEV);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_NEW, 0, sw.ifindex, chosen) == -EINVAL);
  std::vector<Message> replies;
  chosen.U32(OVS_VPORT_ATTR_UPCALL_PID, 1);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_NEW, NLM_F_ECHO, sw.ifindex, chosen, &replies) == 0);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].U32(OVS_VPORT_ATTR_PORT_NO) == 1);
  auto gre = Attributes().Text(OVS_VPORT_ATTR_NAME, "gre0").U32(OVS_VPORT_ATTR_TYPE, OVS_VPORT_TYPE_GRE)
                 .U32(OVS_VPORT_ATTR_UPCALL_PID, 1);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_NEW, 0, sw.ifindex, gre) == -EAFNOSUPPORT);
  CHECK(c.Dump(kVportFamily, sw.ifindex, {}).size() == 3);
  auto local = Attributes().U32(OVS_VPORT_ATTR_PORT_NO, OVSP_LOCAL);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_DEL, 0, sw.ifindex, local) == -EINVAL);
  auto byName = Attributes().Text(OVS_VPORT_ATTR_NAME, "p1");
  replies.clear();
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_GET, 0, 0, byName, &replies) == 0);
  CHECK(replies[0].U32(OVS_VPORT_ATTR_UPCALL_PID) == 5);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_SET, 0, 0, Attributes(byName).Put(OVS_VPORT_ATTR_UPCALL_PID, {})) == -EINVAL);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_DEL, 0, 0, byName) == 0);
  CHECK(c.Ask(kVportFamily, OVS_VPORT_CMD_DEL, 0, 0, byName) == -ENODEV);
  CHECK(Shell("ip -n " + sw.ns.name() + " link del p2"));
  for (int i = 0; i < 200 && sw.Counter("portsVanished") == 0; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  CHECK(sw.Counter("portsVanished") == 1);
  CHECK(c.Dump(kVportFamily, sw.ifindex, {}).size() == 1);
}

TEST_CASE("flow messages: new, set, get, delete, echo and every errno of the kernel") {
  Switch sw;
  NEEDS_ROOT(sw);
  Client& c = *sw.client;
  Match m = UdpTo(53);
  CHECK(c.PutFlow(sw.ifindex, m.key, m.mask, OutputAction(2), NLM_F_CREATE, 1) == 0);
  CHECK(c.PutFlow(sw.ifindex, m.key, m.mask, OutputAction(2), NLM_F_CREATE, 1) == -EEXIST);
  CHECK(c.PutFlow(sw.ifindex, m.key, m.mask, OutputAction(2), NLM_F_CREATE, 2) == -EEXIST);  // Overlaps.
  CHECK(c.PutFlow(sw.ifindex, m.key, m.mask, OutputAction(3), 0, 1) == 0);                   // Changes.
  Match other = UdpTo(54);
  CHECK(c.PutFlow(sw.ifindex, other.key, other.mask, OutputAction(3), 0, 1) == -ENOENT);
  CHECK(c.PutFlow(sw.ifindex, other.key, other.mask, OutputAction(70000), NLM_F_CREATE, 2) == -EINVAL);
  CHECK(c.problem.find("output") != std::string::npos);
  CHECK(c.PutFlow(sw.ifindex + 9, other.key, other.mask, OutputAction(1), NLM_F_CREATE, 2) == -ENODEV);
  auto ufid = Attributes().Put(OVS_FLOW_ATTR_UFID, Ufid(1));
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_NEW, 0, sw.ifindex, ufid) == -EINVAL);
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_SET, 0, sw.ifindex, {}) == -EINVAL);
  auto blind = Attributes(ufid).Put(OVS_FLOW_ATTR_ACTIONS, OutputAction(1));
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_SET, 0, sw.ifindex, blind) == -EINVAL);  // Actions without the key.
  CHECK(Execute(c, sw.ifindex, FrameFor(53), ThroughTable()) == 0);
  std::vector<Message> replies;
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, sw.ifindex, ufid, &replies) == 0);
  REQUIRE(replies.size() == 1);
  const Message& flow = replies[0];
  CHECK(flow.command == OVS_FLOW_CMD_GET);
  CHECK(*flow.Get(OVS_FLOW_ATTR_UFID) == Ufid(1));
  CHECK(*flow.Get(OVS_FLOW_ATTR_ACTIONS) == OutputAction(3));
  REQUIRE(flow.Get(OVS_FLOW_ATTR_STATS) != nullptr);
  CHECK(LoadHost<uint64_t>(flow.Get(OVS_FLOW_ATTR_STATS)->data()) == 1);
  CHECK(LoadHost<uint64_t>(flow.Get(OVS_FLOW_ATTR_STATS)->data() + 8) == 72);
  CHECK(flow.Get(OVS_FLOW_ATTR_USED) != nullptr);
  Key key(flow::kWords), mask(flow::kWords);
  CHECK(DecodeKey(*flow.Get(OVS_FLOW_ATTR_KEY), key.data()) == Fitness::kPerfect);
  CHECK(DecodeMask(*flow.Get(OVS_FLOW_ATTR_MASK), key.data(), mask.data()) == Fitness::kPerfect);
  CHECK(key[flow::kTpDst] == 53);
  CHECK(key[flow::kNwSrc] == 0);  // Masked.
  CHECK(mask[flow::kTpDst] == 0xffff);
  CHECK(mask[flow::kNwSrc] == 0);
  replies.clear();
  auto terse = Attributes(ufid).U32(OVS_FLOW_ATTR_UFID_FLAGS, 7).Flag(OVS_FLOW_ATTR_CLEAR);
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_SET, NLM_F_ECHO, sw.ifindex, terse, &replies) == 0);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].Get(OVS_FLOW_ATTR_KEY) == nullptr);
  CHECK(replies[0].Get(OVS_FLOW_ATTR_MASK) == nullptr);
  CHECK(replies[0].Get(OVS_FLOW_ATTR_ACTIONS) == nullptr);
  replies.clear();
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_DEL, NLM_F_ECHO, sw.ifindex, ufid, &replies) == 0);
  REQUIRE(replies.size() == 1);
  CHECK(replies[0].command == OVS_FLOW_CMD_DEL);
  CHECK(replies[0].Get(OVS_FLOW_ATTR_STATS) == nullptr);  // Cleared before.
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_DEL, 0, sw.ifindex, ufid) == -ENOENT);
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, sw.ifindex, ufid) == -ENOENT);
}

TEST_CASE("flow messages: without ufid and mask a flow is its key; an empty delete flushes") {
  Switch sw;
  NEEDS_ROOT(sw);
  Client& c = *sw.client;
  Key key = UdpTo(53).key;
  Bytes encoded = EncodedKey(key);
  Attributes a;
  a.Put(OVS_FLOW_ATTR_KEY, encoded).Put(OVS_FLOW_ATTR_ACTIONS, {});
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_NEW, NLM_F_CREATE, sw.ifindex, a) == 0);
  auto byKey = Attributes().Put(OVS_FLOW_ATTR_KEY, encoded);
  std::vector<Message> replies;
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, sw.ifindex, byKey, &replies) == 0);
  CHECK(*replies.at(0).Get(OVS_FLOW_ATTR_KEY) == encoded);
  CHECK(replies[0].Get(OVS_FLOW_ATTR_UFID) == nullptr);
  key[flow::kNwSrc]++;
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, sw.ifindex, Attributes().Put(OVS_FLOW_ATTR_KEY, EncodedKey(key))) == -ENOENT);
  CHECK(sw.Stats().n_flows == 1);
  CHECK(c.Ask(kFlowFamily, OVS_FLOW_CMD_DEL, 0, sw.ifindex, {}) == 0);
  CHECK(sw.Stats().n_flows == 0);
}

TEST_CASE("flow dump: whole, terse, paused by a slow reader, and complete while flows come and go") {
  Switch sw;
  NEEDS_ROOT(sw);
  Client& c = *sw.client;
  constexpr uint32_t kFlows = 20000;
  Match first = UdpTo(0);
  for (uint32_t i = 1; i <= kFlows; i++) {
    first.key[flow::kTpDst] = i;
    Attributes a;
    a.Put(OVS_FLOW_ATTR_UFID, Ufid(i)).Put(OVS_FLOW_ATTR_KEY, EncodedKey(first.key));
    a.Put(OVS_FLOW_ATTR_MASK, EncodedMask(first.key, first.mask)).Put(OVS_FLOW_ATTR_ACTIONS, OutputAction(2));
    c.Send(kFlowFamily, OVS_FLOW_CMD_NEW, NLM_F_CREATE, sw.ifindex, a);
  }
  CHECK(sw.Stats().n_flows == kFlows);
  auto terse = Attributes().U32(OVS_FLOW_ATTR_UFID_FLAGS, 7);
  CHECK(c.Dump(kFlowFamily, sw.ifindex, terse).size() == kFlows);
  std::atomic<bool> stop{false};
  std::thread changer([&] {  // Takes away flows with odd numbers, and puts them back.
    Client other(*sw.datapath);
    for (uint32_t i = 1; !stop; i = (i + 2) % kFlows) {
      other.Send(kFlowFamily, OVS_FLOW_CMD_DEL, 0, sw.ifindex, Attributes().Put(OVS_FLOW_ATTR_UFID, Ufid(i)));
      Match m = UdpTo(static_cast<uint16_t>(i));
      other.PutFlow(sw.ifindex, m.key, m.mask, OutputAction(1), NLM_F_CREATE, i);
    }
  });
  for (int round = 0; round < 3; round++) {
    int error = -1;
    std::set<Bytes> seen;
    for (const Message& m : c.Dump(kFlowFamily, sw.ifindex, {}, &error)) {
      CHECK((m.flags & NLM_F_MULTI) != 0);
      CHECK((m.flags & NLM_F_DUMP_INTR) == 0);
      seen.insert(*m.Get(OVS_FLOW_ATTR_UFID));
    }
    CHECK(error == 0);
    size_t missed = 0;
    for (uint32_t i = 2; i <= kFlows; i += 2) missed += seen.count(Ufid(i)) == 0;
    CHECK(missed == 0);
  }
  stop = true;
  changer.join();
  // Nobody reads: the dump pauses, other requests of the channel wait for no one.
  c.Send(kFlowFamily, OVS_FLOW_CMD_GET, NLM_F_DUMP, sw.ifindex, {});
  Client other(*sw.datapath);
  CHECK(other.Ask(kFlowFamily, OVS_FLOW_CMD_DEL, 0, sw.ifindex, {}) == 0);
  CHECK(c.Ask(kDatapathFamily, OVS_DP_CMD_GET, 0, sw.ifindex, {}) == 0);
}

TEST_CASE("upcalls: what the queue has no room for is lost once, in every count, and no answer with it") {
  Switch sw;
  NEEDS_ROOT(sw);
  Client& c = *sw.client;
  Client handler(*sw.datapath);
  REQUIRE(c.AddPort(sw.ifindex, "p1", 1, handler.channel->PortId()) == 0);
  uint64_t before = sw.Counter("upcalls");
  for (uint16_t i = 0; i < 150; i++) {
    CHECK(Execute(c, sw.ifindex, FrameFor(i), ThroughTable()) == 0);
  }
  // The namespace's own packets (neighbour discovery) may have come in between: they count the same way.
  uint64_t queued = sw.Counter("upcalls") - before;
  ovs_dp_stats stats = sw.Stats();
  CHECK(queued == 100);
  CHECK(stats.n_missed - 100 == stats.n_lost);
  CHECK(stats.n_lost >= 50);
  CHECK(handler.channel->Counters().lost + sw.Counter("upcallsNoPid") + sw.Counter("upcallsNoChannel") == stats.n_lost);
  CHECK(handler.Ask(kDatapathFamily, OVS_DP_CMD_GET, 0, sw.ifindex, {}) == 0);
  Message m;
  size_t arrived = handler.upcalls.size();
  while (handler.Next(m, 50)) arrived++;
  CHECK(arrived == 100);
}
