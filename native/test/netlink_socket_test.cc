#include "sys/netlink_socket.h"

#include <doctest/doctest.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <deque>
#include <functional>

#include "sys/netlink_drops.h"
#include "wire/netlink.h"
#include "sys/netns.h"

namespace slowpath {
namespace {

// What the injected system calls do next, one entry for each call. Calls beyond the script go to the kernel.
struct Script {
  struct Message {
    uint32_t sender;
    int flags;
    std::string bytes;
  };
  struct Step {
    int error;  // errno; 0 brings 'messages', or succeeds.
    std::vector<Message> messages = {};
  };
  std::deque<Step> receives, sends, polls;
  int pollCalls = 0;
};
Script* script;

void Fill(msghdr& header, const Script::Message& message) {
  static_cast<sockaddr_nl*>(header.msg_name)->nl_pid = message.sender;
  header.msg_flags = message.flags;
  std::memcpy(header.msg_iov->iov_base, message.bytes.data(), message.bytes.size());
}

bool Take(std::deque<Script::Step>& steps, Script::Step& step) {
  if (steps.empty()) return false;
  step = steps.front();
  steps.pop_front();
  errno = step.error;
  return true;
}

NetlinkCalls ScriptedCalls() {
  NetlinkCalls calls;
  calls.recvmmsg = [](int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) -> int {
    Script::Step step;
    if (!Take(script->receives, step)) return recvmmsg(fd, messages, count, flags, timeout);
    if (step.error != 0) return -1;
    for (size_t i = 0; i < step.messages.size(); i++) {
      Fill(messages[i].msg_hdr, step.messages[i]);
      messages[i].msg_len = static_cast<unsigned>(step.messages[i].bytes.size());
    }
    return static_cast<int>(step.messages.size());
  };
  calls.recvmsg = [](int fd, msghdr* header, int flags) -> ssize_t {
    Script::Step step;
    if (!Take(script->receives, step)) return recvmsg(fd, header, flags);
    if (step.error != 0) return -1;
    Fill(*header, step.messages[0]);
    return static_cast<ssize_t>(step.messages[0].bytes.size());
  };
  calls.sendmsg = [](int fd, const msghdr* header, int flags) -> ssize_t {
    Script::Step step;
    if (!Take(script->sends, step)) return sendmsg(fd, header, flags);
    return step.error != 0 ? -1 : 1;
  };
  calls.poll = [](pollfd* fds, nfds_t count, int timeoutMs) -> int {
    script->pollCalls++;
    Script::Step step;
    if (!Take(script->polls, step)) return poll(fds, count, timeoutMs);
    return step.error != 0 ? -1 : 1;
  };
  return calls;
}

struct Fixture {
  Script steps;
  std::unique_ptr<NetlinkSocket> socket;
  std::vector<uint8_t> memory = std::vector<uint8_t>(Slab::kBytes);
  Slab slab;

