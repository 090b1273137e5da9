#include "datapath/conntrack/nat.h"

#include <algorithm>

namespace slowpath {
namespace {

constexpr uint32_t kMostAddresses = 16;  // Tried for one connection.
constexpr uint32_t kMostPorts = 256;     // Tried for each of them.

using Wide = unsigned __int128;

Wide ToNumber(const uint32_t* words, uint8_t version) {
  if (version == 4) return words[0];
  Wide out = 0;
  for (int i = 0; i < 4; i++) out = out << 32 | words[i];
  return out;
}

void FromNumber(Wide number, uint8_t version, uint32_t* words) {
  if (version == 4) {
    words[0] = static_cast<uint32_t>(number);
    return;
  }
  for (int i = 3; i >= 0; i--, number >>= 32) words[i] = static_cast<uint32_t>(number);
}

// Ports in the order in which they are tried.
struct Ports {
  uint32_t low, count, start;
  uint16_t operator[](uint32_t i) const { return static_cast<uint16_t>(low + (start + i) % count); }
};

// Without a range a port stays among its like, as servers may ask for privileged ones.
Ports PortsLike(uint16_t port, uint32_t spread) {
  uint32_t low = port < 512 ? 1 : port < 1024 ? 600 : 1024;
  uint32_t high = port < 512 ? 511 : port < 1024 ? 1023 : 65535;
  return {low, high - low + 1, spread % (high - low + 1)};
}

class Chooser {
 public:
  Chooser(ConnectionTable& table, const CtArguments& arguments, const Tuple& original, uint32_t random, uint64_t nowMs)
      : table_(table), arguments_(arguments), original_(original), nowMs_(nowMs) {
    source_ = arguments.natType == Connection::kNatSource;
    spread_ = arguments.natRandom ? random : static_cast<uint32_t>(table.Hash(original));
  }

  bool Choose(Tuple* reply) {
    if (!arguments_.natAddresses) return ChoosePort(original_, reply);
    uint8_t version = original_.version;
    Wide low = ToNumber(arguments_.natLow, version), high = ToNumber(arguments_.natHigh, version);
    if (high < low) std::swap(low, high);
    Wide count = high - low + 1;
    // Who comes from one address leaves by one address, to one destination or to all.
    Tuple ends = {};
    std::copy_n(original_.source, 4, ends.source);
    if (!arguments_.natPersistent) std::copy_n(original_.destination, 4, ends.destination);
    Wide start = count == 0 ? 0 : table_.Hash(ends) % count;
    for (uint32_t i = 0; i < kMostAddresses && (count == 0 || i < count); i++) {
      Tuple wanted = original_;
      Wide offset = start + i;
      if (count != 0) offset %= count;
      FromNumber(low + offset, version, source_ ? wanted.source : wanted.destination);
      if (ChoosePort(wanted, reply)) return true;
    }
    return false;
  }

 private:
  // 'wanted': the packet with its new address.
  bool ChoosePort(const Tuple& wanted, Tuple* reply) {
    bool ports = wanted.hasPorts();
    if (!arguments_.natPorts || !ports) {
      if (IsFree(wanted, reply)) return true;
      return (ports || wanted.isIcmp()) && TryPorts(wanted, true, PortsLike(original_.sourcePort, spread_), reply);
    }
    uint32_t low = std::min(arguments_.natLowPort, arguments_.natHighPort);
    uint32_t high = std::max(arguments_.natLowPort, arguments_.natHighPort);
    uint16_t port = source_ ? wanted.sourcePort : wanted.destinationPort;
    // One that is in the range already need not change.
    if (!arguments_.natRandom && port >= low && port <= high && IsFree(wanted, reply)) return true;
    if (TryPorts(wanted, source_, {low, high - low + 1, spread_ % (high - low + 1)}, reply)) return true;
    if (source_) return false;
    // All destinations are taken by the same source: another source port tells them apart.
    Tuple first = wanted;
    first.destinationPort = static_cast<uint16_t>(low + spread_ % (high - low + 1));
    return TryPorts(first, true, PortsLike(original_.sourcePort, spread_), reply);
  }

  bool TryPorts(Tuple wanted, bool source, const Ports& ports, Tuple* reply) {
    for (uint32_t i = 0; i < ports.count && i < kMostPorts; i++) {
      (source ? wanted.sourcePort : wanted.destinationPort) = ports[i];
      if (IsFree(wanted, reply)) return true;
    }
    return false;
  }

  bool IsFree(const Tuple& wanted, Tuple* reply) {
    *reply = Inverse(wanted);
    bool side;
    return !(*reply == original_) && table_.Find(*reply, nowMs_, &side) == nullptr;
  }

  ConnectionTable& table_;
  const CtArguments& arguments_;
  const Tuple& original_;
  const uint64_t nowMs_;
  bool source_;
  uint32_t spread_;  // Where the search for a port starts.
};

}  // namespace

bool ChooseTranslation(ConnectionTable& table, const CtArguments& arguments, const Tuple& original, uint32_t random,
                       uint64_t nowMs, Tuple* reply) {
  return Chooser(table, arguments, original, random, nowMs).Choose(reply);
}

}  // namespace slowpath
