#include "sys/flow_dump.h"

#include <cerrno>

#include "sys/clock.h"
#include "wire/netlink.h"

namespace slowpath {
namespace {

// The datapath works on a dump only while it is read, so each datagram is there at once.
constexpr int kDatagramTimeoutMs = 5000;

// NLMSG_DONE of a dump carries what its last step returned: 0 or a negative errno.
int DoneError(const NetlinkMessage& message) {
  if (message.payload.size() < sizeof(int32_t)) return 0;
  int32_t result = LoadHost<int32_t>(message.payload.data());
  return result < 0 && result != INT32_MIN ? -result : 0;
}

}  // namespace

int FlowDump::Start(std::span<uint8_t> message, const char** what) {
  while (running_ && !ended_) {
    FlowRows nowhere;
    taken_ = datagram_.size();  // What was not delivered is dropped.
    if (Next(nowhere) == Result::kFailed) break;
  }
  Reset();
  *what = "sendmsg";
  int error = requester_.Send(message);
  if (error != 0) return error;
  seq_ = requester_.lastSeq();
  family_ = LoadHost<nlmsghdr>(message.data()).nlmsg_type;
  running_ = true;
  return 0;
}

void FlowDump::Reset() {
  running_ = ended_ = interrupted_ = false;
  error_ = 0;
  what_ = nullptr;
  text_.clear();
  datagram_.clear();
  taken_ = 0;
}

FlowDump::Result FlowDump::Next(FlowRows& flows) {
  if (taken_ >= datagram_.size() && !ended_) {
    int error = requester_.Await(datagram_, NowMs() + kDatagramTimeoutMs, &what_);
    taken_ = 0;
    if (error != 0) {
      datagram_.clear();
      error_ = -error;
      ended_ = true;
    }
  }
  Take(flows);
  if (flows.count > 0 || !ended_) return Result::kFlows;
  running_ = false;
  if (error_ != 0) return Result::kFailed;
  return interrupted_ ? Result::kInterrupted : Result::kEnd;
}

// Delivers what is left of the datagram, as far as there is room.
void FlowDump::Take(FlowRows& flows) {
  NetlinkReader reader(std::span<const uint8_t>(datagram_).subspan(taken_));
  for (NetlinkMessage message; !ended_ && reader.Next(message);) {
    if (message.seq == seq_ && !TakeMessage(message, flows)) return;
    taken_ = static_cast<size_t>(message.bytes.data() - datagram_.data()) + NLMSG_ALIGN(message.bytes.size());
  }
  taken_ = datagram_.size();
  if (reader.malformed()) channel_.MutableCounters().malformed++;
}

// False when there was no room for it.
bool FlowDump::TakeMessage(const NetlinkMessage& message, FlowRows& flows) {
  if ((message.flags & NLM_F_DUMP_INTR) != 0) interrupted_ = true;
  NetlinkErrorMessage refusal;
  if (message.type == NLMSG_DONE) {
    ended_ = true;
    error_ = DoneError(message);
  } else if (ReadErrorMessage(message, refusal)) {
    ended_ = true;
    error_ = refusal.error;
    text_.assign(refusal.text.begin(), refusal.text.end());
  } else if (message.type == family_) {
    FlowRows::Added added = flows.Add(message);
    if (added == FlowRows::Added::kFull) return flows.capacity == 0;
    if (added == FlowRows::Added::kMalformed) channel_.MutableCounters().malformed++;
  }
  // A refusal comes from the datapath, not from a system call.
  if (ended_) what_ = nullptr;
  return true;
}

}  // namespace slowpath
