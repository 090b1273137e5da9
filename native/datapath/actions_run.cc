#include <linux/if_ether.h>
#include <linux/openvswitch.h>

#include <cstring>
#include <utility>

#include "datapath/actions.h"
#include "datapath/gso.h"
#include "datapath/headers.h"
#include "datapath/psample.h"
#include "wire/attributes.h"

namespace slowpath {
namespace {

// Symmetric hash of later kernels (OVS_HASH_ALG_SYM_L4).
constexpr uint32_t kHashSymmetric = 1;
// Words of a key that packets here can have: no tunnel options.
constexpr size_t kKeyBytes = flow::kEndL4 * sizeof(uint32_t);

// Actions that no device segments behind: what they put around a packet, or make of it, is in no device's book.
bool NeedsWholeFrames(uint16_t type) {
  return type == OVS_ACTION_ATTR_PUSH_MPLS || type == OVS_ACTION_ATTR_ADD_MPLS || type == OVS_ACTION_ATTR_PUSH_NSH ||
         type == OVS_ACTION_ATTR_POP_ETH || type == OVS_ACTION_ATTR_PUSH_ETH;
}

}  // namespace

void ActionRunner::Run(Packet& packet, uint32_t* key, std::span<const uint8_t> actions) {
  if (actions_.data() == nullptr) actions_ = actions;
  AttributeReader reader(actions);
  Attribute action;
  bool more = reader.Next(action);
  while (more) {
    Attribute current = action;
    more = reader.Next(action);
    if (packet.isGso() && NeedsWholeFrames(current.type)) {
      size_t at = static_cast<size_t>(current.payload.data() - actions.data()) - NLA_HDRLEN;
      if (!RunSegments(packet, key, actions.subspan(at))) Drop(engine_.counters.actionsNotApplicable);
      return;
    }
    if (!One(packet, key, current.type, current.payload, !more)) return;
  }
}

bool ActionRunner::One(Packet& packet, uint32_t* key, uint16_t type, std::span<const uint8_t> argument, bool last) {
  switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
      Output(packet, LoadHost<uint32_t>(argument.data()));
      return true;
    case OVS_ACTION_ATTR_TRUNC: {
      uint32_t max = LoadHost<uint32_t>(argument.data());
      packet.cut = packet.length > max ? packet.length - max : 0;
      return true;
    }
    case OVS_ACTION_ATTR_USERSPACE:
      Userspace(packet, key, argument);
      packet.cut = 0;
      return true;
    case kActionPsample:
      Psample(packet, key, argument);
      packet.cut = 0;
      return true;
    case OVS_ACTION_ATTR_SET:
      return Set(packet, key, argument, false) || Drop(engine_.counters.actionsNotApplicable);
    case OVS_ACTION_ATTR_SET_MASKED:
      return Set(packet, key, argument, true) || Drop(engine_.counters.actionsNotApplicable);
    case OVS_ACTION_ATTR_HASH:
      Hash(packet, key, argument);
      return true;
    case OVS_ACTION_ATTR_RECIRC:
      Recirculate(packet, key, LoadHost<uint32_t>(argument.data()), last);
      return true;
    case OVS_ACTION_ATTR_SAMPLE:
      Sample(packet, key, argument, last);
      return true;
    case OVS_ACTION_ATTR_CLONE:
      Nested(packet, key, argument, last);
      return true;
    case OVS_ACTION_ATTR_CHECK_PKT_LEN:
      CheckLength(packet, key, argument, last);
      return true;
    case OVS_ACTION_ATTR_METER: {
      // One that is not there lets everything pass.
      Meter* meter = dp_.meters.Find(LoadHost<uint32_t>(argument.data()));
      bool exceeded = meter != nullptr && meter->Exceeded(engine_.nowMs, LengthWithoutTag(packet));
      return !exceeded || Drop(engine_.counters.metered);
    }
    case OVS_ACTION_ATTR_CT:
      return Ct(packet, key, argument);
    case OVS_ACTION_ATTR_CT_CLEAR:
      ClearConntrackWords(key);
      return true;
    case OVS_ACTION_ATTR_DEC_TTL:
      return DecTtl(packet, key, argument);
    default:
      return Header(packet, type, argument) || Drop(engine_.counters.actionsNotApplicable);
  }
}

