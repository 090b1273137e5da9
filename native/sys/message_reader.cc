#include "sys/message_reader.h"

#include <algorithm>
#include <cerrno>

namespace slowpath {

int Message::Errno() const {
  std::span<const uint8_t> content = payload();
  if (content.size() < sizeof(int32_t)) return header.nlmsg_type == NLMSG_DONE ? 0 : EPROTO;
  int32_t error = LoadHost<int32_t>(content.data());
  return error < 0 && error > -4096 ? -error : error == 0 || header.nlmsg_type == NLMSG_DONE ? 0 : EPROTO;
}

bool MessageReader::Next(Message& message) {
  if (reader_.left() == 0) return false;
  std::span<const uint8_t> rest = reader_.rest();
  malformed_ = true;
  if (rest.size() < NLMSG_HDRLEN) return false;
  message.header = LoadHost<nlmsghdr>(rest.data());
  size_t length = message.header.nlmsg_len;
  if (length < NLMSG_HDRLEN || length > rest.size()) return false;
  malformed_ = false;
  message.bytes = rest.first(length);
  // The padding of the last message may be missing.
  reader_.TryPull(std::min<size_t>(NLMSG_ALIGN(length), rest.size()));
  return true;
}

}  // namespace slowpath
