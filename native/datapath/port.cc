#include "datapath/port.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <net/if.h>

#include <algorithm>

#include "datapath/checksum.h"

namespace slowpath {

RxBatch::RxBatch() : pool_(kPackets, nullptr, nullptr) {
  for (int i = 0; i < kPackets; i++) {
    buffers_[i] = pool_.Get();
    buffers_[i]->references = 1;  // Keeps Get from finding it again.
  }
  for (int i = 0; i < kPackets; i++) {
    buffers_[i]->references = 0;
    parts_[i][0] = {&offloads[i], sizeof offloads[i]};
    parts_[i][1] = {buffers_[i]->bytes + Buffer::kHeadroom, Buffer::kFrameBytes};
    msghdr& header = messages[i].msg_hdr;
    header = {};
    header.msg_iov = parts_[i];
    header.msg_iovlen = 2;
    header.msg_control = control_[i];
    header.msg_controllen = kControlBytes;
  }
}

void RxBatch::Clear() {
  for (int i = 0; i < count; i++) packets[i] = Packet();
  count = 0;
}

Port::Port(PortContext& context, uint32_t type, std::string name, uint32_t ifindex, UniqueFd fd)
    : type(type), name(std::move(name)), ifindex(ifindex), context_(context), fd_(std::move(fd)) {}

void Port::Transmit(const Packet& packet) {
  if (queued_ == kTxBatch) {
    // Stays on the dirty list.
    SendQueued();
    std::fill(tx_, tx_ + queued_, Packet());
    queued_ = 0;
  } else if (queued_ == 0) {
    context_.dirty.push_back(this);
  }
  Packet& out = tx_[queued_++];
  out = packet;
  if (out.cut == 0) return;
  // As Linux: never into the Ethernet header. What offload was asked for fits the whole packet only.
  out.length = out.length > out.cut + ETH_HLEN ? out.length - out.cut : ETH_HLEN;
  out.offload = {};
}

void Port::Flush() {
  if (queued_ == 0) return;
  SendQueued();
  std::fill(tx_, tx_ + queued_, Packet());
  queued_ = 0;
}

void Port::CountFailure(int error) {
  switch (error) {
    case EAGAIN:
    case ENOBUFS:
    case ENETDOWN:
    case EIO:  // A TAP device that is down.
      statistics_.tx_dropped++;
      Count(context_.counters->txDropped);
      break;
    case EMSGSIZE:
      statistics_.tx_errors++;
      Count(context_.counters->txOverMtu);
      break;
    default:
      statistics_.tx_errors++;
      Count(context_.counters->txErrors);
  }
}

void Port::Accept(RxBatch& batch, int slot, uint32_t length) {
  statistics_.rx_packets++;
  statistics_.rx_bytes += length;
  Count(context_.counters->rxPackets);
  if (length < ETH_HLEN) {
    statistics_.rx_errors++;
    Count(context_.counters->rxShort);
    return;
  }
  Packet& packet = batch.packets[batch.count];
  packet = Packet(batch.buffer(slot), length);
  packet.offload = batch.offloads[slot];
  if (!OffloadIsSane(packet)) {
    statistics_.rx_errors++;
    Count(context_.counters->rxBadOffload);
    packet = Packet();
    return;
  }
  // Devices that take Internet checksums do not know SCTP's; no socket can say that it is one.
  if (packet.needsChecksum() && packet.offload.csum_offset == 8) CompleteChecksum(packet);
  batch.count++;
}

bool Port::DeviceIsGone() const {
  char buffer[IF_NAMESIZE];
  return if_indextoname(ifindex, buffer) == nullptr;
}

std::unique_ptr<Port> OpenInternalPort(PortContext& context, const std::string& name, int* error) {
  auto port = OpenTapPort(context, name, error);
  // Root of a user namespace is nobody to the owner of /dev/net/tun; and some machines have none.
  bool noTap = *error == EACCES || *error == EPERM || *error == ENOENT || *error == ENODEV || *error == ENXIO;
  return port != nullptr || !noTap ? std::move(port) : OpenVethPort(context, name, error);
}

}  // namespace slowpath
