#include "wire/key_attributes.h"

#include <bit>
#include <cstdio>

namespace slowpath {
namespace {

constexpr int16_t kAnyLength = -1;
constexpr int16_t kUnknown = -2;

struct KeyAttributeType {
  const char* name;
  int16_t length;  // Payload bytes, or one of the two above.
};

constexpr KeyAttributeType kTypes[kLastKeyAttribute + 1] = {
    {"unspec", kUnknown},
    {"encap", kAnyLength},
    {"priority", 4},
    {"in_port", 4},
    {"ethernet", sizeof(ovs_key_ethernet)},
    {"vlan", 2},
    {"ethertype", 2},
    {"ipv4", sizeof(ovs_key_ipv4)},
    {"ipv6", sizeof(ovs_key_ipv6)},
    {"tcp", sizeof(ovs_key_tcp)},
    {"udp", sizeof(ovs_key_udp)},
    {"icmp", sizeof(ovs_key_icmp)},
    {"icmpv6", sizeof(ovs_key_icmpv6)},
    {"arp", sizeof(ovs_key_arp)},
    {"nd", sizeof(ovs_key_nd)},
    {"skb_mark", 4},
    {"tunnel", kAnyLength},
    {"sctp", sizeof(ovs_key_sctp)},
    {"tcp_flags", 2},
    {"dp_hash", 4},
    {"recirc_id", 4},
    {"mpls", kAnyLength},
    {"ct_state", 4},
    {"ct_zone", 2},
    {"ct_mark", 4},
    {"ct_labels", 16},
    {"ct_orig_tuple4", sizeof(ovs_key_ct_tuple_ipv4)},
    {"ct_orig_tuple6", sizeof(ovs_key_ct_tuple_ipv6)},
    {"nsh", kAnyLength},
    {"packet_type", 4},
    {"nd_extensions", 8},
    {"tunnel_info", kUnknown},
    {"ipv6_exthdrs", 2},
};

// Two literals, since nobody asks in the data path.
thread_local const char* problemAttribute = "";
thread_local const char* problemText = "";

}  // namespace

bool Problem(const char* attribute, const char* what) {
  problemAttribute = attribute;
  problemText = what;
  return false;
}

Fitness Misfit(Fitness fitness, uint64_t attributes) {
  const char* name = kTypes[std::countr_zero(attributes)].name;
  Problem(name, fitness == Fitness::kTooLittle ? "missing, or not all of it" : "unknown, or not called for");
  return fitness;
}

bool KeyProblem(unsigned type, const char* what) { return Problem(kTypes[type].name, what); }

const char* LastDecodeProblem() {
  thread_local char text[96];
  std::snprintf(text, sizeof text, "%s: %s", problemAttribute, problemText);
  return text;
}

void ClearWords(uint32_t* words, size_t n) { std::memset(words, 0, n * sizeof *words); }

void CopyWords(uint32_t* to, const uint32_t* from, size_t n) { std::memcpy(to, from, n * sizeof *to); }

bool CollectKeyAttributes(std::span<const uint8_t> bytes, KeyAttributes& out) {
  AttributeReader reader(bytes);
  Attribute attribute;
  uint64_t present = 0;
  while (reader.Next(attribute)) {
    unsigned type = attribute.type;
    int length = type <= kLastKeyAttribute ? kTypes[type].length : kUnknown;
    if (length != static_cast<int>(attribute.payload.size()) && length != kAnyLength) {
      if (length != kUnknown) return KeyProblem(type, "wrong length");
      out.unknown = true;
      continue;
    }
    if ((present & Bit(type)) != 0) return KeyProblem(type, "there twice");
    present |= Bit(type);
    out.data[type] = attribute.payload.data();
    out.size[type] = attribute.payload.size();
  }
  out.present = present;
  return !reader.malformed() || Problem("key", "attribute runs past its end");
}

}  // namespace slowpath
