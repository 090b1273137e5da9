#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "sys/unique_fd.h"

namespace slowpath {

// A growing run of datagrams, each an 8-byte aligned record: length (u32), padding, bytes. Grows without clearing.
class DatagramBuffer {
 public:
  // Appends a datagram that consists of two parts and 'padding' (at most 7) zero bytes.
  void Append(std::span<const uint8_t> head, std::span<const uint8_t> tail = {}, size_t padding = 0);
  // The next datagram not taken yet; valid until it is popped. Must not be empty.
  std::span<const uint8_t> Front() const;
  void Pop();
  bool empty() const { return at_ == size_; }
  // Forgets everything; gives memory back when there is much of it.
  void Clear();
  void Swap(DatagramBuffer& other);

 private:
  static constexpr size_t kHeader = 8;
  static constexpr size_t kKeepBytes = 1 << 20;
  static size_t RecordBytes(size_t n) { return kHeader + ((n + 7) & ~size_t{7}); }

  std::unique_ptr<uint8_t[]> bytes_;
  size_t capacity_ = 0;
  size_t size_ = 0;  // End of the last record.
  size_t at_ = 0;    // Start of the front record.
};

class Hub;

// What a channel and the forwarding thread share: requests one way, answers and upcalls the other. Answers and upcalls
// have queues of their own, so that a flood of upcalls loses no answer. Batches cross by swapping buffers under the mutex;
// a buffer that keeps up stays small and warm.
class ChannelQueue {
 public:
  static constexpr size_t kRequestBytes = 1 << 20;       // Requests waiting before Send blocks.
  // Answers waiting before a dump pauses. Packets wait while they are made, so these are no more than keep the reader busy.
  static constexpr size_t kAnswerPauseBytes = 1 << 18;
  static constexpr size_t kAnswerResumeBytes = 1 << 17;  // Answers left when a paused dump goes on.
  static constexpr size_t kAnswerLimitBytes = 16 << 20;  // Answers waiting before more are dropped and counted.

  // Null when no file descriptor is left.
  static std::shared_ptr<ChannelQueue> Make(uint32_t portId, uint32_t maxUpcalls, uint32_t maxUpcallBytes,
                                            bool readsSamples);

  uint32_t portId() const { return portId_; }
  // It joined the group of samples, which wait among the upcalls.
  bool readsSamples() const { return readsSamples_; }
  int fd() const { return event_.get(); }

  // Forwarding thread. ------------------------------------------------------------------------------------------------
  enum class Pushed { kQueued, kFull, kClosed };
  // Queues an upcall, head then packet then padding; does not wake the reader before FlushWakeup.
  Pushed PushUpcall(std::span<const uint8_t> head, std::span<const uint8_t> packet, size_t padding);
  Pushed PushAnswer(std::span<const uint8_t> datagram);
  // False when a dump should pause: the reader calls the hub back when it has drained enough.
  bool HasAnswerRoom();
  // Moves all waiting requests to 'out' (which must be empty) and lets a blocked Send go on.
  void TakeRequests(DatagramBuffer& out);
  void FlushWakeup();
  // The datapath ends: nothing will come any more.
  void MarkDown();

  // Channel's thread. -------------------------------------------------------------------------------------------------
  // 0, -ENETDOWN after the datapath closed.
  int PushRequest(std::span<const uint8_t> datagram, Hub& hub);
  // Calls take(datagram) for up to 'max' waiting datagrams, answers first; stops early when it returns false.
  template <typename Take>
  int Receive(int max, Hub& hub, Take take);
  // Until a datagram waits: 0, -ETIMEDOUT, or -ENETDOWN.
  int Wait(int timeoutMs);
  void MarkClosed();
  uint32_t SetUpcallBytes(uint32_t bytes);
  uint64_t lost() const { return lost_.load(std::memory_order_relaxed); }
  uint64_t answersLost() const { return answersLost_.load(std::memory_order_relaxed); }

 private:
  ChannelQueue(uint32_t portId, int event, uint32_t maxUpcalls, uint32_t maxUpcallBytes, bool readsSamples);
  // With the mutex held: swaps what was pushed to the reader's side if that is empty.
  void Refill();
  // With the mutex held: books what was received, and makes the event agree with what is left.
  void Settle(size_t answers, size_t answerBytes, size_t upcalls, size_t upcallBytes);

  const uint32_t portId_;
  const bool readsSamples_;
  const UniqueFd event_;  // Readable while signalled_.

  std::mutex mutex_;
  std::condition_variable requestRoom_;  // A blocked Send waits for it.
  std::condition_variable arrived_;      // Wait waits for it.
  DatagramBuffer requests_;              // Guarded by mutex_, as all up to the next blank line.
  size_t requestBytes_ = 0;              // Bytes in requests_.
  bool inService_ = false;               // The hub knows that requests wait (or a dump may go on).
  DatagramBuffer answersIn_;             // Pushed, not yet on the reader's side.
  DatagramBuffer upcallsIn_;             // Likewise.
  size_t answers_ = 0;                   // Answers on both sides.
  size_t answerBytes_ = 0;               // Their bytes.
  size_t upcalls_ = 0;                   // Upcalls on both sides.
  size_t upcallBytes_ = 0;               // Their bytes.
  const size_t maxUpcalls_;              // Limit of upcalls_.
  size_t maxUpcallBytes_;                // Limit of upcallBytes_.
  bool dumpPaused_ = false;              // A dump waits for the reader.
  bool signalled_ = false;               // event_ is readable.
  bool waiting_ = false;                 // A thread is in Wait.
  bool down_ = false;                    // The datapath is gone.
  bool closed_ = false;                  // The channel is gone.

  DatagramBuffer answersOut_;  // Reader's side; only the channel's thread touches it.
  DatagramBuffer upcallsOut_;  // Likewise.

  std::atomic<uint64_t> lost_{0};         // Upcalls that found the queue full.
  std::atomic<uint64_t> answersLost_{0};  // Answers dropped at kAnswerLimitBytes.

  void RequestService(Hub& hub, std::unique_lock<std::mutex>& lock);
};

template <typename Take>
int ChannelQueue::Receive(int max, Hub& hub, Take take) {
  {
    std::lock_guard lock(mutex_);
    Refill();
  }
  size_t counts[2] = {}, bytes[2] = {};
  int n = 0;
  DatagramBuffer* sides[2] = {&answersOut_, &upcallsOut_};
  for (int side = 0; side < 2; side++) {
    while (n < max && !sides[side]->empty()) {
      std::span<const uint8_t> datagram = sides[side]->Front();
      if (!take(datagram)) {
        max = n;
        break;
      }
      counts[side]++;
      bytes[side] += datagram.size();
      sides[side]->Pop();
      n++;
    }
  }
  std::unique_lock lock(mutex_);
  Settle(counts[0], bytes[0], counts[1], bytes[1]);
  if (dumpPaused_ && answerBytes_ < kAnswerResumeBytes) {
    dumpPaused_ = false;
    RequestService(hub, lock);
  }
  return n;
}

}  // namespace slowpath
