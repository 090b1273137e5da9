#pragma once

#include <errno.h>
#include <linux/genetlink.h>
#include <linux/netlink.h>

#include <cstdint>
#include <span>
#include <string>

#include "wire/attributes.h"

// Generic netlink as the embedded datapath speaks it.
namespace slowpath {

// Family ids; the kernel hands them out at run time, here they are fixed.
inline constexpr uint16_t kDatapathFamily = 0x20;
inline constexpr uint16_t kVportFamily = 0x21;
inline constexpr uint16_t kFlowFamily = 0x22;
inline constexpr uint16_t kPacketFamily = 0x23;
inline constexpr uint16_t kMeterFamily = 0x24;
// Takes no requests: it names the group of samples, which has the same number.
inline constexpr uint16_t kPsampleFamily = 0x25;

// One request message, checked as far as its headers.
struct Request {
  uint16_t type = 0;       // nlmsg_type: the family.
  uint16_t flags = 0;      // NLM_F_*.
  uint32_t seq = 0;        // Comes back in the answers.
  uint8_t command = 0;     // OVS_*_CMD_*.
  uint8_t version = 0;     // Of the family, as the sender knows it.
  uint32_t ifindex = 0;    // dp_ifindex of struct ovs_header.
  std::span<const uint8_t> attributes = {};  // Behind the headers.
  std::span<const uint8_t> header = {};      // The nlmsghdr, for acknowledgements.
};

// What goes into the headers of an answer or notification.
struct MessageHead {
  uint16_t type = 0;
  uint8_t command = 0;
  uint8_t version = 1;
  uint16_t flags = 0;
  uint32_t seq = 0;
  uint32_t portId = 0;
};

// Appends nlmsghdr, genlmsghdr and struct ovs_header. The length is left 0: see FinishMessage.
inline void PutHeaders(ByteWriter& out, const MessageHead& head, uint32_t ifindex) {
  uint8_t* p = out.Push(NLMSG_HDRLEN + GENL_HDRLEN + 4);
  if (p == nullptr) return;
  StoreHost<uint16_t>(p + 4, head.type);
  StoreHost<uint16_t>(p + 6, head.flags);
  StoreHost<uint32_t>(p + 8, head.seq);
  StoreHost<uint32_t>(p + 12, head.portId);
  p[16] = head.command;
  p[17] = head.version;
  StoreHost<uint32_t>(p + 20, ifindex);
}

// Writes the length of the message that began at 'start'.
inline void FinishMessage(ByteWriter& out, size_t start) {
  if (!out.overflowed()) StoreHost<uint32_t>(out.data() + start, static_cast<uint32_t>(out.size() - start));
}

// A NUL-terminated string attribute, whose end may stand in for the NUL.
inline std::string TextOf(std::span<const uint8_t> bytes) {
  size_t n = 0;
  while (n < bytes.size() && bytes[n] != 0) n++;
  return {reinterpret_cast<const char*>(bytes.data()), n};
}

// Attributes of a request by type. As the kernel's liberal parsing: types beyond N are ignored, of one that comes twice
// the last counts.
template <unsigned N>
struct AttributeTable {
  // Sizes an attribute must have at least; kFlag: exactly 0; 0: any.
  static constexpr uint16_t kFlag = 0xffff;

  // 0, -EINVAL for a malformed sequence, -ERANGE for a short attribute.
  int Parse(std::span<const uint8_t> attributes, const uint16_t (&least)[N + 1]);
  bool has(unsigned type) const { return present[type]; }
  uint32_t U32(unsigned type) const { return LoadHost<uint32_t>(payload[type].data()); }
  std::span<const uint8_t> operator[](unsigned type) const { return payload[type]; }

  bool present[N + 1] = {};
  std::span<const uint8_t> payload[N + 1] = {};
};

template <unsigned N>
int AttributeTable<N>::Parse(std::span<const uint8_t> attributes, const uint16_t (&least)[N + 1]) {
  AttributeReader reader(attributes);
  for (Attribute a; reader.Next(a);) {
    if (a.type == 0 || a.type > N) continue;
    bool flag = least[a.type] == kFlag;
    if (flag ? !a.payload.empty() : a.payload.size() < least[a.type]) return -ERANGE;
    present[a.type] = true;
    payload[a.type] = a.payload;
  }
  return reader.malformed() ? -EINVAL : 0;
}

}  // namespace slowpath
