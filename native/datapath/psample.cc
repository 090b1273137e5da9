#include "datapath/psample.h"

#include <errno.h>
#include <linux/openvswitch.h>

#include <algorithm>

#include "datapath/actions.h"
#include "datapath/families.h"

namespace slowpath {

int ParsePsample(std::span<const uint8_t> arguments, PsampleArguments& out) {
  bool group = false;
  AttributeReader reader(arguments);
  for (Attribute argument; reader.Next(argument);) {
    size_t size = argument.payload.size();
    if (argument.type == kPsampleGroup && size == 4) {
      out.group = LoadHost<uint32_t>(argument.payload.data());
      group = true;
    } else if (argument.type == kPsampleCookie && size != 0 && size <= kPsampleCookieBytes) {
      out.cookie = argument.payload;
    } else {
      return -EINVAL;
    }
  }
  return group && !reader.malformed() ? 0 : -EINVAL;
}

void ActionRunner::Psample(const Packet& packet, const uint32_t* key, std::span<const uint8_t> arguments) {
  PsampleArguments parsed;
  if (ParsePsample(arguments, parsed) != 0) return;
  Port* port = dp_.PortAt(key[flow::kInPort]);
  // Without a sample action around it, it takes every packet.
  engine_.Sample(packet, {.ifindex = port != nullptr ? port->ifindex : 0,
                          .group = parsed.group,
                          .probability = probability_ != 0 ? probability_ : UINT32_MAX,
                          .cookie = parsed.cookie});
}

// In the order in which psample_sample_packet of the kernel puts them.
void Engine::Sample(const Packet& packet, const SampleInfo& info) {
  if (sampleReaders.empty()) {
    Count(counters.samplesUnread);
    return;
  }
  ByteWriter head({head_.get(), Slab::kSlotBytes});
  PutHeaders(head, {.type = kPsampleFamily, .command = PSAMPLE_CMD_SAMPLE, .version = PSAMPLE_GENL_VERSION},
             0);
  head.Truncate(head.size() - sizeof(ovs_header));
  if (uint8_t* p = PutAttribute(head, PSAMPLE_ATTR_IIFINDEX, 2); p != nullptr && info.ifindex != 0) {
    StoreHost<uint16_t>(p, static_cast<uint16_t>(info.ifindex));
  }
  PutU32(head, PSAMPLE_ATTR_SAMPLE_RATE, info.probability);
  PutU32(head, PSAMPLE_ATTR_ORIGSIZE, packet.length);
  PutU32(head, PSAMPLE_ATTR_SAMPLE_GROUP, info.group);
  // As in the kernel, whose action makes a group of its own for each packet.
  PutU32(head, PSAMPLE_ATTR_GROUP_SEQ, 0);
  if (!info.cookie.empty()) PutBytes(head, kSampleCookie, info.cookie);
  PutAttribute(head, kSampleProbability, 0);
  PutAttribute(head, PSAMPLE_ATTR_DATA, 0);
  // What fits behind the 16 bits of an attribute's length.
  constexpr size_t kMost = UINT16_MAX - NLA_HDRLEN;
  size_t whole = packet.length > packet.cut ? packet.length - packet.cut : 0;
  std::span<const uint8_t> frame = packet.frame().first(std::min(whole, kMost));
  size_t padding = AttributeReader::Padding(frame.size());
  std::span<uint8_t> bytes(head_.get(), head.size());
  StoreHost<uint32_t>(bytes.data(), static_cast<uint32_t>(bytes.size() + frame.size() + padding));
  StoreHost<uint16_t>(bytes.data() + bytes.size() - NLA_HDRLEN,
                      static_cast<uint16_t>(NLA_HDRLEN + frame.size()));
  for (ChannelQueue* reader : sampleReaders) {
    if (reader->PushUpcall(bytes, frame, padding) != ChannelQueue::Pushed::kQueued) {
      Count(counters.samplesLost);
      continue;
    }
    Count(counters.samples);
    WakeAfterBatch(*reader);
  }
}

}  // namespace slowpath
