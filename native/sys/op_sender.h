#pragma once

#include <memory>

#include "sys/flow_rows.h"
#include "sys/requester.h"
#include "wire/op.h"

namespace slowpath {

// Sends the operations of op batches. Each row's kSeq and kError are written: the number it was sent with (0
// when it was not sent), and why it failed (errno, 0 for not).
class OpSender {
 public:
  OpSender(Channel& channel, Requester& requester) : channel_(channel), requester_(requester) {}

  // Families and datapath of all operations from now on; the other members are ignored.
  void Configure(const OpContext& context) { context_ = context; }
  bool configured() const { return context_.flowFamily != 0; }

  // Sends without asking for acknowledgements, in as few datagrams as possible. Operations that cannot be
  // encoded are left out. When a datagram cannot be sent, neither it nor what follows is sent. Returns the
  // number of operations sent; 'error' is the errno of the last failure, 0 without any.
  size_t Submit(uint32_t* rows, size_t count, const OpSources& sources, int* error);
  // Sends, waits for every answer, and puts the flows that were returned into 'replies'. A flow that no
  // longer fits there gives its operation the error EMSGSIZE; an answer that does not come in time ETIMEDOUT,
  // or ENOBUFS when answers were lost.
  void Exchange(uint32_t* rows, size_t count, const OpSources& sources, FlowRows& replies);

 private:
  // A datagram being built, and the rows that it carries: those with kSeq from firstSeq on, in order.
  struct Datagram {
    size_t firstRow = 0;    // First row that may be in it.
    size_t endRow = 0;      // One behind the last.
    size_t operations = 0;  // Rows really in it.
  };

  Datagram Build(uint32_t* rows, size_t firstRow, size_t count, const OpSources& sources, uint16_t flags,
                 size_t maxOperations, int* error);
  int Send();
  size_t TakeAnswers(std::span<const uint8_t> bytes, uint32_t* rows, const Datagram& datagram,
                     FlowRows& replies);

  Channel& channel_;
  Requester& requester_;
  OpContext context_;
  std::unique_ptr<uint8_t[]> buffer_;  // Datagrams are built here; made at the first use.
  size_t size_ = 0;                    // Bytes of the datagram built last.
  std::vector<uint8_t> answer_;        // Reused.
};

}  // namespace slowpath
