#include "datapath/conntrack/parse.h"

#include <linux/if_ether.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/tcp.h>

#include "datapath/checksum.h"
#include "datapath/conntrack/connection.h"
#include "wire/bytes.h"

namespace slowpath {
namespace {

constexpr uint8_t kChecksumIsValid = 2;  // VIRTIO_NET_HDR_F_DATA_VALID.
constexpr uint8_t kMaxScale = 14;

bool IsError(uint8_t version, uint8_t type) {
  if (version == 6) return type >= ICMP6_DST_UNREACH && type <= ICMP6_PARAM_PROB;
  return type == ICMP_UNREACH || type == ICMP_SOURCEQUENCH || type == ICMP_REDIRECT || type == ICMP_TIMXCEED ||
         type == ICMP_PARAMPROB;
}

void LoadAddresses(const uint8_t* ip, Tuple& tuple) {
  if (tuple.version == 4) {
    tuple.source[0] = LoadBe32(ip + 12);
    tuple.destination[0] = LoadBe32(ip + 16);
    return;
  }
  for (int i = 0; i < 4; i++) {
    tuple.source[i] = LoadBe32(ip + 8 + 4 * i);
    tuple.destination[i] = LoadBe32(ip + 24 + 4 * i);
  }
}

uint64_t PseudoSum(const uint8_t* ip, const TrackedPacket& parsed) {
  auto addresses = parsed.tuple.version == 4 ? std::span(ip + 12, 8) : std::span(ip + 8, 32);
  return PseudoHeaderSum(addresses, parsed.headers.protocol, parsed.l4Bytes);
}

bool TransportChecksumHolds(const Packet& packet, const TrackedPacket& parsed) {
  if (packet.needsChecksum() || packet.isGso() || (packet.offload.flags & kChecksumIsValid) != 0) return true;
  const uint8_t* ip = packet.data + parsed.headers.l3;
  std::span<const uint8_t> body = packet.frame().subspan(parsed.headers.l4, parsed.l4Bytes);
  bool ipv4 = parsed.tuple.version == 4;
  switch (parsed.headers.protocol) {
    case IPPROTO_UDP:
      if (LoadBe16(&body[6]) == 0) return ipv4;
      [[fallthrough]];
    case IPPROTO_TCP:
    case IPPROTO_ICMPV6:
      return ChecksumFold(PseudoSum(ip, parsed) + ChecksumAdd(body)) == 0xffff;
    case IPPROTO_ICMP:
      return ChecksumFold(ChecksumAdd(body)) == 0xffff;
    case IPPROTO_SCTP: {
      static constexpr uint8_t kZero[4] = {};
      uint32_t crc = Crc32c(body.subspan(12), Crc32c(kZero, Crc32c(body.first(8))));
      return crc == LoadHost<uint32_t>(&body[8]);
    }
    default:
      return true;
  }
}

// The window scale that a SYN's options ask for.
uint8_t ScaleOption(std::span<const uint8_t> options) {
  while (!options.empty() && options[0] != TCPOPT_EOL) {
    if (options[0] == TCPOPT_NOP) {
      options = options.subspan(1);
      continue;
    }
    if (options.size() < 2 || options[1] < 2 || options[1] > options.size()) break;
    if (options[0] == TCPOPT_WINDOW && options[1] == TCPOLEN_WINDOW) return options[2] < kMaxScale ? options[2] : kMaxScale;
    options = options.subspan(options[1]);
  }
  return TcpPeer::kNoScale;
}

bool ParseTcp(std::span<const uint8_t> tcp, TrackedPacket& out) {
  uint32_t header = (tcp[12] >> 4) * 4u;
  if (header < 20 || header > tcp.size()) return false;
  out.sequence = LoadBe32(&tcp[4]);
  out.acknowledged = LoadBe32(&tcp[8]);
  out.flags = tcp[13];
  out.window = LoadBe16(&tcp[14]);
  out.payload = static_cast<uint32_t>(tcp.size()) - header;
  out.scale = (out.flags & TH_SYN) != 0 ? ScaleOption(tcp.subspan(20, header - 20)) : TcpPeer::kNoScale;
  return true;
}

// Ports, or what stands for them, of the transport header at 'at'; false when it is not there or tells nothing.
bool LoadEnds(std::span<const uint8_t> frame, uint32_t at, Tuple& tuple) {
  if (!tuple.hasPorts() && !tuple.isIcmp()) return true;
  if (at == 0 || at + 8 > frame.size()) return false;
  if (tuple.hasPorts()) {
    tuple.sourcePort = LoadBe16(&frame[at]);
    tuple.destinationPort = LoadBe16(&frame[at + 2]);
    return true;
  }
  tuple.destinationPort = LoadBe16(&frame[at]);
  tuple.sourcePort = LoadBe16(&frame[at + 4]);
  return AnswerType(tuple.version, tuple.icmpType()) >= 0;
}

// The packet inside an ICMP error. Only the first of its fragments tells its ports.
bool ParseInner(const Packet& packet, TrackedPacket& out) {
  std::span<const uint8_t> body = packet.frame().first(out.headers.l4 + out.l4Bytes);
  uint32_t at = out.headers.l4 + 8;
  Tuple inner = {};
  inner.version = out.tuple.version;
  inner.zone = out.tuple.zone;
  // The headers of what is there, as if it were a packet of its own.
  Packet view = packet;
  view.data += at;
  view.length = static_cast<uint32_t>(body.size()) - at;
  view.bare = inner.version == 4 ? ETH_P_IP : ETH_P_IPV6;
  uint32_t protocolAt = inner.version == 4 ? 20 : 40;
  if (body.size() < at + protocolAt) return false;
  Headers h = FindHeaders(view);
  if (!h.network || h.laterFragment) return false;
  inner.protocol = h.protocol;
  LoadAddresses(&body[at], inner);
  // A TCP header is rarely whole here: its first eight bytes are enough.
  uint32_t l4 = h.l4;
  if (l4 == 0 && inner.version == 4) l4 = (body[at] & 15) * 4u;
  if (l4 == 0 && inner.version == 6 && body[at + 6] == inner.protocol) l4 = 40;
  if (!LoadEnds(body, l4 != 0 ? at + l4 : 0, inner)) return false;
  // Whoever answers a packet answers its sender.
  if (std::memcmp(inner.source, out.tuple.destination, sizeof inner.source) != 0) return false;
  out.related = true;
  out.inner = at;
  out.innerL4 = l4 != 0 ? at + l4 : 0;
  out.tuple = Inverse(inner);
  return true;
}

// Sets l4Bytes from what the IP header says. False when it lies.
bool CheckLength(const Packet& packet, TrackedPacket& out) {
  const uint8_t* ip = packet.data + out.headers.l3;
  uint32_t there = packet.length - out.headers.l3;
  uint32_t total = out.tuple.version == 4 ? LoadBe16(ip + 2) : LoadBe16(ip + 4) + 40u;
  uint32_t before = out.headers.l4 != 0 ? out.headers.l4 - out.headers.l3 : out.tuple.version == 4 ? (ip[0] & 15) * 4u : 40;
  if (total > there || total < before) return false;
  out.l4Bytes = total - before;
  return true;
}

uint32_t LeastBytes(const Tuple& tuple) {
  return tuple.protocol == IPPROTO_TCP ? 20 : tuple.protocol == IPPROTO_SCTP ? 12 : 8;
}

}  // namespace

bool ParseTracked(const Packet& packet, uint16_t zone, TrackedPacket& out) {
  out = TrackedPacket();
  out.headers = FindHeaders(packet);
  const Headers& h = out.headers;
  if (!h.network || h.laterFragment || (h.etherType != ETH_P_IP && h.etherType != ETH_P_IPV6)) return false;
  Tuple& tuple = out.tuple;
  tuple.version = h.etherType == ETH_P_IP ? 4 : 6;
  tuple.protocol = h.protocol;
  tuple.zone = zone;
  const uint8_t* ip = packet.data + h.l3;
  LoadAddresses(ip, tuple);
  if (tuple.version == 4 && ChecksumFold(ChecksumAdd({ip, (ip[0] & 15) * 4u})) != 0xffff) return false;
  if (!CheckLength(packet, out)) return false;
  if (!tuple.hasPorts() && !tuple.isIcmp()) return true;
  if (h.l4 == 0 || out.l4Bytes < LeastBytes(tuple) || !TransportChecksumHolds(packet, out)) return false;
  std::span<const uint8_t> body = packet.frame().subspan(h.l4, out.l4Bytes);
  if (tuple.isIcmp() && IsError(tuple.version, body[0])) return ParseInner(packet, out);
  if (!LoadEnds(packet.frame(), h.l4, tuple)) return false;
  return tuple.protocol != IPPROTO_TCP || ParseTcp(body, out);
}

void RewriteIcmpChecksum(Packet& packet, const TrackedPacket& parsed) {
  uint8_t* icmp = packet.data + parsed.headers.l4;
  StoreBe16(icmp + 2, 0);
  uint64_t sum = ChecksumAdd({icmp, parsed.l4Bytes});
  if (parsed.headers.etherType == ETH_P_IPV6) sum += PseudoSum(packet.data + parsed.headers.l3, parsed);
  StoreBe16(icmp + 2, static_cast<uint16_t>(~ChecksumFold(sum)));
}

}  // namespace slowpath
