#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/actions.h"
#include "datapath/checksum.h"
#include "datapath/headers.h"
#include "wire/attributes.h"

namespace slowpath {
namespace {

// Symmetric hash of later kernels (OVS_HASH_ALG_SYM_L4).
constexpr uint32_t kHashSymmetric = 1;
constexpr uint32_t kVlanPresent = 0x1000;
// Words of a key that packets here can have: no tunnel options.
constexpr size_t kKeyBytes = flow::kEndL4 * sizeof(uint32_t);

void MaskedWord(uint32_t& word, std::span<const uint8_t> payload, bool masked) {
  uint32_t value = LoadHost<uint32_t>(payload.data());
  uint32_t mask = masked ? LoadHost<uint32_t>(payload.data() + 4) : ~uint32_t{0};
  word = (word & ~mask) | (value & mask);
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
    case OVS_ACTION_ATTR_SET:
      return Set(packet, key, argument, false) || Drop(engine_.counters.actionsNotApplicable);
    case OVS_ACTION_ATTR_SET_MASKED:
      return Set(packet, key, argument, true) || Drop(engine_.counters.actionsNotApplicable);
    case OVS_ACTION_ATTR_PUSH_VLAN:
      stale_ = true;
      return (packet.Unshare(engine_.pool) && PushVlan(packet, LoadBe16(argument.data()),
                                                       LoadBe16(argument.data() + 2) & ~kVlanPresent)) ||
             Drop(engine_.counters.actionsNotApplicable);
    case OVS_ACTION_ATTR_POP_VLAN:
      stale_ = true;
      if (!packet.Unshare(engine_.pool)) return Drop(engine_.counters.actionsNotApplicable);
      PopVlan(packet);
      return true;
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
    default:
      return Drop(engine_.counters.actionsNotApplicable);
  }
}

bool ActionRunner::Drop(std::atomic<uint64_t>& counter) {
  Count(counter);
  return false;
}

void ActionRunner::Output(Packet& packet, uint32_t number) {
  if (Port* port = dp_.PortAt(number)) {
    port->Transmit(packet);
  } else {
    Count(engine_.counters.outputNoPort);
  }
  packet.cut = 0;
}

void ActionRunner::Refresh(const Packet& packet, uint32_t* key) {
  if (!stale_) return;
  ExtractPacket(packet.frame(), key);
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

bool ActionRunner::Set(Packet& packet, uint32_t* key, std::span<const uint8_t> argument, bool masked) {
  AttributeReader reader(argument);
  Attribute field;
  if (!reader.Next(field)) return false;
  switch (field.type) {
    case OVS_KEY_ATTR_PRIORITY:
      MaskedWord(key[flow::kSkbPriority], field.payload, masked);
      return true;
    case OVS_KEY_ATTR_SKB_MARK:
      MaskedWord(key[flow::kSkbMark], field.payload, masked);
      return true;
    default:
      break;
  }
  if (!packet.Unshare(engine_.pool)) return false;
  stale_ = true;
  if (masked) {
    size_t half = field.payload.size() / 2;
    return SetHeader(packet, field.type, field.payload.first(half), field.payload.subspan(half));
  }
  uint8_t ones[64];
  std::memset(ones, 0xff, sizeof ones);
  return SetHeader(packet, field.type, field.payload, std::span<const uint8_t>(ones).first(field.payload.size()));
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
  Nested(packet, key, actions, last);
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
