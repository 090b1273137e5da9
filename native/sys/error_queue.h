#pragma once

#include <deque>

#include "wire/netlink.h"

namespace slowpath {

// Refusals of operations that were sent without asking for acknowledgements, until somebody asks for them.
class ErrorQueue {
 public:
  struct Entry {
    uint32_t seq;  // Of the refused operation.
    int32_t errnum;
  };
  // More are forgotten, the oldest first.
  static constexpr size_t kMax = 4096;

  // Takes the refusals out of a datagram; acknowledgements and other messages are passed over. Returns how
  // many old ones were forgotten for them.
  size_t Collect(std::span<const uint8_t> datagram) {
    size_t forgotten = 0;
    NetlinkReader reader(datagram);
    NetlinkErrorMessage verdict;
    for (NetlinkMessage message; reader.Next(message);) {
      if (!ReadErrorMessage(message, verdict) || verdict.error == 0) continue;
      if (entries_.size() == kMax) {
        entries_.pop_front();
        forgotten++;
      }
      entries_.push_back({message.seq, verdict.error});
    }
    return forgotten;
  }
  // Moves the oldest into 'out', pairs (seq, errno); returns the number of pairs.
  size_t Drain(std::span<int32_t> out) {
    size_t pairs = 0;
    for (; pairs < out.size() / 2 && !entries_.empty(); pairs++) {
      out[pairs * 2] = static_cast<int32_t>(entries_.front().seq);
      out[pairs * 2 + 1] = entries_.front().errnum;
      entries_.pop_front();
    }
    return pairs;
  }

 private:
  std::deque<Entry> entries_;
};

}  // namespace slowpath
