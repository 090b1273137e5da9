#include <doctest/doctest.h>
#include <linux/if_ether.h>

#include <cstring>
#include <random>

#include "datapath/checksum.h"
#include "datapath/gso.h"
#include "datapath/headers.h"
#include "test/datapath_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

Packet Load(BufferPool& pool, const Bytes& frame) {
  Packet packet(pool.Get(), static_cast<uint32_t>(frame.size()));
  std::memcpy(packet.data, frame.data(), frame.size());
  return packet;
}

Bytes Contents(const Packet& packet) { return {packet.data, packet.data + packet.length}; }

// As a stack leaves it that has the device do the checksum: the field holds the pseudo header sum.
void LeaveChecksum(Packet& packet) {
  Headers h = FindHeaders(packet.frame());
  bool ipv6 = h.etherType == ETH_P_IPV6;
  uint16_t offset = h.protocol == 6 ? 16 : 6;
  auto addresses = ipv6 ? packet.frame().subspan(h.l3 + 8, 32) : packet.frame().subspan(h.l3 + 12, 8);
  uint16_t sum = ChecksumFold(PseudoHeaderSum(addresses, h.protocol, packet.length - h.l4));
  StoreBe16(packet.data + h.l4 + offset, sum);
  packet.offload.flags = VnetHeader::kNeedsChecksum;
  packet.offload.csum_start = static_cast<uint16_t>(h.l4);
  packet.offload.csum_offset = offset;
}

bool Set(Packet& packet, uint16_t type, Bytes value, Bytes mask = {}) {
  if (mask.empty()) mask.assign(value.size(), 0xff);
  return SetHeader(packet, type, value, mask);
}

}  // namespace

TEST_CASE("checksums: RFC 1071's example, odd lengths, incremental updates") {
  const Bytes example = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};
  CHECK(ChecksumFold(ChecksumAdd(example)) == 0xddf2);
  CHECK(ChecksumFold(ChecksumAdd(Bytes{0xab})) == 0xab00);
  CHECK(ChecksumFold(ChecksumAdd(Bytes{0x12, 0x34, 0xab})) == ChecksumFold(0x1234 + 0xab00));
  const Bytes digits = {'1', '2', '3', '4', '5', '6', '7', '8', '9'};
  CHECK(Crc32c(digits) == 0xe3069283);
  std::mt19937 random(1);
  for (int i = 0; i < 1000; i++) {
    Bytes data(40);
    for (uint8_t& byte : data) byte = static_cast<uint8_t>(random());
    uint8_t field[2];
    StoreBe16(field, static_cast<uint16_t>(~ChecksumFold(ChecksumAdd(data))));
    Bytes before(data.begin() + 8, data.begin() + 12);
    for (int k = 8; k < 12; k++) data[static_cast<size_t>(k)] = static_cast<uint8_t>(random());
    ChecksumReplace(field, before.data(), &data[8], 4);
    REQUIRE(ChecksumFold(ChecksumAdd(data) + LoadBe16(field)) == 0xffff);
  }
}

