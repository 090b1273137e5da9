#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>

#include "datapath/port_packet.h"
#include "wire/attributes.h"

// An internal port without TAP: a veth pair. One end has the port's name and is the host's; the other, "dpN-NAME", has the
// packet socket.
namespace slowpath {
namespace {

constexpr int kNames = 16;  // Values of N tried.

// One rtnetlink request and its acknowledgement: 0 or a positive errno.
int Transact(std::span<const uint8_t> message) {
  UniqueFd fd(socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd.valid() || send(fd.get(), message.data(), message.size(), 0) < 0) return errno;
  uint8_t answer[4096];
  ssize_t n = recv(fd.get(), answer, sizeof answer, 0);
  if (n < 0) return errno;
  if (n < NLMSG_HDRLEN + 4 || LoadHost<uint16_t>(answer + 4) != NLMSG_ERROR) return EPROTO;
  return -LoadHost<int32_t>(answer + NLMSG_HDRLEN);
}

// Appends nlmsghdr and struct ifinfomsg.
void BeginLink(ByteWriter& out, uint16_t type, uint16_t flags, uint32_t ifindex) {
  uint8_t* p = out.Push(NLMSG_HDRLEN + sizeof(ifinfomsg));
  StoreHost<uint16_t>(p + 4, type);
  StoreHost<uint16_t>(p + 6, static_cast<uint16_t>(flags | NLM_F_REQUEST | NLM_F_ACK));
  StoreHost<uint32_t>(p + NLMSG_HDRLEN + 4, ifindex);
}

int SendLink(ByteWriter& out) {
  if (out.overflowed()) return EMSGSIZE;
  StoreHost<uint32_t>(out.data(), static_cast<uint32_t>(out.size()));
  return Transact(out.bytes());
}

void PutName(ByteWriter& out, const std::string& name) {
  PutBytes(out, IFLA_IFNAME, {reinterpret_cast<const uint8_t*>(name.c_str()), name.size() + 1});
}

int MakePair(const std::string& name, const std::string& peer) {
  uint8_t room[512];
  ByteWriter out(room);
  BeginLink(out, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, 0);
  PutName(out, name);
  {
    NestedAttribute info(out, IFLA_LINKINFO);
    PutBytes(out, IFLA_INFO_KIND, {reinterpret_cast<const uint8_t*>("veth"), 4});
    NestedAttribute data(out, IFLA_INFO_DATA);
    NestedAttribute end(out, VETH_INFO_PEER);
    out.Push(sizeof(ifinfomsg));
    PutName(out, peer);
    PutU32(out, IFLA_MTU, 65535);  // The MTU that counts is that of the other end.
  }
  return SendLink(out);
}

// The inner end must not speak up by itself, which would look as if the switch did.
void Silence(uint32_t ifindex) {
  uint8_t room[256];
  ByteWriter out(room);
  BeginLink(out, RTM_SETLINK, 0, ifindex);
  {
    NestedAttribute families(out, IFLA_AF_SPEC);
    NestedAttribute inet6(out, AF_INET6);
    if (uint8_t* p = PutAttribute(out, IFLA_INET6_ADDR_GEN_MODE, 1)) *p = IN6_ADDR_GEN_MODE_NONE;
  }
  SendLink(out);  // Fails where there is no IPv6: then there is nothing to silence.
}

void DeleteLink(uint32_t ifindex) {
  uint8_t room[64];
  ByteWriter out(room);
  BeginLink(out, RTM_DELLINK, 0, ifindex);
  SendLink(out);  // Fails when somebody else deleted it before.
}

int BringUp(int fd, const std::string& name) {
  ifreq request = {};
  std::strncpy(request.ifr_name, name.c_str(), IFNAMSIZ - 1);
  request.ifr_flags = IFF_UP;
  return ioctl(fd, SIOCSIFFLAGS, &request) == 0 ? 0 : errno;
}

class VethPort : public PacketPort {
 public:
  using PacketPort::PacketPort;
  ~VethPort() override { DeleteLink(ifindex); }
};

}  // namespace

std::unique_ptr<Port> OpenVethPort(PortContext& context, const std::string& name, int* error) {
  if (if_nametoindex(name.c_str()) != 0) {
    *error = EEXIST;
    return nullptr;
  }
  std::string peer;
  *error = EEXIST;
  for (int i = 0; i < kNames && *error == EEXIST; i++) {
    peer = ("dp" + std::to_string(i) + "-" + name).substr(0, IFNAMSIZ - 1);
    *error = MakePair(name, peer);
  }
  if (*error != 0) return nullptr;
  uint32_t ifindex = if_nametoindex(name.c_str());
  Silence(if_nametoindex(peer.c_str()));
  uint32_t peerIndex = 0;
  UniqueFd fd = OpenPacketSocket(peer, &peerIndex, error);
  if (*error == 0) *error = BringUp(fd.get(), peer);
  if (*error != 0) {
    DeleteLink(ifindex);
    return nullptr;
  }
  return std::make_unique<VethPort>(context, OVS_VPORT_TYPE_INTERNAL, name, ifindex, std::move(fd));
}

}  // namespace slowpath
