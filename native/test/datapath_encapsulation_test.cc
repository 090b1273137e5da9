#include <doctest/doctest.h>
#include <errno.h>

#include "test/datapath_bench.h"
#include "test/support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

const Bytes kMacs = Hex("020000000001 020000000002");  // As struct ovs_key_ethernet: source, destination.

Bytes Be16(uint16_t value) {
  Bytes out(2);
  StoreBe16(out.data(), value);
  return out;
}
Bytes PushMplsAction(uint32_t entry, uint16_t type) {
  Bytes argument(8);
  StoreBe32(&argument[0], entry), StoreBe16(&argument[4], type);
  return Attributes().Put(OVS_ACTION_ATTR_PUSH_MPLS, argument).bytes();
}
Bytes AddMplsAction(uint32_t entry, uint16_t type, uint16_t flags) {
  Bytes argument(8);
  StoreBe32(&argument[0], entry), StoreBe16(&argument[4], type), StoreHost<uint16_t>(&argument[6], flags);
  return Attributes().Put(OVS_ACTION_ATTR_ADD_MPLS, argument).bytes();
}
Bytes PopMplsAction(uint16_t type) { return Attributes().Put(OVS_ACTION_ATTR_POP_MPLS, Be16(type)).bytes(); }
Bytes PushEth() { return Attributes().Put(OVS_ACTION_ATTR_PUSH_ETH, kMacs).bytes(); }
Bytes PopEth() { return Attributes().Flag(OVS_ACTION_ATTR_POP_ETH).bytes(); }
Bytes NshBase(uint8_t type) {
  return Attributes().Put(OVS_NSH_KEY_ATTR_BASE, Bytes{2, 63, type, 3, 0, 0, 7, 255}).bytes();
}
Bytes PushNshAction(const Bytes& content) {
  return Attributes().Put(OVS_ACTION_ATTR_PUSH_NSH, Attributes().Put(OVS_KEY_ATTR_NSH, content)).bytes();
}
Bytes PushNsh1() { return PushNshAction(NshBase(1) + Attributes().Put(OVS_NSH_KEY_ATTR_MD1, Bytes(16, 0x11)).bytes()); }
Bytes PopNshAction() { return Attributes().Flag(OVS_ACTION_ATTR_POP_NSH).bytes(); }
Bytes DecTtl(const Bytes& actions) {
  return Attributes().Put(OVS_ACTION_ATTR_DEC_TTL, Attributes().Put(OVS_DEC_TTL_ATTR_ACTION, actions)).bytes();
}
Bytes CheckLength(uint16_t length, const Bytes& greater, const Bytes& lessEqual) {
  Bytes number(2);
  StoreHost(number.data(), length);
  auto arguments = Attributes()
                       .Put(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, number)
                       .Put(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, greater)
                       .Put(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, lessEqual);
  return Attributes().Put(OVS_ACTION_ATTR_CHECK_PKT_LEN, arguments).bytes();
}
Bytes Part(const Bytes& from, size_t at) { return Bytes(from.begin() + static_cast<long>(at), from.end()); }
Bytes Front(const Bytes& from, size_t n) { return Bytes(from.begin(), from.begin() + static_cast<long>(n)); }
// The outer Ethernet header of kMacs.
Bytes Outer(uint16_t type) { return Part(kMacs, 6) + Front(kMacs, 6) + Be16(type); }

int Validate(const Bytes& actions, const Key& key) {
  const char* problem = nullptr;
  int error = ValidateActions(actions, key.data(), &problem);
  CHECK((error == 0) == (problem == nullptr));
  return error;
}
Key TypedKey(uint16_t etherType) {
  Key key(flow::kWords);
  key[flow::kEthType] = etherType;
  key[flow::kNwProto] = 17;
  return key;
}

}  // namespace

TEST_CASE("mpls: pushed behind the Ethernet header and popped again") {
  Bench bench;
  Bytes frame = MakeFrame({}, 30);
  bench.Flow(0, PushMplsAction(0x00064140, ETH_P_MPLS_UC) + OutputAction(1) + PushMplsAction(0x00065040, ETH_P_MPLS_MC) +
                    OutputAction(2) + PopMplsAction(ETH_P_MPLS_UC) + PopMplsAction(ETH_P_IP) + OutputAction(1));
  bench.Receive(frame);
  Bytes one = Front(frame, 12) + Hex("8847 00064140") + Part(frame, 14);
  CHECK(bench.ports[1]->sent == std::vector<Bytes>{one, frame});
  CHECK(bench.ports[2]->sent == std::vector<Bytes>{Front(frame, 12) + Hex("8848 00065040 00064140") + Part(frame, 14)});
}

