#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "datapath/checksum.h"
#include "datapath/conntrack/nat.h"
#include "wire/bytes.h"

// Packets of translated connections.
namespace slowpath {
namespace {

void StoreAddress(uint8_t* p, const uint32_t* words, uint8_t version) {
  for (int i = 0; i < (version == 4 ? 1 : 4); i++) StoreBe32(p + 4 * i, words[i]);
}

bool SameAddress(const uint32_t* a, const uint32_t* b) { return std::memcmp(a, b, 16) == 0; }

// Addresses of the IP header, where 'from' and 'to' differ.
bool SetAddresses(Packet& packet, const Tuple& from, const Tuple& to) {
  bool source = !SameAddress(from.source, to.source), destination = !SameAddress(from.destination, to.destination);
  if (!source && !destination) return true;
  bool ipv4 = from.version == 4;
  uint8_t value[sizeof(ovs_key_ipv6)] = {}, mask[sizeof(ovs_key_ipv6)] = {};
  size_t bytes = ipv4 ? 4 : 16;
  if (source) {
    StoreAddress(value, to.source, to.version);
    std::memset(mask, 0xff, bytes);
  }
  if (destination) {
    StoreAddress(value + bytes, to.destination, to.version);
    std::memset(mask + bytes, 0xff, bytes);
  }
  size_t size = ipv4 ? sizeof(ovs_key_ipv4) : sizeof(ovs_key_ipv6);
  return SetHeader(packet, ipv4 ? OVS_KEY_ATTR_IPV4 : OVS_KEY_ATTR_IPV6, std::span(value).first(size),
                   std::span(mask).first(size));
}

bool SetPorts(Packet& packet, const Tuple& from, const Tuple& to) {
  if (from.sourcePort == to.sourcePort && from.destinationPort == to.destinationPort) return true;
  uint8_t value[4];
  static constexpr uint8_t kOnes[4] = {0xff, 0xff, 0xff, 0xff};
  StoreBe16(value, to.sourcePort);
  StoreBe16(value + 2, to.destinationPort);
  uint16_t type = from.protocol == IPPROTO_TCP   ? OVS_KEY_ATTR_TCP
                  : from.protocol == IPPROTO_UDP ? OVS_KEY_ATTR_UDP
                                                 : OVS_KEY_ATTR_SCTP;
  return SetHeader(packet, type, value, kOnes);
}

void SetIdentifier(Packet& packet, uint32_t at, uint16_t identifier) {
  uint8_t* icmp = packet.data + at;
  uint8_t old[2] = {icmp[4], icmp[5]};
  StoreBe16(icmp + 4, identifier);
  // A device that completes the sum will see it.
  if (!packet.needsChecksum()) ChecksumReplace(icmp + 2, old, icmp + 4, 2);
}

// The packet inside an ICMP error as its sender sent it. Its checksums follow as far as they are there.
class InnerRewriter {
 public:
  InnerRewriter(Packet& packet, const TrackedPacket& parsed, const Tuple& from, const Tuple& to)
      : ip_(packet.data + parsed.inner), from_(from), to_(to) {
    end_ = packet.data + parsed.headers.l4 + parsed.l4Bytes;
    if (parsed.innerL4 != 0) l4_ = packet.data + parsed.innerL4;
    field_ = Field();
  }

  void Run() {
    uint32_t size = from_.version == 4 ? 4 : 16;
    uint8_t* addresses = ip_ + (from_.version == 4 ? 12 : 8);
    if (!SameAddress(from_.source, to_.source)) Address(addresses, to_.source, size);
    if (!SameAddress(from_.destination, to_.destination)) Address(addresses + size, to_.destination, size);
    if (l4_ == nullptr) return;
    if (from_.hasPorts()) {
      Word(l4_, to_.sourcePort);
      Word(l4_ + 2, to_.destinationPort);
    } else if (from_.isIcmp()) {
      Word(l4_ + 4, to_.sourcePort);
    }
  }

 private:
  // The transport checksum; null when it is cut off, there is none, or it is a CRC over more than is here.
  uint8_t* Field() const {
    if (l4_ == nullptr) return nullptr;
    uint32_t at = from_.protocol == IPPROTO_TCP ? 16 : from_.protocol == IPPROTO_UDP ? 6 : from_.isIcmp() ? 2 : 0;
    if (at == 0 || end_ - l4_ < static_cast<ptrdiff_t>(at) + 2) return nullptr;
    return from_.protocol == IPPROTO_UDP && LoadBe16(l4_ + at) == 0 ? nullptr : l4_ + at;
  }
  void Address(uint8_t* p, const uint32_t* words, uint32_t size) {
    uint8_t old[16];
    std::memcpy(old, p, size);
    StoreAddress(p, words, from_.version);
    if (from_.version == 4) ChecksumReplace(ip_ + 10, old, p, size);
    bool pseudo = from_.protocol != IPPROTO_ICMP;
    if (field_ != nullptr && pseudo) ChecksumReplace(field_, old, p, size);
  }
  void Word(uint8_t* p, uint16_t value) {
    uint8_t old[2] = {p[0], p[1]};
    StoreBe16(p, value);
    if (field_ != nullptr) ChecksumReplace(field_, old, p, 2);
  }

  uint8_t* ip_;
  const Tuple& from_;
  const Tuple& to_;
  uint8_t* l4_ = nullptr;
  const uint8_t* end_ = nullptr;
  uint8_t* field_ = nullptr;
};

}  // namespace

bool Translate(Packet& packet, const TrackedPacket& parsed, const Connection& connection, bool reply) {
  const Tuple& from = connection.tuples[reply ? 1 : 0];
  const Tuple to = Inverse(connection.tuples[reply ? 0 : 1]);
  if (from == to) return true;
  if (parsed.related) {
    if (packet.needsChecksum() && !CompleteChecksum(packet)) return false;
    // Inside is a packet of the other direction, as it left here.
    InnerRewriter(packet, parsed, Inverse(from), connection.tuples[reply ? 0 : 1]).Run();
    if (!SetAddresses(packet, from, to)) return false;
    RewriteIcmpChecksum(packet, parsed);
    return true;
  }
  if (!SetAddresses(packet, from, to)) return false;
  if (from.hasPorts()) return SetPorts(packet, from, to);
  if (from.isIcmp() && from.sourcePort != to.sourcePort) SetIdentifier(packet, parsed.headers.l4, to.sourcePort);
  return true;
}

}  // namespace slowpath
