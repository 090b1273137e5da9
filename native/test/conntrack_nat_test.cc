#include <netinet/tcp.h>

#include "test/conntrack_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

constexpr uint8_t kSource = Connection::kNatSource, kDestination = Connection::kNatDestination;
constexpr uint32_t kPublic = 0xc0000201;  // 192.0.2.1
const FrameOptions kThere;

FrameOptions Public() {
  FrameOptions o = kThere;
  o.source = kPublic;
  return o;
}
// Tracks a packet that no action has seen; what goes on.
Bytes Through(TrackerBench& b, Bytes frame, const CtArguments& a, uint32_t state) {
  ClearConntrackWords(b.key);
  CHECK(b.Track(frame, a) == state);
  return frame;
}
uint16_t SourcePort(const Bytes& frame) { return LoadBe16(&frame[34]); }

}  // namespace

TEST_CASE("nat: source of packets, destination of answers, by later actions without a range") {
  for (bool tcp : {false, true}) {
    TrackerBench b;
    auto make = [&](FrameOptions o, uint8_t flags) {
      o.tcp = tcp, o.tcpFlags = flags;
      return MakeFrame(o, 10);
    };
    CHECK(Through(b, make(kThere, TH_SYN), NatTo(kSource, kPublic, kPublic), kNew | kSnat) == make(Public(), TH_SYN));
    if (tcp) {
      FrameOptions back = Back(Public());
      CHECK(Through(b, TcpFrame(back, TH_SYN | TH_ACK, 7, 1001), Nat(), kEst | kRpl | kDnat) ==
            TcpFrame(Back(kThere), TH_SYN | TH_ACK, 7, 1001));
      continue;
    }
    CHECK(Through(b, make(Back(Public()), 0), Nat(), kEst | kRpl | kDnat) == make(Back(kThere), 0));
    CHECK(Through(b, make(kThere, 0), Nat(), kEst | kSnat) == make(Public(), 0));
    // Without nat the state is told and nothing changed.
    CHECK(Through(b, make(kThere, 0), {}, kEst) == make(kThere, 0));
    CHECK(b.key[flow::kCtNwSrc] == kThere.source);
  }
}

TEST_CASE("nat: destination of packets, source of answers") {
  TrackerBench b;
  FrameOptions inside = kThere;
  inside.destination = 0x0a0a0a0a, inside.destinationPort = 8080;
  CHECK(Through(b, MakeFrame(kThere, 10), NatTo(kDestination, 0x0a0a0a0a, 0x0a0a0a0a, 8080, 8080), kNew | kDnat) ==
        MakeFrame(inside, 10));
  CHECK(Through(b, MakeFrame(Back(inside), 10), Nat(), kEst | kRpl | kSnat) == MakeFrame(Back(kThere), 10));
}

TEST_CASE("nat: a packet that was translated is not translated again, and keeps its connection") {
  TrackerBench b;
  Bytes frame = MakeFrame(kThere, 10);
  CtArguments a = NatTo(kSource, kPublic, kPublic);
  ClearConntrackWords(b.key);
  CHECK(b.Track(frame, a) == (kNew | kSnat));
  CHECK(b.Track(frame, a) == (kNew | kSnat));
  CHECK(frame == MakeFrame(Public(), 10));
  CHECK(b.tracker.size() == 1);
  Bytes ping = IcmpFrame(kThere.source, kThere.destination, 8, 0, 0x50001, Bytes(8));
  ClearConntrackWords(b.key);
  CHECK(b.Track(ping, a) == (kNew | kSnat));
  CHECK(b.Track(ping, a) == (kNew | kSnat));
  CHECK(b.tracker.size() == 2);
  CHECK(ping == IcmpFrame(kPublic, kThere.destination, 8, 0, 0x50001, Bytes(8)));
  CHECK(Through(b, IcmpFrame(kThere.destination, kPublic, 0, 0, 0x50001, Bytes(8)), Nat(), kEst | kRpl | kDnat) ==
        IcmpFrame(kThere.destination, kThere.source, 0, 0, 0x50001, Bytes(8)));
}

