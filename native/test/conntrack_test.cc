#include <netinet/tcp.h>

#include "test/conntrack_support.h"
#include "test/support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

const FrameOptions kThere;

// A TCP connection through its handshake.
void Handshake(TrackerBench& b, uint16_t zone = 0) {
  REQUIRE(b.First(TcpFrame(kThere, TH_SYN, 100, 0), Commit(zone)) == kNew);
  REQUIRE(b.First(TcpFrame(Back(kThere), TH_SYN | TH_ACK, 500, 101), Zone(zone)) == (kEst | kRpl));
  REQUIRE(b.First(TcpFrame(kThere, TH_ACK, 101, 501), Zone(zone)) == kEst);
}

}  // namespace

TEST_CASE("ct: UDP is new until it is committed and answered") {
  for (bool ipv6 : {false, true}) {
    TrackerBench b;
    FrameOptions there{.ipv6 = ipv6}, back = Back(there);
    CHECK(b.First(MakeFrame(there, 10)) == kNew);
    CHECK(b.First(MakeFrame(there, 10)) == kNew);
    CHECK(b.tracker.size() == 0);
    CHECK(b.First(MakeFrame(there, 10), Commit()) == kNew);
    CHECK(b.tracker.size() == 1);
    CHECK(b.First(MakeFrame(there, 10)) == kNew);
    if (ipv6) continue;  // MakeFrame has one pair of IPv6 addresses.
    CHECK(b.First(MakeFrame(back, 10)) == (kEst | kRpl));
    CHECK(b.First(MakeFrame(there, 10)) == kEst);
    CHECK(b.key[flow::kCtNwSrc] == there.source);
    CHECK(b.key[flow::kCtTpDst] == there.destinationPort);
    CHECK(b.key[flow::kCtNwProto] == 17);
    // Another zone knows nothing of it.
    CHECK(b.First(MakeFrame(back, 10), Zone(7)) == kNew);
    CHECK(b.key[flow::kCtZone] == 7);
  }
}

TEST_CASE("ct: mark and labels under their masks, seen by all packets of the connection") {
  TrackerBench b;
  CtArguments a = Commit();
  a.mark = 0x12345678, a.markMask = 0xff00ffff;
  a.label[3] = 0xabcd, a.labelMask[3] = 0xffff;
  CHECK(b.First(MakeFrame(kThere, 10), a) == kNew);
  CHECK(b.key[flow::kCtMark] == 0x12005678);
  CHECK(b.First(MakeFrame(Back(kThere), 10)) == (kEst | kRpl));
  CHECK(b.key[flow::kCtMark] == 0x12005678);
  CHECK(b.key[flow::kCtLabel + 3] == 0xabcd);
  a.mark = 0, a.markMask = 0xff;
  CHECK(b.First(MakeFrame(kThere, 10), a) == kEst);
  CHECK(b.key[flow::kCtMark] == 0x12005600);
}

TEST_CASE("ct: a TCP connection from its handshake to its end") {
  TrackerBench b;
  Handshake(b);
  CHECK(b.First(TcpFrame(kThere, TH_ACK | TH_PUSH, 101, 501, 100)) == kEst);
  CHECK(b.First(TcpFrame(Back(kThere), TH_ACK, 501, 201, 1000)) == (kEst | kRpl));
  CHECK(b.First(TcpFrame(kThere, TH_ACK | TH_FIN, 201, 1501)) == kEst);
  CHECK(b.First(TcpFrame(Back(kThere), TH_ACK | TH_FIN, 1501, 202)) == (kEst | kRpl));
  CHECK(b.First(TcpFrame(kThere, TH_ACK, 202, 1502)) == kEst);
  // The same ends may begin again, at once.
  CHECK(b.First(TcpFrame(kThere, TH_SYN, 70000, 0)) == kNew);
  CHECK(b.tracker.size() == 0);
}