TEST_CASE("headers: addresses, ports and fields are set with checksums kept right") {
  BufferPool pool(4, nullptr, nullptr);
  for (bool ipv6 : {false, true}) {
    for (bool tcp : {false, true}) {
      for (bool partial : {false, true}) {
        for (uint16_t vlan : {0, 7}) {
          FrameOptions o{.ipv6 = ipv6, .tcp = tcp, .vlan = vlan};
          Packet packet = Load(pool, MakeFrame(o, 101));
          REQUIRE(ChecksumsHold(packet.frame()));
          if (partial) LeaveChecksum(packet);
          Headers h = FindHeaders(packet.frame());
          if (ipv6) {
            Bytes value(40), mask(40);
            for (uint8_t i = 0; i < 32; i++) value[i] = static_cast<uint8_t>(i * 3), mask[i] = 0xff;
            value[37] = 0x28, mask[37] = 0xff;
            value[38] = 9, mask[38] = 0xff;
            REQUIRE(Set(packet, OVS_KEY_ATTR_IPV6, value, mask));
            CHECK(LoadBe32(packet.data + h.l3) == 0x62800000);
            CHECK(packet.data[h.l3 + 7] == 9);
            CHECK(packet.data[h.l3 + 9] == 3);
          } else {
            Bytes value = {192, 168, 1, 2, 10, 0, 0, 9, 0, 0x28, 9, 0};
            Bytes mask = {255, 255, 255, 255, 0, 0, 0, 255, 0, 0xfc, 255, 0};
            REQUIRE(Set(packet, OVS_KEY_ATTR_IPV4, value, mask));
            CHECK(LoadBe32(packet.data + h.l3 + 12) == 0xc0a80102);
            CHECK(LoadBe32(packet.data + h.l3 + 16) == 0x0a000009);
            CHECK(packet.data[h.l3 + 1] == 0x28);
            CHECK(packet.data[h.l3 + 8] == 9);
          }
          REQUIRE(Set(packet, tcp ? OVS_KEY_ATTR_TCP : OVS_KEY_ATTR_UDP, {0x11, 0x22, 0x33, 0x44}));
          CHECK_FALSE(Set(packet, tcp ? OVS_KEY_ATTR_UDP : OVS_KEY_ATTR_TCP, {1, 1, 1, 1}));
          CHECK(LoadBe32(packet.data + h.l4) == 0x11223344);
          REQUIRE(Set(packet, OVS_KEY_ATTR_ETHERNET, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
          CHECK(packet.data[0] == 7);
          CHECK(packet.data[6] == 1);
          CHECK(packet.needsChecksum() == partial);
          if (partial) REQUIRE(CompleteChecksum(packet));
          CHECK(ChecksumsHold(packet.frame()));
        }
      }
    }
  }
}

TEST_CASE("headers: VLAN tags come and go, and offload offsets with them") {
  BufferPool pool(2, nullptr, nullptr);
  Bytes frame = MakeFrame({.tcp = true}, 60);
  Packet packet = Load(pool, frame);
  LeaveChecksum(packet);
  uint16_t start = packet.offload.csum_start;
  packet.offload.hdr_len = 54;
  REQUIRE(PushVlan(packet, ETH_P_8021Q, 0x2005));
  REQUIRE(PushVlan(packet, ETH_P_8021AD, 9));
  CHECK(packet.length == frame.size() + 8);
  CHECK(LoadBe32(packet.data + 12) == 0x88a80009);
  CHECK(LoadBe32(packet.data + 16) == 0x81002005);
  CHECK(packet.offload.csum_start == start + 8);
  CHECK(packet.offload.hdr_len == 62);
  Packet copy = packet;
  REQUIRE(copy.Unshare(pool));
  REQUIRE(CompleteChecksum(copy));
  CHECK(ChecksumsHold(copy.frame()));
  PopVlan(packet);
  PopVlan(packet);
  CHECK(packet.offload.csum_start == start);
  REQUIRE(CompleteChecksum(packet));
  CHECK(Contents(packet) == frame);
  PopVlan(packet);  // Nothing to pop.
  CHECK(Contents(packet) == frame);
}

TEST_CASE("headers: SCTP keeps its CRC right, and a wrong one as wrong as it was") {
  BufferPool pool(1, nullptr, nullptr);
  Bytes frame = MakeFrame({}, 32);
  frame[23] = 132;  // SCTP; the IPv4 checksum follows.
  const uint8_t from[2] = {64, 17}, to[2] = {64, 132};
  ChecksumReplace(&frame[24], from, to, 2);
  auto crcOf = [](Bytes f) {
    StoreHost<uint32_t>(&f[34 + 8], 0);
    return Crc32c(std::span(f).subspan(34));
  };
  StoreHost<uint32_t>(&frame[34 + 8], crcOf(frame));
  for (uint32_t error : {0u, 0x1000u}) {
    Bytes bad = frame;
    StoreHost<uint32_t>(&bad[34 + 8], LoadHost<uint32_t>(&bad[34 + 8]) ^ error);
    Packet packet = Load(pool, bad);
    REQUIRE(Set(packet, OVS_KEY_ATTR_SCTP, {9, 9, 8, 8}));
    CHECK((LoadHost<uint32_t>(packet.data + 34 + 8) ^ crcOf(Contents(packet))) == error);
  }
}

TEST_CASE("headers: nothing is read or written past a short or lying frame") {
  BufferPool pool(1, nullptr, nullptr);
  std::mt19937 random(3);
  Bytes whole = MakeFrame({.ipv6 = true, .tcp = true, .vlan = 5}, 20);
  for (int i = 0; i < 20000; i++) {
    Bytes frame(whole.begin(), whole.begin() + 14 + static_cast<long>(random() % (whole.size() - 13)));
    for (int k = 0; k < 3; k++) frame[12 + random() % (frame.size() - 12)] = static_cast<uint8_t>(random());
    auto exact = std::make_unique<uint8_t[]>(frame.size());  // ASan watches its end.
    std::memcpy(exact.get(), frame.data(), frame.size());
    Headers h = FindHeaders({exact.get(), frame.size()});
    REQUIRE(h.l3 < frame.size());
    REQUIRE(h.l4 < frame.size());
    Packet packet = Load(pool, frame);
    for (uint16_t type : {OVS_KEY_ATTR_IPV4, OVS_KEY_ATTR_IPV6, OVS_KEY_ATTR_TCP, OVS_KEY_ATTR_SCTP}) {
      Set(packet, type, Bytes(type == OVS_KEY_ATTR_IPV6 ? 40 : type == OVS_KEY_ATTR_IPV4 ? 12 : 4, 0x5a));
    }
  }
}

TEST_CASE("segmentation: frames are finished, in order, and carry the whole payload") {
  BufferPool pool(1, nullptr, nullptr);
  Bytes scratch(Buffer::kFrameBytes);
  for (bool ipv6 : {false, true}) {
    for (bool tcp : {true, false}) {
      Bytes frame = MakeFrame({.ipv6 = ipv6, .tcp = tcp, .vlan = 3, .tcpFlags = 0x99}, 3500);  // CWR, ACK, PSH, FIN.
      Packet packet = Load(pool, frame);
      LeaveChecksum(packet);
      packet.offload.gso_size = 1000;
      packet.offload.gso_type = !tcp ? VnetHeader::kGsoUdpL4 : ipv6 ? VnetHeader::kGsoTcp6 : VnetHeader::kGsoTcp4;
      Headers h = FindHeaders(packet.frame());
      uint32_t header = h.l4 + (tcp ? 20 : 8);
      Bytes payload;
      int n = 0;
      bool valid = Segment(packet, scratch, [&](std::span<const uint8_t> segment) {
        CHECK(ChecksumsHold(segment));
        CHECK(segment.size() == header + (n < 3 ? 1000 : 500));
        if (!ipv6) CHECK(LoadBe16(&segment[h.l3 + 4]) == 0x1234 + n);
        if (tcp) {
          CHECK(LoadBe32(&segment[h.l4 + 4]) == 1000u + 1000u * static_cast<uint32_t>(n));
          CHECK(segment[h.l4 + 13] == (n == 0 ? 0x90 : n < 3 ? 0x10 : 0x19));
        }
        payload.insert(payload.end(), segment.begin() + header, segment.end());
        n++;
        return true;
      });
      CHECK(valid);
      CHECK(n == 4);
      CHECK(payload == Bytes(frame.begin() + header, frame.end()));
      packet.offload.gso_type = ipv6 ? VnetHeader::kGsoTcp4 : VnetHeader::kGsoTcp6;  // A lie.
      CHECK_FALSE(Segment(packet, scratch, [](std::span<const uint8_t>) { return true; }));
    }
  }
}
