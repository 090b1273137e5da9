#include <time.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "commands.h"
#include "packet_socket.h"
#include "udp_frame.h"

namespace traffic {

namespace {

constexpr int kBuffer = 128 << 20;
constexpr uint64_t kSecondNs = 1'000'000'000;

}  // namespace

void Sink(Arguments& arguments) {
  const std::string device = arguments.Text("dev");
  const std::string netns = arguments.Text("netns", "");
  const auto expect = static_cast<uint64_t>(arguments.Number("expect", 1000, 1, 100'000'000));
  const int64_t timeout = arguments.Number("timeout", 10, 1, 3600);
  // Ends early when nothing has come for so long after the first frame; 0: waits to the end.
  const int64_t quietMs = arguments.Number("quiet-ms", 0, 0, 3'600'000);
  arguments.Finish();

  const Fd fd = OpenPacketSocket(device, netns, kBuffer);
  std::puts("{\"ready\":true}");
  std::vector<bool> seen(expect);
  uint64_t received = 0, distinct = 0, unexpected = 0, firstNs = 0, lastNs = 0;
  const uint64_t end = NowNs(CLOCK_MONOTONIC) + static_cast<uint64_t>(timeout) * kSecondNs;
  Frame frame;
  while (distinct < expect) {
    const uint64_t now = NowNs(CLOCK_MONOTONIC);
    if (now >= end) break;
    const auto left = static_cast<int64_t>((end - now) / 1'000'000) + 1;
    const bool hush = quietMs > 0 && received > 0;
    if (!ReceiveFrame(fd.get(), static_cast<int>(hush ? std::min(left, quietMs) : left), frame)) {
      if (hush) break;
      continue;
    }
    const auto sequence = SequenceOf(frame.bytes);
    if (!sequence) continue;
    if (received++ == 0) firstNs = frame.arrivedNs;
    lastNs = frame.arrivedNs;
    if (*sequence >= expect) {
      ++unexpected;
    } else if (!seen[*sequence]) {
      seen[*sequence] = true;
      ++distinct;
    }
  }
  const double seconds = static_cast<double>(lastNs - firstNs) / kSecondNs;
  std::printf(
      "{\"received\":%llu,\"distinct\":%llu,\"duplicates\":%llu,\"unexpected\":%llu,\"dropped\":%u,"
      "\"seconds\":%.6f,\"pps\":%.0f}\n",
      static_cast<unsigned long long>(received), static_cast<unsigned long long>(distinct),
      static_cast<unsigned long long>(received - distinct - unexpected),
      static_cast<unsigned long long>(unexpected), DroppedFrames(fd.get()), seconds,
      seconds > 0 ? static_cast<double>(received - 1) / seconds : 0.0);
}

}  // namespace traffic
