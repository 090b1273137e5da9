#include "wire/netlink.h"

namespace slowpath {

namespace {
constexpr size_t kOvsHeaders = GENL_HDRLEN + sizeof(ovs_header);
}

bool NetlinkReader::Next(NetlinkMessage& message) {
  if (reader_.left() == 0) return false;
  auto rest = reader_.rest();
  uint32_t length = rest.size() >= NLMSG_HDRLEN ? LoadHost<uint32_t>(rest.data()) : 0;
  if (length < NLMSG_HDRLEN || length > rest.size()) {
    malformed_ = true;
    return false;
  }
  const uint8_t* p = rest.data();
  message.type = LoadHost<uint16_t>(p + 4);
  message.flags = LoadHost<uint16_t>(p + 6);
  message.seq = LoadHost<uint32_t>(p + 8);
  message.portId = LoadHost<uint32_t>(p + 12);
  message.bytes = rest.first(length);
  message.payload = message.bytes.subspan(NLMSG_HDRLEN);
  // The last message may come without its padding.
  size_t aligned = NLMSG_ALIGN(static_cast<size_t>(length));
  reader_.TryPull(aligned < rest.size() ? aligned : rest.size());
  return true;
}

bool ReadOvsMessage(const NetlinkMessage& message, OvsMessage& out) {
  if (message.payload.size() < kOvsHeaders) return false;
  const uint8_t* p = message.payload.data();
  out.cmd = p[0];
  out.version = p[1];
  out.dpIfindex = LoadHost<uint32_t>(p + GENL_HDRLEN);
  out.attributes = message.payload.subspan(kOvsHeaders);
  return true;
}

bool ReadErrorMessage(const NetlinkMessage& message, NetlinkErrorMessage& out) {
  constexpr size_t kFixed = 4 + NLMSG_HDRLEN;  // The error number, then the header of the request.
  if (message.type != NLMSG_ERROR || message.payload.size() < kFixed) return false;
  const uint8_t* p = message.payload.data();
  // As unsigned, since a hostile INT_MIN has no negative.
  out.error = static_cast<int>((0u - LoadHost<uint32_t>(p)) & 0x7fffffffu);
  out.requestType = LoadHost<uint16_t>(p + 8);
  out.seq = LoadHost<uint32_t>(p + 12);
  out.text = {};
  out.offset = 0;
  if ((message.flags & NLM_F_ACK_TLVS) == 0) return true;
  // The attributes are behind the request, of which NLM_F_CAPPED leaves no more than the header.
  size_t requestBytes = (message.flags & NLM_F_CAPPED) != 0 ? NLMSG_HDRLEN : LoadHost<uint32_t>(p + 4);
  size_t skip = 4 + NLMSG_ALIGN(requestBytes);
  if (requestBytes < NLMSG_HDRLEN || skip > message.payload.size()) return true;
  AttributeReader reader(message.payload.subspan(skip));
  Attribute a;
  while (reader.Next(a)) {
    if (a.type == NLMSGERR_ATTR_MSG) {
      size_t n = a.payload.size();
      out.text = a.payload.first(n > 0 && a.payload[n - 1] == 0 ? n - 1 : n);
    } else if (a.type == NLMSGERR_ATTR_OFFS && a.payload.size() == 4) {
      out.offset = LoadHost<uint32_t>(a.payload.data());
    }
  }
  return true;
}

OvsMessageWriter::OvsMessageWriter(ByteWriter& out, const Header& header) : out_(out), start_(out.size()) {
  uint8_t* p = out.Push(NLMSG_HDRLEN + kOvsHeaders);
  if (p == nullptr) return;
  StoreHost<uint16_t>(p + 4, header.family);
  StoreHost<uint16_t>(p + 6, header.flags);
  StoreHost<uint32_t>(p + 8, header.seq);
  StoreHost<uint32_t>(p + 12, header.portId);
  p[NLMSG_HDRLEN] = header.cmd;
  p[NLMSG_HDRLEN + 1] = header.version;
  StoreHost<uint32_t>(p + NLMSG_HDRLEN + GENL_HDRLEN, header.dpIfindex);
}

OvsMessageWriter::~OvsMessageWriter() {
  if (out_.overflowed()) return;
  size_t length = out_.size() - start_;
  StoreHost<uint32_t>(out_.data() + start_, static_cast<uint32_t>(length));
  out_.Push(NLMSG_ALIGN(length) - length);
}

}  // namespace slowpath
