#include "sys/dump_reader.h"

#include <pthread.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "sys/clock.h"
#include "wire/netlink.h"

namespace slowpath {

DumpReader::~DumpReader() {
  {
    std::lock_guard lock(mutex_);
    quits_ = true;
    reading_ = false;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void DumpReader::Begin() {
  if (!thread_.joinable()) Start();
  std::lock_guard lock(mutex_);
  seq_ = requester_.lastSeq();
  reading_ = true;
  changed_.notify_all();
}

int DumpReader::Take(std::vector<uint8_t>& datagram, int patienceMs, const char** what) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait_for(lock, std::chrono::milliseconds(patienceMs), [&] { return waiting_ > 0; }))
    return -ETIMEDOUT;
  Slot& slot = slots_[first_];
  datagram.swap(slot.datagram);
  *what = slot.what;
  int error = slot.error;
  first_ = (first_ + 1) % kAhead;
  waiting_--;
  if (waiting_ == kResumeAt) changed_.notify_all();
  return error;
}

void DumpReader::Stop() {
  std::unique_lock lock(mutex_);
  reading_ = false;
  changed_.wait(lock, [&] { return !receiving_; });
  waiting_ = 0;
}

void DumpReader::Start() {
  // Signals belong to the threads of the program that uses us.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void DumpReader::Run() {
  pthread_setname_np(pthread_self(), "slowpath-dump");
  // Upcalls go first, when there are more threads than processors. Without it everything works, too.
  setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kNice);
  std::unique_lock lock(mutex_);
  for (;;) {
    // Once it is so far ahead, it sleeps until there is room for many: to wake for each is dear.
    size_t room = waiting_ == kAhead ? kResumeAt + 1 : kAhead;
    changed_.wait(lock, [&] { return quits_ || (reading_ && waiting_ < room); });
    if (quits_) return;
    Slot& slot = slots_[(first_ + waiting_) % kAhead];
    receiving_ = true;
    lock.unlock();
    int error = requester_.Await(slot.datagram, NowMs() + kPollMs, &slot.what);
    bool ends = error != 0 || Ends(slot.datagram);
    lock.lock();
    receiving_ = false;
    // Silence is for who waits to judge.
    if (reading_ && error != -ETIMEDOUT) {
      slot.error = error;
      waiting_++;
      reading_ = !ends;
    }
    changed_.notify_all();
  }
}

// Whether the dump's end, or the datapath's refusal, is among the messages.
bool DumpReader::Ends(const std::vector<uint8_t>& datagram) const {
  NetlinkReader reader(datagram);
  for (NetlinkMessage message; reader.Next(message);) {
    if (message.seq == seq_ && (message.type == NLMSG_DONE || message.type == NLMSG_ERROR)) return true;
  }
  return false;
}

}  // namespace slowpath
