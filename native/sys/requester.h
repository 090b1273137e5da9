#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sys/channel.h"

namespace slowpath {

// Numbers the requests of one channel and matches answers with them.
class Requester {
 public:
  explicit Requester(Channel& channel) : channel_(channel) {}

  // The next sequence number: consecutive, never 0, which notifications carry.
  uint32_t NextSeq();
  // What NextSeq will return.
  uint32_t PeekSeq() const { return seq_ == UINT32_MAX ? 1 : seq_ + 1; }
  // Gives a whole request message its sequence number and our port id, in place, and sends it. 0 or -errno.
  int Send(std::span<uint8_t> message);
  // Sends a datagram of messages that have their numbers. 0 or -errno.
  int SendStamped(std::span<const uint8_t> datagram);
  // Send, and then collects the messages that answer, each padded to 4 bytes, up to and including NLMSG_DONE
  // or NLMSG_ERROR. Messages with other sequence numbers are dropped. 0, -ETIMEDOUT when the answer does not
  // end within 'timeoutMs', -ENOBUFS when it does not and the receive buffer overflowed meanwhile, or another
  // -errno; 'what' then names the system call.
  int Transact(std::span<uint8_t> message, int timeoutMs, std::vector<uint8_t>& answer, const char** what);
  // Receives one datagram before 'deadlineMs' (see NowMs), with the errors of Transact.
  int Await(std::vector<uint8_t>& datagram, int64_t deadlineMs, const char** what);
  uint32_t lastSeq() const { return seq_; }

 private:
  bool Collect(std::span<const uint8_t> datagram, std::vector<uint8_t>& answer);

  Channel& channel_;
  uint32_t seq_ = 0;             // The last one given out.
  uint64_t overrunsBefore_ = 0;  // Overruns counted when the last request was sent.
};

}  // namespace slowpath
