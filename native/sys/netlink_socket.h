#pragma once

#include <poll.h>
#include <sys/socket.h>

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sys/channel.h"
#include "sys/unique_fd.h"

namespace slowpath {

// The system calls of a netlink socket that can fail in ways a test cannot provoke; null members are the real
// ones.
struct NetlinkCalls {
  int (*recvmmsg)(int fd, mmsghdr* messages, unsigned count, int flags, timespec* timeout) = nullptr;
  ssize_t (*recvmsg)(int fd, msghdr* message, int flags) = nullptr;
  ssize_t (*sendmsg)(int fd, const msghdr* message, int flags) = nullptr;
  int (*poll)(pollfd* fds, nfds_t count, int timeoutMs) = nullptr;
};

struct NetlinkSocketOptions {
  int protocol = 0;              // NETLINK_GENERIC, NETLINK_ROUTE, …
  std::vector<uint32_t> groups;  // Multicast groups to join, by number.
  std::string netns;             // Namespace file to open the socket in; empty: that of the thread.
  NetlinkCalls calls;            // Replaced by tests.
};

// An AF_NETLINK socket with extended acknowledgements, bound to a port id that the kernel chose.
class NetlinkSocket final : public Channel {
 public:
  // Null on failure; 'error' is then -errno and 'what' (if not null) the system call.
  static std::unique_ptr<NetlinkSocket> Open(const NetlinkSocketOptions& options, int* error,
                                             const char** what = nullptr);
  ~NetlinkSocket() override;

  int Fd() const override { return fd_.get(); }
  uint32_t PortId() const override { return portId_; }
  bool WorksOnReceive() const override { return true; }
  int Receive(Slab& slab, int max) override;
  int ReceiveOne(std::vector<uint8_t>& out, int timeoutMs) override;
  int Send(std::span<const uint8_t> datagram) override;
  int64_t SetReceiveBuffer(int64_t bytes) override;
  const ChannelCounters& Counters() override;
  ChannelCounters& MutableCounters() override { return counters_; }
  void Close() override;

 private:
  struct Vectors;

  NetlinkSocket(UniqueFd fd, const NetlinkCalls& calls);
  int Configure(const NetlinkSocketOptions& options, const char** what);
  int ReceiveOnce(Slab& slab, int max, int* kept);
  int Keep(Slab& slab, int received);
  bool Acceptable(const msghdr& header, uint32_t senderPortId);
  int Wait(short events, int64_t deadlineMs);
  void RefreshLost();

  UniqueFd fd_;
  NetlinkCalls calls_;      // All set.
  uint32_t portId_ = 0;     // nl_pid of this socket.
  uint32_t dropsSeen_ = 0;  // The kernel's drop counter when it was last read; it wraps.
  ChannelCounters counters_;
  std::unique_ptr<Vectors> vectors_;   // Headers for recvmmsg; made at the first Receive.
  std::unique_ptr<uint8_t[]> single_;  // Slot for ReceiveOne, Slab::kSlotBytes; made at the first ReceiveOne.
};

}  // namespace slowpath