TEST_CASE("mpls: set changes the outermost entry") {
  Bench bench;
  Bytes frame = MakeFrame({}, 30);
  Bytes lifetime = Attributes().Put(OVS_KEY_ATTR_MPLS, Hex("00000020 000000ff")).bytes();
  bench.Flow(0, PushMplsAction(0x00064140, ETH_P_MPLS_UC) +
                    Attributes().Put(OVS_ACTION_ATTR_SET_MASKED, lifetime).bytes() + OutputAction(1));
  bench.Receive(frame);
  CHECK(bench.ports[1]->sent == std::vector<Bytes>{Front(frame, 12) + Hex("8847 00064120") + Part(frame, 14)});
}

TEST_CASE("mpls: a label in front of the frame, an Ethernet header around it, and back") {
  Bench bench;
  Bytes frame = MakeFrame({.vlan = 5}, 30);
  bench.Flow(0, AddMplsAction(0x00064140, ETH_P_MPLS_UC, 0) + PushEth() + OutputAction(1) + PopEth() +
                    PopMplsAction(ETH_P_TEB) + OutputAction(2));
  bench.Receive(frame);
  CHECK(bench.ports[1]->sent == std::vector<Bytes>{Outer(ETH_P_MPLS_UC) + Hex("00064140") + frame});
  CHECK(bench.ports[2]->sent == std::vector<Bytes>{frame});
}

TEST_CASE("packets without Ethernet header: no port takes them, flows and upcalls know them") {
  Bench bench;
  bench.dp.ports[1]->upcallPids = {1};
  Bytes frame = MakeFrame({}, 30);
  bench.Flow(0, PopEth() + OutputAction(1) + Recirc(4));
  bench.Receive(frame);
  CHECK(bench.ports[1]->sent.empty());
  CHECK(bench.counters.outputNoEthernet == 1);
  Message upcall;
  CHECK(bench.Upcall(&upcall) == Part(frame, 14));
  Key key(flow::kWords);
  CHECK(DecodeKey(*upcall.Get(OVS_PACKET_ATTR_KEY), key.data()) == Fitness::kPerfect);
  CHECK(key[flow::kPacketType] == 0x10800);
  CHECK(key[flow::kTpDst] == 2000);
}

TEST_CASE("push_eth after pop_eth makes a frame with other addresses") {
  Bench bench;
  Bytes frame = MakeFrame({.ipv6 = true}, 30);
  bench.Flow(0, PopEth() + PushEth() + OutputAction(2), ETH_P_IPV6);
  bench.Receive(frame);
  CHECK(bench.ports[2]->sent == std::vector<Bytes>{Outer(ETH_P_IPV6) + Part(frame, 14)});
}

TEST_CASE("nsh: pushed around a frame, changed and popped on a later pass") {
  Bench bench;
  Bytes frame = MakeFrame({}, 30);
  Bytes header = Hex("2fc6 01 03 000007ff") + Bytes(16, 0x11);
  bench.Flow(0, PushNsh1() + PushEth() + OutputAction(1) + Recirc(1));
  Bytes base = Hex("00 05 00 00 000009fe 00 3f 00 00 ffffffff"), context = Bytes(32, 0);
  context[0] = 0x22, context[16] = 0xff;
  Bytes set = Attributes().Put(OVS_NSH_KEY_ATTR_BASE, base).Put(OVS_NSH_KEY_ATTR_MD1, context).bytes();
  set = Attributes().Put(OVS_ACTION_ATTR_SET_MASKED, Attributes().Put(OVS_KEY_ATTR_NSH, set)).bytes();
  Bytes actions = set + OutputAction(1) + PopEth() + PopNshAction() + OutputAction(2);
  Key typed = TypedKey(ETH_P_NSH);
  typed[flow::kNshNp] = 3;
  REQUIRE(Validate(actions, typed) == 0);
  Key key(flow::kWords), mask(flow::kWords);
  key[flow::kRecircId] = 1, mask[flow::kRecircId] = ~0u;
  bench.dp.table.Insert(key.data(), mask.data(), Ufid(2), actions);
  bench.Receive(frame);
  REQUIRE(bench.ports[1]->sent.size() == 2);
  CHECK(bench.ports[1]->sent[0] == Outer(ETH_P_NSH) + header + frame);
  CHECK(bench.ports[1]->sent[1] == Outer(ETH_P_NSH) + Hex("2146 01 03 000009fe 22") + Bytes(15, 0x11) + frame);
  CHECK(bench.ports[2]->sent == std::vector<Bytes>{frame});
}

