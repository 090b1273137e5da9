// Requester, OpSender, FlowDump and ErrorQueue on a channel that answers what the test says.

#include <doctest/doctest.h>

#include <cerrno>
#include <chrono>
#include <deque>
#include <thread>

#include "sys/error_queue.h"
#include "sys/flow_dump.h"
#include "sys/op_sender.h"
#include "wire/netlink.h"

namespace slowpath {
namespace {

using Bytes = std::vector<uint8_t>;

constexpr uint16_t kFlowFamily = 40;

struct FakeChannel final : Channel {
  std::deque<Bytes> answers;  // What ReceiveOne brings, then -ETIMEDOUT.
  std::vector<Bytes> sent;
  std::deque<int> sendResults;  // Of the next sends; then 0.
  ChannelCounters counters;
  // Called for each datagram sent.
  void (*onSend)(FakeChannel&, const Bytes&) = nullptr;

  int Fd() const override { return -1; }
  uint32_t PortId() const override { return 77; }
  int Receive(Slab&, int) override { return 0; }
  int ReceiveOne(Bytes& out, int) override {
    if (answers.empty()) return -ETIMEDOUT;
    out = answers.front();
    answers.pop_front();
    return static_cast<int>(out.size());
  }
  int Send(std::span<const uint8_t> datagram) override {
    int result = 0;
    if (!sendResults.empty()) {
      result = sendResults.front();
      sendResults.pop_front();
    }
    if (result != 0) return result;
    sent.emplace_back(datagram.begin(), datagram.end());
    if (onSend != nullptr) onSend(*this, sent.back());
    return 0;
  }
  int64_t SetReceiveBuffer(int64_t bytes) override { return bytes; }
  const ChannelCounters& Counters() override { return counters; }
  ChannelCounters& MutableCounters() override { return counters; }
  void Close() override {}
};

Bytes MakeMessage(uint16_t type, uint16_t flags, uint32_t seq, const Bytes& payload) {
  Bytes bytes(NLMSG_HDRLEN + NLMSG_ALIGN(payload.size()));
  nlmsghdr header = {static_cast<uint32_t>(NLMSG_HDRLEN + payload.size()), type, flags, seq, 77};
  StoreHost(bytes.data(), header);
  std::copy(payload.begin(), payload.end(), bytes.begin() + NLMSG_HDRLEN);
  return bytes;
}

Bytes MakeVerdict(uint32_t seq, int error) {
  Bytes payload(4 + NLMSG_HDRLEN);
  StoreHost<int32_t>(payload.data(), -error);
  StoreHost<uint32_t>(payload.data() + 12, seq);
  return MakeMessage(NLMSG_ERROR, NLM_F_CAPPED, seq, payload);
}

Bytes MakeFlow(uint32_t seq, uint8_t ufid, uint16_t flags = NLM_F_MULTI) {
  Bytes payload(4 + 4 + 4 + 16);
  payload[0] = OVS_FLOW_CMD_NEW;
  StoreHost<uint16_t>(payload.data() + 8, 20);
  StoreHost<uint16_t>(payload.data() + 10, OVS_FLOW_ATTR_UFID);
  payload[12] = ufid;
  return MakeMessage(kFlowFamily, flags, seq, payload);
}

Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

struct Flows {
  std::vector<uint32_t> words;
  Bytes bytes;
  FlowRows rows;

  explicit Flows(size_t capacity, size_t slabBytes = 4096)
      : words(capacity * flow_row::kWords), bytes(slabBytes) {
    rows.rows = words.data();
    rows.capacity = capacity;
    rows.slab = bytes;
  }
  uint32_t Ufid(size_t i) const { return words[i * flow_row::kWords + flow_row::kUfid]; }
};

struct Fixture {
  FakeChannel channel;
  Requester requester{channel};
  OpSender sender{channel, requester};
  FlowDump dump{channel, requester};
  OpSources sources;
  const char* what = nullptr;

