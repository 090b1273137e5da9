#pragma once

#include <linux/netlink.h>

#include "wire/bytes.h"

namespace slowpath {

// One netlink message (struct nlmsghdr, <linux/netlink.h>).
struct Message {
  nlmsghdr header = {};
  std::span<const uint8_t> bytes = {};  // Header and payload, without padding.

  std::span<const uint8_t> payload() const { return bytes.subspan(NLMSG_HDRLEN); }
  // The errno an NLMSG_ERROR reports, positive; 0 for an acknowledgement, EPROTO when it is too short to say. An NLMSG_DONE
  // reports one the same way, and 0 when it carries none.
  int Errno() const;
};

// Walks the messages of a datagram. Next() is false at the end and at the first header that lies about its length;
// malformed() tells which.
class MessageReader {
 public:
  explicit MessageReader(std::span<const uint8_t> datagram) : reader_(datagram) {}

  bool Next(Message& message);
  bool malformed() const { return malformed_; }
  // Bytes not walked yet.
  size_t left() const { return reader_.left(); }

 private:
  ByteReader reader_;
  bool malformed_ = false;
};

}  // namespace slowpath
