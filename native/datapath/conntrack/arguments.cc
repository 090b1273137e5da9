#include "datapath/conntrack/arguments.h"

#include <errno.h>
#include <linux/openvswitch.h>

#include <cstring>

#include "datapath/conntrack/connection.h"
#include "wire/key_fields.h"

namespace slowpath {
namespace {

struct Length {
  size_t least, most;
};
// By OVS_CT_ATTR_*; helper and timeout names include their NUL.
constexpr Length kLengths[] = {{1, 0}, {0, 0}, {2, 2}, {8, 8}, {32, 32}, {1, 16}, {0, 96}, {0, 0}, {4, 4}, {1, 32}};
static_assert(sizeof kLengths / sizeof kLengths[0] == OVS_CT_ATTR_MAX + 1);

int Bad(const char** problem, const char* what, int error = -EINVAL) {
  *problem = what;
  return error;
}

bool AnyBit(const uint32_t* words) { return (words[0] | words[1] | words[2] | words[3]) != 0; }

void LoadAddress(std::span<const uint8_t> bytes, uint32_t* words) {
  for (size_t i = 0; i < bytes.size() / 4; i++) words[i] = LoadBe32(&bytes[4 * i]);
}

// Bytes of OVS_NAT_ATTR_*; -1 for none such.
int NatBytes(uint16_t type, bool ipv6) {
  switch (type) {
    case OVS_NAT_ATTR_SRC:
    case OVS_NAT_ATTR_DST:
    case OVS_NAT_ATTR_PERSISTENT:
    case OVS_NAT_ATTR_PROTO_HASH:
    case OVS_NAT_ATTR_PROTO_RANDOM:
      return 0;
    case OVS_NAT_ATTR_IP_MIN:
    case OVS_NAT_ATTR_IP_MAX:
      return ipv6 ? 16 : 4;
    case OVS_NAT_ATTR_PROTO_MIN:
    case OVS_NAT_ATTR_PROTO_MAX:
      return 2;
    default:
      return -1;
  }
}

int ParseNat(std::span<const uint8_t> content, bool ipv6, CtArguments& out, const char** problem) {
  bool highAddress = false, highPort = false, flags = false;
  AttributeReader reader(content);
  for (Attribute a; reader.Next(a);) {
    int bytes = NatBytes(a.type, ipv6);
    if (bytes < 0 || a.payload.size() != static_cast<size_t>(bytes)) return Bad(problem, "ct nat has a bad argument");
    switch (a.type) {
      case OVS_NAT_ATTR_SRC:
      case OVS_NAT_ATTR_DST:
        if (out.nat) return Bad(problem, "ct nat of source and destination at once", -ERANGE);
        out.nat = true;
        out.natType = a.type == OVS_NAT_ATTR_SRC ? Connection::kNatSource : Connection::kNatDestination;
        continue;
      case OVS_NAT_ATTR_IP_MIN:
        out.natAddresses = true;
        LoadAddress(a.payload, out.natLow);
        break;
      case OVS_NAT_ATTR_IP_MAX:
        out.natAddresses = highAddress = true;
        LoadAddress(a.payload, out.natHigh);
        break;
      case OVS_NAT_ATTR_PROTO_MIN:
        out.natPorts = true;
        out.natLowPort = LoadHost<uint16_t>(a.payload.data());
        break;
      case OVS_NAT_ATTR_PROTO_MAX:
        out.natPorts = highPort = true;
        out.natHighPort = LoadHost<uint16_t>(a.payload.data());
        break;
      case OVS_NAT_ATTR_PERSISTENT:
        out.natPersistent = true;
        break;
      case OVS_NAT_ATTR_PROTO_RANDOM:
        out.natRandom = true;
        break;
      default:  // Ports are chosen by hash anyway.
        break;
    }
    flags = true;
  }
  if (reader.malformed()) return Bad(problem, "ct nat has a bad length");
  if (!out.nat && flags) return Bad(problem, "ct nat has a range, but neither source nor destination");
  if (out.nat && !out.commit) return Bad(problem, "ct nat of new connections without commit before it");
  out.nat = true;
  if (!highAddress) std::memcpy(out.natHigh, out.natLow, sizeof out.natHigh);
  if (!highPort) out.natHighPort = out.natLowPort;
  return 0;
}

int ParseOne(const Attribute& a, bool ipv6, CtArguments& out, const char** problem) {
  const uint8_t* p = a.payload.data();
  switch (a.type) {
    case OVS_CT_ATTR_FORCE_COMMIT:
      out.force = true;
      [[fallthrough]];
    case OVS_CT_ATTR_COMMIT:
      out.commit = true;
      return 0;
    case OVS_CT_ATTR_ZONE:
      out.zone = LoadHost<uint16_t>(p);
      return 0;
    case OVS_CT_ATTR_MARK:
      out.mark = LoadHost<uint32_t>(p);
      out.markMask = LoadHost<uint32_t>(p + 4);
      return out.markMask != 0 ? 0 : Bad(problem, "ct mark with an empty mask");
    case OVS_CT_ATTR_LABELS:
      LoadLabels(p, out.label);
      LoadLabels(p + 16, out.labelMask);
      return AnyBit(out.labelMask) ? 0 : Bad(problem, "ct labels with an empty mask");
    case OVS_CT_ATTR_HELPER:
      return Bad(problem, "ct helpers are not supported by this datapath");
    case OVS_CT_ATTR_NAT:
      return ParseNat(a.payload, ipv6, out, problem);
    case OVS_CT_ATTR_TIMEOUT:
      return a.payload.back() == 0 ? 0 : Bad(problem, "ct timeout policy whose name does not end");
    default:
      return 0;
  }
}

}  // namespace

int ParseCt(std::span<const uint8_t> content, bool ipv6, CtArguments& out, const char** problem) {
  out = CtArguments();
  AttributeReader reader(content);
  for (Attribute a; reader.Next(a);) {
    if (a.type > OVS_CT_ATTR_MAX) return Bad(problem, "ct has an unknown argument");
    size_t size = a.payload.size();
    if (size < kLengths[a.type].least || size > kLengths[a.type].most) return Bad(problem, "ct has a bad argument");
    if (int error = ParseOne(a, ipv6, out, problem); error != 0) return error;
  }
  if (!out.commit && out.markMask != 0) return Bad(problem, "ct mark is set on commit only");
  if (!out.commit && AnyBit(out.labelMask)) return Bad(problem, "ct labels are set on commit only");
  return reader.malformed() ? Bad(problem, "ct has a bad length") : 0;
}

}  // namespace slowpath