TEST_CASE("nsh: metadata larger than the headroom, around a packet without Ethernet header") {
  Bench bench;
  Bytes frame = MakeFrame({}, 30);
  Bytes push = PushNshAction(NshBase(2) + Attributes().Put(OVS_NSH_KEY_ATTR_MD2, Bytes(240, 0x77)).bytes());
  bench.Flow(0, PopEth() + push + PushEth() + OutputAction(2));
  bench.Receive(frame);
  CHECK(bench.ports[2]->sent ==
        std::vector<Bytes>{Outer(ETH_P_NSH) + Hex("2ffe 02 01 000007ff") + Bytes(240, 0x77) + Part(frame, 14)});
}

TEST_CASE("dec_ttl: IPv4 with its checksum, IPv6, and its own actions at the end of a TTL") {
  for (bool ipv6 : {false, true}) {
    Bench bench;
    Bytes frame = MakeFrame({.ipv6 = ipv6}, 30);
    size_t at = 14 + (ipv6 ? 7 : 8);
    uint16_t type = ipv6 ? ETH_P_IPV6 : ETH_P_IP;
    bench.Flow(0, DecTtl(OutputAction(2)) + OutputAction(1), type);
    bench.Receive(frame);
    REQUIRE(bench.ports[1]->sent.size() == 1);
    CHECK(bench.ports[1]->sent[0][at] == frame[at] - 1);
    CHECK(ChecksumsHold(bench.ports[1]->sent[0]));
    frame[at] = 1;
    bench.Receive(frame);
    CHECK(bench.ports[1]->sent.size() == 1);
    CHECK(bench.ports[2]->sent == std::vector<Bytes>{frame});
    Bench nothing;
    nothing.Flow(0, DecTtl({}) + OutputAction(1), type);
    nothing.Receive(frame);
    CHECK(nothing.ports[1]->sent.empty());
  }
}

TEST_CASE("check_pkt_len: at the limit, above it, not counting the outer tag; what follows runs anyway") {
  Bench bench;
  bench.Flow(0, CheckLength(72, PushVlanAction(0x1009) + OutputAction(1), OutputAction(2)) + OutputAction(2));
  Bytes fits = MakeFrame({}, 30), tagged = MakeFrame({.vlan = 3}, 30), large = MakeFrame({}, 31);
  REQUIRE(fits.size() == 72);
  bench.Receive(fits);
  bench.Receive(tagged);
  CHECK(bench.ports[1]->sent.empty());
  CHECK(bench.ports[2]->sent == std::vector<Bytes>{fits, fits, tagged, tagged});
  bench.Receive(large);
  CHECK(bench.ports[1]->sent == std::vector<Bytes>{MakeFrame({.vlan = 9}, 31)});
  CHECK(bench.ports[2]->sent.back() == large);
}

TEST_CASE("a packet to be segmented is segmented before what devices do not know is put around it") {
  Bench bench;
  bench.Flow(0, PushMplsAction(0x00064140, ETH_P_MPLS_UC) + OutputAction(2), ETH_P_IP, 6);
  Bytes frame = MakeFrame({.tcp = true}, 2500);
  {
    Packet packet(bench.engine.pool.Get(), static_cast<uint32_t>(frame.size()));
    std::copy(frame.begin(), frame.end(), packet.data);
    packet.offload = {.flags = VnetHeader::kNeedsChecksum, .gso_type = VnetHeader::kGsoTcp4, .hdr_len = 54,
                      .gso_size = 1000, .csum_start = 34, .csum_offset = 16};
    bench.engine.Receive(bench.dp, packet, 1);
  }
  bench.engine.Flush();
  REQUIRE(bench.ports[2]->sent.size() == 3);
  for (const Bytes& sent : bench.ports[2]->sent) {
    CHECK(ChecksumsHold(Front(sent, 12) + Be16(ETH_P_IP) + Part(sent, 18)));
  }
  CHECK(bench.ports[2]->sent[2].size() == 54 + 4 + 500);
}

