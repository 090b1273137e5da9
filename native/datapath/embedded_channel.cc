#include "datapath/embedded_channel.h"

#include <errno.h>

#include <algorithm>
#include <cstring>

namespace slowpath {

EmbeddedChannel::EmbeddedChannel(std::shared_ptr<Hub> hub, std::shared_ptr<ChannelQueue> queue)
    : hub_(std::move(hub)), queue_(std::move(queue)), portId_(queue_->portId()) {}

EmbeddedChannel::~EmbeddedChannel() { Close(); }

int EmbeddedChannel::Receive(Slab& slab, int max) {
  if (closed_) return -EBADF;
  size_t at = 0;
  int n = 0;
  queue_->Receive(std::min(max, kBatch), *hub_, [&](std::span<const uint8_t> datagram) {
    if (datagram.size() > Slab::kBytes - at) return false;
    std::memcpy(slab.bytes + at, datagram.data(), datagram.size());
    slab.offsets[n] = static_cast<uint32_t>(at);
    slab.lengths[n] = static_cast<uint32_t>(datagram.size());
    n++;
    at = (at + datagram.size() + 7) & ~size_t{7};
    return true;
  });
  counters_.received += static_cast<uint64_t>(n);
  return n;
}

int EmbeddedChannel::ReceiveOne(std::vector<uint8_t>& out, int timeoutMs) {
  if (closed_) return -EBADF;
  if (int error = queue_->Wait(timeoutMs); error != 0) return error;
  queue_->Receive(1, *hub_, [&](std::span<const uint8_t> datagram) {
    out.assign(datagram.begin(), datagram.end());
    return true;
  });
  counters_.received++;
  return static_cast<int>(out.size());
}

int EmbeddedChannel::Send(std::span<const uint8_t> datagram) {
  if (closed_) return -EBADF;
  int error = queue_->PushRequest(datagram, *hub_);
  if (error == 0) counters_.sent++;
  return error;
}

int64_t EmbeddedChannel::SetReceiveBuffer(int64_t bytes) {
  if (closed_) return -EBADF;
  return queue_->SetUpcallBytes(static_cast<uint32_t>(std::clamp<int64_t>(bytes, 1 << 16, 1 << 30)));
}

ChannelCounters& EmbeddedChannel::MutableCounters() {
  if (closed_) return counters_;
  counters_.lost = queue_->lost();
  counters_.overruns = queue_->answersLost();
  return counters_;
}

void EmbeddedChannel::Close() {
  if (closed_) return;
  MutableCounters();
  closed_ = true;
  queue_->MarkClosed();
  hub_->Remove(portId_);
  queue_ = nullptr;
  hub_ = nullptr;
}

}  // namespace slowpath
