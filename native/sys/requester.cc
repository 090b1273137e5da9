#include "sys/requester.h"

#include <cerrno>

#include "sys/clock.h"
#include "wire/netlink.h"

namespace slowpath {

uint32_t Requester::NextSeq() {
  seq_ = PeekSeq();
  return seq_;
}

int Requester::Send(std::span<uint8_t> message) {
  nlmsghdr header = LoadHost<nlmsghdr>(message.data());
  header.nlmsg_seq = NextSeq();
  header.nlmsg_pid = channel_.PortId();
  StoreHost(message.data(), header);
  return SendStamped(message);
}

int Requester::SendStamped(std::span<const uint8_t> datagram) {
  overrunsBefore_ = channel_.MutableCounters().overruns;
  return channel_.Send(datagram);
}

int Requester::Await(std::vector<uint8_t>& datagram, int64_t deadlineMs, const char** what) {
  int64_t left = deadlineMs - NowMs();
  *what = "recvmsg";
  // Messages for others may keep arriving: they must not keep us here beyond the deadline.
  int result = left < 0 ? -ETIMEDOUT : channel_.ReceiveOne(datagram, static_cast<int>(left));
  if (result >= 0) return 0;
  bool lost = result == -ETIMEDOUT && channel_.MutableCounters().overruns != overrunsBefore_;
  return lost ? -ENOBUFS : result;
}

int Requester::Transact(std::span<uint8_t> message, int timeoutMs, std::vector<uint8_t>& answer,
                        const char** what) {
  int64_t deadline = NowMs() + timeoutMs;
  answer.clear();
  *what = "sendmsg";
  int error = Send(message);
  std::vector<uint8_t> datagram;
  for (bool ended = false; error == 0 && !ended;) {
    error = Await(datagram, deadline, what);
    if (error == 0) ended = Collect(datagram, answer);
  }
  return error;
}

// True when the answer ends in this datagram.
bool Requester::Collect(std::span<const uint8_t> datagram, std::vector<uint8_t>& answer) {
  NetlinkReader reader(datagram);
  for (NetlinkMessage message; reader.Next(message);) {
    if (message.seq != seq_) continue;
    answer.insert(answer.end(), message.bytes.begin(), message.bytes.end());
    answer.resize(NLMSG_ALIGN(answer.size()));
    if (message.type == NLMSG_DONE || message.type == NLMSG_ERROR) return true;
  }
  if (reader.malformed()) channel_.MutableCounters().malformed++;
  return false;
}

}  // namespace slowpath
