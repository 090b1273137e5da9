#include "datapath/channel_queue.h"

#include <errno.h>
#include <sys/eventfd.h>

#include <chrono>
#include <cstring>
#include <utility>

#include "datapath/hub.h"

namespace slowpath {

void DatagramBuffer::Append(std::span<const uint8_t> head, std::span<const uint8_t> tail, size_t padding) {
  size_t n = head.size() + tail.size() + padding;
  size_t need = size_ + RecordBytes(n);
  if (need > capacity_) {
    size_t capacity = capacity_ == 0 ? 4096 : capacity_ * 2;
    if (capacity < need) capacity = need;
    auto bytes = std::make_unique_for_overwrite<uint8_t[]>(capacity);
    if (size_ != 0) std::memcpy(bytes.get(), bytes_.get(), size_);
    bytes_ = std::move(bytes);
    capacity_ = capacity;
  }
  uint8_t* p = bytes_.get() + size_;
  uint32_t length = static_cast<uint32_t>(n);
  std::memcpy(p, &length, sizeof length);
  if (!head.empty()) std::memcpy(p + kHeader, head.data(), head.size());
  if (!tail.empty()) std::memcpy(p + kHeader + head.size(), tail.data(), tail.size());
  std::memset(p + kHeader + head.size() + tail.size(), 0, padding);
  size_ = need;
}

std::span<const uint8_t> DatagramBuffer::Front() const {
  uint32_t length;
  std::memcpy(&length, bytes_.get() + at_, sizeof length);
  return {bytes_.get() + at_ + kHeader, length};
}

void DatagramBuffer::Pop() {
  at_ += RecordBytes(Front().size());
  if (at_ == size_) Clear();
}

void DatagramBuffer::Clear() {
  at_ = size_ = 0;
  if (capacity_ > kKeepBytes) {
    bytes_.reset();
    capacity_ = 0;
  }
}

void DatagramBuffer::Swap(DatagramBuffer& other) {
  std::swap(bytes_, other.bytes_);
  std::swap(capacity_, other.capacity_);
  std::swap(size_, other.size_);
  std::swap(at_, other.at_);
}

std::shared_ptr<ChannelQueue> ChannelQueue::Make(uint32_t portId, uint32_t maxUpcalls, uint32_t maxUpcallBytes,
                                                 bool readsSamples) {
  int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (event < 0) return nullptr;
  return std::shared_ptr<ChannelQueue>(new ChannelQueue(portId, event, maxUpcalls, maxUpcallBytes, readsSamples));
}

ChannelQueue::ChannelQueue(uint32_t portId, int event, uint32_t maxUpcalls, uint32_t maxUpcallBytes, bool readsSamples)
    : portId_(portId), readsSamples_(readsSamples), event_(event), maxUpcalls_(maxUpcalls), maxUpcallBytes_(maxUpcallBytes) {}

ChannelQueue::Pushed ChannelQueue::PushUpcall(std::span<const uint8_t> head, std::span<const uint8_t> packet,
                                             size_t padding) {
  size_t n = head.size() + packet.size() + padding;
  std::lock_guard lock(mutex_);
  if (closed_) return Pushed::kClosed;
  if (upcalls_ >= maxUpcalls_ || upcallBytes_ + n > maxUpcallBytes_) {
    lost_.fetch_add(1, std::memory_order_relaxed);
    return Pushed::kFull;
  }
  upcallsIn_.Append(head, packet, padding);
  upcalls_++;
  upcallBytes_ += n;
  return Pushed::kQueued;
}

ChannelQueue::Pushed ChannelQueue::PushAnswer(std::span<const uint8_t> datagram) {
  std::lock_guard lock(mutex_);
  if (closed_) return Pushed::kClosed;
  if (answerBytes_ + datagram.size() > kAnswerLimitBytes) {
    answersLost_.fetch_add(1, std::memory_order_relaxed);
    return Pushed::kFull;
  }
  answersIn_.Append(datagram);
  answers_++;
  answerBytes_ += datagram.size();
  return Pushed::kQueued;
}

bool ChannelQueue::HasAnswerRoom() {
  std::lock_guard lock(mutex_);
  if (closed_ || answerBytes_ < kAnswerPauseBytes) return true;
  dumpPaused_ = true;
  return false;
}

void ChannelQueue::TakeRequests(DatagramBuffer& out) {
  bool wasFull;
  {
    std::lock_guard lock(mutex_);
    inService_ = false;
    wasFull = requestBytes_ != 0;
    requestBytes_ = 0;
    out.Swap(requests_);
  }
  if (wasFull) requestRoom_.notify_all();
}

void ChannelQueue::FlushWakeup() {
  std::lock_guard lock(mutex_);
  if (answers_ + upcalls_ == 0 || closed_) return;
  if (!signalled_) {
    signalled_ = true;
    eventfd_write(event_.get(), 1);
  }
  if (waiting_) arrived_.notify_all();
}

void ChannelQueue::MarkDown() {
  std::lock_guard lock(mutex_);
  down_ = true;
  requestRoom_.notify_all();
  arrived_.notify_all();
}

int ChannelQueue::PushRequest(std::span<const uint8_t> datagram, Hub& hub) {
  std::unique_lock lock(mutex_);
  requestRoom_.wait(lock, [&] {
    return down_ || requestBytes_ == 0 || requestBytes_ + datagram.size() <= kRequestBytes;
  });
  if (down_) return -ENETDOWN;
  requests_.Append(datagram);
  requestBytes_ += datagram.size();
  RequestService(hub, lock);
  return 0;
}

void ChannelQueue::RequestService(Hub& hub, std::unique_lock<std::mutex>& lock) {
  if (inService_ || down_) return;
  inService_ = true;
  lock.unlock();  // The hub has a mutex of its own; the two are never held together.
  hub.AskForService(portId_);
}

void ChannelQueue::Refill() {
  if (answersOut_.empty()) answersOut_.Swap(answersIn_);
  if (upcallsOut_.empty()) upcallsOut_.Swap(upcallsIn_);
}

void ChannelQueue::Settle(size_t answers, size_t answerBytes, size_t upcalls, size_t upcallBytes) {
  answers_ -= answers;
  answerBytes_ -= answerBytes;
  upcalls_ -= upcalls;
  upcallBytes_ -= upcallBytes;
  bool more = answers_ + upcalls_ != 0;
  if (!more && signalled_) {
    eventfd_t value;
    eventfd_read(event_.get(), &value);
    signalled_ = false;
  } else if (more && !signalled_) {
    // The pushing thread has not flushed yet, but this one may go to sleep on the descriptor before it does.
    eventfd_write(event_.get(), 1);
    signalled_ = true;
  }
}

int ChannelQueue::Wait(int timeoutMs) {
  std::unique_lock lock(mutex_);
  auto ready = [&] { return answers_ + upcalls_ != 0 || down_; };
  waiting_ = true;
  bool arrived = arrived_.wait_for(lock, std::chrono::milliseconds(timeoutMs), ready);
  waiting_ = false;
  if (!arrived) return -ETIMEDOUT;
  return answers_ + upcalls_ != 0 ? 0 : -ENETDOWN;
}

void ChannelQueue::MarkClosed() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  answersIn_.Clear();
  upcallsIn_.Clear();
}

uint32_t ChannelQueue::SetUpcallBytes(uint32_t bytes) {
  std::lock_guard lock(mutex_);
  maxUpcallBytes_ = bytes;
  return bytes;
}

}  // namespace slowpath
