#include "datapath/conntrack/conntrack.h"

#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include "datapath/conntrack/protocol.h"
#include "wire/flow_key.h"

namespace slowpath {
namespace {

constexpr uint32_t kNatBits = OVS_CS_F_SRC_NAT | OVS_CS_F_DST_NAT;

// Whether an earlier ct action, in the same zone, said what the packet is.
bool IsTracked(const uint32_t* key, uint16_t zone) {
  uint32_t state = key[flow::kCtState];
  return (state & OVS_CS_F_TRACKED) != 0 && (state & OVS_CS_F_INVALID) == 0 && key[flow::kCtZone] == zone &&
         key[flow::kCtNwProto] != 0;
}

// The original tuple in a flow key. ICMP has no identifier there.
Tuple OriginalOf(const uint32_t* key, uint16_t zone) {
  Tuple tuple = {};
  tuple.version = key[flow::kEthType] == ETH_P_IPV6 ? 6 : 4;
  tuple.protocol = static_cast<uint8_t>(key[flow::kCtNwProto]);
  tuple.zone = zone;
  tuple.sourcePort = static_cast<uint16_t>(key[flow::kCtTpSrc]);
  tuple.destinationPort = static_cast<uint16_t>(key[flow::kCtTpDst]);
  if (tuple.version == 4) {
    tuple.source[0] = key[flow::kCtNwSrc];
    tuple.destination[0] = key[flow::kCtNwDst];
  } else {
    std::memcpy(tuple.source, key + flow::kCtIpv6Src, sizeof tuple.source);
    std::memcpy(tuple.destination, key + flow::kCtIpv6Dst, sizeof tuple.destination);
  }
  return tuple;
}

void WriteOriginal(const Tuple& tuple, uint32_t* key) {
  key[flow::kCtNwProto] = tuple.protocol;
  bool icmp = tuple.isIcmp();
  key[flow::kCtTpSrc] = icmp ? tuple.destinationPort >> 8 : tuple.sourcePort;
  key[flow::kCtTpDst] = icmp ? tuple.destinationPort & 0xffu : tuple.destinationPort;
  if (tuple.version == 4) {
    key[flow::kCtNwSrc] = tuple.source[0];
    key[flow::kCtNwDst] = tuple.destination[0];
  } else {
    std::memcpy(key + flow::kCtIpv6Src, tuple.source, sizeof tuple.source);
    std::memcpy(key + flow::kCtIpv6Dst, tuple.destination, sizeof tuple.destination);
  }
}

void ClearOriginal(uint32_t* key) {
  std::memset(key + flow::kCtNwSrc, 0, (flow::kCtNwProto + 1 - flow::kCtNwSrc) * sizeof *key);
  key[flow::kCtTpSrc] = key[flow::kCtTpDst] = 0;
}

// Of a packet that 'nat' sends on with another source or destination; answers go the other way.
uint32_t NatBit(uint8_t nat, bool reply) {
  return (nat == Connection::kNatSource) != reply ? OVS_CS_F_SRC_NAT : OVS_CS_F_DST_NAT;
}

}  // namespace

// The connection that an earlier action found, so that one packet counts once. Its headers may have been changed since.
bool Conntrack::FindTracked(Context& c, const uint32_t* key) {
  if (!IsTracked(key, c.arguments.zone)) return false;
  c.state = key[flow::kCtState];
  c.reply = (c.state & OVS_CS_F_REPLY_DIR) != 0;
  bool side = false;
  Tuple original = OriginalOf(key, c.arguments.zone);
  if (!original.isIcmp()) {
    c.connection = table_.Find(original, c.nowMs, &side);
  } else if ((c.state & kNatBits) != 0) {
    c.connection = table_.Find(Inverse(c.parsed.tuple), c.nowMs, &side);
  } else {
    c.connection = table_.Find(c.parsed.tuple, c.nowMs, &side);
  }
  bool wrongWay = c.arguments.force && c.reply;
  if (c.connection != nullptr && !wrongWay) return true;
  if (c.connection != nullptr) table_.Remove(c.connection);
  c.connection = nullptr;
  c.reply = false;
  c.state = 0;
  return false;
}

void Conntrack::Look(Context& c) {
  c.connection = table_.Find(c.parsed.tuple, c.nowMs, &c.reply);
  if (c.connection != nullptr && c.arguments.force && c.reply && !c.parsed.related) {
    table_.Remove(c.connection);
    c.connection = nullptr;
  }
  if (c.connection == nullptr) {
    c.reply = false;
    Fresh(c);
    return;
  }
  if (c.parsed.related) {
    c.state = OVS_CS_F_RELATED | (c.reply ? OVS_CS_F_REPLY_DIR : 0);
    return;
  }
  Timeout timeout = c.connection->timeout;
  switch (Update(*c.connection, c.parsed, c.reply, timeout)) {
    case Verdict::kNew:
      c.state = OVS_CS_F_NEW;
      break;
    case Verdict::kEstablished:
      c.state = OVS_CS_F_ESTABLISHED | (c.reply ? OVS_CS_F_REPLY_DIR : 0);
      break;
    case Verdict::kInvalid:
      c.state = OVS_CS_F_INVALID;
      c.connection = nullptr;
      return;
    case Verdict::kRestart:
      table_.Remove(c.connection);
      c.connection = nullptr;
      c.reply = false;
      Fresh(c);
      return;
  }
  table_.Touch(c.connection, timeout, c.nowMs);
}

// A packet of no connection.
void Conntrack::Fresh(Context& c) {
  if (c.parsed.related || !CanBegin(c.parsed)) {
    c.state = OVS_CS_F_INVALID;
    return;
  }
  c.state = OVS_CS_F_NEW;
  if (c.arguments.commit) Create(c);
}

void Conntrack::Create(Context& c) {
  uint64_t evicted = table_.evicted();
  Connection* made = table_.Make();
  Count(counters_.ctEvicted, table_.evicted() - evicted);
  if (made == nullptr) {
    Count(counters_.ctFull);
    // It goes on as new, but not with an address that was to be hidden.
    c.dropped = c.arguments.natType != 0;
    return;
  }
  made->tuples[0] = c.parsed.tuple;
  made->tuples[1] = Inverse(c.parsed.tuple);
  made->nat = c.arguments.natType;
  if (made->nat != 0 &&
      !ChooseTranslation(table_, c.arguments, made->tuples[0], c.random, c.nowMs, &made->tuples[1])) {
    table_.Discard(made);
    Count(counters_.ctNatExhausted);
    c.dropped = true;
    return;
  }
  table_.Insert(made, Begin(*made, c.parsed), c.nowMs);
  Count(counters_.ctCreated);
  c.connection = made;
}

void Conntrack::WriteKey(const Context& c, uint32_t* key) {
  key[flow::kCtState] = c.state | OVS_CS_F_TRACKED;
  key[flow::kCtZone] = c.arguments.zone;
  key[flow::kCtMark] = 0;
  std::memset(key + flow::kCtLabel, 0, sizeof c.connection->label);
  ClearOriginal(key);
  if ((c.state & OVS_CS_F_INVALID) != 0) return;
  WriteOriginal(c.connection != nullptr ? c.connection->tuples[0] : c.parsed.tuple, key);
  if (c.connection == nullptr) return;
  Connection& connection = *c.connection;
  if (c.arguments.commit) {
    const CtArguments& a = c.arguments;
    connection.mark = (connection.mark & ~a.markMask) | (a.mark & a.markMask);
    for (int i = 0; i < 4; i++) connection.label[i] = (connection.label[i] & ~a.labelMask[i]) | (a.label[i] & a.labelMask[i]);
  }
  key[flow::kCtMark] = connection.mark;
  std::memcpy(key + flow::kCtLabel, connection.label, sizeof connection.label);
}

Conntrack::Outcome Conntrack::Execute(Packet& packet, BufferPool& pool, uint32_t* key, const CtArguments& arguments,
                                      uint32_t random, uint64_t nowMs) {
  Context c{.packet = packet, .arguments = arguments, .nowMs = nowMs, .random = random, .parsed = {}};
  // Fragments are not put together; what they belong to only the first could tell.
  bool valid = key[flow::kNwFrag] == 0 && ParseTracked(packet, arguments.zone, c.parsed);
  if (!valid) {
    c.state = OVS_CS_F_INVALID;
  } else if (!FindTracked(c, key)) {
    Look(c);
  }
  if ((c.state & OVS_CS_F_INVALID) != 0) Count(counters_.ctInvalid);
  if (c.dropped) return Outcome::kDrop;
  bool translate = arguments.nat && c.connection != nullptr && c.connection->nat != 0 && (c.state & kNatBits) == 0;
  if (translate) {
    if (!packet.Unshare(pool) || !Translate(packet, c.parsed, *c.connection, c.reply)) return Outcome::kDrop;
    c.state |= NatBit(c.connection->nat, c.reply);
  }
  WriteKey(c, key);
  return translate ? Outcome::kChanged : Outcome::kUnchanged;
}

}  // namespace slowpath
