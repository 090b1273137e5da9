#include <netinet/tcp.h>

#include <algorithm>

#include "datapath/conntrack/protocol.h"

namespace slowpath {
namespace {

// How far back or forward an acknowledgement or segment may be: the largest window, and a packet.
constexpr uint32_t kFudge = 0xffff + 1500;
constexpr uint8_t kMaxScale = 14;

// Of sequence numbers, which wrap.
bool AtLeast(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) >= 0; }

bool HasScale(const TcpPeer& peer) { return peer.scale <= kMaxScale; }

// Combinations that no stack sends.
bool FlagsAreInvalid(uint8_t flags) {
  if ((flags & TH_SYN) != 0) {
    if ((flags & (TH_RST | TH_FIN)) != 0) return true;
  } else if ((flags & (TH_ACK | TH_RST)) == 0) {
    return true;
  }
  return (flags & TH_ACK) == 0 && (flags & (TH_FIN | TH_PUSH | TH_URG)) != 0;
}

// The window of a SYN as if scaled, so that scaling it gives the window again.
uint32_t ScaledDown(uint32_t window, uint8_t scale) { return (window + (1u << scale) - 1) >> scale; }

// One packet against both ends.
struct Segment {
  TcpPeer& from;
  TcpPeer& to;
  const TrackedPacket& packet;
  uint32_t sequence;      // First byte.
  uint32_t end;           // Behind the last; SYN and FIN count.
  uint32_t acknowledged;
  uint32_t window;
  uint8_t fromScale = 0;
  uint8_t toScale = 0;
  bool checksAck = true;

  bool Has(uint8_t flag) const { return (packet.flags & flag) != 0; }
  void TakeScales();
  void FirstOfEnd();
  bool InWindow() const;
  bool NearWindow() const;
  void Slide();
  void Close();
};

void Segment::TakeScales() {
  if (Has(TH_SYN)) return;
  if (HasScale(from) && HasScale(to)) {
    fromScale = from.scale;
    toScale = to.scale;
  } else if (from.scale == TcpPeer::kUnknownScale && to.scale == TcpPeer::kUnknownScale) {
    fromScale = toScale = kMaxScale;
  }
}

// The first packet of this end.
void Segment::FirstOfEnd() {
  if (Has(TH_SYN) && HasScale(to)) {
    from.scale = packet.scale;
    if (HasScale(from)) {
      fromScale = from.scale;
      toScale = to.scale;
      window = ScaledDown(window, fromScale);
    } else {
      // Only when both ends ask for it is anything scaled.
      to.maxWindow = static_cast<uint16_t>(std::min<uint32_t>(uint32_t{to.maxWindow} << to.scale, 0xffff));
      to.scale = TcpPeer::kNoScale;
    }
  }
  from.low = sequence;
  from.state = TcpState::kSynSent;
  uint32_t reach = end + std::max<uint32_t>(1, uint32_t{to.maxWindow} << toScale);
  if (from.high == 1 || AtLeast(reach, from.high)) {
    from.high = reach;
    checksAck = false;
  }
  from.maxWindow = static_cast<uint16_t>(std::max<uint32_t>(from.maxWindow, window));
}

bool Segment::InWindow() const {
  int64_t skew = checksAck ? static_cast<int32_t>(to.low - acknowledged) : 0;
  bool reset = Has(TH_RST);
  // A reset must be exact, or one off.
  uint32_t off = packet.sequence - from.low + 1;
  return AtLeast(from.high, end) && AtLeast(sequence, from.low - (uint32_t{to.maxWindow} << toScale)) &&
         skew >= -static_cast<int64_t>(kFudge) && skew <= static_cast<int64_t>(kFudge) << fromScale && (!reset || off <= 2);
}

// Ends that were picked up in the middle, or have just closed.
bool Segment::NearWindow() const {
  bool loose = to.state < TcpState::kSynSent || to.state >= TcpState::kFinished || from.state >= TcpState::kFinished;
  return loose && AtLeast(from.high + kFudge, end) && AtLeast(sequence, from.low - kFudge);
}

void Segment::Slide() {
  from.maxWindow = static_cast<uint16_t>(std::max<uint32_t>(from.maxWindow, window));
  if (AtLeast(end, from.low)) from.low = end;
  uint32_t allowed = window << fromScale;
  if (AtLeast(acknowledged + allowed, to.high)) to.high = acknowledged + std::max<uint32_t>(allowed, 1);
}

void Segment::Close() {
  if (Has(TH_FIN) && from.state < TcpState::kClosing) from.state = TcpState::kClosing;
  if (Has(TH_RST)) from.state = to.state = TcpState::kTimeWait;
}

Timeout TimeoutOf(TcpState a, TcpState b) {
  TcpState low = std::min(a, b), high = std::max(a, b);
  if (low >= TcpState::kFinished) return Timeout::kTcpClosed;
  if (low >= TcpState::kClosing) return Timeout::kTcpFinWait;
  if (low < TcpState::kEstablished) return Timeout::kTcpOpening;
  return high >= TcpState::kClosing ? Timeout::kTcpClosing : Timeout::kTcpEstablished;
}

}  // namespace

