#include <errno.h>
#include <linux/openvswitch.h>
#include <net/if.h>
#include <sys/epoll.h>

#include <cstring>

#include "datapath/server.h"

// The family ovs_vport.
namespace slowpath {
namespace {

constexpr uint16_t kLeast[OVS_VPORT_ATTR_NETNSID + 1] = {0, 4, 4, 1, 0, 0, sizeof(ovs_vport_stats), 0, 4, 4};
// Channels that one port may spread its upcalls over.
constexpr size_t kMaxPids = 1024;

}  // namespace

int Server::ParsePids(std::span<const uint8_t> bytes, std::vector<uint32_t>& out) {
  if (bytes.empty() || bytes.size() % sizeof(uint32_t) != 0 || bytes.size() / sizeof(uint32_t) > kMaxPids) {
    return -EINVAL;
  }
  out.resize(bytes.size() / sizeof(uint32_t));
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return 0;
}

int Server::AddPort(Datapath& dp, uint32_t number, uint32_t type, const std::string& name, Port** added) {
  if (name.empty() || name.size() >= IFNAMSIZ) return Fail(-EINVAL, "port name is empty or too long");
  if (type != OVS_VPORT_TYPE_NETDEV && type != OVS_VPORT_TYPE_INTERNAL) {
    return Fail(-EAFNOSUPPORT, "port type is not supported by this datapath");
  }
  for (const auto& each : datapaths_) {
    for (const auto& port : each->ports) {
      if (port != nullptr && port->name == name) {
        // The kernel's netdev_master_upper_dev_link tells a device's own master from another one.
        return type == OVS_VPORT_TYPE_INTERNAL || each.get() == &dp
                   ? Fail(-EEXIST, "a port of this name exists")
                   : Fail(-EBUSY, "the device is a port of another datapath");
      }
    }
  }
  int error = 0;
  std::unique_ptr<Port> port = type == OVS_VPORT_TYPE_NETDEV ? OpenPacketPort(engine_.ports, name, &error)
                                                             : OpenInternalPort(engine_.ports, name, &error);
  if (port == nullptr) {
    return Fail(-error, type == OVS_VPORT_TYPE_NETDEV ? "cannot open the device" : "cannot make the internal device");
  }
  port->number = number;
  port->datapath = &dp;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.ptr = port.get();
  if (epoll_ctl(epoll_, EPOLL_CTL_ADD, port->fd(), &event) != 0) return Fail(-errno, "cannot poll the device");
  if (dp.ports.size() <= number) dp.ports.resize(number + 1);
  *added = port.get();
  dp.ports[number] = std::move(port);
  return 0;
}

void Server::RemovePort(Datapath& dp, uint32_t number) {
  if (dp.PortAt(number) == nullptr) return;
  engine_.Flush();  // Something may be queued on it.
  epoll_ctl(epoll_, EPOLL_CTL_DEL, dp.ports[number]->fd(), nullptr);
  dp.ports[number].reset();
}

int Server::FindVport(const Request& request, const AttributeTable<9>& a, Datapath** dp, Port** port) {
  *port = nullptr;
  if (a.has(OVS_VPORT_ATTR_NAME)) {
    std::string name = TextOf(a[OVS_VPORT_ATTR_NAME]);
    for (const auto& each : datapaths_) {
      if (request.ifindex != 0 && each->ifindex != request.ifindex) continue;
      for (const auto& candidate : each->ports) {
        if (candidate == nullptr || candidate->name != name) continue;
        *dp = each.get();
        *port = candidate.get();
      }
    }
  } else if (a.has(OVS_VPORT_ATTR_PORT_NO)) {
    uint32_t number = a.U32(OVS_VPORT_ATTR_PORT_NO);
    if (number >= Datapath::kMaxPorts) return Fail(-EFBIG, "port number is too large");
    *dp = FindDatapath(request.ifindex);
    if (*dp == nullptr) return Fail(-ENODEV, "no such datapath");
    *port = (*dp)->PortAt(number);
  } else {
    return Fail(-EINVAL, "which port?");
  }
  return *port != nullptr ? 0 : Fail(-ENODEV, "no such port");
}

int Server::VportNew(const Request& request) {
  AttributeTable<9> a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (a.has(OVS_VPORT_ATTR_IFINDEX) || a.has(OVS_VPORT_ATTR_NETNSID)) {
    return Fail(-EOPNOTSUPP, "ports are known by name");
  }
  if (!a.has(OVS_VPORT_ATTR_NAME) || !a.has(OVS_VPORT_ATTR_TYPE) || !a.has(OVS_VPORT_ATTR_UPCALL_PID)) {
    return Fail(-EINVAL, "a port needs a name, a type and an upcall port id");
  }
  uint32_t number = a.has(OVS_VPORT_ATTR_PORT_NO) ? a.U32(OVS_VPORT_ATTR_PORT_NO) : 0;
  if (number >= Datapath::kMaxPorts) return Fail(-EFBIG, "port number is too large");
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  if (number != 0) {
    if (dp->PortAt(number) != nullptr) return Fail(-EBUSY, "port number is in use");
  } else {
    for (number = 1; dp->PortAt(number) != nullptr; number++) {
      if (number + 1 >= Datapath::kMaxPorts) return Fail(-EFBIG, "no port number is free");
    }
  }
  std::vector<uint32_t> pids;
  if (ParsePids(a[OVS_VPORT_ATTR_UPCALL_PID], pids) != 0) return Fail(-EINVAL, "bad list of upcall port ids");
  Port* port;
  int error = AddPort(*dp, number, a.U32(OVS_VPORT_ATTR_TYPE), TextOf(a[OVS_VPORT_ATTR_NAME]), &port);
  if (error != 0) return error;
  port->upcallPids = std::move(pids);
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillVport(*dp, *port, Head(request, OVS_VPORT_CMD_NEW), reply_);
    SendReply();
  }
  return 0;
}

