#include <cstdlib>
#include <vector>

#include "wire/netlink.h"

// Any datagram: what is found in it lies in it, one message behind the other, and nested attributes end.
namespace {

using namespace slowpath;

bool Inside(std::span<const uint8_t> outer, std::span<const uint8_t> inner) {
  return inner.empty() || (inner.data() >= outer.data() && inner.data() + inner.size() <= outer.data() + outer.size());
}

void Walk(std::span<const uint8_t> bytes, int depth) {
  AttributeReader reader(bytes);
  Attribute a;
  size_t total = 0;
  while (reader.Next(a)) {
    if (!Inside(bytes, a.payload)) std::abort();
    total += NLA_HDRLEN + a.payload.size();
    if (depth < 8) Walk(a.payload, depth + 1);
  }
  if (total > bytes.size()) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // An exact copy, so that a read past the end is seen.
  std::vector<uint8_t> datagram(data, data + size);
  NetlinkReader reader(datagram);
  NetlinkMessage message;
  size_t total = 0;
  while (reader.Next(message)) {
    if (!Inside(datagram, message.bytes) || !Inside(message.bytes, message.payload)) std::abort();
    total += message.bytes.size();
    OvsMessage ovs;
    if (ReadOvsMessage(message, ovs)) {
      if (!Inside(message.bytes, ovs.attributes)) std::abort();
      Walk(ovs.attributes, 0);
    }
    NetlinkErrorMessage error;
    if (ReadErrorMessage(message, error) && (error.error < 0 || !Inside(message.bytes, error.text))) std::abort();
  }
  if (total > size) std::abort();
  return 0;
}