  Fixture() {
    OpContext context;
    context.flowFamily = kFlowFamily;
    context.packetFamily = kFlowFamily + 1;
    sender.Configure(context);
  }
  // Deletions of the flows 1, 2, …
  std::vector<uint32_t> Deletions(size_t count) {
    std::vector<uint32_t> rows(count * op_row::kWords);
    for (size_t i = 0; i < count; i++) {
      rows[i * op_row::kWords + op_row::kKind] = kOpFlowDelete;
      rows[i * op_row::kWords + op_row::kUfid] = static_cast<uint32_t>(i + 1);
    }
    return rows;
  }
  static uint32_t Get(const std::vector<uint32_t>& rows, size_t row, unsigned column) {
    return rows[row * op_row::kWords + column];
  }
  Bytes DumpRequest() { return MakeMessage(kFlowFamily, NLM_F_REQUEST | NLM_F_DUMP, 0, Bytes(8)); }
};

TEST_CASE_FIXTURE(Fixture, "requester: an answer is what has its number, up to its end") {
  Bytes request = MakeMessage(16, NLM_F_REQUEST | NLM_F_ACK, 0, {});
  channel.answers = {MakeMessage(16, 0, 99, {9}),
                     MakeMessage(16, 0, 1, {1, 2, 3}) + MakeMessage(16, 0, 0, {8}),
                     MakeVerdict(1, 0) + MakeMessage(16, 0, 1, {7})};
  Bytes answer;
  CHECK(requester.Transact(request, 100, answer, &what) == 0);
  CHECK(answer == MakeMessage(16, 0, 1, {1, 2, 3}) + MakeVerdict(1, 0));
  CHECK(LoadHost<nlmsghdr>(request.data()).nlmsg_pid == 77);
}

TEST_CASE_FIXTURE(Fixture, "requester: no end is a timeout, or ENOBUFS when messages were lost") {
  Bytes request = MakeMessage(16, NLM_F_REQUEST | NLM_F_ACK, 0, {});
  Bytes answer;
  CHECK(requester.Transact(request, 0, answer, &what) == -ETIMEDOUT);
  channel.onSend = [](FakeChannel& self, const Bytes&) { self.counters.overruns++; };
  CHECK(requester.Transact(request, 0, answer, &what) == -ENOBUFS);
  channel.sendResults = {-EPERM};
  CHECK(requester.Transact(request, 0, answer, &what) == -EPERM);
  CHECK(std::string(what) == "sendmsg");
}

TEST_CASE_FIXTURE(Fixture, "requester: a lying message is counted") {
  Bytes request = MakeMessage(16, NLM_F_REQUEST | NLM_F_ACK, 0, {});
  channel.answers = {Bytes(15), MakeVerdict(1, 0)};
  Bytes answer;
  CHECK(requester.Transact(request, 100, answer, &what) == 0);
  CHECK(channel.counters.malformed == 1);
}

TEST_CASE_FIXTURE(Fixture, "submit: when a send fails nothing behind it is sent") {
  auto rows = Deletions(3);
  channel.sendResults = {-ENOBUFS};
  int error = 0;
  CHECK(sender.Submit(rows.data(), 3, sources, &error) == 0);
  CHECK(error == ENOBUFS);
  for (size_t i = 0; i < 3; i++) {
    CHECK(Get(rows, i, op_row::kSeq) == 0);
    CHECK(Get(rows, i, op_row::kError) == ENOBUFS);
  }
  CHECK(sender.Submit(rows.data(), 3, sources, &error) == 3);
  CHECK(error == 0);
  CHECK(Get(rows, 2, op_row::kError) == 0);
  CHECK(channel.sent.size() == 1);
}

TEST_CASE_FIXTURE(Fixture,
                  "submit: large operations go in more than one datagram, none beyond the send buffer") {
  Bytes own(60000);
  sources.own = own;
  auto rows = Deletions(10);
  for (size_t i = 0; i < 10; i++) {
    uint32_t* row = rows.data() + i * op_row::kWords;
    row[op_row::kKind] = kOpExecute;
    row[op_row::kPacketOff] = kOpOwnBytes;
    row[op_row::kPacketLen] = 60000;
  }
  int error = 0;
  CHECK(sender.Submit(rows.data(), 10, sources, &error) == 10);
  CHECK(channel.sent.size() == 4);
  for (const Bytes& datagram : channel.sent) CHECK(datagram.size() < 256 * 1024);
}

TEST_CASE_FIXTURE(Fixture, "exchange: verdicts and flows find their operations") {
  auto rows = Deletions(3);
  channel.answers = {MakeVerdict(2, ENOENT), MakeFlow(1, 5) + MakeVerdict(1, 0), MakeVerdict(9, EPERM),
                     MakeVerdict(2, EPERM), MakeVerdict(3, 0)};
  Flows flows(4);
  sender.Exchange(rows.data(), 3, sources, flows.rows);
  CHECK(Get(rows, 0, op_row::kError) == 0);
  CHECK(Get(rows, 1, op_row::kError) == ENOENT);
  CHECK(Get(rows, 2, op_row::kError) == 0);
  CHECK(flows.rows.count == 1);
  CHECK(flows.Ufid(0) == 5);
}

TEST_CASE_FIXTURE(Fixture, "exchange: what is not answered times out, what cannot be sent says why") {
  auto rows = Deletions(2);
  channel.answers = {MakeVerdict(1, 0)};
  Flows flows(4);
  sender.Exchange(rows.data(), 2, sources, flows.rows);
  CHECK(Get(rows, 0, op_row::kError) == 0);
  CHECK(Get(rows, 1, op_row::kError) == ETIMEDOUT);
  channel.sendResults = {-EPERM};
  sender.Exchange(rows.data(), 2, sources, flows.rows);
  CHECK(Get(rows, 0, op_row::kError) == EPERM);
}

TEST_CASE_FIXTURE(Fixture, "exchange: a flow without room gives EMSGSIZE, a refusal stays the refusal") {
  auto rows = Deletions(2);
  channel.answers = {MakeFlow(1, 1) + MakeVerdict(1, 0) + MakeFlow(2, 2) + MakeVerdict(2, EEXIST)};
  Flows none(0);
  sender.Exchange(rows.data(), 2, sources, none.rows);
  CHECK(Get(rows, 0, op_row::kError) == EMSGSIZE);
  CHECK(Get(rows, 1, op_row::kError) == EEXIST);
}

TEST_CASE_FIXTURE(Fixture, "dump: a datagram that holds more than the batch comes in parts, then its end") {
  Bytes request = DumpRequest();
  REQUIRE(dump.Start(request, &what) == 0);
  channel.answers = {MakeFlow(1, 1) + MakeFlow(1, 2) + MakeFlow(1, 3) +
                     MakeMessage(NLMSG_DONE, 0, 1, Bytes(4))};
  Flows first(2), second(2), third(2);
  CHECK(dump.Next(first.rows) == FlowDump::Result::kFlows);
  CHECK(first.rows.count == 2);
  CHECK(dump.Next(second.rows) == FlowDump::Result::kFlows);
  CHECK(second.rows.count == 1);
  CHECK(second.Ufid(0) == 3);
  CHECK(dump.running());
  CHECK(dump.Next(third.rows) == FlowDump::Result::kEnd);
  CHECK_FALSE(dump.running());
}

TEST_CASE_FIXTURE(Fixture, "dump: who has little patience is told that there is nothing yet") {
  Bytes request = DumpRequest();
  REQUIRE(dump.Start(request, &what) == 0);
  Flows flows(2);
  CHECK(dump.Next(flows.rows, 1) == FlowDump::Result::kFlows);
  CHECK(flows.rows.count == 0);
  channel.answers = {MakeFlow(1, 1) + MakeMessage(NLMSG_DONE, 0, 1, Bytes(4))};
  CHECK(dump.Next(flows.rows, 1) == FlowDump::Result::kFlows);
  CHECK(flows.rows.count == 1);
  CHECK(dump.Next(flows.rows, 1) == FlowDump::Result::kEnd);
}

TEST_CASE_FIXTURE(Fixture, "dump: interruption anywhere is told at the end") {
  Bytes request = DumpRequest();
  REQUIRE(dump.Start(request, &what) == 0);
  channel.answers = {MakeFlow(1, 1, NLM_F_MULTI | NLM_F_DUMP_INTR), MakeMessage(NLMSG_DONE, 0, 1, Bytes(4))};
  Flows flows(8);
  CHECK(dump.Next(flows.rows) == FlowDump::Result::kFlows);
  Flows more(8);
  CHECK(dump.Next(more.rows) == FlowDump::Result::kInterrupted);
}

TEST_CASE_FIXTURE(Fixture, "dump: a failing last step, a refusal and silence are failures") {
  Flows flows(8);
  Bytes request = DumpRequest();
  Bytes failed(4);
  StoreHost<int32_t>(failed.data(), -ENOMEM);
  REQUIRE(dump.Start(request, &what) == 0);
  channel.answers = {MakeMessage(NLMSG_DONE, 0, 1, failed)};
  CHECK(dump.Next(flows.rows) == FlowDump::Result::kFailed);
  CHECK(dump.error() == ENOMEM);
  CHECK(dump.what() == nullptr);
  REQUIRE(dump.Start(request, &what) == 0);
  channel.answers = {MakeVerdict(2, ENODEV)};
  CHECK(dump.Next(flows.rows) == FlowDump::Result::kFailed);
  CHECK(dump.error() == ENODEV);
  REQUIRE(dump.Start(request, &what) == 0);
  CHECK(dump.Next(flows.rows) == FlowDump::Result::kFailed);
  CHECK(dump.error() == ETIMEDOUT);
  CHECK(std::string(dump.what()) == "recvmsg");
}

TEST_CASE_FIXTURE(Fixture, "dump: starting anew drops the rest of the one before") {
  Flows flows(1);
  Bytes request = DumpRequest();
  REQUIRE(dump.Start(request, &what) == 0);
  channel.answers = {MakeFlow(1, 1) + MakeFlow(1, 2), MakeFlow(1, 3), MakeMessage(NLMSG_DONE, 0, 1, Bytes(4)),
                     MakeFlow(2, 9), MakeMessage(NLMSG_DONE, 0, 2, Bytes(4))};
  CHECK(dump.Next(flows.rows) == FlowDump::Result::kFlows);
  REQUIRE(dump.Start(request, &what) == 0);
  Flows again(4);
  CHECK(dump.Next(again.rows) == FlowDump::Result::kFlows);
  CHECK(again.Ufid(0) == 9);
  Flows end(4);
  CHECK(dump.Next(end.rows) == FlowDump::Result::kEnd);
}

// As the kernel: a receive works on the dump, here for a millisecond.
struct SlowChannel final : Channel {
  std::deque<Bytes> answers;  // Written while nobody reads.
  ChannelCounters counters;

