#pragma once

#include "datapath/conntrack/connection.h"
#include "datapath/conntrack/parse.h"

namespace slowpath {

// What a packet is to the connection it belongs to.
enum class Verdict : uint8_t {
  kNew,          // Nobody has answered yet.
  kEstablished,
  kInvalid,      // It does not fit.
  kRestart,      // A new connection between the same ends: the old one is over.
};

// Whether a packet can begin a connection.
bool CanBegin(const TrackedPacket& packet);
// A connection's state after its first packet; the timeout that goes with it.
Timeout Begin(Connection& connection, const TrackedPacket& packet);
// A further packet. 'timeout' is the one from now on; left alone when the packet does not count.
Verdict Update(Connection& connection, const TrackedPacket& packet, bool reply, Timeout& timeout);

// TCP's part of the above (tcp.cc): sequence numbers are checked as loosely as OVS's userspace datapath does, which is how
// FreeBSD's pf does (van Rooij, "Real stateful TCP packet filtering in IP Filter", 2001).
bool TcpCanBegin(const TrackedPacket& packet);
void TcpBegin(Connection& connection, const TrackedPacket& packet);
Verdict TcpUpdate(Connection& connection, const TrackedPacket& packet, bool reply, Timeout& timeout);

}  // namespace slowpath