TEST_CASE("ct: TCP that cannot be of the connection is invalid") {
  TrackerBench b;
  CHECK(b.First(TcpFrame(kThere, TH_SYN | TH_ACK, 1, 1)) == kInv);
  CHECK(b.First(TcpFrame(kThere, TH_SYN | TH_FIN, 1, 0)) == kInv);
  CHECK(b.First(TcpFrame(kThere, 0, 1, 0)) == kInv);
  CHECK(b.First(TcpFrame(kThere, TH_FIN, 1, 0)) == kInv);
  Handshake(b);
  CHECK(b.First(TcpFrame(kThere, TH_ACK, 0x40000000, 501, 10)) == kInv);
  CHECK(b.key[flow::kCtNwProto] == 0);
  CHECK(b.First(TcpFrame(kThere, TH_ACK, 101, 0x40000000, 10)) == kInv);
  // A reset in the window, but not at its edge, is an attack.
  CHECK(b.First(TcpFrame(Back(kThere), TH_RST, 600, 0)) == kInv);
  CHECK(b.First(TcpFrame(kThere, TH_ACK, 101, 501, 10)) == kEst);
  CHECK(b.First(TcpFrame(Back(kThere), TH_RST, 501, 0)) == (kEst | kRpl));
  CHECK(b.First(TcpFrame(kThere, TH_SYN, 9, 0)) == kNew);
}

TEST_CASE("ct: a refused SYN, a repeated SYN, and a stream picked up in its middle") {
  TrackerBench b;
  CHECK(b.First(TcpFrame(kThere, TH_SYN, 100, 0), Commit()) == kNew);
  CHECK(b.First(TcpFrame(kThere, TH_SYN, 100, 0)) == kNew);
  CHECK(b.First(TcpFrame(Back(kThere), TH_RST | TH_ACK, 0, 101)) == (kEst | kRpl));
  TrackerBench middle;
  CHECK(middle.First(TcpFrame(kThere, TH_ACK, 1000, 2000, 10), Commit()) == kNew);
  CHECK(middle.First(TcpFrame(Back(kThere), TH_ACK, 2000, 1010, 5000)) == (kEst | kRpl));
  CHECK(middle.First(TcpFrame(kThere, TH_ACK, 1010, 7000, 60000)) == kEst);
}

TEST_CASE("ct: windows are scaled only when both ends say so") {
  for (bool both : {true, false}) {
    TrackerBench b;
    auto syn = [](const FrameOptions& ends, uint8_t flags, uint32_t sequence, uint32_t ack, bool scales) {
      Bytes frame = TcpFrame(ends, flags, sequence, ack, 4, 1000);
      frame[46] = 0x60;  // The payload becomes options.
      Bytes option = scales ? Hex("03030701") : Hex("01010101");
      std::copy(option.begin(), option.end(), frame.begin() + 54);
      Mend(frame);
      return frame;
    };
    REQUIRE(b.First(syn(kThere, TH_SYN, 100, 0, true), Commit()) == kNew);
    REQUIRE(b.First(syn(Back(kThere), TH_SYN | TH_ACK, 500, 101, both)) == (kEst | kRpl));
    REQUIRE(b.First(TcpFrame(kThere, TH_ACK, 101, 501, 0, 1000)) == kEst);
    REQUIRE(b.First(TcpFrame(Back(kThere), TH_ACK, 501, 101, 0, 1000)) == (kEst | kRpl));
    // 100000 bytes ahead: within a window of 128000, not within one of 1000.
    CHECK(b.First(TcpFrame(kThere, TH_ACK, 100101, 501, 100, 1000)) == (both ? kEst : kInv));
  }
}

TEST_CASE("ct: pings; answers nobody asked for; ICMP that is neither") {
  TrackerBench b;
  auto ping = [](bool reply, uint16_t id) {
    return reply ? IcmpFrame(2, 1, 0, 0, id << 16 | 1u, Bytes(8)) : IcmpFrame(1, 2, 8, 0, id << 16 | 1u, Bytes(8));
  };
  CHECK(b.First(ping(true, 5), Commit()) == kInv);
  CHECK(b.First(ping(false, 5), Commit()) == kNew);
  CHECK(b.key[flow::kCtTpSrc] == 8);
  CHECK(b.First(ping(false, 5)) == kNew);
  CHECK(b.First(ping(true, 6)) == kInv);
  CHECK(b.First(ping(true, 5)) == (kEst | kRpl));
  CHECK(b.First(ping(false, 5)) == kEst);
  CHECK(b.First(IcmpFrame(1, 2, 9, 0, 0, Bytes(8)), Commit()) == kInv);
}

