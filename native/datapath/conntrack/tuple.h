#pragma once

#include <netinet/in.h>

#include <cstdint>
#include <cstring>

namespace slowpath {

// Both ends of a packet, as seen in one direction. Compared and hashed as bytes: no padding.
struct Tuple {
  uint32_t source[4] = {};       // Host byte order, most significant word first; IPv4 in the first.
  uint32_t destination[4] = {};  // Likewise.
  uint16_t sourcePort = 0;       // Of TCP, UDP and SCTP; the identifier of ICMP queries.
  uint16_t destinationPort = 0;  // Likewise; type and code of ICMP queries, type in the upper half.
  uint16_t zone = 0;
  uint8_t version = 0;           // 4 or 6.
  uint8_t protocol = 0;          // IP protocol.

  bool operator==(const Tuple& other) const { return std::memcmp(this, &other, sizeof other) == 0; }
  bool isIcmp() const { return protocol == (version == 4 ? uint8_t{IPPROTO_ICMP} : uint8_t{IPPROTO_ICMPV6}); }
  bool hasPorts() const { return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP; }
  uint8_t icmpType() const { return static_cast<uint8_t>(destinationPort >> 8); }
};
static_assert(sizeof(Tuple) == 40);

// The ICMP query type that answers 'type', or that 'type' answers; -1 when it is of no query.
int AnswerType(uint8_t version, uint8_t type);
// Whether an ICMP type is a question, which can begin a connection.
bool IsQuestion(uint8_t version, uint8_t type);

// The same packet's answer.
Tuple Inverse(const Tuple& tuple);

// The key of a hash that nobody outside can aim for collisions of.
struct HashSecret {
  HashSecret();  // Random.
  uint64_t words[2];
};
// SipHash-1-3.
uint64_t HashTuple(const Tuple& tuple, const HashSecret& secret);

}  // namespace slowpath