bool TcpCanBegin(const TrackedPacket& packet) {
  // A stream may be picked up in its middle, but not when half open.
  return !FlagsAreInvalid(packet.flags) && (packet.flags & (TH_SYN | TH_ACK)) != (TH_SYN | TH_ACK);
}

void TcpBegin(Connection& connection, const TrackedPacket& packet) {
  TcpPeer& from = connection.peers[0];
  TcpPeer& to = connection.peers[1];
  from = to = TcpPeer();
  bool syn = (packet.flags & TH_SYN) != 0;
  from.low = packet.sequence;
  from.high = packet.sequence + packet.payload + 1 + (syn ? 1 : 0) + ((packet.flags & TH_FIN) != 0 ? 1 : 0);
  from.maxWindow = std::max<uint16_t>(packet.window, 1);
  if (syn) {
    from.scale = packet.scale;
    if (HasScale(from)) from.maxWindow = static_cast<uint16_t>(ScaledDown(from.maxWindow, from.scale));
  } else {
    from.scale = to.scale = TcpPeer::kUnknownScale;
  }
  from.state = TcpState::kSynSent;
}

Verdict TcpUpdate(Connection& connection, const TrackedPacket& packet, bool reply, Timeout& timeout) {
  if (FlagsAreInvalid(packet.flags)) return Verdict::kInvalid;
  TcpPeer& from = connection.peers[reply ? 1 : 0];
  TcpPeer& to = connection.peers[reply ? 0 : 1];
  if ((packet.flags & (TH_SYN | TH_ACK)) == TH_SYN) {
    if (from.state >= TcpState::kFinished && to.state >= TcpState::kFinished) return Verdict::kRestart;
    if (from.state <= TcpState::kSynSent && !reply) {
      timeout = Timeout::kTcpFirst;
      return Verdict::kNew;
    }
  }
  uint32_t length = packet.payload + ((packet.flags & TH_SYN) != 0 ? 1 : 0) + ((packet.flags & TH_FIN) != 0 ? 1 : 0);
  Segment segment{from, to, packet, packet.sequence, packet.sequence + length, packet.acknowledged, packet.window};
  segment.TakeScales();
  if (from.state < TcpState::kSynSent) segment.FirstOfEnd();
  bool acks = (packet.flags & TH_ACK) != 0;
  // Without an acknowledgement there is nothing to be askew; some stacks reset with one of 0.
  if (!acks || (packet.acknowledged == 0 && (packet.flags & TH_RST) != 0)) segment.acknowledged = to.low;
  if (length == 0) segment.sequence = segment.end = from.low;
  if (segment.InWindow()) {
    segment.Slide();
    segment.Close();
    if (acks && (packet.flags & TH_RST) == 0) {
      if (to.state == TcpState::kSynSent) to.state = TcpState::kEstablished;
      if (to.state == TcpState::kClosing) to.state = TcpState::kFinished;
    }
    timeout = TimeoutOf(from.state, to.state);
  } else if (segment.NearWindow()) {
    segment.Slide();
    segment.Close();
  } else {
    return Verdict::kInvalid;
  }
  return Verdict::kEstablished;
}

}  // namespace slowpath
