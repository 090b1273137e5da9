#pragma once

#include <linux/genetlink.h>
#include <linux/openvswitch.h>

#include "wire/attributes.h"

// Netlink, generic netlink and OVS headers: walking the messages of a datagram, and building messages.
namespace slowpath {

// One message of a datagram.
struct NetlinkMessage {
  uint16_t type = 0;    // NLMSG_* or a genetlink family.
  uint16_t flags = 0;   // NLM_F_*
  uint32_t seq = 0;     // Of the request that it answers; 0 for notifications and upcalls.
  uint32_t portId = 0;  // nlmsg_pid
  std::span<const uint8_t> bytes = {};    // All of it, with its nlmsghdr and without padding.
  std::span<const uint8_t> payload = {};  // Behind the nlmsghdr.
};

// Walks the messages of a datagram. Next() is false at the end and at the first message whose length is a lie; malformed()
// tells which.
class NetlinkReader {
 public:
  explicit NetlinkReader(std::span<const uint8_t> datagram) : reader_(datagram) {}
  bool Next(NetlinkMessage& message);
  bool malformed() const { return malformed_; }

 private:
  ByteReader reader_;
  bool malformed_ = false;
};

// A message of one of the OVS families: genlmsghdr and ovs_header, then attributes.
struct OvsMessage {
  uint8_t cmd = 0;
  uint8_t version = 0;
  uint32_t dpIfindex = 0;
  std::span<const uint8_t> attributes = {};
};
// False when the message is too short for its headers.
bool ReadOvsMessage(const NetlinkMessage& message, OvsMessage& out);

// NLMSG_ERROR, and the extended acknowledgement behind it (NETLINK_EXT_ACK).
struct NetlinkErrorMessage {
  int error = 0;                          // Positive errno; 0 acknowledges.
  uint32_t seq = 0;                       // Of the request.
  uint16_t requestType = 0;               // nlmsg_type of the request.
  std::span<const uint8_t> text = {};     // NLMSGERR_ATTR_MSG without its NUL; empty without one.
  uint32_t offset = 0;                    // NLMSGERR_ATTR_OFFS: byte in the request that was not liked; 0 without one.
};
// False when the message is no NLMSG_ERROR, or too short for one. Malformed extended attributes are left out.
bool ReadErrorMessage(const NetlinkMessage& message, NetlinkErrorMessage& out);

// Builds one message with genlmsghdr and ovs_header; its length is written, and the next message aligned, when it goes out
// of scope.
class OvsMessageWriter {
 public:
  struct Header {
    uint16_t family = 0;     // nlmsg_type
    uint16_t flags = 0;      // NLM_F_*
    uint32_t seq = 0;
    uint32_t portId = 0;
    uint8_t cmd = 0;
    uint8_t version = 1;
    uint32_t dpIfindex = 0;
  };
  OvsMessageWriter(ByteWriter& out, const Header& header);
  ~OvsMessageWriter();
  OvsMessageWriter(const OvsMessageWriter&) = delete;
  OvsMessageWriter& operator=(const OvsMessageWriter&) = delete;

 private:
  ByteWriter& out_;
  size_t start_;
};

}  // namespace slowpath
