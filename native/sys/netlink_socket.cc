#include "sys/netlink_socket.h"

#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>

#include "sys/clock.h"
#include "sys/netlink_drops.h"
#include "sys/netns.h"

namespace slowpath {
namespace {

// Send buffer: netlink refuses a datagram larger than it. Twice what the addon sends at once.
constexpr int kSendBufferBytes = 256 * 1024;
// How long Send waits for room before it gives up with EAGAIN.
constexpr int kSendPatienceMs = 5000;
// Receives in a row that may bring nothing but unacceptable datagrams or ENOBUFS before Receive returns to
// its caller; what is left makes the socket readable again.
constexpr int kMaxFruitless = 8;

int SetOption(int fd, int level, int option, int value) {
  return setsockopt(fd, level, option, &value, sizeof value);
}

}  // namespace

// recvmmsg's view of a slab: message i lands in slot i.
struct NetlinkSocket::Vectors {
  mmsghdr messages[kBatch];
  iovec slots[kBatch];
  sockaddr_nl senders[kBatch];
  const uint8_t* slabBytes = nullptr;  // The slab that 'slots' point into.

  void Point(Slab& slab) {
    if (slabBytes == slab.bytes) return;
    slabBytes = slab.bytes;
    for (int i = 0; i < kBatch; i++) {
      slots[i] = {slab.bytes + i * Slab::kSlotBytes, Slab::kSlotBytes};
      messages[i] = {};
      messages[i].msg_hdr.msg_iov = &slots[i];
      messages[i].msg_hdr.msg_iovlen = 1;
      messages[i].msg_hdr.msg_name = &senders[i];
    }
  }
};

std::unique_ptr<NetlinkSocket> NetlinkSocket::Open(const NetlinkSocketOptions& options, int* error,
                                                   const char** what) {
  NetnsScope scope;
  *error = scope.Enter(options.netns, what);
  if (*error != 0) return nullptr;
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, options.protocol));
  if (!fd.valid()) {
    *error = -errno;
    if (what != nullptr) *what = "socket";
    return nullptr;
  }
  std::unique_ptr<NetlinkSocket> self(new NetlinkSocket(std::move(fd), options.calls));
  const char* call = nullptr;
  *error = self->Configure(options, &call);
  if (*error == 0) return self;
  if (what != nullptr) *what = call;
  return nullptr;
}

NetlinkSocket::NetlinkSocket(UniqueFd fd, const NetlinkCalls& calls) : fd_(std::move(fd)), calls_(calls) {
  if (calls_.recvmmsg == nullptr) calls_.recvmmsg = ::recvmmsg;
  if (calls_.recvmsg == nullptr) calls_.recvmsg = ::recvmsg;
  if (calls_.sendmsg == nullptr) calls_.sendmsg = ::sendmsg;
  if (calls_.poll == nullptr) calls_.poll = ::poll;
}

NetlinkSocket::~NetlinkSocket() = default;

// Both acknowledgement options exist since Linux 4.12 at the latest; without them errors are only poorer, so
// their failure is no failure of the socket. The send buffer likewise: Send reports EMSGSIZE when it is too
// small.
int NetlinkSocket::Configure(const NetlinkSocketOptions& options, const char** what) {
  int fd = fd_.get();
  SetOption(fd, SOL_NETLINK, NETLINK_EXT_ACK, 1);
  SetOption(fd, SOL_NETLINK, NETLINK_CAP_ACK, 1);
  if (SetOption(fd, SOL_SOCKET, SO_SNDBUFFORCE, kSendBufferBytes) != 0) {
    SetOption(fd, SOL_SOCKET, SO_SNDBUF, kSendBufferBytes);
  }
  sockaddr_nl address = {};
  address.nl_family = AF_NETLINK;
  socklen_t length = sizeof address;
  *what = "bind";
  if (bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return -errno;
  *what = "getsockname";
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) return -errno;
  portId_ = address.nl_pid;
  *what = "setsockopt";
  for (uint32_t group : options.groups) {
    if (SetOption(fd, SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, static_cast<int>(group)) != 0) return -errno;
  }
  return 0;
}

int NetlinkSocket::Receive(Slab& slab, int max) {
  if (!fd_.valid()) return -EBADF;
  if (vectors_ == nullptr) vectors_ = std::make_unique<Vectors>();
  vectors_->Point(slab);
  max = std::min(max, kBatch);
  for (int fruitless = 0; fruitless < kMaxFruitless; fruitless++) {
    int kept = 0;
    int error = ReceiveOnce(slab, max, &kept);
    if (kept > 0) return kept;
    if (error == -EAGAIN) return 0;
    if (error != 0) return error;
  }
  return 0;
}

// One recvmmsg. 0 also when all it brought was dropped, or the socket had overflowed: the caller tries again.
int NetlinkSocket::ReceiveOnce(Slab& slab, int max, int* kept) {
  for (int i = 0; i < max; i++) vectors_->messages[i].msg_hdr.msg_namelen = sizeof(sockaddr_nl);
  counters_.receiveCalls++;
  int received =
      calls_.recvmmsg(fd_.get(), vectors_->messages, static_cast<unsigned>(max), MSG_DONTWAIT, nullptr);
  if (received >= 0) {
    *kept = Keep(slab, received);
    return 0;
  }
  if (errno == EINTR) return 0;
  if (errno == EWOULDBLOCK) return -EAGAIN;
  if (errno != ENOBUFS) return -errno;
  // Messages were lost since the last receive. The socket has forgotten the error by reporting it, and what
  // did fit into the buffer is still there.
  counters_.overruns++;
  return 0;
}