TEST_CASE("ct: an ICMP error is related to the connection of the packet in it") {
  TrackerBench b;
  CHECK(b.First(MakeFrame(kThere, 10), Commit()) == kNew);
  Bytes sent = MakeFrame(kThere, 10);
  Bytes inner(sent.begin() + 14, sent.begin() + 42);
  CHECK(b.First(IcmpFrame(0x0a0000fe, kThere.source, 3, 1, 0, inner)) == (kRel | kRpl));
  CHECK(b.key[flow::kCtNwProto] == 17);
  // About a packet that nobody knows, or that did not come from whom the error goes to.
  CHECK(b.First(IcmpFrame(0x0a0000fe, 0x0a000009, 3, 1, 0, inner)) == kInv);
  inner[21] = 77;
  CHECK(b.First(IcmpFrame(0x0a0000fe, kThere.source, 3, 1, 0, inner), Commit()) == kInv);
  CHECK(b.First(IcmpFrame(0x0a0000fe, kThere.source, 3, 1, 0, Bytes(inner.begin(), inner.begin() + 19))) == kInv);
}

TEST_CASE("ct: wrong checksums and lying lengths are invalid, unless a device vouches for them") {
  TrackerBench b;
  Bytes bad = MakeFrame(kThere, 10);
  bad.back() ^= 1;
  CHECK(b.First(bad) == kInv);
  b.offload.flags = 2;
  CHECK(b.First(bad) == kNew);
  b.offload.flags = 0;
  bad.back() ^= 1;
  bad[25] ^= 1;  // IP header.
  CHECK(b.First(bad) == kInv);
  bad[25] ^= 1;
  CHECK(b.First(Bytes(bad.begin(), bad.end() - 1)) == kInv);
  bad.resize(bad.size() + 6);  // Padding.
  CHECK(b.First(bad) == kNew);
  Bytes fragment = MakeFrame(kThere, 10);
  fragment[20] = 0x20;
  Mend(fragment);
  CHECK(b.First(fragment, Commit()) == kInv);
  CHECK(b.First(Hex("ffffffffffff020000000001080600010800060400010200000000010a0000010000000000000a000002")) == kInv);
  CHECK(b.counters.ctInvalid == 5);
}

TEST_CASE("ct: another protocol is tracked by its addresses") {
  TrackerBench b;
  auto gre = [](bool back) {
    Bytes frame = MakeFrame(back ? Back(kThere) : kThere, 10);
    frame[23] = 47;
    Mend(frame);
    return frame;
  };
  CHECK(b.First(gre(false), Commit()) == kNew);
  CHECK(b.First(gre(true)) == (kEst | kRpl));
}

TEST_CASE("ct: force makes the packet's direction the original one") {
  TrackerBench b;
  CHECK(b.First(MakeFrame(kThere, 10), Commit()) == kNew);
  CHECK(b.First(MakeFrame(Back(kThere), 10), Commit()) == (kEst | kRpl));
  CtArguments force = Commit();
  force.force = true;
  CHECK(b.First(MakeFrame(Back(kThere), 10), force) == kNew);
  CHECK(b.First(MakeFrame(kThere, 10)) == (kEst | kRpl));
  CHECK(b.tracker.size() == 1);
}

TEST_CASE("ct: a packet counts once, however many actions of a zone it goes through") {
  TrackerBench b;
  Bytes frame = MakeFrame(kThere, 10);
  CHECK(b.First(frame, Commit()) == kNew);
  CHECK(b.First(MakeFrame(Back(kThere), 10)) == (kEst | kRpl));
  ClearConntrackWords(b.key);
  CHECK(b.Track(frame) == kEst);
  // Its headers may have changed between.
  frame[29] = 99;
  Mend(frame);
  StoreBe16(&frame[40], 0);
  CHECK(b.Track(frame, Commit()) == kEst);
  CHECK(b.tracker.size() == 1);
  CHECK(b.Track(frame, Commit(5)) == kNew);
  CHECK(b.tracker.size() == 2);
}