bool ActionRunner::Drop(std::atomic<uint64_t>& counter) {
  Count(counter);
  return false;
}

void ActionRunner::Output(Packet& packet, uint32_t number) {
  if (packet.bare != 0) {
    // Ports are Ethernet devices.
    Count(engine_.counters.outputNoEthernet);
  } else if (Port* port = dp_.PortAt(number)) {
    port->Transmit(packet);
  } else {
    Count(engine_.counters.outputNoPort);
  }
  packet.cut = 0;
}

void ActionRunner::Refresh(const Packet& packet, uint32_t* key) {
  if (!stale_) return;
  ExtractKey(packet, key);
  stale_ = false;
}

void ActionRunner::Userspace(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments) {
  UpcallInfo info;
  info.command = OVS_PACKET_CMD_ACTION;
  std::span<const uint8_t> userdata;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    switch (argument.type) {
      case OVS_USERSPACE_ATTR_PID:
        info.pid = LoadHost<uint32_t>(argument.payload.data());
        break;
      case OVS_USERSPACE_ATTR_USERDATA:
        userdata = argument.payload;
        info.userdata = &userdata;
        break;
      case OVS_USERSPACE_ATTR_ACTIONS:
        info.actions = &actions_;
        break;
      default:  // The egress tunnel port: there are no tunnel ports here, so there is nothing to tell about it.
        break;
    }
  }
  // Per-CPU dispatch takes the place of the port id in the action, as in the kernel.
  if ((dp_.userFeatures & OVS_DP_F_DISPATCH_UPCALL_PER_CPU) != 0 && !dp_.cpuPids.empty()) {
    info.pid = dp_.cpuPids[TransportHash(key, false) % dp_.cpuPids.size()];
  }
  Refresh(packet, key);
  engine_.Upcall(dp_, packet, key, info);
}

void ActionRunner::Hash(Packet& packet, uint32_t* key, std::span<const uint8_t> argument) {
  bool symmetric = LoadHost<uint32_t>(argument.data()) == kHashSymmetric;
  // The hash that an upcall carried up comes back with the executed packet, so that it counts the same as those that
  // follow it here.
  uint32_t hash = packet.hash != 0 && !symmetric ? static_cast<uint32_t>(packet.hash) : 0;
  if (hash == 0) {
    Refresh(packet, key);
    hash = TransportHash(key, symmetric);
  }
  hash = HashWord(hash, LoadHost<uint32_t>(argument.data() + 4));
  key[flow::kDpHash] = hash != 0 ? hash : 1;
}

void ActionRunner::Nested(Packet& packet, uint32_t* key, std::span<const uint8_t> actions, bool last) {
  if (last) {
    Run(packet, key, actions);
    return;
  }
  Packet copy = packet;
  uint32_t keyCopy[flow::kWords];
  std::memcpy(keyCopy, key, kKeyBytes);
  std::memset(keyCopy + flow::kEndL4, 0, sizeof keyCopy - kKeyBytes);
  bool stale = stale_;
  Run(copy, keyCopy, actions);
  stale_ = stale;
}

void ActionRunner::Sample(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments, bool last) {
  uint32_t probability = 0;
  std::span<const uint8_t> actions;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type == OVS_SAMPLE_ATTR_PROBABILITY) probability = LoadHost<uint32_t>(argument.payload.data());
    if (argument.type == OVS_SAMPLE_ATTR_ACTIONS) actions = argument.payload;
  }
  if (probability == 0 || (probability != UINT32_MAX && engine_.Random() > probability)) return;
  uint32_t outer = std::exchange(probability_, probability);
  Nested(packet, key, actions, last);
  probability_ = outer;
}