int NetlinkSocket::Keep(Slab& slab, int received) {
  int kept = 0;
  for (int i = 0; i < received; i++) {
    if (!Acceptable(vectors_->messages[i].msg_hdr, vectors_->senders[i].nl_pid)) continue;
    slab.offsets[kept] = static_cast<uint32_t>(i * Slab::kSlotBytes);
    slab.lengths[kept] = vectors_->messages[i].msg_len;
    kept++;
  }
  return kept;
}

// Counts what has arrived. Any process may send to our port id; only the kernel's is 0.
bool NetlinkSocket::Acceptable(const msghdr& header, uint32_t senderPortId) {
  counters_.received++;
  if (senderPortId != 0) {
    counters_.foreign++;
    return false;
  }
  if ((header.msg_flags & MSG_TRUNC) != 0) {
    counters_.truncated++;
    return false;
  }
  return true;
}

int NetlinkSocket::ReceiveOne(std::vector<uint8_t>& out, int timeoutMs) {
  if (single_ == nullptr) single_ = std::make_unique_for_overwrite<uint8_t[]>(Slab::kSlotBytes);
  int64_t deadline = NowMs() + timeoutMs;
  for (;;) {
    if (!fd_.valid()) return -EBADF;
    sockaddr_nl sender = {};
    iovec room = {single_.get(), Slab::kSlotBytes};
    msghdr header = {};
    header.msg_name = &sender;
    header.msg_namelen = sizeof sender;
    header.msg_iov = &room;
    header.msg_iovlen = 1;
    counters_.receiveCalls++;
    ssize_t length = calls_.recvmsg(fd_.get(), &header, MSG_DONTWAIT);
    if (length >= 0) {
      if (Acceptable(header, sender.nl_pid)) {
        out.assign(single_.get(), single_.get() + length);
        return static_cast<int>(length);
      }
      // Waiting on would end in a timeout that hides the reason.
      if (sender.nl_pid == 0) return -EMSGSIZE;
      if (NowMs() >= deadline) return -ETIMEDOUT;
    } else if (errno == ENOBUFS) {
      counters_.overruns++;
    } else if (errno == EAGAIN) {
      int error = Wait(POLLIN, deadline);
      if (error != 0) return error;
    } else if (errno != EINTR) {
      return -errno;
    }
  }
}

int NetlinkSocket::Send(std::span<const uint8_t> datagram) {
  if (!fd_.valid()) return -EBADF;
  sockaddr_nl kernel = {};
  kernel.nl_family = AF_NETLINK;
  iovec bytes = {const_cast<uint8_t*>(datagram.data()), datagram.size()};
  msghdr header = {};
  header.msg_name = &kernel;
  header.msg_namelen = sizeof kernel;
  header.msg_iov = &bytes;
  header.msg_iovlen = 1;
  int64_t deadline = 0;  // Taken when it is first needed: sending to the kernel hardly ever waits.
  for (;;) {
    counters_.sendCalls++;
    if (calls_.sendmsg(fd_.get(), &header, MSG_DONTWAIT) >= 0) {
      counters_.sent++;
      return 0;
    }
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -errno;
    if (deadline == 0) deadline = NowMs() + kSendPatienceMs;
    int error = Wait(POLLOUT, deadline);
    if (error != 0) return error == -ETIMEDOUT ? -EAGAIN : error;
  }
}

// 0 when ready (or in error, which the next call will report), else -ETIMEDOUT or -errno.
int NetlinkSocket::Wait(short events, int64_t deadlineMs) {
  for (;;) {
    int64_t left = std::max<int64_t>(0, deadlineMs - NowMs());
    pollfd fd = {fd_.get(), events, 0};
    int ready = calls_.poll(&fd, 1, static_cast<int>(std::min<int64_t>(left, INT32_MAX)));
    if (ready > 0) return 0;
    if (ready == 0) return -ETIMEDOUT;
    if (errno != EINTR) return -errno;
  }
}

int64_t NetlinkSocket::SetReceiveBuffer(int64_t bytes) {
  if (!fd_.valid()) return -EBADF;
  int value = static_cast<int>(std::clamp<int64_t>(bytes, 0, INT32_MAX / 2));
  if (SetOption(fd_.get(), SOL_SOCKET, SO_RCVBUFFORCE, value) != 0 &&
      SetOption(fd_.get(), SOL_SOCKET, SO_RCVBUF, value) != 0) {
    return -errno;
  }
  socklen_t length = sizeof value;
  if (getsockopt(fd_.get(), SOL_SOCKET, SO_RCVBUF, &value, &length) != 0) return -errno;
  return value;
}

void NetlinkSocket::RefreshLost() {
  uint32_t drops;
  if (!fd_.valid() || !ReadNetlinkDrops(fd_.get(), &drops)) return;
  counters_.lost += drops - dropsSeen_;  // Modulo 2^32, as the kernel counts.
  dropsSeen_ = drops;
}

const ChannelCounters& NetlinkSocket::Counters() {
  RefreshLost();
  return counters_;
}

void NetlinkSocket::Close() {
  RefreshLost();
  fd_.Reset();
}

}  // namespace slowpath
