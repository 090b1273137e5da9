#pragma once

#include <memory>

#include "datapath/hub.h"
#include "sys/channel.h"

namespace slowpath {

// The embedded datapath's likeness of a netlink socket. Works after the datapath is gone: then it brings what still
// waits, and sending fails with ENETDOWN.
class EmbeddedChannel : public Channel {
 public:
  EmbeddedChannel(std::shared_ptr<Hub> hub, std::shared_ptr<ChannelQueue> queue);
  ~EmbeddedChannel() override;

  int Fd() const override { return closed_ ? -1 : queue_->fd(); }
  uint32_t PortId() const override { return portId_; }
  int Receive(Slab& slab, int max) override;
  int ReceiveOne(std::vector<uint8_t>& out, int timeoutMs) override;
  int Send(std::span<const uint8_t> datagram) override;
  int64_t SetReceiveBuffer(int64_t bytes) override;
  const ChannelCounters& Counters() override { return MutableCounters(); }
  ChannelCounters& MutableCounters() override;
  void Close() override;

 private:
  std::shared_ptr<Hub> hub_;
  std::shared_ptr<ChannelQueue> queue_;  // Let go of by Close, as hub_, and with it its descriptor and what waits in it.
  const uint32_t portId_;
  ChannelCounters counters_;
  bool closed_ = false;
};

}  // namespace slowpath
