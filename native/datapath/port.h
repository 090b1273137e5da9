#pragma once

#include <linux/openvswitch.h>
#include <sys/socket.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "datapath/counters.h"
#include "datapath/packet.h"
#include "sys/unique_fd.h"

namespace slowpath {

// Packets of one receive, and everything that recvmmsg needs, made once for the thread.
class RxBatch {
 public:
  static constexpr int kPackets = 64;
  // Ancillary data of one packet: struct tpacket_auxdata.
  static constexpr size_t kControlBytes = 64;

  RxBatch();
  RxBatch(const RxBatch&) = delete;
  RxBatch& operator=(const RxBatch&) = delete;

  void Clear();
  // The buffer that slot i of the system call writes to.
  Buffer* buffer(int i) { return buffers_[i]; }

  Packet packets[kPackets];       // The first 'count' are valid.
  int count = 0;
  VnetHeader offloads[kPackets];  // Written by the system call.
  mmsghdr messages[kPackets];     // For recvmmsg; all but the lengths stays as it is.

 private:
  BufferPool pool_;
  Buffer* buffers_[kPackets];
  iovec parts_[kPackets][2];
  alignas(8) uint8_t control_[kPackets][kControlBytes];
};

// What ports share.
struct PortContext {
  DatapathCounters* counters = nullptr;
  // Ports with something to transmit, in the order in which they got it.
  std::vector<class Port*> dirty;
};

// A vport: a network device that packets come from and go to. One thread. Transmission is batched: Transmit queues, Flush
// hands over.
class Port {
 public:
  static constexpr int kTxBatch = 64;

  Port(PortContext& context, uint32_t type, std::string name, uint32_t ifindex, UniqueFd fd);
  virtual ~Port() = default;
  Port(const Port&) = delete;
  Port& operator=(const Port&) = delete;

  int fd() const { return fd_.get(); }
  // Receives up to RxBatch::kPackets. False when the device is gone for good.
  virtual bool Receive(RxBatch& batch) = 0;
  // Queues a packet, less its cut. Shares its buffer.
  void Transmit(const Packet& packet);
  void Flush();
  // Counters as userspace sees them.
  virtual ovs_vport_stats Statistics() { return statistics_; }

  const uint32_t type;         // OVS_VPORT_TYPE_*.
  const std::string name;      // Of the device.
  const uint32_t ifindex;      // Of the device, in the datapath's namespace.
  uint32_t number = 0;         // Port number in the datapath.
  void* datapath = nullptr;    // The datapath that the port belongs to.
  std::vector<uint32_t> upcallPids = {0};  // Channels for misses; a single 0 for none.

 protected:
  // Hands tx_[0..count_) to the device, counting what fails.
  virtual void SendQueued() = 0;
  // Books a packet that the device refused.
  void CountFailure(int error);
  // Takes the packet of slot i, 'length' bytes and offload as received, into the batch; counts and skips bad ones.
  void Accept(RxBatch& batch, int slot, uint32_t length);
  bool DeviceIsGone() const;

  PortContext& context_;
  const UniqueFd fd_;
  ovs_vport_stats statistics_ = {};
  Packet tx_[kTxBatch];
  int queued_ = 0;
};

// Packet socket on any Ethernet device (OVS_VPORT_TYPE_NETDEV). Null on failure: 'error' is the errno the kernel's module
// would give (ENODEV, EINVAL for loopback and non-Ethernet), or that of the failing system call.
std::unique_ptr<Port> OpenPacketPort(PortContext& context, const std::string& name, int* error);
// A device made for the port and removed with it (OVS_VPORT_TYPE_INTERNAL); it is down at first. EEXIST when the name is
// taken. TAP where /dev/net/tun can be opened, else one end of a veth pair.
std::unique_ptr<Port> OpenInternalPort(PortContext& context, const std::string& name, int* error);
std::unique_ptr<Port> OpenTapPort(PortContext& context, const std::string& name, int* error);
std::unique_ptr<Port> OpenVethPort(PortContext& context, const std::string& name, int* error);

}  // namespace slowpath
