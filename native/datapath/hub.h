#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "datapath/channel_queue.h"
#include "sys/unique_fd.h"

namespace slowpath {

// Where channels and the forwarding thread find each other. Outlives both: each side holds a shared_ptr. Thread-safe.
class Hub {
 public:
  Hub(int wake, uint32_t maxUpcalls, uint32_t maxUpcallBytes);

  // Channels' side. Null after Close or when no file descriptor is left. 'readsSamples': it is to get what psample actions take.
  std::shared_ptr<ChannelQueue> Open(bool readsSamples = false);
  void Remove(uint32_t portId);
  // Has the thread serve channel 'portId' soon; a system call only when the thread sleeps.
  void AskForService(uint32_t portId);
  // Marks all channels down, and has the thread wake up and stop.
  void Close();
  // Closes the wake descriptor. To be called once the thread has ended; channels may still ask for service.
  void ReleaseWake();

  // Forwarding thread's side.
  int wakeFd() const { return wake_.get(); }
  bool closed() const { return closed_.load(std::memory_order_acquire); }
  // Changes whenever a channel comes or goes.
  uint64_t generation() const { return generation_.load(std::memory_order_acquire); }
  // Index = port id; null where there is no channel.
  std::vector<std::shared_ptr<ChannelQueue>> Channels();
  // Announces that the thread is about to sleep. False when there is work: then it must not.
  bool MaySleep();
  // After sleeping: stops others from writing the wake descriptor, and empties it when 'woken'.
  void Awake(bool woken);
  // Port ids of the channels that asked for service, each once.
  void TakeServiceList(std::vector<uint32_t>& out);
  bool HasWork() const { return work_.load(std::memory_order_acquire) != 0; }

 private:
  void Wake();

  std::mutex wakeMutex_;  // Held while wake_ is written or closed by others than the thread; never with mutex_.
  UniqueFd wake_;
  const uint32_t maxUpcalls_;
  const uint32_t maxUpcallBytes_;
  std::mutex mutex_;
  std::vector<std::shared_ptr<ChannelQueue>> channels_;  // Index = port id. Guarded by mutex_.
  std::vector<uint32_t> service_;                        // Guarded by mutex_.
  std::atomic<uint64_t> generation_{0};
  std::atomic<uint32_t> work_{0};       // Entries in service_, plus one once closed.
  std::atomic<bool> sleeping_{false};   // The thread sleeps or is about to: whoever brings work writes wake_.
  std::atomic<bool> closed_{false};
};

}  // namespace slowpath
