#pragma once

#include "datapath/conntrack/tuple.h"

namespace slowpath {

// How long a connection lives without packets: one list of connections each, so that a list is in order of expiry.
enum class Timeout : uint8_t {
  kTcpFirst,        // SYN seen.
  kTcpOpening,      // Before both ends are established.
  kTcpEstablished,
  kTcpClosing,      // One end has closed.
  kTcpFinWait,      // Both ends have closed, not all is acknowledged.
  kTcpClosed,
  kOtherFirst,      // One packet seen.
  kOtherMultiple,   // Several in one direction.
  kOtherBoth,       // Some in both.
  kIcmpFirst,       // A question.
  kIcmpReply,       // An answer.
};
inline constexpr unsigned kTimeouts = 11;
// Milliseconds, by Timeout; as OVS's userspace datapath has them by default.
inline constexpr uint64_t kTimeoutMs[kTimeouts] = {30000, 30000, 86400000, 900000, 45000, 30000,
                                                   60000, 60000, 30000,    60000,  30000};

// In order: comparisons count on it.
enum class TcpState : uint8_t { kClosed, kSynSent, kEstablished, kClosing, kFinished, kTimeWait };

// What one end of a TCP connection has said.
struct TcpPeer {
  static constexpr uint8_t kNoScale = 0x40;       // Said that it does not scale, or has not spoken.
  static constexpr uint8_t kUnknownScale = 0x80;  // Its SYN was not seen.

  uint32_t low = 0;        // Highest sequence number sent, plus one.
  uint32_t high = 1;       // Up to where the other end lets it send.
  uint16_t maxWindow = 1;  // Largest window it offered, not scaled.
  uint8_t scale = kNoScale;  // Shift of its windows, or one of the above.
  TcpState state = TcpState::kClosed;
};

// A committed connection.
struct Connection {
  static constexpr uint32_t kNone = 0xffffffff;
  static constexpr uint8_t kNatSource = 1, kNatDestination = 2;

  Tuple tuples[2];          // As packets come in: of the direction that began it, and of answers.
  uint32_t hash[2] = {};    // Of the tuples.
  uint32_t next[2] = {};    // Chains of the hash table.
  uint32_t older = kNone;   // List of its timeout: indexes.
  uint32_t newer = kNone;
  uint64_t expiresMs = 0;   // CLOCK_MONOTONIC.
  uint32_t index = 0;       // Its own.
  uint32_t mark = 0;
  uint32_t label[4] = {};   // As in a flow key.
  TcpPeer peers[2];         // By direction, TCP only.
  Timeout timeout = Timeout::kOtherFirst;
  bool answered = false;    // Packets of both directions were seen (not TCP).
  uint8_t nat = 0;          // kNatSource or kNatDestination: what commit asked for.
};

}  // namespace slowpath