TEST_CASE("nat: two hosts with one port share an address by different ports, or identifiers") {
  TrackerBench b;
  FrameOptions other = kThere;
  other.source++;
  CtArguments a = NatTo(kSource, kPublic, kPublic);
  CHECK(SourcePort(Through(b, MakeFrame(kThere, 10), a, kNew | kSnat)) == 1000);
  Bytes second = Through(b, MakeFrame(other, 10), a, kNew | kSnat);
  CHECK(SourcePort(second) != 1000);
  CHECK(ChecksumsHold(second));
  FrameOptions answer = Back(Public());
  answer.destinationPort = SourcePort(second);
  CHECK(Through(b, MakeFrame(answer, 10), Nat(), kEst | kRpl | kDnat) == MakeFrame(Back(other), 10));
  Through(b, IcmpFrame(1, 9, 8, 0, 0x50001, Bytes(8)), a, kNew | kSnat);
  Bytes ping = Through(b, IcmpFrame(2, 9, 8, 0, 0x50001, Bytes(8)), a, kNew | kSnat);
  uint16_t identifier = LoadBe16(&ping[38]);
  CHECK(identifier != 5);
  CHECK(Through(b, IcmpFrame(9, kPublic, 0, 0, identifier << 16 | 1u, Bytes(8)), Nat(), kEst | kRpl | kDnat) ==
        IcmpFrame(9, 2, 0, 0, 0x50001, Bytes(8)));
}

TEST_CASE("nat: ports stay in their range until it is used up, then packets are dropped") {
  TrackerBench b;
  CtArguments a = NatTo(kSource, kPublic, kPublic, 5000, 5003);
  bool seen[4] = {};
  for (uint32_t i = 0; i < 4; i++) {
    FrameOptions o = kThere;
    o.source += i;
    Bytes frame = Through(b, MakeFrame(o, 10), a, kNew | kSnat);
    REQUIRE(SourcePort(frame) >= 5000);
    REQUIRE(SourcePort(frame) <= 5003);
    CHECK_FALSE(std::exchange(seen[SourcePort(frame) - 5000], true));
  }
  FrameOptions o = kThere;
  o.source += 4;
  Bytes frame = MakeFrame(o, 10);
  ClearConntrackWords(b.key);
  b.Track(frame, a);
  CHECK(frame.empty());
  CHECK(b.counters.ctNatExhausted == 1);
  CHECK(b.tracker.size() == 4);
}

TEST_CASE("nat: addresses of a range are shared out, the same for the same ends") {
  TrackerBench b;
  CtArguments a = NatTo(kSource, kPublic, kPublic + 7);
  uint32_t used = 0;
  for (uint32_t i = 0; i < 64; i++) {
    FrameOptions o = kThere;
    o.source += i;
    Bytes one = Through(b, MakeFrame(o, 10), a, kNew | kSnat);
    o.sourcePort++;
    Bytes two = Through(b, MakeFrame(o, 10), a, kNew | kSnat);
    uint32_t address = LoadBe32(&one[26]);
    CHECK(address == LoadBe32(&two[26]));
    REQUIRE(address - kPublic < 8);
    used |= 1u << (address - kPublic);
  }
  CHECK(used == 0xff);
}

TEST_CASE("nat: the packet inside an ICMP error, and its checksums, as the host knows it") {
  for (uint8_t nat : {kSource, kDestination}) {
    TrackerBench b;
    Bytes sent = Through(b, MakeFrame(kThere, 10), NatTo(nat, kPublic, kPublic), nat == kSource ? kNew | kSnat : kNew | kDnat);
    Bytes inner(sent.begin() + 14, sent.end());
    Bytes original = MakeFrame(kThere, 10);
    original.erase(original.begin(), original.begin() + 14);
    uint32_t from = nat == kSource ? 0x0a0000fe : kPublic;  // A router, or the host itself.
    uint32_t to = nat == kSource ? kPublic : kThere.source;
    Bytes error = Through(b, IcmpFrame(from, to, 3, 3, 0, inner), Nat(), kRel | kRpl | (nat == kSource ? kDnat : kSnat));
    uint32_t shown = nat == kSource ? from : kThere.destination;
    CHECK(error == IcmpFrame(shown, kThere.source, 3, 3, 0, original));
  }
}

TEST_CASE("nat: a checksum left to the device stays one that the device can complete") {
  TrackerBench b;
  Bytes frame = MakeFrame(kThere, 10);
  uint64_t sum = PseudoHeaderSum({&frame[26], 8}, 17, 18);
  StoreBe16(&frame[40], ChecksumFold(sum));
  b.offload = {.flags = VnetHeader::kNeedsChecksum, .csum_start = 34, .csum_offset = 6};
  frame = Through(b, frame, NatTo(kSource, kPublic, kPublic, 7777, 7777), kNew | kSnat);
  CHECK(LoadBe16(&frame[40]) == ChecksumFold(PseudoHeaderSum({&frame[26], 8}, 17, 18)));
  CHECK(SourcePort(frame) == 7777);
}
