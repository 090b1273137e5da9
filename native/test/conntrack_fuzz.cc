#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "datapath/checksum.h"
#include "datapath/conntrack/conntrack.h"
#include "datapath/engine.h"
#include "datapath_support.h"
#include "support.h"

// Packets through connection tracking with NAT, one after the other in a small table: the input says which frame is changed
// where, and what the action asks for.
namespace {

using namespace slowpath;

std::vector<test::Bytes> Frames() {
  std::vector<test::Bytes> frames;
  for (bool ipv6 : {false, true}) {
    for (bool tcp : {false, true}) {
      for (uint8_t flags : {0x02, 0x12, 0x10, 0x11, 0x04}) {
        frames.push_back(test::MakeFrame({.ipv6 = ipv6, .tcp = tcp, .tcpFlags = flags}, 20));
      }
    }
  }
  test::Bytes inside = frames[0];
  // An ICMP error about the first.
  test::Bytes error(inside.begin(), inside.begin() + 34);
  error[23] = 1;
  for (uint8_t byte : {3, 1, 0, 0, 0, 0, 0, 0}) error.push_back(byte);
  error.insert(error.end(), inside.begin() + 14, inside.end());
  StoreBe16(&error[16], static_cast<uint32_t>(error.size() - 14));
  std::swap_ranges(error.begin() + 26, error.begin() + 30, error.begin() + 30);
  frames.push_back(error);
  error[34] = 8;
  frames.push_back(error);
  return frames;
}

// So that what is behind the IP header is looked at.
void MendHeader(test::Bytes& frame) {
  uint32_t bytes = frame.size() >= 34 && frame[12] == 8 && frame[13] == 0 ? (frame[14] & 15) * 4u : 0;
  if (bytes < 20 || 14 + bytes > frame.size()) return;
  StoreBe16(&frame[24], 0);
  StoreBe16(&frame[24], static_cast<uint16_t>(~ChecksumFold(ChecksumAdd({&frame[14], bytes}))));
}

CtArguments Arguments(uint8_t bits, uint8_t more) {
  CtArguments a;
  a.commit = (bits & 1) != 0;
  a.force = (bits & 3) == 3;
  a.zone = bits >> 2 & 1;
  a.nat = (bits & 8) != 0;
  if (a.nat && a.commit) a.natType = more % 3;
  a.natAddresses = (bits & 16) != 0;
  a.natLow[0] = 0x0a000001;
  a.natHigh[0] = 0x0a000001 + (more >> 4);
  a.natPorts = (bits & 32) != 0;
  a.natLowPort = 1000;
  a.natHighPort = static_cast<uint16_t>(1000 + (bits >> 6));
  a.markMask = bits;
  a.mark = more;
  return a;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<test::Bytes> frames = Frames();
  static DatapathCounters counters;
  static BufferPool pool(4, nullptr, nullptr);
  static Conntrack conntrack(counters, 40);
  static uint64_t now = 1;
  uint32_t key[flow::kWords] = {};
  // Each five bytes: frame, action twice, place, value.
  for (; size >= 5; data += 5, size -= 5) {
    test::Bytes frame = frames[data[0] % frames.size()];
    if (data[4] != 0) frame[14 + data[3] % (frame.size() - 14)] ^= data[4];
    MendHeader(frame);
    Buffer* buffer = pool.Get();
    if (buffer == nullptr) std::abort();
    Packet packet(buffer, static_cast<uint32_t>(frame.size() - (data[0] >> 5)));
    std::memcpy(packet.data, frame.data(), packet.length);
    packet.offload.flags = 2;  // Checksums were checked.
    // Some go through again, as after a recirculation.
    if ((data[2] & 8) == 0) ClearConntrackWords(key);
    ExtractKey(packet, key);
    conntrack.Execute(packet, pool, key, Arguments(data[1], data[2]), data[3], now);
    if (conntrack.size() > 40) std::abort();
    now += data[2] == 0xff ? 40000 : 1;
    conntrack.Sweep(now);
  }
  return 0;
}
