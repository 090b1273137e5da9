#include <arpa/inet.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "datapath/headers.h"
#include "datapath/port_packet.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

namespace slowpath {
namespace {

// Packets wait in the socket while the thread works; a segmented one can count for 64 KiB and more.
constexpr int kSocketBytes = 8 << 20;

int CheckDevice(int fd, const std::string& name, uint32_t* ifindex) {
  ifreq request = {};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (ioctl(fd, SIOCGIFINDEX, &request) != 0) return errno;
  *ifindex = static_cast<uint32_t>(request.ifr_ifindex);
  if (ioctl(fd, SIOCGIFFLAGS, &request) != 0) return errno;
  if ((request.ifr_flags & IFF_LOOPBACK) != 0) return EINVAL;
  if (ioctl(fd, SIOCGIFHWADDR, &request) != 0) return errno;
  return request.ifr_hwaddr.sa_family == ARPHRD_ETHER ? 0 : EINVAL;
}

// A veth pair has no queue to bypass, only the work of asking for one.
bool IsVeth(int fd, const std::string& name) {
  ethtool_drvinfo info = {};
  info.cmd = ETHTOOL_GDRVINFO;
  ifreq request = {};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_data = reinterpret_cast<char*>(&info);
  return ioctl(fd, SIOCETHTOOL, &request) == 0 && std::strcmp(info.driver, "veth") == 0;
}

int Configure(int fd, uint32_t ifindex, bool bypass) {
  const int on = 1;
  for (int option : {PACKET_VNET_HDR, PACKET_AUXDATA, PACKET_IGNORE_OUTGOING}) {
    if (setsockopt(fd, SOL_PACKET, option, &on, sizeof on) != 0) return errno;
  }
  if (bypass && setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &on, sizeof on) != 0) return errno;
  for (int option : {SO_RCVBUFFORCE, SO_SNDBUFFORCE}) {
    if (setsockopt(fd, SOL_SOCKET, option, &kSocketBytes, sizeof kSocketBytes) == 0) continue;
    // Not privileged over the machine, only over this namespace: as much as anyone may have.
    int plain = option == SO_RCVBUFFORCE ? SO_RCVBUF : SO_SNDBUF;
    if (setsockopt(fd, SOL_SOCKET, plain, &kSocketBytes, sizeof kSocketBytes) != 0) return errno;
  }
  packet_mreq membership = {};
  membership.mr_ifindex = static_cast<int>(ifindex);
  membership.mr_type = PACKET_MR_PROMISC;
  if (setsockopt(fd, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &membership, sizeof membership) != 0) return errno;
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(ifindex);
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return errno;
  // A device that is down leaves ENETDOWN for the next call on the socket, which may come when it is up.
  int pending;
  socklen_t size = sizeof pending;
  return getsockopt(fd, SOL_SOCKET, SO_ERROR, &pending, &size) == 0 ? 0 : errno;
}

}  // namespace

PacketPort::PacketPort(PortContext& context, uint32_t type, std::string name, uint32_t ifindex, UniqueFd fd)
    : Port(context, type, std::move(name), ifindex, std::move(fd)) {
  for (int i = 0; i < kTxBatch; i++) {
    messages_[i] = {};
    messages_[i].msg_hdr.msg_iov = parts_[i];
    messages_[i].msg_hdr.msg_iovlen = 2;
    parts_[i][0] = {&tx_[i].offload, sizeof(VnetHeader)};
  }
}

bool PacketPort::Receive(RxBatch& batch) {
  for (int i = 0; i < RxBatch::kPackets; i++) batch.messages[i].msg_hdr.msg_controllen = RxBatch::kControlBytes;
  int n = recvmmsg(fd(), batch.messages, RxBatch::kPackets, MSG_DONTWAIT, nullptr);
  if (n < 0) {
    if (errno == EAGAIN || errno == EINTR) return true;
    if (DeviceIsGone()) return false;
    // ENETDOWN is how a packet socket says, once, that its device went down.
    if (errno != ENETDOWN) Count(context_.counters->rxErrors);
    return true;
  }
  for (int i = 0; i < n; i++) {
    const mmsghdr& message = batch.messages[i];
    if (message.msg_len < sizeof(VnetHeader) || (message.msg_hdr.msg_flags & MSG_TRUNC) != 0) {
      statistics_.rx_errors++;
      Count(context_.counters->rxTruncated);
      continue;
    }
    int before = batch.count;
    Accept(batch, i, message.msg_len - static_cast<uint32_t>(sizeof(VnetHeader)));
    if (batch.count != before) RestoreTag(message.msg_hdr, batch.packets[before]);
  }
  return true;
}

// The kernel takes the outermost tag out of the frame before packet sockets see it.
void PacketPort::RestoreTag(const msghdr& header, Packet& packet) {
  for (const cmsghdr* c = CMSG_FIRSTHDR(&header); c != nullptr;
       c = CMSG_NXTHDR(const_cast<msghdr*>(&header), const_cast<cmsghdr*>(c))) {
    if (c->cmsg_level != SOL_PACKET || c->cmsg_type != PACKET_AUXDATA) continue;
    tpacket_auxdata aux;
    std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
    if ((aux.tp_status & TP_STATUS_VLAN_VALID) == 0) return;
    bool hasTpid = (aux.tp_status & TP_STATUS_VLAN_TPID_VALID) != 0;
    PushVlan(packet, hasTpid ? aux.tp_vlan_tpid : ETH_P_8021Q, aux.tp_vlan_tci);
    statistics_.rx_bytes += 4;
    return;
  }
}

void PacketPort::SendQueued() {
  uint64_t bytes[kTxBatch];
  for (int i = 0; i < queued_; i++) {
    parts_[i][1] = {tx_[i].data, tx_[i].length};
    bytes[i] = tx_[i].length;
  }
  for (int at = 0; at < queued_;) {
    int n = sendmmsg(fd(), messages_ + at, static_cast<unsigned>(queued_ - at), MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      CountFailure(errno);
      at++;
      continue;
    }
    for (int i = at; i < at + n; i++) statistics_.tx_bytes += bytes[i];
    statistics_.tx_packets += static_cast<uint64_t>(n);
    Count(context_.counters->txPackets, static_cast<uint64_t>(n));
    at += n;
  }
}

ovs_vport_stats PacketPort::Statistics() {
  tpacket_stats stats = {};
  socklen_t size = sizeof stats;
  // Reading resets the socket's own count.
  if (getsockopt(fd(), SOL_PACKET, PACKET_STATISTICS, &stats, &size) == 0) statistics_.rx_dropped += stats.tp_drops;
  return statistics_;
}

UniqueFd OpenPacketSocket(const std::string& name, uint32_t* ifindex, int* error) {
  // Protocol 0: nothing is received before bind says from which device.
  UniqueFd fd(socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  *error = fd.valid() ? CheckDevice(fd.get(), name, ifindex) : errno;
  if (*error == 0) *error = Configure(fd.get(), *ifindex, IsVeth(fd.get(), name));
  return *error == 0 ? std::move(fd) : UniqueFd();
}

std::unique_ptr<Port> OpenPacketPort(PortContext& context, const std::string& name, int* error) {
  uint32_t ifindex = 0;
  UniqueFd fd = OpenPacketSocket(name, &ifindex, error);
  if (!fd.valid()) return nullptr;
  return std::make_unique<PacketPort>(context, OVS_VPORT_TYPE_NETDEV, name, ifindex, std::move(fd));
}

}  // namespace slowpath
