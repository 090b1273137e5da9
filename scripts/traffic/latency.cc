#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "commands.h"
#include "packet_socket.h"
#include "udp_frame.h"

namespace traffic {

namespace {

constexpr int kBuffer = 8 << 20;
constexpr double kMicroNs = 1000.0;

// Nearest rank. `sorted` may be empty: then 0.
double Percentile(const std::vector<double>& sorted, double share) {
  if (sorted.empty()) return 0;
  const auto rank = static_cast<size_t>(std::ceil(share * static_cast<double>(sorted.size())));
  return sorted[std::clamp<size_t>(rank, 1, sorted.size()) - 1];
}

// Waits for the frame with this sequence number. Its time on the way in microseconds, or -1 when it did not come.
double AwaitFrame(int fd, uint32_t sequence, uint64_t sentNs, int timeoutMs) {
  Frame frame;
  const uint64_t end = NowNs(CLOCK_MONOTONIC) + static_cast<uint64_t>(timeoutMs) * 1'000'000;
  for (uint64_t now = NowNs(CLOCK_MONOTONIC); now < end; now = NowNs(CLOCK_MONOTONIC)) {
    const int leftMs = static_cast<int>((end - now) / 1'000'000) + 1;
    if (ReceiveFrame(fd, leftMs, frame) && SequenceOf(frame.bytes) == sequence)
      return (static_cast<double>(frame.arrivedNs) - static_cast<double>(sentNs)) / kMicroNs;
  }
  return -1;
}

void PrintPlace(const std::vector<double>& unsorted, uint64_t lost, bool last) {
  std::vector<double> times = unsorted;
  std::sort(times.begin(), times.end());
  std::printf("{\"received\":%zu,\"lost\":%llu,\"p50_us\":%.1f,\"p99_us\":%.1f,\"max_us\":%.1f}%s", times.size(),
              static_cast<unsigned long long>(lost), Percentile(times, 0.5), Percentile(times, 0.99),
              times.empty() ? 0.0 : times.back(), last ? "" : ",");
}

}  // namespace

void Latency(Arguments& arguments) {
  const std::string device = arguments.Text("dev");
  const std::string netns = arguments.Text("netns", "");
  const std::string sinkDevice = arguments.Text("sink-dev");
  const std::string sinkNetns = arguments.Text("sink-netns", netns.c_str());
  const auto count = static_cast<uint32_t>(arguments.Number("count", 100, 1, 1'000'000));
  const auto places = static_cast<uint32_t>(arguments.Number("packets", 3, 1, 100));
  const auto first = static_cast<uint32_t>(arguments.Number("first", 0, 0, 100'000'000));
  const int64_t gapUs = arguments.Number("gap-us", 1000, 0, 10'000'000);
  const int timeoutMs = static_cast<int>(arguments.Number("timeout-ms", 1000, 1, 60'000));
  const auto bytes = static_cast<size_t>(arguments.Number("size", 60, UdpFrame::kLeastBytes, UdpFrame::kMostBytes));
  UdpFrame frame(bytes, ParseMac(arguments.Text("src-mac", "02:00:00:00:00:01")),
                 ParseMac(arguments.Text("dst-mac", "02:00:00:00:00:02")));
  arguments.Finish();

  const Fd out = OpenPacketSocket(device, netns, 0);
  const Fd in = OpenPacketSocket(sinkDevice, sinkNetns, kBuffer);
  std::vector<std::vector<double>> times(places);
  std::vector<uint64_t> lost(places);
  uint32_t sequence = 0;
  for (uint32_t flow = 0; flow < count; ++flow) {
    for (uint32_t place = 0; place < places; ++place, ++sequence) {
      const timespec gap{gapUs / 1'000'000, gapUs % 1'000'000 * 1000};
      nanosleep(&gap, nullptr);
      const auto packet = frame.Make(first + flow, sequence);
      const uint64_t sentNs = NowNs(CLOCK_REALTIME);
      if (send(out.get(), packet.data(), packet.size(), 0) < 0) Die("send");
      const double us = AwaitFrame(in.get(), sequence, sentNs, timeoutMs);
      if (us < 0)
        ++lost[place];
      else
        times[place].push_back(us);
    }
  }
  std::printf("{\"flows\":%u,\"packets\":[", count);
  for (uint32_t place = 0; place < places; ++place) PrintPlace(times[place], lost[place], place + 1 == places);
  std::printf("]}\n");
}

}  // namespace traffic