int Server::VportDelete(const Request& request) {
  AttributeTable<9> a;
  Datapath* dp = nullptr;
  Port* port;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (int error = FindVport(request, a, &dp, &port); error != 0) return error;
  if (port->number == OVSP_LOCAL) return Fail(-EINVAL, "the local port goes with its datapath only");
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillVport(*dp, *port, Head(request, OVS_VPORT_CMD_DEL), reply_);
    SendReply();
  }
  RemovePort(*dp, port->number);
  return 0;
}

int Server::VportSet(const Request& request) {
  AttributeTable<9> a;
  Datapath* dp = nullptr;
  Port* port;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (int error = FindVport(request, a, &dp, &port); error != 0) return error;
  if (a.has(OVS_VPORT_ATTR_TYPE) && a.U32(OVS_VPORT_ATTR_TYPE) != port->type) {
    return Fail(-EINVAL, "the type of a port cannot change");
  }
  if (a.has(OVS_VPORT_ATTR_OPTIONS)) return Fail(-EOPNOTSUPP, "ports of this type have no options");
  if (a.has(OVS_VPORT_ATTR_UPCALL_PID) && ParsePids(a[OVS_VPORT_ATTR_UPCALL_PID], port->upcallPids) != 0) {
    return Fail(-EINVAL, "bad list of upcall port ids");
  }
  if ((request.flags & NLM_F_ECHO) != 0) {
    FillVport(*dp, *port, Head(request, OVS_VPORT_CMD_SET), reply_);
    SendReply();
  }
  return 0;
}

int Server::VportGet(const Request& request) {
  AttributeTable<9> a;
  Datapath* dp = nullptr;
  Port* port;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (int error = FindVport(request, a, &dp, &port); error != 0) return error;
  FillVport(*dp, *port, Head(request, OVS_VPORT_CMD_GET), reply_);
  SendReply();
  return 0;
}

void Server::FillVport(const Datapath& dp, Port& port, const MessageHead& head, ByteWriter& out) {
  size_t start = out.size();
  PutHeaders(out, head, dp.ifindex);
  PutU32(out, OVS_VPORT_ATTR_PORT_NO, port.number);
  PutU32(out, OVS_VPORT_ATTR_TYPE, port.type);
  PutBytes(out, OVS_VPORT_ATTR_NAME, {reinterpret_cast<const uint8_t*>(port.name.c_str()), port.name.size() + 1});
  PutU32(out, OVS_VPORT_ATTR_IFINDEX, port.ifindex);
  if (uint8_t* p = PutAttribute(out, OVS_VPORT_ATTR_STATS, sizeof(ovs_vport_stats))) {
    ovs_vport_stats stats = port.Statistics();
    std::memcpy(p, &stats, sizeof stats);
  }
  // Without the feature userspace understands one port id only.
  size_t ids = (dp.userFeatures & OVS_DP_F_VPORT_PIDS) != 0 ? port.upcallPids.size() : 1;
  PutBytes(out, OVS_VPORT_ATTR_UPCALL_PID,
           {reinterpret_cast<const uint8_t*>(port.upcallPids.data()), ids * sizeof(uint32_t)});
  FinishMessage(out, start);
}

bool Server::DumpVports(Dump& dump, ByteWriter& out) {
  Datapath* dp = FindDatapath(dump.request.ifindex);
  if (dp == nullptr) {
    dump.error = -ENODEV;
    return false;
  }
  MessageHead head = Head(dump.request, OVS_VPORT_CMD_NEW);
  head.flags = NLM_F_MULTI;
  for (; dump.next < dp->ports.size() && out.size() < kDumpBytes; dump.next++) {
    Port* port = dp->PortAt(dump.next);
    if (port == nullptr) continue;
    size_t start = out.size();
    FillVport(*dp, *port, head, out);
    if (out.overflowed()) {
      out.Truncate(start);
      break;
    }
  }
  return dump.next < dp->ports.size();
}

}  // namespace slowpath
