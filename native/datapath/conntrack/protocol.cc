#include "datapath/conntrack/protocol.h"

namespace slowpath {

bool CanBegin(const TrackedPacket& packet) {
  const Tuple& tuple = packet.tuple;
  if (tuple.protocol == IPPROTO_TCP) return TcpCanBegin(packet);
  return !tuple.isIcmp() || IsQuestion(tuple.version, tuple.icmpType());
}

Timeout Begin(Connection& connection, const TrackedPacket& packet) {
  if (packet.tuple.protocol == IPPROTO_TCP) {
    TcpBegin(connection, packet);
    return Timeout::kTcpFirst;
  }
  return packet.tuple.isIcmp() ? Timeout::kIcmpFirst : Timeout::kOtherFirst;
}

Verdict Update(Connection& connection, const TrackedPacket& packet, bool reply, Timeout& timeout) {
  if (packet.tuple.protocol == IPPROTO_TCP) return TcpUpdate(connection, packet, reply, timeout);
  connection.answered |= reply;
  if (packet.tuple.isIcmp()) {
    timeout = connection.answered ? Timeout::kIcmpReply : Timeout::kIcmpFirst;
  } else {
    timeout = connection.answered ? Timeout::kOtherBoth : Timeout::kOtherMultiple;
  }
  return connection.answered ? Verdict::kEstablished : Verdict::kNew;
}

}  // namespace slowpath
