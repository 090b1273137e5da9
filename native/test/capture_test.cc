#include <algorithm>

#include <doctest/doctest.h>

#include "support.h"
#include "wire/flow_message.h"
#include "wire/op.h"
#include "wire/upcall.h"

// Everything that crossed netlink between ovs-vswitchd 3.1.0 and Linux 6.1, through every decoder.
namespace slowpath {
namespace {

using test::Capture;
using test::kCapturedFlowFamily;
using test::kCapturedPacketFamily;

// Attributes by type; order is not compared.
std::vector<std::string> Sorted(std::span<const uint8_t> attributes) {
  std::vector<std::string> out;
  AttributeReader reader(attributes);
  Attribute a;
  while (reader.Next(a)) {
    std::string content = a.type == OVS_KEY_ATTR_ENCAP ? "" : test::ToHex(a.payload);
    if (a.type == OVS_KEY_ATTR_ENCAP) {
      for (const auto& inner : Sorted(a.payload)) content += inner + ",";
    }
    out.push_back(std::to_string(a.type) + "=" + content);
  }
  std::sort(out.begin(), out.end());
  return out;
}

// Attributes that need not be said: zero in a mask means the same as absence; EncodeKey says everything that the kernel
// says, while ovs-vswitchd leaves out what it does not use.
std::vector<std::string> Meaningful(std::span<const uint8_t> attributes) {
  std::vector<std::string> out;
  for (const auto& a : Sorted(attributes)) {
    if (a.find_first_not_of("0", a.find('=') + 1) != std::string::npos) out.push_back(a);
  }
  return out;
}

struct Counts {
  int upcalls = 0, keys = 0, masks = 0;
};

TEST_CASE("every message of the capture is walked to its end") {
  REQUIRE(Capture().size() > 500);
  for (const auto& datagram : Capture()) {
    NetlinkReader reader(datagram);
    NetlinkMessage message;
    size_t n = 0;
    while (reader.Next(message)) n++;
    CHECK(n >= 1);
    CHECK_FALSE(reader.malformed());
  }
}

TEST_CASE("every captured upcall decodes, and its key encodes to the bytes that the kernel sent") {
  std::vector<uint32_t> rows(64 * upcall_row::kWords), keys(64 * flow::kWords);
  UpcallCounters counters;
  int upcalls = 0;
  for (const auto& datagram : Capture()) {
    UpcallRows out = {rows.data(), keys.data(), 64, 0};
    if (DecodeUpcalls(datagram, 1000, kCapturedPacketFamily, out, counters) == 0) continue;
    upcalls++;
    const uint32_t* row = rows.data();
    CHECK(row[upcall_row::kFitness] == 0);
    CHECK(row[upcall_row::kDpIfindex] == 6);
    std::span<const uint8_t> key(datagram.data() + row[upcall_row::kKeyOff] - 1000, row[upcall_row::kKeyLen]);
    std::vector<uint8_t> room(1024);
    ByteWriter writer(room);
    EncodeKey(keys.data(), writer);
    CHECK(test::ToHex(writer.bytes()) == test::ToHex(key));
    // The kernel's key and what the packet itself says agree.
    std::vector<uint32_t> extracted(keys.begin(), keys.begin() + flow::kWords);
    std::span<const uint8_t> packet(datagram.data() + row[upcall_row::kPacketOff] - 1000, row[upcall_row::kPacketLen]);
    ExtractPacket(packet, extracted.data());
    for (unsigned i = 0; i < flow::kWords; i++) CHECK_MESSAGE(extracted[i] == keys[i], "word " << i);
    CHECK(row[upcall_row::kHash] != 0);
    CHECK(row[upcall_row::kWireLen] == row[upcall_row::kPacketLen]);
  }
  CHECK(upcalls == 15);
  CHECK(counters.decoded == 15);
  CHECK(counters.malformed == 0);
}

void CheckFlow(const std::vector<uint8_t>& datagram, const uint32_t* row, Counts& counts) {
  std::span<const uint8_t> bytes(datagram);
  if (row[flow_row::kKeyLen] == 0) return;
  uint32_t key[flow::kWords], mask[flow::kWords];
  auto keyBytes = bytes.subspan(row[flow_row::kKeyOff], row[flow_row::kKeyLen]);
  Fitness fitness = DecodeKey(keyBytes, key);
  if (fitness == Fitness::kError) return;  // Probes for what the kernel supports make no sense as packets.
  std::vector<uint8_t> room(2048);
  ByteWriter writer(room);
  EncodeKey(key, writer);
  if (fitness == Fitness::kPerfect) {
    CHECK(Meaningful(writer.bytes()) == Meaningful(keyBytes));
    counts.keys++;
  }
  if ((row[flow_row::kFlags] & kFlowHasMask) == 0) return;
  auto maskBytes = bytes.subspan(row[flow_row::kMaskOff], row[flow_row::kMaskLen]);
  if (DecodeMask(maskBytes, key, mask) != Fitness::kPerfect || fitness != Fitness::kPerfect) return;
  writer.Truncate(0);
  EncodeMask(key, mask, writer);
  uint32_t again[flow::kWords];
  CHECK(DecodeMask(writer.bytes(), key, again) == Fitness::kPerfect);
  for (unsigned i = 0; i < flow::kWords; i++) CHECK_MESSAGE(again[i] == mask[i], "mask word " << i);
  counts.masks++;
}

TEST_CASE("captured flow messages decode, and their keys and masks survive encoding") {
  Counts counts;
  for (const auto& datagram : Capture()) {
    NetlinkReader reader(datagram);
    NetlinkMessage message;
    while (reader.Next(message)) {
      if (message.type != kCapturedFlowFamily) continue;
      uint32_t row[flow_row::kWords];
      uint32_t offset = static_cast<uint32_t>(message.bytes.data() - datagram.data());
      REQUIRE(DecodeFlowMessage(message, offset, row));
      CheckFlow(datagram, row, counts);
    }
  }
  CHECK(counts.keys >= 20);
  CHECK(counts.masks >= 20);
}

TEST_CASE("error messages of the capture carry an errno and the sequence number of the request") {
  int errors = 0;
  for (const auto& datagram : Capture()) {
    NetlinkReader reader(datagram);
    NetlinkMessage message;
    NetlinkErrorMessage error;
    while (reader.Next(message)) {
      if (!ReadErrorMessage(message, error)) continue;
      errors++;
      CHECK(error.error < 200);
      CHECK(error.seq == message.seq);
    }
  }
  CHECK(errors > 10);
}

TEST_CASE("mutated captured messages never crash a decoder") {
  test::Random random(7);
  std::vector<uint32_t> rows(4 * upcall_row::kWords), keys(4 * flow::kWords);
  UpcallCounters counters;
  for (int round = 0; round < 20; round++) {
    for (const auto& datagram : Capture()) {
      auto mutated = test::Mutate(datagram, random);
      UpcallRows out = {rows.data(), keys.data(), 4, 0};
      DecodeUpcalls(mutated, 0, kCapturedPacketFamily, out, counters);
      NetlinkReader reader(mutated);
      NetlinkMessage message;
      while (reader.Next(message)) {
        uint32_t row[flow_row::kWords], key[flow::kWords], mask[flow::kWords];
        NetlinkErrorMessage error;
        ReadErrorMessage(message, error);
        if (!DecodeFlowMessage(message, 0, row)) continue;
        auto keyBytes = message.bytes.subspan(row[flow_row::kKeyOff], row[flow_row::kKeyLen]);
        auto maskBytes = message.bytes.subspan(row[flow_row::kMaskOff], row[flow_row::kMaskLen]);
        if (DecodeKey(keyBytes, key) != Fitness::kError) DecodeMask(maskBytes, key, mask);
      }
    }
  }
  CHECK(counters.malformed > 0);
}

}  // namespace
}  // namespace slowpath
