#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <cstring>

#include "datapath/port.h"
#include "wire/bytes.h"

#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20
#define TUN_F_USO6 0x40
#endif

namespace slowpath {
namespace {

class TapPort : public Port {
 public:
  TapPort(PortContext& context, std::string name, uint32_t ifindex, UniqueFd fd, UniqueFd control)
      : Port(context, OVS_VPORT_TYPE_INTERNAL, std::move(name), ifindex, std::move(fd)),
        control_(std::move(control)) {}

  bool Receive(RxBatch& batch) override;

 protected:
  void SendQueued() override;

 private:
  bool FitsMtu(const Packet& packet);

  const UniqueFd control_;  // Any socket of the namespace, to ask for the MTU.
  uint32_t mtu_ = 1500;     // As last asked.
};

bool TapPort::Receive(RxBatch& batch) {
  for (int i = 0; i < RxBatch::kPackets; i++) {
    ssize_t n = readv(fd(), batch.messages[i].msg_hdr.msg_iov, 2);
    if (n < 0) {
      if (errno == EAGAIN || errno == EINTR) return true;
      if (DeviceIsGone()) return false;
      Count(context_.counters->rxErrors);
      return true;
    }
    if (static_cast<size_t>(n) < sizeof(VnetHeader)) continue;
    Accept(batch, i, static_cast<uint32_t>(n) - static_cast<uint32_t>(sizeof(VnetHeader)));
  }
  return true;
}

void TapPort::SendQueued() {
  for (int i = 0; i < queued_; i++) {
    Packet& packet = tx_[i];
    if (!FitsMtu(packet)) {
      CountFailure(EMSGSIZE);
      continue;
    }
    iovec parts[2] = {{&packet.offload, sizeof packet.offload}, {packet.data, packet.length}};
    if (writev(fd(), parts, 2) < 0) {
      CountFailure(errno);
      continue;
    }
    statistics_.tx_packets++;
    statistics_.tx_bytes += packet.length;
    Count(context_.counters->txPackets);
  }
}

// The device itself takes any frame that is written to it.
bool TapPort::FitsMtu(const Packet& packet) {
  if (packet.isGso()) return true;
  uint16_t type = LoadBe16(packet.data + 12);
  uint32_t header = ETH_HLEN + (type == ETH_P_8021Q || type == ETH_P_8021AD ? 4 : 0);
  if (packet.length <= mtu_ + header) return true;
  ifreq request = {};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  if (ioctl(control_.get(), SIOCGIFMTU, &request) == 0) mtu_ = static_cast<uint32_t>(request.ifr_mtu);
  return packet.length <= mtu_ + header;
}

}  // namespace

std::unique_ptr<Port> OpenTapPort(PortContext& context, const std::string& name, int* error) {
  UniqueFd control(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request = {};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  // Without this, TUNSETIFF would attach to a TAP device that someone else keeps.
  if (control.valid() && ioctl(control.get(), SIOCGIFINDEX, &request) == 0) {
    *error = EEXIST;
    return nullptr;
  }
  UniqueFd fd(open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
  request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
  *error = EBADF;
  if (!control.valid() || !fd.valid() || ioctl(fd.get(), TUNSETIFF, &request) != 0) {
    *error = errno;
    return nullptr;
  }
  const unsigned long offload = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;
  // Segmentation of UDP is younger (Linux 6.2).
  if (ioctl(fd.get(), TUNSETOFFLOAD, offload | TUN_F_USO4 | TUN_F_USO6) != 0 &&
      ioctl(fd.get(), TUNSETOFFLOAD, offload) != 0) {
    *error = errno;
    return nullptr;
  }
  if (ioctl(control.get(), SIOCGIFINDEX, &request) != 0) {
    *error = errno;
    return nullptr;
  }
  *error = 0;
  return std::make_unique<TapPort>(context, name, static_cast<uint32_t>(request.ifr_ifindex), std::move(fd),
                                   std::move(control));
}

}  // namespace slowpath
