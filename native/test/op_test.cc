#include <cerrno>

#include <doctest/doctest.h>

#include "support.h"
#include "wire/flow_message.h"
#include "wire/op.h"
#include "wire/upcall.h"

namespace slowpath {
namespace {

struct Batch {
  uint32_t row[op_row::kWords] = {};
  std::vector<uint8_t> own, slab, room = std::vector<uint8_t>(4096);
  std::vector<uint32_t> masks = std::vector<uint32_t>(flow::kWords);
  OpContext context = {.flowFamily = 34, .packetFamily = 35, .dpIfindex = 6, .portId = 77, .seq = 9, .flags = NLM_F_ACK};
  ByteWriter out = ByteWriter(room);

  Batch() {
    uint32_t key[flow::kWords] = {};
    key[flow::kInPort] = 1;
    key[flow::kEthType] = 0x0800;
    key[flow::kNwProto] = 6;
    std::vector<uint8_t> bytes(1024);
    ByteWriter writer(bytes);
    EncodeKey(key, writer);
    own.assign(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(writer.size()));
    slab = test::Hex("0800010003000000");  // output:3
    row[op_row::kKind] = kOpFlowPut;
    row[op_row::kKeyOff] = kOpOwnBytes;
    row[op_row::kKeyLen] = static_cast<uint32_t>(own.size());
    row[op_row::kActionsLen] = 8;
    row[op_row::kUfid + 2] = 5;
    masks[flow::kInPort] = 0xffffffff;
  }
  int Encode() { return EncodeOp(row, context, {slab, own, masks}, out); }
};

TEST_CASE("a flow put carries ufid, key, mask and actions, and decodes as a flow") {
  Batch b;
  REQUIRE(b.Encode() == 0);
  NetlinkReader reader(b.out.bytes());
  NetlinkMessage message;
  REQUIRE(reader.Next(message));
  CHECK(message.type == 34);
  CHECK(message.flags == (NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE));
  CHECK(message.seq == 9);
  CHECK(message.portId == 77);
  uint32_t flow[flow_row::kWords];
  REQUIRE(DecodeFlowMessage(message, 0, flow));
  CHECK(flow[flow_row::kCmd] == OVS_FLOW_CMD_NEW);
  CHECK(flow[flow_row::kUfid + 2] == 5);
  CHECK(flow[flow_row::kFlags] == (kFlowHasActions | kFlowHasMask));
  CHECK(test::ToHex(message.bytes.subspan(flow[flow_row::kKeyOff], flow[flow_row::kKeyLen])) == test::ToHex(b.own));
  CHECK(test::ToHex(message.bytes.subspan(flow[flow_row::kActionsOff], flow[flow_row::kActionsLen])) ==
        test::ToHex(b.slab));
  CHECK_FALSE(reader.Next(message));
  CHECK_FALSE(reader.malformed());
}

TEST_CASE("each kind of operation has its command and flags") {
  Batch b;
  struct {
    uint32_t kind, flags;
    uint16_t family;
    uint8_t cmd;
    uint16_t netlinkFlags;
  } cases[] = {{kOpFlowModify, kOpEcho, 34, OVS_FLOW_CMD_SET, NLM_F_ECHO},
               {kOpFlowDelete, kOpEcho | kOpTerse, 34, OVS_FLOW_CMD_DEL, NLM_F_ECHO},
               {kOpFlowGet, 0, 34, OVS_FLOW_CMD_GET, 0},
               {kOpExecute, 0, 35, OVS_PACKET_CMD_EXECUTE, 0}};
  b.row[op_row::kPacketLen] = 8;
  for (const auto& c : cases) {
    b.out.Truncate(0);
    b.row[op_row::kKind] = c.kind;
    b.row[op_row::kFlags] = c.flags;
    REQUIRE(b.Encode() == 0);
    NetlinkReader reader(b.out.bytes());
    NetlinkMessage message;
    OvsMessage ovs;
    REQUIRE(reader.Next(message));
    REQUIRE(ReadOvsMessage(message, ovs));
    CHECK(message.type == c.family);
    CHECK(ovs.cmd == c.cmd);
    CHECK(ovs.dpIfindex == 6);
    CHECK(message.flags == (NLM_F_REQUEST | NLM_F_ACK | c.netlinkFlags));
  }
}

TEST_CASE("rows that name what is not there are refused and leave nothing behind") {
  auto refused = [](unsigned column, uint32_t value, int error = -EINVAL) {
    Batch b;
    b.out.Push(16);
    b.row[column] = value;
    CHECK(b.Encode() == error);
    CHECK(b.out.size() == 16);
  };
  refused(op_row::kKind, 0);
  refused(op_row::kKind, 6);
  refused(op_row::kKind, kOpExecute);  // No packet.
  refused(op_row::kKeyOff, kOpOwnBytes | 4);
  refused(op_row::kKeyOff, 0x7fffffff);
  refused(op_row::kKeyLen, 0);
  refused(op_row::kKeyLen, 0xffffffff);
  refused(op_row::kActionsOff, 4);
  refused(op_row::kActionsLen, 9);
  refused(op_row::kMaskRow, 1);
  Batch full;
  full.out.Push(4000);
  CHECK(full.Encode() == -ENOBUFS);
  CHECK(full.out.size() == 4000);
  CHECK_FALSE(full.out.overflowed());
}

TEST_CASE("a batch of upcalls stops at its capacity and counts the rest") {
  std::vector<uint8_t> datagram;
  for (const auto& message : test::Capture()) {
    if (LoadHost<uint16_t>(message.data() + 4) != test::kCapturedPacketFamily || message[16] != 1) continue;
    datagram = message;
    break;
  }
  REQUIRE(datagram.size() > 100);
  datagram.resize(NLMSG_ALIGN(datagram.size()));
  auto twice = datagram;
  twice.insert(twice.end(), datagram.begin(), datagram.end());
  std::vector<uint32_t> rows(2 * upcall_row::kWords), keys(2 * flow::kWords);
  UpcallRows out = {rows.data(), keys.data(), 1, 0};
  UpcallCounters counters;
  CHECK(DecodeUpcalls(twice, 0, test::kCapturedPacketFamily, out, counters) == 1);
  CHECK(counters.overflow == 1);
  out = {rows.data(), keys.data(), 2, 0};
  CHECK(DecodeUpcalls(twice, 0, test::kCapturedPacketFamily, out, counters) == 2);
  CHECK(rows[upcall_row::kUfid] == rows[upcall_row::kWords + upcall_row::kUfid]);
  CHECK(rows[upcall_row::kWords + upcall_row::kPacketOff] == rows[upcall_row::kPacketOff] + datagram.size());
  out.count = 0;
  CHECK(DecodeUpcalls(twice, 0, 99, out, counters) == 0);
  CHECK(counters.foreign == 2);
}

TEST_CASE("an extended acknowledgement gives the text and the place of the error") {
  // NLMSG_ERROR -EINVAL, capped, with NLMSGERR_ATTR_MSG "bad" and NLMSGERR_ATTR_OFFS 24.
  auto bytes = test::Hex(
      "34000000 0200 0003 07000000 00000000 eaffffff 20000000 2200 0500 07000000 00000000 08000100 62616400 08000200 18000000");
  StoreHost<uint32_t>(bytes.data(), static_cast<uint32_t>(bytes.size()));
  NetlinkReader reader(bytes);
  NetlinkMessage message;
  NetlinkErrorMessage error;
  REQUIRE(reader.Next(message));
  REQUIRE(ReadErrorMessage(message, error));
  CHECK(error.error == EINVAL);
  CHECK(error.seq == 7);
  CHECK(error.requestType == 34);
  CHECK(std::string(error.text.begin(), error.text.end()) == "bad");
  CHECK(error.offset == 24);
}

}  // namespace
}  // namespace slowpath
