#pragma once

#include <sys/socket.h>

#include <memory>
#include <string>

#include "datapath/port.h"

namespace slowpath {

// A packet socket on an Ethernet device, with checksum and segmentation offload in both directions.
class PacketPort : public Port {
 public:
  // 'name' and 'ifindex' are what userspace sees; 'fd' may be bound to another device (see port_veth.cc).
  PacketPort(PortContext& context, uint32_t type, std::string name, uint32_t ifindex, UniqueFd fd);

  bool Receive(RxBatch& batch) override;
  ovs_vport_stats Statistics() override;

 protected:
  void SendQueued() override;

 private:
  void RestoreTag(const msghdr& header, Packet& packet);

  mmsghdr messages_[kTxBatch];
  iovec parts_[kTxBatch][2];
};


// A packet socket bound to device 'name', configured as ports need it; its interface index. On failure invalid, 'error' as
// in OpenPacketPort.
UniqueFd OpenPacketSocket(const std::string& name, uint32_t* ifindex, int* error);

}  // namespace slowpath