void ActionRunner::CheckLength(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments, bool last) {
  uint32_t limit = 0;
  std::span<const uint8_t> greater, lessEqual;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type == OVS_CHECK_PKT_LEN_ATTR_PKT_LEN) limit = LoadHost<uint16_t>(argument.payload.data());
    if (argument.type == OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER) greater = argument.payload;
    if (argument.type == OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL) lessEqual = argument.payload;
  }
  // What was a fragment counts as long as its longest one. Of a packet to be segmented, each segment has to fit.
  uint32_t length = packet.mru != 0 ? packet.mru + ETH_HLEN : LengthWithoutTag(packet);
  bool fits = length <= limit || (packet.isGso() && LongestSegment(packet) <= limit);
  Nested(packet, key, fits ? lessEqual : greater, last);
}

bool ActionRunner::Ct(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments) {
  Refresh(packet, key);
  CtArguments parsed;
  const char* problem = nullptr;
  if (ParseCt(arguments, key[flow::kEthType] == ETH_P_IPV6, parsed, &problem) != 0) {
    return Drop(engine_.counters.actionsNotApplicable);
  }
  if (dp_.conntrack == nullptr) dp_.conntrack = std::make_unique<Conntrack>(engine_.counters);
  uint32_t random = parsed.natRandom ? engine_.Random() : 0;
  switch (dp_.conntrack->Execute(packet, engine_.pool, key, parsed, random, engine_.nowMs)) {
    case Conntrack::Outcome::kUnchanged:
      return true;
    case Conntrack::Outcome::kChanged:
      stale_ = true;
      return true;
    case Conntrack::Outcome::kDrop:
      return Drop(engine_.counters.ctDropped);
  }
  return false;
}

bool ActionRunner::DecTtl(Packet& packet, uint32_t* key, std::span<const uint8_t> arguments) {
  if (!packet.Unshare(engine_.pool)) return Drop(engine_.counters.actionsNotApplicable);
  stale_ = true;
  if (DecrementTtl(packet)) return true;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    if (argument.type == OVS_DEC_TTL_ATTR_ACTION) Nested(packet, key, argument.payload, true);
  }
  return false;
}

bool ActionRunner::RunSegments(Packet& packet, const uint32_t* key, std::span<const uint8_t> rest) {
  Buffer* scratch = engine_.pool.Get();
  if (scratch == nullptr) return false;
  Packet holder(scratch, 0);
  Segmenter segmenter(packet, {holder.data, Buffer::kFrameBytes});
  if (!segmenter.valid()) return false;
  Count(engine_.counters.gsoSegmented);
  bool stale = stale_;
  for (;;) {
    std::span<const uint8_t> frame = segmenter.Next();
    if (frame.empty()) return true;
    Buffer* buffer = engine_.pool.Get();
    if (buffer == nullptr) return false;
    Packet segment(buffer, static_cast<uint32_t>(frame.size()));
    std::memcpy(segment.data, frame.data(), frame.size());
    segment.mru = packet.mru;
    segment.cut = packet.cut;
    segment.hash = packet.hash;
    segment.bare = packet.bare;
    uint32_t keyCopy[flow::kWords];
    std::memcpy(keyCopy, key, sizeof keyCopy);
    stale_ = stale;
    Run(segment, keyCopy, rest);
  }
}

void ActionRunner::Recirculate(Packet& packet, uint32_t* key, uint32_t id, bool last) {
  Count(engine_.counters.recirculations);
  Refresh(packet, key);
  if (last) {
    key[flow::kRecircId] = id;
    engine_.Process(dp_, packet, key, depth_ + 1);
    return;
  }
  Packet copy = packet;
  uint32_t keyCopy[flow::kWords];
  std::memcpy(keyCopy, key, sizeof keyCopy);
  keyCopy[flow::kRecircId] = id;
  engine_.Process(dp_, copy, keyCopy, depth_ + 1);
}

}  // namespace slowpath
