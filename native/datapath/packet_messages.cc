#include <errno.h>
#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/actions.h"
#include "datapath/server.h"

// The family ovs_packet: OVS_PACKET_CMD_EXECUTE.
namespace slowpath {
namespace {

constexpr uint16_t kFlag = AttributeTable<OVS_PACKET_ATTR_HASH>::kFlag;
constexpr uint16_t kLeast[OVS_PACKET_ATTR_HASH + 1] = {0, ETH_HLEN, 0, 0, 0, 0, 0, 0, kFlag, 2, 4, 8};

}  // namespace

int Server::PacketExecute(const Request& request) {
  AttributeTable<OVS_PACKET_ATTR_HASH> a;
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (!a.has(OVS_PACKET_ATTR_PACKET) || !a.has(OVS_PACKET_ATTR_KEY) || !a.has(OVS_PACKET_ATTR_ACTIONS)) {
    return Fail(-EINVAL, "execute needs packet, key and actions");
  }
  std::span<const uint8_t> frame = a[OVS_PACKET_ATTR_PACKET];
  if (frame.size() > Buffer::kFrameBytes) return Fail(-EINVAL, "packet is too large");
  // The key gives metadata only; all else is in the packet, which may have been changed since.
  if (DecodeKey(a[OVS_PACKET_ATTR_KEY], key_) == Fitness::kError) return Fail(-EINVAL, LastDecodeProblem());
  // Without Ethernet addresses in its key it is a packet without Ethernet header.
  uint16_t bare = static_cast<uint16_t>(key_[flow::kPacketType]);
  if (bare == 0) {
    ExtractPacket(frame, key_);
  } else {
    ExtractBarePacket(frame, bare, key_);
  }
  std::span<const uint8_t> actions = a[OVS_PACKET_ATTR_ACTIONS];
  if (int error = CheckActions(actions, key_); error != 0) return error;
  Datapath* dp = FindDatapath(request.ifindex);
  if (dp == nullptr) return Fail(-ENODEV, "no such datapath");
  Buffer* buffer = engine_.pool.Get();
  if (buffer == nullptr) return Fail(-ENOMEM, "no packet buffer is free");
  Packet packet(buffer, static_cast<uint32_t>(frame.size()));
  std::memcpy(packet.data, frame.data(), frame.size());
  packet.bare = bare;
  if (a.has(OVS_PACKET_ATTR_MRU)) packet.mru = LoadHost<uint16_t>(a[OVS_PACKET_ATTR_MRU].data());
  if (a.has(OVS_PACKET_ATTR_HASH)) packet.hash = LoadHost<uint64_t>(a[OVS_PACKET_ATTR_HASH].data());
  engine_.Execute(*dp, packet, key_, actions);
  return 0;
}

}  // namespace slowpath
