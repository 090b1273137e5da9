#include "datapath/hub.h"

#include <sys/eventfd.h>

namespace slowpath {

Hub::Hub(int wake, uint32_t maxUpcalls, uint32_t maxUpcallBytes)
    : wake_(wake), maxUpcalls_(maxUpcalls), maxUpcallBytes_(maxUpcallBytes), channels_(1) {}

std::shared_ptr<ChannelQueue> Hub::Open(bool readsSamples) {
  std::lock_guard lock(mutex_);
  if (closed_) return nullptr;
  // Port ids are not used again: a port or flow that still names a closed channel must not reach another one.
  uint32_t portId = static_cast<uint32_t>(channels_.size());
  auto queue = ChannelQueue::Make(portId, maxUpcalls_, maxUpcallBytes_, readsSamples);
  if (queue == nullptr) return nullptr;
  channels_.push_back(queue);
  generation_.fetch_add(1, std::memory_order_release);
  return queue;
}

void Hub::Remove(uint32_t portId) {
  std::lock_guard lock(mutex_);
  channels_[portId].reset();
  generation_.fetch_add(1, std::memory_order_release);
}

void Hub::AskForService(uint32_t portId) {
  {
    std::lock_guard lock(mutex_);
    service_.push_back(portId);
    work_.fetch_add(1, std::memory_order_seq_cst);
  }
  Wake();
}

void Hub::Close() {
  std::vector<std::shared_ptr<ChannelQueue>> channels;
  {
    std::lock_guard lock(mutex_);
    if (closed_.exchange(true)) return;
    work_.fetch_add(1, std::memory_order_seq_cst);
    channels = channels_;
  }
  Wake();
  for (auto& channel : channels) {
    if (channel != nullptr) channel->MarkDown();
  }
}

std::vector<std::shared_ptr<ChannelQueue>> Hub::Channels() {
  std::lock_guard lock(mutex_);
  return channels_;
}

bool Hub::MaySleep() {
  sleeping_.store(true, std::memory_order_seq_cst);
  if (work_.load(std::memory_order_seq_cst) == 0) return true;
  sleeping_.store(false, std::memory_order_relaxed);
  return false;
}

void Hub::Awake(bool woken) {
  sleeping_.store(false, std::memory_order_relaxed);
  if (!woken) return;
  eventfd_t value;
  eventfd_read(wake_.get(), &value);
}

void Hub::TakeServiceList(std::vector<uint32_t>& out) {
  std::lock_guard lock(mutex_);
  out.swap(service_);
  work_.fetch_sub(static_cast<uint32_t>(out.size()), std::memory_order_relaxed);
}

void Hub::ReleaseWake() {
  std::lock_guard lock(wakeMutex_);
  wake_.Reset();
}

void Hub::Wake() {
  if (!sleeping_.exchange(false, std::memory_order_seq_cst)) return;
  // The thread may have been woken by something else, seen the end and be gone: its number may then be another file's.
  std::lock_guard lock(wakeMutex_);
  if (wake_.valid()) eventfd_write(wake_.get(), 1);
}

}  // namespace slowpath