  int Fd() const override { return -1; }
  uint32_t PortId() const override { return 77; }
  bool WorksOnReceive() const override { return true; }
  int Receive(Slab&, int) override { return 0; }
  int ReceiveOne(Bytes& out, int) override {
    counters.receiveCalls++;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    if (answers.empty()) return -ETIMEDOUT;
    out = answers.front();
    answers.pop_front();
    return static_cast<int>(out.size());
  }
  int Send(std::span<const uint8_t>) override { return 0; }
  int64_t SetReceiveBuffer(int64_t bytes) override { return bytes; }
  const ChannelCounters& Counters() override { return counters; }
  ChannelCounters& MutableCounters() override { return counters; }
  void Close() override {}
};

TEST_CASE("dump: where receiving takes long, a thread reads ahead") {
  SlowChannel channel;
  Requester requester(channel);
  FlowDump dump(channel, requester);
  REQUIRE(dump.readsAhead());
  Bytes request = MakeMessage(kFlowFamily, NLM_F_REQUEST | NLM_F_DUMP, 0, Bytes(8));
  const char* what = nullptr;

  SUBCASE("all datagrams come in their order, and the end; then once more") {
    for (uint32_t seq = 1; seq <= 2; seq++) {
      for (uint8_t i = 0; i < 40; i++) channel.answers.push_back(MakeFlow(seq, i));
      channel.answers.push_back(MakeMessage(NLMSG_DONE, 0, seq, Bytes(4)));
      REQUIRE(dump.Start(request, &what) == 0);
      Flows flows(64);
      FlowDump::Result result = FlowDump::Result::kFlows;
      while (result == FlowDump::Result::kFlows) result = dump.Next(flows.rows, 0);
      CHECK(result == FlowDump::Result::kEnd);
      REQUIRE(flows.rows.count == 40);
      for (uint8_t i = 0; i < 40; i++) CHECK(flows.Ufid(i) == i);
      CHECK(channel.counters.receiveCalls == 41 * seq);
    }
  }
  SUBCASE("who takes nothing has it wait, and who stops gets nothing of it any more") {
    for (uint8_t i = 0; i < 40; i++) channel.answers.push_back(MakeFlow(1, i));
    REQUIRE(dump.Start(request, &what) == 0);
    Flows flows(64);
    while (flows.rows.count == 0) CHECK(dump.Next(flows.rows, 1000) == FlowDump::Result::kFlows);
    dump.Stop();
    CHECK_FALSE(dump.running());
    CHECK(channel.answers.size() >= 40 - 10);
    channel.answers = {MakeFlow(2, 99), MakeMessage(NLMSG_DONE, 0, 2, Bytes(4))};
    REQUIRE(dump.Start(request, &what) == 0);
    Flows again(64);
    while (dump.Next(again.rows, 1000) == FlowDump::Result::kFlows) {
    }
    REQUIRE(again.rows.count == 1);
    CHECK(again.Ufid(0) == 99);
  }
  SUBCASE("starting anew drops the rest of the one before") {
    for (uint8_t i = 0; i < 20; i++) channel.answers.push_back(MakeFlow(1, i));
    channel.answers.push_back(MakeMessage(NLMSG_DONE, 0, 1, Bytes(4)));
    channel.answers.push_back(MakeFlow(2, 77));
    channel.answers.push_back(MakeMessage(NLMSG_DONE, 0, 2, Bytes(4)));
    REQUIRE(dump.Start(request, &what) == 0);
    Flows flows(64);
    while (flows.rows.count == 0) CHECK(dump.Next(flows.rows, 1000) == FlowDump::Result::kFlows);
    REQUIRE(dump.Start(request, &what) == 0);
    Flows again(64);
    while (dump.Next(again.rows, 1000) == FlowDump::Result::kFlows) {
    }
    REQUIRE(again.rows.count == 1);
    CHECK(again.Ufid(0) == 77);
  }
  SUBCASE("it goes while it reads") {
    for (uint8_t i = 0; i < 20; i++) channel.answers.push_back(MakeFlow(1, i));
    REQUIRE(dump.Start(request, &what) == 0);
  }
}

TEST_CASE("error queue: refusals only, oldest first, and bounded") {
  ErrorQueue queue;
  CHECK(queue.Collect(MakeVerdict(1, EEXIST) + MakeVerdict(2, 0) + MakeFlow(3, 1) + MakeVerdict(4, ENOENT)) ==
        0);
  int32_t out[3] = {};
  CHECK(queue.Drain(out) == 1);
  CHECK(out[0] == 1);
  CHECK(out[1] == EEXIST);
  CHECK(queue.Drain(out) == 1);
  CHECK(out[0] == 4);
  CHECK(queue.Drain(out) == 0);
  size_t forgotten = 0;
  for (uint32_t i = 0; i < ErrorQueue::kMax + 3; i++) forgotten += queue.Collect(MakeVerdict(i + 1, EPERM));
  CHECK(forgotten == 3);
  CHECK(queue.Drain(out) == 1);
  CHECK(out[0] == 4);
}

}  // namespace
}  // namespace slowpath
