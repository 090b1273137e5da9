#pragma once

#include <array>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

#include "sys/requester.h"

namespace slowpath {

// Receives the datagrams of a dump on a thread of its own, a few ahead of who takes them: the kernel works on
// a dump within the call that receives it, which would hold up who waits for it. While it reads, nobody else
// may use the channel.
class DumpReader {
 public:
  explicit DumpReader(Requester& requester) : requester_(requester) {}
  ~DumpReader();
  DumpReader(const DumpReader&) = delete;
  DumpReader& operator=(const DumpReader&) = delete;

  // Begins to read what answers the request that was sent last, up to NLMSG_DONE or NLMSG_ERROR of its
  // number.
  void Begin();
  // The next datagram: 0, -ETIMEDOUT when none is there within 'patienceMs', or why reading failed: -errno,
  // with the system call in 'what'.
  int Take(std::vector<uint8_t>& datagram, int patienceMs, const char** what);
  // Reads no more, and forgets what was not taken.
  void Stop();

 private:
  static constexpr size_t kAhead = 32;
  // So many that wait are few enough to go on, once kAhead were reached.
  static constexpr size_t kResumeAt = kAhead / 2;
  // Niceness of the thread.
  static constexpr int kNice = 10;
  // How long a receive waits, and so Stop at most.
  static constexpr int kPollMs = 50;

  struct Slot {
    std::vector<uint8_t> datagram;
    int error = 0;
    const char* what = nullptr;
  };

  void Start();
  void Run();
  bool Ends(const std::vector<uint8_t>& datagram) const;

  Requester& requester_;
  std::thread thread_;  // Started at the first Begin.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::array<Slot, kAhead>
      slots_;         // A ring. Those that wait are guarded by mutex_; the thread fills the one behind them.
  size_t first_ = 0;  // Guarded by mutex_, as all that follows.
  size_t waiting_ = 0;
  uint32_t seq_ = 0;
  bool reading_ = false;
  bool receiving_ = false;  // The thread is in a receive.
  bool quits_ = false;
};

}  // namespace slowpath
