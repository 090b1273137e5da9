#include "sys/flow_dump.h"

#include <cerrno>

#include "sys/clock.h"
#include "wire/netlink.h"

namespace slowpath {
namespace {

// NLMSG_DONE of a dump carries what its last step returned: 0 or a negative errno.
int DoneError(const NetlinkMessage& message) {
  if (message.payload.size() < sizeof(int32_t)) return 0;
  int32_t result = LoadHost<int32_t>(message.payload.data());
  return result < 0 && result != INT32_MIN ? -result : 0;
}

// Where flows go that nobody asked for.
class Nowhere final : public FlowSink {
 public:
  Added Add(const NetlinkMessage&) override { return Added::kYes; }
};

}  // namespace

FlowDump::FlowDump(Channel& channel, Requester& requester) : channel_(channel), requester_(requester) {
  if (channel.WorksOnReceive()) reader_ = std::make_unique<DumpReader>(requester);
}

FlowDump::~FlowDump() = default;

int FlowDump::Start(std::span<uint8_t> message, const char** what) {
  while (running_ && !ended_) {
    Nowhere nowhere;
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
  heardMs_ = NowMs();
  if (reader_ != nullptr) reader_->Begin();
  return 0;
}

void FlowDump::Stop() {
  if (reader_ != nullptr) reader_->Stop();
  running_ = false;
}

void FlowDump::Reset() {
  running_ = ended_ = interrupted_ = false;
  error_ = 0;
  what_ = nullptr;
  text_.clear();
  datagram_.clear();
  taken_ = 0;
}

FlowDump::Result FlowDump::Next(FlowSink& flows, int patienceMs) {
  if (taken_ >= datagram_.size() && !ended_) {
    int64_t now = NowMs();
    int error = Await(now, patienceMs);
    taken_ = 0;
    if (error == 0) {
      heardMs_ = now;
    } else {
      datagram_.clear();
      if (error == -ETIMEDOUT && now - heardMs_ < kPatienceMs - patienceMs) return Result::kFlows;
      error_ = -error;
      ended_ = true;
      if (reader_ != nullptr) reader_->Stop();
    }
  }
  if (Take(flows) || !ended_) return Result::kFlows;
  running_ = false;
  if (error_ != 0) return Result::kFailed;
  return interrupted_ ? Result::kInterrupted : Result::kEnd;
}

// The next datagram: 0 or -errno.
int FlowDump::Await(int64_t now, int patienceMs) {
  if (reader_ != nullptr) return reader_->Take(datagram_, patienceMs, &what_);
  return requester_.Await(datagram_, now + patienceMs, &what_);
}

// Delivers what is left of the datagram, as far as there is room. True when some flows were delivered.
bool FlowDump::Take(FlowSink& flows) {
  bool some = false;
  NetlinkReader reader(std::span<const uint8_t>(datagram_).subspan(taken_));
  for (NetlinkMessage message; !ended_ && reader.Next(message);) {
    if (message.seq == seq_ && !TakeMessage(message, flows, &some)) return some;
    taken_ = static_cast<size_t>(message.bytes.data() - datagram_.data()) + NLMSG_ALIGN(message.bytes.size());
  }
  taken_ = datagram_.size();
  if (reader.malformed()) channel_.MutableCounters().malformed++;
  return some;
}

// False when there was no room for it.
bool FlowDump::TakeMessage(const NetlinkMessage& message, FlowSink& flows, bool* some) {
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
    FlowSink::Added added = flows.Add(message);
    if (added == FlowSink::Added::kFull) return false;
    if (added == FlowSink::Added::kMalformed) channel_.MutableCounters().malformed++;
    *some = true;
  }
  // A refusal comes from the datapath, not from a system call.
  if (ended_) what_ = nullptr;
  return true;
}

}  // namespace slowpath
