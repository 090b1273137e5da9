#include <doctest/doctest.h>

#include <set>

#include "support.h"
#include "wire/flow_key.h"
#include "wire/key_attributes.h"

namespace slowpath {
namespace {

using test::Hex;

struct Key {
  uint32_t words[flow::kWords] = {};
  uint32_t& operator[](unsigned i) { return words[i]; }
};

std::vector<uint8_t> Encode(const Key& key) {
  std::vector<uint8_t> room(2048);
  ByteWriter out(room);
  EncodeKey(key.words, out);
  room.resize(out.size());
  return room;
}
std::vector<uint8_t> EncodeMaskOf(const Key& key, const Key& mask) {
  std::vector<uint8_t> room(2048);
  ByteWriter out(room);
  EncodeMask(key.words, mask.words, out);
  room.resize(out.size());
  return room;
}
void CheckSame(const Key& a, const Key& b) {
  for (unsigned i = 0; i < flow::kWords; i++) CHECK_MESSAGE(a.words[i] == b.words[i], "word " << i);
}
void CheckRoundTrip(const Key& key) {
  Key again;
  CHECK(DecodeKey(Encode(key), again.words) == Fitness::kPerfect);
  CheckSame(again, key);
}

Key Udp4() {
  Key key;
  key[flow::kInPort] = 2;
  key[flow::kEthDst] = 0x0011;
  key[flow::kEthDst + 1] = 0x22334455;
  key[flow::kEthType] = 0x0800;
  key[flow::kNwSrc] = 0x0a000001;
  key[flow::kNwDst] = 0x0a000002;
  key[flow::kNwProto] = 17;
  key[flow::kNwTtl] = 64;
  key[flow::kTpSrc] = 1000;
  key[flow::kTpDst] = 53;
  return key;
}
Key NeighbourSolicitation() {
  Key key;
  key[flow::kEthType] = 0x86dd;
  key[flow::kIpv6Src] = 0xfe800000;
  key[flow::kNwProto] = 58;
  key[flow::kTpSrc] = 135;
  key[flow::kNdTarget + 3] = 7;
  key[flow::kArpSha + 1] = 9;
  return key;
}

TEST_CASE("keys of every kind survive a round trip") {
  CheckRoundTrip(Udp4());
  CheckRoundTrip(NeighbourSolicitation());
  Key arp = Udp4();
  arp[flow::kEthType] = 0x0806;
  arp[flow::kNwProto] = 2;
  arp[flow::kNwTtl] = arp[flow::kTpSrc] = arp[flow::kTpDst] = 0;
  arp[flow::kArpTha] = 0xaabb;
  CheckRoundTrip(arp);
  Key tags = Udp4();
  tags[flow::kVlanTpid] = 0x88a8;
  tags[flow::kVlanTci] = 0x1064;
  tags[flow::kVlan1Tpid] = 0x8100;
  tags[flow::kVlan1Tci] = 0xf00a;
  CheckRoundTrip(tags);
  Key ct = Udp4();
  ct[flow::kCtState] = 0x22;
  ct[flow::kCtZone] = 5;
  ct[flow::kCtLabel] = 0x12345678;
  ct[flow::kCtLabel + 3] = 1;
  ct[flow::kCtNwProto] = 17;
  ct[flow::kCtNwSrc] = 0x0a000001;
  ct[flow::kCtTpSrc] = 1000;
  CheckRoundTrip(ct);
  Key nsh;
  nsh[flow::kEthType] = 0x894f;
  nsh[flow::kNshMdtype] = 1;
  nsh[flow::kNshPathHdr] = 0x000102ff;
  nsh[flow::kNshContext + 3] = 4;
  CheckRoundTrip(nsh);
  Key mpls;
  mpls[flow::kEthType] = 0x8847;
  mpls[flow::kMplsLse0] = 0x00064040;
  mpls[flow::kMplsLse1] = 0x000c8140;
  CheckRoundTrip(mpls);
  Key l3 = Udp4();
  l3[flow::kEthDst] = l3[flow::kEthDst + 1] = 0;
  l3[flow::kPacketType] = 0x00010800;
  CheckRoundTrip(l3);
}

TEST_CASE("tunnel keys survive a round trip with each kind of options") {
  Key tunnel = Udp4();
  tunnel[flow::kTunId + 1] = 42;
  tunnel[flow::kTunDst] = 0xac100001;
  tunnel[flow::kTunTtl] = 64;
  tunnel[flow::kTunFlags] = 0xf;
  tunnel[flow::kTunTpDst] = 6081;
  CheckRoundTrip(tunnel);
  Key geneve = tunnel;
  geneve[flow::kTunOptsLen] = 8;
  geneve[flow::kTunOpts] = 0xffff0101;
  geneve[flow::kTunOpts + 1] = 0x0a0b0c0d;
  CheckRoundTrip(geneve);
  Key gbp = tunnel;
  gbp[flow::kTunGbpId] = 10;
  gbp[flow::kTunGbpFlags] = 8;
  CheckRoundTrip(gbp);
  Key erspan = tunnel;
  erspan[flow::kTunErspanVer] = 2;
  erspan[flow::kTunErspanDir] = 1;
  erspan[flow::kTunErspanHwid] = 0x2f;
  CheckRoundTrip(erspan);
  Key ipv6 = tunnel;
  ipv6[flow::kTunDst] = 0;
  ipv6[flow::kTunIpv6Dst + 3] = 1;
  CheckRoundTrip(ipv6);
}

TEST_CASE("fitness says what is missing, unknown or wrong") {
  Key key;
  auto bytes = Encode(Udp4());
  auto with = [&](const char* more) {
    auto out = bytes;
    for (uint8_t b : Hex(more)) out.push_back(b);
    return out;
  };
  CHECK(DecodeKey(with("08003f00 00000000"), key.words) == Fitness::kTooMuch);       // Attribute 63.
  CHECK(DecodeKey(with("08000900 00500051"), key.words) == Fitness::kTooMuch);       // TCP ports of a UDP packet.
  CHECK(key[flow::kTpSrc] == 1000);
  CHECK(DecodeKey(with("08000a00 00500051"), key.words) == Fitness::kError);         // UDP ports twice.
  CHECK(std::string(LastDecodeProblem()) == "udp: there twice");
  CHECK(DecodeKey(with("07000c00 00000000"), key.words) == Fitness::kError);
  CHECK(std::string(LastDecodeProblem()) == "icmpv6: wrong length");
  CHECK(DecodeKey(with("0800"), key.words) == Fitness::kError);
  CHECK(DecodeKey(std::span(bytes).first(bytes.size() - 8), key.words) == Fitness::kTooLittle);  // UDP gone.
  CHECK(std::string(LastDecodeProblem()) == "udp: missing, or not all of it");
  CHECK(DecodeKey(with("08003f00 00000000"), key.words) == Fitness::kTooMuch);
  CHECK(std::string(LastDecodeProblem()) == "unspec: unknown, or not called for");
  CHECK(DecodeKey({}, key.words) == Fitness::kPerfect);  // Metadata alone, and nothing of that.
  CHECK(key[flow::kInPort] == 0xffffffff);
}

// What OVS 3.1 says of keys that kernels do not send: asked with ofproto/trace of ovs-vswitchd 3.1.0.
TEST_CASE("fitness of unusual keys is OVS's") {
  Key key;
  auto fitness = [&](const char* hex) { return DecodeKey(Hex(hex), key.words); };
  const std::string eth = "10000400 000000000001000000000002 ";
  // Without ethertype the L3 attribute tells it.
  CHECK(fitness((eth + "08001500 00064164").c_str()) == Fitness::kPerfect);
  CHECK(key[flow::kEthType] == 0x8847);
  // IGMP: a datapath's key never says all that OVS looks at.
  CHECK(fitness((eth + "06000600 08000000 10000700 01010101 02020202 02000400").c_str()) == Fitness::kTooLittle);
  CHECK(std::string(LastDecodeProblem()) == "ipv4: missing, or not all of it");
  CHECK(fitness((eth + "06000600 04000000").c_str()) == Fitness::kError);  // Ethertype 1024.
  CHECK(fitness((eth + "06000600 81000000 06000500 10010000").c_str()) == Fitness::kTooLittle);  // No ENCAP.
  CHECK(std::string(LastDecodeProblem()) == "encap: missing, or not all of it");
  CHECK(fitness((eth + "06000600 81000000 06000500 00010000 0c000100 06000600 08000000").c_str()) == Fitness::kError);
  CHECK(std::string(LastDecodeProblem()) == "vlan: tag without bit 0x1000");
  // A tag of 0 is one that the frame ends in, so nothing is in it.
  CHECK(fitness((eth + "06000600 81000000 06000500 00000000 0c000100 06000600 08000000").c_str()) == Fitness::kTooMuch);
  // Four labels are more than fit, whatever the rest is like; a bottom above the last is wrong.
  CHECK(fitness((eth + "06000600 88470000 14001500 00064164 00064164 00064164 00064164").c_str()) == Fitness::kTooMuch);
  CHECK(fitness((eth + "06000600 88470000 0c001500 00064164 00064164").c_str()) == Fitness::kError);
  // Ports of a fragment without L4 header.
  CHECK(fitness((eth + "06000600 08000000 10000700 01010101 02020202 11000402 08000a00 00010002").c_str()) ==
        Fitness::kTooMuch);
  CHECK(std::string(LastDecodeProblem()) == "udp: unknown, or not called for");
  // MD1 context in a header of type 2; a tunnel without TTL.
  CHECK(fitness((eth + "06000600 894f0000 24001c00 0c000100 00040201 00000101 14000200 00000001 000000000000000000000000")
                    .c_str()) == Fitness::kError);
  CHECK(fitness(("14001000 08000100 01010101 08000200 02020202 " + eth).c_str()) == Fitness::kError);
  CHECK(std::string(LastDecodeProblem()) == "tunnel: no TTL");
}

TEST_CASE("the short way of usual keys decodes as the long one does") {
  std::vector<Key> usual = {Udp4(), Udp4(), Udp4(), Udp4(), Udp4()};
  usual[1][flow::kNwProto] = 6;
  usual[1][flow::kTcpFlags] = 0x12;
  usual[2][flow::kNwProto] = 1;
  usual[2][flow::kTpSrc] = 8;
  usual[3][flow::kNwProto] = 132;
  usual[4][flow::kEthType] = 0x86dd;
  usual[4][flow::kNwSrc] = usual[4][flow::kNwDst] = 0;
  usual[4][flow::kIpv6Src] = 0xfe800000;
  usual[4][flow::kIpv6Exthdrs] = 64;
  test::Random random(5);
  for (Key& key : usual) {
    key[flow::kCtState] = 0x21;
    key[flow::kCtLabel + 3] = 7;
    CheckRoundTrip(key);
    auto bytes = Encode(key);
    for (int i = 0; i < 20000; i++) {
      auto mutated = test::Mutate(bytes, random);
      Key one, other;
      std::memset(one.words, 0xee, sizeof one.words);
      Fitness fitness = DecodeKey(mutated, one.words);
      REQUIRE(fitness == DecodeAnyKey(mutated, other.words));
      REQUIRE(std::memcmp(one.words, other.words, sizeof one.words) == 0);
    }
  }
}

TEST_CASE("masks are judged as OVS does") {
  Key key = Udp4(), mask;
  // The tag of an untagged packet, in part.
  CHECK(DecodeMask(Hex("06000600 ffff0000 06000500 10000000"), key.words, mask.words) == Fitness::kPerfect);
  CHECK(mask[flow::kVlanTci] == 0x1000);
  key[flow::kNwProto] = 2;
  CHECK(DecodeMask(Hex("06000600 ffff0000"), key.words, mask.words) == Fitness::kTooLittle);
  Key mpls;
  mpls[flow::kEthType] = 0x8847;
  CHECK(DecodeMask(Hex("08001500 fffff000"), mpls.words, mask.words) == Fitness::kPerfect);
  Key nsh;
  nsh[flow::kEthType] = 0x894f;
  CHECK(DecodeMask(Hex("10001c00 0c000100 ff000000 00000000"), nsh.words, mask.words) == Fitness::kError);
  CHECK(DecodeMask(Hex("06000600 ffff0000 10001c00 0c000100 ff000000 00000000"), nsh.words, mask.words) ==
        Fitness::kPerfect);
}

TEST_CASE("a mask says no more than was asked for, and what the datapath needs besides") {
  Key key = Udp4(), mask, again;
  mask[flow::kInPort] = mask[flow::kRecircId] = 0xffffffff;
  CHECK(test::ToHex(EncodeMaskOf(key, mask)) == "08001400ffffffff08000300ffffffff06000600ffff0000");
  mask[flow::kTpDst] = 0xff00;
  CHECK(DecodeMask(EncodeMaskOf(key, mask), key.words, again.words) == Fitness::kPerfect);
  CHECK(again[flow::kTpDst] == 0xff00);
  CHECK(again[flow::kNwProto] == 0xff);
  CHECK(again[flow::kEthType] == 0xffff);
  CHECK(again[flow::kNwSrc] == 0);
  CHECK(again[flow::kVlanTci] == 0xffff);  // Datapaths always match the absence of a tag.
}

TEST_CASE("the mask of a tagged key carries the tag") {
  Key key = Udp4(), mask, again;
  key[flow::kVlanTpid] = 0x8100;
  key[flow::kVlanTci] = 0x1064;
  mask[flow::kVlanTci] = 0x0fff;
  mask[flow::kNwDst] = 0xffffff00;
  CHECK(DecodeMask(EncodeMaskOf(key, mask), key.words, again.words) == Fitness::kPerfect);
  CHECK(again[flow::kVlanTci] == 0x1fff);
  CHECK(again[flow::kVlanTpid] == 0xffff);
  CHECK(again[flow::kNwDst] == 0xffffff00);
}

TEST_CASE("masks that match L3 or L4 fields without what leads to them are refused") {
  Key key = Udp4(), mask;
  // IPv4 source without ethertype; then with it, but UDP ports without protocol.
  auto ipv4 = Hex("10000700 ffffffff 00000000 00000000");
  CHECK(DecodeMask(ipv4, key.words, mask.words) == Fitness::kError);
  auto udp = Hex("06000600 ffff0000 08000a00 ffffffff");
  CHECK(DecodeMask(udp, key.words, mask.words) == Fitness::kError);
  CHECK(DecodeMask(Hex("06000600 ffff0000"), key.words, mask.words) == Fitness::kPerfect);
  CHECK(mask[flow::kRecircId] == 0xffffffff);
}

TEST_CASE("ND fields in a mask make the ICMPv6 type and code exact") {
  Key key = NeighbourSolicitation(), mask, again;
  mask[flow::kNdTarget + 3] = 0xffffffff;
  CHECK(DecodeMask(EncodeMaskOf(key, mask), key.words, again.words) == Fitness::kPerfect);
  CHECK(again[flow::kTpSrc] == 0xff);
  CHECK(again[flow::kTpDst] == 0xff);
  CHECK(again[flow::kNwProto] == 0xff);
}

TEST_CASE("flow ids depend on every byte, on the length and on the secret") {
  std::vector<uint8_t> secret(16), input(15);
  for (uint8_t i = 0; i < 16; i++) secret[i] = i;
  uint32_t zero[4], one[4], again[4];
  FlowId(input, zero);
  SetFlowIdSecret(secret.data());
  FlowId(input, one);
  FlowId(input, again);
  CHECK(std::memcmp(one, zero, 16) != 0);
  CHECK(std::memcmp(one, again, 16) == 0);
  input[14] = 1;
  FlowId(input, again);
  CHECK(std::memcmp(one, again, 16) != 0);
  FlowId(std::span(input).first(14), again);
  CHECK(std::memcmp(one, again, 16) != 0);
  // Every single bit of every length counts, also over the blocks that long keys are taken in.
  std::set<std::string> ids;
  size_t inputs = 0;
  for (size_t length : {1u, 2u, 3u, 4u, 7u, 8u, 12u, 16u, 23u, 132u, 512u, 513u, 1200u}) {
    std::vector<uint8_t> bytes(length);
    for (size_t bit = 0; bit <= 8 * length; bit++) {
      if (bit < 8 * length) bytes[bit / 8] ^= static_cast<uint8_t>(1u << bit % 8);
      FlowId(bytes, again);
      ids.insert(std::string(reinterpret_cast<const char*>(again), 16));
      inputs++;
      if (bit < 8 * length) bytes[bit / 8] = 0;
    }
  }
  CHECK(ids.size() == inputs);
  std::vector<uint8_t> none(16);
  SetFlowIdSecret(none.data());
}

}  // namespace
}  // namespace slowpath
