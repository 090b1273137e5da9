#include "sys/op_sender.h"

#include <algorithm>
#include <cerrno>

#include "sys/clock.h"
#include "wire/netlink.h"

namespace slowpath {
namespace {

// A datagram is sent when it has reached the first size; the second also has room for one more operation of
// nearly any size (attributes are at most 64 KiB each). Both are below the send buffer of a channel.
constexpr size_t kDatagramBytes = 128 * 1024;
constexpr size_t kBufferBytes = 192 * 1024;
// Operations in flight in an exchange: their answers fit into any receive buffer.
constexpr size_t kMaxInFlight = 64;
constexpr int kAnswerTimeoutMs = 5000;
// While an exchange runs, kError says whose answer is awaited, and for whom a flow did not fit.
constexpr uint32_t kAwaited = 0xffffffff;
constexpr uint32_t kAwaitedUnfit = 0xfffffffe;

uint32_t* Row(uint32_t* rows, size_t index) { return rows + index * op_row::kWords; }

bool IsAwaited(uint32_t error) { return error >= kAwaitedUnfit; }

}  // namespace

// Encodes rows from 'firstRow' on until the datagram is large enough.
OpSender::Datagram OpSender::Build(uint32_t* rows, size_t firstRow, size_t count, const OpSources& sources,
                                   uint16_t flags, size_t maxOperations, int* error) {
  if (buffer_ == nullptr) buffer_ = std::make_unique_for_overwrite<uint8_t[]>(kBufferBytes);
  ByteWriter out({buffer_.get(), kBufferBytes});
  Datagram datagram = {firstRow, firstRow, 0};
  OpContext context = context_;
  context.portId = channel_.PortId();
  context.flags = flags;
  while (datagram.endRow < count && datagram.operations < maxOperations && out.size() < kDatagramBytes) {
    uint32_t* row = Row(rows, datagram.endRow);
    context.seq = requester_.PeekSeq();
    int result = EncodeOp(row, context, sources, out);
    if (result == -ENOBUFS && datagram.operations > 0) break;  // Goes into the next.
    row[op_row::kSeq] = result == 0 ? requester_.NextSeq() : 0;
    row[op_row::kError] = 0;
    datagram.endRow++;
    if (result == 0) {
      datagram.operations++;
    } else {
      *error = result == -ENOBUFS ? EMSGSIZE : -result;
      row[op_row::kError] = static_cast<uint32_t>(*error);
    }
  }
  size_ = out.size();
  return datagram;
}

int OpSender::Send() { return requester_.SendStamped({buffer_.get(), size_}); }

size_t OpSender::Submit(uint32_t* rows, size_t count, const OpSources& sources, int* error) {
  *error = 0;
  size_t sent = 0;
  for (size_t next = 0; next < count;) {
    Datagram datagram = Build(rows, next, count, sources, 0, count, error);
    int result = datagram.operations == 0 ? 0 : Send();
    if (result != 0) {
      *error = -result;
      for (size_t i = datagram.firstRow; i < count; i++) {
        Row(rows, i)[op_row::kSeq] = 0;
        Row(rows, i)[op_row::kError] = static_cast<uint32_t>(-result);
      }
      return sent;
    }
    sent += datagram.operations;
    next = datagram.endRow;
  }
  return sent;
}

void OpSender::Exchange(uint32_t* rows, size_t count, const OpSources& sources, FlowRows& replies) {
  int error = 0;
  for (size_t next = 0; next < count;) {
    Datagram datagram = Build(rows, next, count, sources, NLM_F_ACK, kMaxInFlight, &error);
    next = datagram.endRow;
    size_t awaited = datagram.operations;
    for (size_t i = datagram.firstRow; i < datagram.endRow; i++) {
      if (Row(rows, i)[op_row::kSeq] != 0) Row(rows, i)[op_row::kError] = kAwaited;
    }
    int64_t deadline = NowMs() + kAnswerTimeoutMs;
    int result = awaited == 0 ? 0 : Send();
    const char* what;
    while (result == 0 && awaited > 0) {
      result = requester_.Await(answer_, deadline, &what);
      if (result == 0) awaited -= TakeAnswers(answer_, rows, datagram, replies);
    }
    for (size_t i = datagram.firstRow; i < datagram.endRow; i++) {
      uint32_t& rowError = Row(rows, i)[op_row::kError];
      if (IsAwaited(rowError)) rowError = static_cast<uint32_t>(-result);
    }
  }
}

// Returns how many operations it acknowledged or refused.
size_t OpSender::TakeAnswers(std::span<const uint8_t> bytes, uint32_t* rows, const Datagram& datagram,
                             FlowRows& replies) {
  size_t answered = 0;
  NetlinkReader reader(bytes);
  for (NetlinkMessage message; reader.Next(message);) {
    auto* begin = Row(rows, datagram.firstRow);
    size_t i = 0;
    size_t n = datagram.endRow - datagram.firstRow;
    while (i < n && begin[i * op_row::kWords + op_row::kSeq] != message.seq) i++;
    if (i == n || message.seq == 0) continue;
    uint32_t& error = begin[i * op_row::kWords + op_row::kError];
    if (!IsAwaited(error)) continue;
    NetlinkErrorMessage verdict;
    if (ReadErrorMessage(message, verdict)) {
      uint32_t granted = error == kAwaitedUnfit ? EMSGSIZE : 0;
      error = verdict.error != 0 ? static_cast<uint32_t>(verdict.error) : granted;
      answered++;
    } else if (message.type == context_.flowFamily) {
      FlowRows::Added added = replies.Add(message);
      if (added == FlowRows::Added::kFull) error = kAwaitedUnfit;
      if (added == FlowRows::Added::kMalformed) channel_.MutableCounters().malformed++;
    }
  }
  if (reader.malformed()) channel_.MutableCounters().malformed++;
  return answered;
}

}  // namespace slowpath
