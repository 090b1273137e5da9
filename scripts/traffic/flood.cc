#include <sys/socket.h>
#include <time.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <vector>

#include "commands.h"
#include "packet_socket.h"
#include "udp_frame.h"

namespace traffic {

namespace {

constexpr int64_t kMostFrames = 100'000'000;
constexpr int64_t kFastest = 10'000'000;
constexpr size_t kBatch = 64;
// Frames are due at times counted from the start; a sender that fell behind catches up in full batches.
constexpr uint64_t kSecondNs = 1'000'000'000;

// One batch of frames, each with memory of its own, for sendmmsg.
class Batch {
 public:
  explicit Batch(size_t frameBytes) : memory_(kBatch * frameBytes), frameBytes_(frameBytes) {
    for (size_t i = 0; i < kBatch; ++i) {
      vectors_[i] = {memory_.data() + i * frameBytes, frameBytes};
      messages_[i] = {};
      messages_[i].msg_hdr.msg_iov = &vectors_[i];
      messages_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  void Set(size_t i, std::span<const uint8_t> frame) { std::memcpy(vectors_[i].iov_base, frame.data(), frameBytes_); }

  // Sends the first `count`; the device's queue being full is waited out and counted.
  void Transmit(int fd, size_t count, uint64_t& waits) {
    size_t sent = 0;
    while (sent < count) {
      const int n = sendmmsg(fd, messages_.data() + sent, static_cast<unsigned>(count - sent), 0);
      if (n > 0) {
        sent += static_cast<size_t>(n);
      } else if (errno == ENOBUFS || errno == EAGAIN) {
        ++waits;
        const timespec pause{0, 50'000};
        nanosleep(&pause, nullptr);
      } else {
        Die("sendmmsg");
      }
    }
  }

 private:
  std::vector<uint8_t> memory_;
  size_t frameBytes_;
  std::array<iovec, kBatch> vectors_;
  std::array<mmsghdr, kBatch> messages_;
};

void SleepUntil(uint64_t monotonicNs) {
  const timespec at{static_cast<time_t>(monotonicNs / kSecondNs), static_cast<long>(monotonicNs % kSecondNs)};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, nullptr) == EINTR) {
  }
}

}  // namespace

void Flood(Arguments& arguments) {
  const std::string device = arguments.Text("dev");
  const std::string netns = arguments.Text("netns", "");
  const auto count = static_cast<uint64_t>(arguments.Number("count", 1000, 1, kMostFrames));
  const auto rate = static_cast<uint64_t>(arguments.Number("rate", 10'000, 1, kFastest));
  const auto first = static_cast<uint32_t>(arguments.Number("first", 0, 0, kMostFrames));
  const auto bytes = static_cast<size_t>(arguments.Number("size", 60, UdpFrame::kLeastBytes, UdpFrame::kMostBytes));
  const std::string flows = arguments.Text("flows", "distinct");
  if (flows != "distinct" && flows != "single") Die("--flows takes distinct or single", false);
  UdpFrame frame(bytes, ParseMac(arguments.Text("src-mac", "02:00:00:00:00:01")),
                 ParseMac(arguments.Text("dst-mac", "02:00:00:00:00:02")));
  arguments.Finish();

  const Fd fd = OpenPacketSocket(device, netns, 0);
  Batch batch(bytes);
  uint64_t waits = 0;
  const uint64_t start = NowNs(CLOCK_MONOTONIC);
  // Small batches at low rates, so that frames leave about when they are due.
  const uint64_t step = std::clamp<uint64_t>(rate / 1000, 1, kBatch);
  for (uint64_t sent = 0; sent < count;) {
    SleepUntil(start + sent * kSecondNs / rate);
    const uint64_t n = std::min(step, count - sent);
    for (uint64_t i = 0; i < n; ++i) {
      const auto sequence = static_cast<uint32_t>(sent + i);
      batch.Set(i, frame.Make(flows == "single" ? first : first + sequence, sequence));
    }
    batch.Transmit(fd.get(), n, waits);
    sent += n;
  }
  const double seconds = static_cast<double>(NowNs(CLOCK_MONOTONIC) - start) / kSecondNs;
  std::printf("{\"sent\":%llu,\"seconds\":%.6f,\"pps\":%.0f,\"waits\":%llu}\n",
              static_cast<unsigned long long>(count), seconds, static_cast<double>(count) / seconds,
              static_cast<unsigned long long>(waits));
}

}  // namespace traffic
