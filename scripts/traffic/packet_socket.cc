#include "packet_socket.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace traffic {

namespace {

constexpr size_t kLargestFrame = 65'536 + 64;
constexpr size_t kTagOffset = 12;  // Behind the two MAC addresses.

void Option(int fd, int level, int name, int value, const char* what) {
  if (setsockopt(fd, level, name, &value, sizeof value) != 0) Die(what);
}

void Enter(int netnsFd) {
  if (setns(netnsFd, CLONE_NEWNET) != 0) Die("setns");
}

Fd OpenHere(const std::string& device, int receiveBuffer) {
  const int protocol = receiveBuffer > 0 ? htons(ETH_P_ALL) : 0;
  // Without a protocol until it is bound: no frame of another device gets in.
  Fd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) Die("socket(AF_PACKET)");
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = static_cast<uint16_t>(protocol);
  address.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
  if (address.sll_ifindex == 0) Die(device);
  if (receiveBuffer > 0) {
    Option(fd.get(), SOL_PACKET, PACKET_AUXDATA, 1, "PACKET_AUXDATA");
    Option(fd.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, "PACKET_IGNORE_OUTGOING");
    Option(fd.get(), SOL_SOCKET, SO_TIMESTAMPNS, 1, "SO_TIMESTAMPNS");
    if (setsockopt(fd.get(), SOL_SOCKET, SO_RCVBUFFORCE, &receiveBuffer, sizeof receiveBuffer) != 0)
      Option(fd.get(), SOL_SOCKET, SO_RCVBUF, receiveBuffer, "SO_RCVBUF");
  }
  if (bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) Die("bind " + device);
  return fd;
}

// The kernel hands the outer tag over beside the frame when it was accelerated; puts it back.
void RestoreTag(const tpacket_auxdata& aux, std::vector<uint8_t>& bytes) {
  if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0 || bytes.size() < kTagOffset) return;
  const uint16_t tpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0 ? aux.tp_vlan_tpid : ETH_P_8021Q;
  const uint16_t tci = aux.tp_vlan_tci;
  const uint8_t tag[4] = {static_cast<uint8_t>(tpid >> 8), static_cast<uint8_t>(tpid),
                          static_cast<uint8_t>(tci >> 8), static_cast<uint8_t>(tci)};
  bytes.insert(bytes.begin() + kTagOffset, tag, tag + sizeof tag);
}

}  // namespace

Fd::~Fd() {
  if (fd_ >= 0) close(fd_);
}

void Die(const std::string& what, bool withErrno) {
  const int error = errno;
  std::fprintf(stderr, "traffic: %s%s%s\n", what.c_str(), withErrno ? ": " : "",
               withErrno ? strerror(error) : "");
  std::exit(1);
}

Fd OpenPacketSocket(const std::string& device, const std::string& netns, int receiveBuffer) {
  if (netns.empty()) return OpenHere(device, receiveBuffer);
  const std::string path = netns.find('/') == std::string::npos ? "/run/netns/" + netns : netns;
  const Fd there(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const Fd here(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC));
  if (there.get() < 0) Die(path);
  if (here.get() < 0) Die("/proc/self/ns/net");
  Enter(there.get());
  Fd fd = OpenHere(device, receiveBuffer);
  Enter(here.get());
  return fd;
}

bool ReceiveFrame(int fd, int timeoutMs, Frame& frame) {
  pollfd waiting{fd, POLLIN, 0};
  const int ready = poll(&waiting, 1, timeoutMs);
  if (ready < 0 && errno != EINTR) Die("poll");
  if (ready <= 0) return false;
  frame.bytes.resize(kLargestFrame);
  iovec vector{frame.bytes.data(), frame.bytes.size()};
  alignas(cmsghdr) char control[256];
  msghdr message{};
  message.msg_iov = &vector;
  message.msg_iovlen = 1;
  message.msg_control = control;
  message.msg_controllen = sizeof control;
  const ssize_t length = recvmsg(fd, &message, MSG_DONTWAIT);
  if (length < 0) {
    if (errno == EAGAIN || errno == EINTR) return false;
    Die("recvmsg");
  }
  frame.bytes.resize(static_cast<size_t>(length));
  frame.arrivedNs = 0;
  for (cmsghdr* c = CMSG_FIRSTHDR(&message); c != nullptr; c = CMSG_NXTHDR(&message, c)) {
    if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
      timespec at;
      std::memcpy(&at, CMSG_DATA(c), sizeof at);
      frame.arrivedNs = static_cast<uint64_t>(at.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(at.tv_nsec);
    } else if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
      tpacket_auxdata aux;
      std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
      RestoreTag(aux, frame.bytes);
    }
  }
  return true;
}

uint32_t DroppedFrames(int fd) {
  tpacket_stats stats{};
  socklen_t size = sizeof stats;
  if (getsockopt(fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size) != 0) Die("PACKET_STATISTICS");
  return stats.tp_drops;
}

uint64_t NowNs(int clock) {
  timespec now;
  clock_gettime(clock, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace traffic