TEST_CASE("validation: headers that do not fit the flow") {
  Key udp = TypedKey(ETH_P_IP);
  CHECK(Validate(PushMplsAction(0x100, ETH_P_IP), udp) == -EINVAL);
  CHECK(Validate(PushMplsAction(0x100, ETH_P_MPLS_UC), TypedKey(0x88b5)) == -EINVAL);
  CHECK(Validate(PushVlanAction(0x1001) + PushMplsAction(0x100, ETH_P_MPLS_UC), udp) == -EINVAL);
  CHECK(Validate(PopMplsAction(ETH_P_IP), udp) == -EINVAL);
  CHECK(Validate(PushMplsAction(0x100, ETH_P_MPLS_UC) + PopMplsAction(ETH_P_TEB), udp) == -EINVAL);
  // Below the last label nobody knows what is.
  CHECK(Validate(PushMplsAction(0x100, ETH_P_MPLS_UC) + PopMplsAction(ETH_P_MPLS_UC) + PopMplsAction(ETH_P_IP), udp) == -EINVAL);
  CHECK(Validate(PushMplsAction(0x100, ETH_P_MPLS_UC) + SetSource(1), udp) == -EINVAL);
  CHECK(Validate(AddMplsAction(0x100, ETH_P_MPLS_UC, 0) + PushVlanAction(0x1001), udp) == -EINVAL);
  CHECK(Validate(AddMplsAction(0x100, ETH_P_MPLS_UC, 1) + PushVlanAction(0x1001), udp) == 0);
  CHECK(Validate(PushEth(), udp) == -EINVAL);
  CHECK(Validate(PopEth() + PopEth(), udp) == -EINVAL);
  CHECK(Validate(PopEth() + PushEth(), udp) == 0);
  CHECK(Validate(PushVlanAction(0x1001) + PopEth(), udp) == -EINVAL);
  CHECK(Validate(PopEth() + PopVlanAction(), udp) == -EINVAL);
  // In a list of its own the key counts for whether there is an Ethernet header, as in Linux.
  CHECK(Validate(PopEth() + Clone(PopEth()), udp) == 0);
  CHECK(Validate(PopEth() + PushNsh1() + PushEth(), udp) == 0);
  CHECK(Validate(PopEth() + PushNsh1(), TypedKey(ETH_P_ARP)) == -EINVAL);
  CHECK(Validate(PushNshAction(NshBase(1)), udp) == -EINVAL);
  CHECK(Validate(PushNshAction(NshBase(2) + Attributes().Put(OVS_NSH_KEY_ATTR_MD1, Bytes(16)).bytes()), udp) == -EINVAL);
  CHECK(Validate(PushNshAction(NshBase(2) + Attributes().Put(OVS_NSH_KEY_ATTR_MD2, Bytes(252)).bytes()), udp) == -EINVAL);
  CHECK(Validate(PushNshAction(NshBase(2) + Attributes().Put(OVS_NSH_KEY_ATTR_MD2, {}).bytes()), udp) == -EINVAL);
  CHECK(Validate(PopNshAction(), udp) == -EINVAL);
  CHECK(Validate(PopNshAction(), TypedKey(ETH_P_NSH)) == -EINVAL);
}

TEST_CASE("validation: arguments of dec_ttl, check_pkt_len, sample and userspace") {
  Key udp = TypedKey(ETH_P_IP);
  CHECK(Validate(DecTtl(OutputAction(1)), udp) == 0);
  CHECK(Validate(DecTtl(OutputAction(70000)), udp) == -EINVAL);
  CHECK(Validate(Attributes().Put(OVS_ACTION_ATTR_DEC_TTL, {}).bytes(), udp) == -EINVAL);
  Attributes twice = Attributes().Put(OVS_DEC_TTL_ATTR_ACTION, {}).Put(OVS_DEC_TTL_ATTR_ACTION, {});
  CHECK(Validate(Attributes().Put(OVS_ACTION_ATTR_DEC_TTL, twice).bytes(), udp) == -EINVAL);
  CHECK(Validate(CheckLength(1, {}, {}), udp) == 0);
  CHECK(Validate(CheckLength(0, {}, {}), udp) == -EINVAL);
  CHECK(Validate(CheckLength(1, Bytes(2), {}), udp) == -ERANGE);
  CHECK(Validate(CheckLength(1, OutputAction(1), OutputAction(70000)), udp) == -EINVAL);
  auto check = [&](const Attributes& a) { return Validate(Attributes().Put(OVS_ACTION_ATTR_CHECK_PKT_LEN, a).bytes(), udp); };
  CHECK(check(Attributes().Put(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, Bytes{5, 0})) == -EINVAL);
  CHECK(check(Attributes().Put(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN, Bytes{5})) == -ERANGE);
  CHECK(check(Attributes().Put(9, {})) == -EINVAL);
  Attributes sample = Attributes().U32(OVS_SAMPLE_ATTR_PROBABILITY, 1).Put(OVS_SAMPLE_ATTR_ACTIONS, {}).U32(7, 1);
  CHECK(Validate(Attributes().Put(OVS_ACTION_ATTR_SAMPLE, sample).bytes(), udp) == -EINVAL);
  Attributes shortPid = Attributes().Put(OVS_USERSPACE_ATTR_PID, Bytes(2));
  CHECK(Validate(Attributes().Put(OVS_ACTION_ATTR_USERSPACE, shortPid).bytes(), udp) == -ERANGE);
}