  Fixture() {
    script = &steps;
    NetlinkSocketOptions options;
    options.protocol = NETLINK_ROUTE;
    options.calls = ScriptedCalls();
    int error = 0;
    socket = NetlinkSocket::Open(options, &error);
    REQUIRE(error == 0);
    slab.bytes = memory.data();
  }
  std::string Text(int i) const {
    auto bytes = slab.Datagram(i);
    return {bytes.begin(), bytes.end()};
  }
};

Script::Step Brings(std::vector<Script::Message> messages) { return {0, std::move(messages)}; }

TEST_CASE_FIXTURE(Fixture,
                  "netlink socket: what is not from the kernel, or is cut off, is dropped and counted") {
  steps.receives = {Brings({{7, 0, "foreign"}, {0, 0, "one"}, {0, MSG_TRUNC, "cut"}, {0, 0, "two"}})};
  REQUIRE(socket->Receive(slab, kBatch) == 2);
  CHECK(Text(0) == "one");
  CHECK(Text(1) == "two");
  const ChannelCounters& counters = socket->Counters();
  CHECK(counters.received == 4);
  CHECK(counters.foreign == 1);
  CHECK(counters.truncated == 1);
  CHECK(counters.receiveCalls == 1);
}

// Real answers of the kernel to a dump, in buffers that are too small for them.
TEST_CASE("netlink socket: what the kernel had to cut off is dropped and counted, the socket goes on") {
  static size_t room;
  NetlinkSocketOptions options;
  options.protocol = NETLINK_ROUTE;
  options.calls.recvmmsg = [](int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) {
    for (unsigned i = 0; i < count; i++) messages[i].msg_hdr.msg_iov->iov_len = room;
    return recvmmsg(fd, messages, count, flags, timeout);
  };
  options.calls.recvmsg = [](int fd, msghdr* header, int flags) {
    header->msg_iov->iov_len = std::min(room, header->msg_iov->iov_len);
    return recvmsg(fd, header, flags);
  };
  int error = 0;
  auto socket = NetlinkSocket::Open(options, &error);
  REQUIRE(socket != nullptr);
  struct {
    nlmsghdr header = {sizeof(nlmsghdr) + sizeof(ifinfomsg), RTM_GETLINK, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
    ifinfomsg link = {};
  } request;
  request.link.ifi_index = 1;
  std::span<const uint8_t> bytes(reinterpret_cast<const uint8_t*>(&request), sizeof request);
  std::vector<uint8_t> memory(Slab::kBytes);
  Slab slab;
  slab.bytes = memory.data();

  room = 100;  // Of the link's message; the acknowledgement has 36.
  REQUIRE(socket->Send(bytes) == 0);
  REQUIRE(socket->Receive(slab, kBatch) == 1);
  CHECK(LoadHost<nlmsghdr>(slab.Datagram(0).data()).nlmsg_type == NLMSG_ERROR);
  CHECK(socket->Counters().received == 2);
  CHECK(socket->Counters().truncated == 1);

  std::vector<uint8_t> out;
  REQUIRE(socket->Send(bytes) == 0);
  CHECK(socket->ReceiveOne(out, 1000) == -EMSGSIZE);
  CHECK(socket->ReceiveOne(out, 1000) == 36);
  CHECK(socket->Counters().truncated == 2);

  room = Slab::kSlotBytes;
  REQUIRE(socket->Send(bytes) == 0);
  CHECK(socket->Receive(slab, kBatch) == 2);
  CHECK(socket->Counters().truncated == 2);
  CHECK(socket->Counters().lost == 0);
}

TEST_CASE_FIXTURE(Fixture, "netlink socket: ENOBUFS is counted and what is there still comes") {
  steps.receives = {{ENOBUFS}, {EINTR}, {ENOBUFS}, Brings({{0, 0, "rest"}})};
  REQUIRE(socket->Receive(slab, kBatch) == 1);
  CHECK(Text(0) == "rest");
  CHECK(socket->Counters().overruns == 2);
}

TEST_CASE_FIXTURE(Fixture, "netlink socket: a flood of foreign datagrams does not keep the caller") {
  for (int i = 0; i < 100; i++) steps.receives.push_back(Brings({{9, 0, "x"}}));
  CHECK(socket->Receive(slab, kBatch) == 0);
  CHECK(socket->Counters().foreign < 100);
  const uint64_t before = socket->Counters().foreign;
  std::vector<uint8_t> out;
  CHECK(socket->ReceiveOne(out, 0) == -ETIMEDOUT);
  CHECK(socket->Counters().foreign == before + 1);
}

TEST_CASE_FIXTURE(Fixture, "netlink socket: nothing waiting is 0, an error is itself") {
  CHECK(socket->Receive(slab, kBatch) == 0);
  steps.receives = {{ENOMEM}};
  CHECK(socket->Receive(slab, kBatch) == -ENOMEM);
}

TEST_CASE_FIXTURE(Fixture, "netlink socket: receiving one waits, through signals and ENOBUFS") {
  std::vector<uint8_t> out;
  steps.receives = {{EAGAIN}, {ENOBUFS}, {EINTR}, Brings({{0, 0, "late"}})};
  steps.polls = {{EINTR}, {0}};
  CHECK(socket->ReceiveOne(out, 1000) == 4);
  CHECK(std::string(out.begin(), out.end()) == "late");
  CHECK(socket->Counters().overruns == 1);
  CHECK(steps.pollCalls == 2);
  CHECK(socket->ReceiveOne(out, 1) == -ETIMEDOUT);
  steps.receives = {Brings({{0, MSG_TRUNC, "cut"}})};
  CHECK(socket->ReceiveOne(out, 1) == -EMSGSIZE);
}

TEST_CASE_FIXTURE(Fixture, "netlink socket: sending waits while the kernel has no room") {
  const uint8_t byte = 1;
  steps.sends = {{EINTR}, {EAGAIN}, {0}};
  steps.polls = {{0}};
  CHECK(socket->Send({&byte, 1}) == 0);
  CHECK(socket->Counters().sendCalls == 3);
  CHECK(socket->Counters().sent == 1);
  steps.sends = {{EMSGSIZE}};
  CHECK(socket->Send({&byte, 1}) == -EMSGSIZE);
  steps.sends = {{EAGAIN}};
  steps.polls = {{ENOMEM}};
  CHECK(socket->Send({&byte, 1}) == -ENOMEM);
}

TEST_CASE_FIXTURE(Fixture, "netlink socket: closed, everything is EBADF, and counters stay") {
  steps.receives = {Brings({{7, 0, "foreign"}})};
  socket->Receive(slab, kBatch);
  socket->Close();
  socket->Close();
  std::vector<uint8_t> out;
  CHECK(socket->Fd() == -1);
  CHECK(socket->Receive(slab, kBatch) == -EBADF);
  CHECK(socket->ReceiveOne(out, 0) == -EBADF);
  CHECK(socket->Send(out) == -EBADF);
  CHECK(socket->SetReceiveBuffer(1) == -EBADF);
  CHECK(socket->Counters().foreign == 1);
}

TEST_CASE("netlink socket: failures to open name the call") {
  NetlinkSocketOptions options;
  int error = 0;
  const char* what = nullptr;
  options.protocol = 31;
  CHECK(NetlinkSocket::Open(options, &error, &what) == nullptr);
  CHECK(error == -EPROTONOSUPPORT);
  CHECK(std::string(what) == "socket");
  options.protocol = NETLINK_ROUTE;
  options.groups = {100000};
  CHECK(NetlinkSocket::Open(options, &error, &what) == nullptr);
  CHECK(std::string(what) == "setsockopt");
}

TEST_CASE("netns: a thread comes home, also when it never left") {
  auto inode = [] {
    struct stat status;
    REQUIRE(stat("/proc/thread-self/ns/net", &status) == 0);
    return status.st_ino;
  };
  auto home = inode();
  {
    NetnsScope scope;
    CHECK(scope.Enter("") == 0);
  }
  {
    NetnsScope scope;
    const char* what = nullptr;
    CHECK(scope.Enter("/nonexistent", &what) == -ENOENT);
    CHECK(std::string(what) == "open");
  }
  CHECK(inode() == home);
}

TEST_CASE("netlink drops: the line of the socket, and no other") {
  const char* table =
      "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n"
      "0000000000000000 0   0          00000000 0        0        0     2        0        10       \n"
      "0000000000000000 16  4194961    00000000 0        0        0     2        4294967295 23456    \n";
  uint32_t drops = 7;
  CHECK(FindProcDrops(table, 23456, &drops));
  CHECK(drops == 4294967295u);
  CHECK(FindProcDrops(table, 10, &drops));
  CHECK(drops == 0);
  CHECK_FALSE(FindProcDrops(table, 3456, &drops));
  CHECK_FALSE(FindProcDrops("", 1, &drops));
  CHECK_FALSE(FindProcDrops("garbage\n1 2 3", 3, &drops));
}

}  // namespace
}  // namespace slowpath
