#include <sys/socket.h>
#include <time.h>

#include <cstdio>
#include <iostream>
#include <string>
#include <vector>

#include "commands.h"
#include "packet_socket.h"

namespace traffic {

namespace {

constexpr int kBuffer = 16 << 20;

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  Die("standard input takes frames in hex, one a line", false);
}

std::vector<uint8_t> ParseHex(const std::string& text) {
  if (text.size() % 2 != 0) Die("odd number of hex digits", false);
  std::vector<uint8_t> bytes(text.size() / 2);
  for (size_t i = 0; i < bytes.size(); ++i)
    bytes[i] = static_cast<uint8_t>(HexDigit(text[2 * i]) << 4 | HexDigit(text[2 * i + 1]));
  return bytes;
}

std::string Hex(const std::vector<uint8_t>& bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const uint8_t byte : bytes) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace

void Send(Arguments& arguments) {
  const std::string device = arguments.Text("dev");
  const std::string netns = arguments.Text("netns", "");
  arguments.Finish();
  const Fd fd = OpenPacketSocket(device, netns, 0);
  uint64_t sent = 0;
  for (std::string line; std::getline(std::cin, line);) {
    if (line.empty()) continue;
    const std::vector<uint8_t> frame = ParseHex(line);
    if (send(fd.get(), frame.data(), frame.size(), 0) < 0) Die("send");
    ++sent;
  }
  std::printf("{\"sent\":%llu}\n", static_cast<unsigned long long>(sent));
}

void Capture(Arguments& arguments) {
  const std::string device = arguments.Text("dev");
  const std::string netns = arguments.Text("netns", "");
  const auto count = static_cast<uint64_t>(arguments.Number("count", 1, 1, 1'000'000));
  const int64_t timeoutMs = arguments.Number("timeout-ms", 5000, 1, 600'000);
  arguments.Finish();
  const Fd fd = OpenPacketSocket(device, netns, kBuffer);
  std::puts("ready");
  const uint64_t end = NowNs(CLOCK_MONOTONIC) + static_cast<uint64_t>(timeoutMs) * 1'000'000;
  Frame frame;
  uint64_t received = 0;
  for (uint64_t now = NowNs(CLOCK_MONOTONIC); now < end && received < count; now = NowNs(CLOCK_MONOTONIC)) {
    if (!ReceiveFrame(fd.get(), static_cast<int>((end - now) / 1'000'000) + 1, frame)) continue;
    std::printf("%s\n", Hex(frame.bytes).c_str());
    ++received;
  }
}

}  // namespace traffic