TEST_CASE("validation: arguments of ct") {
  Key udp = TypedKey(ETH_P_IP);
  auto ct = [](const Attributes& a) { return Attributes().Put(OVS_ACTION_ATTR_CT, a).bytes(); };
  auto check = [&](const Attributes& a) { return Validate(ct(a), udp); };
  auto commit = [] { return Attributes().Flag(OVS_CT_ATTR_COMMIT); };
  auto nat = [&](const Attributes& a) { return check(commit().Put(OVS_CT_ATTR_NAT, a)); };
  CHECK(check({}) == 0);
  CHECK(Validate(ct({}), TypedKey(ETH_P_IPV6)) == 0);
  CHECK(Validate(ct({}), TypedKey(ETH_P_ARP)) == -EINVAL);
  CHECK(Validate(Attributes().Flag(OVS_ACTION_ATTR_CT_CLEAR).bytes(), TypedKey(ETH_P_ARP)) == 0);
  CHECK(check(Attributes().Put(OVS_CT_ATTR_ZONE, Bytes(4))) == -EINVAL);
  CHECK(check(Attributes().Put(11, {})) == -EINVAL);
  CHECK(check(Attributes().Put(OVS_CT_ATTR_MARK, Hex("0100000001000000"))) == -EINVAL);
  CHECK(check(commit().Put(OVS_CT_ATTR_MARK, Hex("0100000001000000"))) == 0);
  CHECK(check(commit().Put(OVS_CT_ATTR_MARK, Bytes(8))) == -EINVAL);
  CHECK(check(commit().Put(OVS_CT_ATTR_LABELS, Bytes(32))) == -EINVAL);
  CHECK(check(Attributes().Put(OVS_CT_ATTR_LABELS, Bytes(32, 1))) == -EINVAL);
  CHECK(check(commit().Text(OVS_CT_ATTR_HELPER, "ftp")) == -EINVAL);
  CHECK(check(commit().Text(OVS_CT_ATTR_TIMEOUT, "slow")) == 0);
  CHECK(check(commit().Put(OVS_CT_ATTR_TIMEOUT, Bytes{'x'})) == -EINVAL);
  CHECK(check(commit().U32(OVS_CT_ATTR_EVENTMASK, 1)) == 0);
  CHECK(nat({}) == 0);
  CHECK(nat(Attributes().Flag(OVS_NAT_ATTR_SRC).Put(OVS_NAT_ATTR_IP_MIN, Bytes(4))) == 0);
  CHECK(nat(Attributes().Flag(OVS_NAT_ATTR_SRC).Put(OVS_NAT_ATTR_IP_MIN, Bytes(16))) == -EINVAL);
  CHECK(nat(Attributes().Flag(OVS_NAT_ATTR_SRC).Flag(OVS_NAT_ATTR_DST)) == -ERANGE);
  CHECK(nat(Attributes().Flag(OVS_NAT_ATTR_PERSISTENT)) == -EINVAL);
  Attributes source = Attributes().Flag(OVS_NAT_ATTR_SRC);
  CHECK(check(Attributes().Put(OVS_CT_ATTR_NAT, source)) == -EINVAL);
  CHECK(check(Attributes().Put(OVS_CT_ATTR_NAT, source).Flag(OVS_CT_ATTR_COMMIT)) == -EINVAL);  // Order counts.
}
