#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace traffic {

// Owns a file descriptor.
class Fd {
 public:
  explicit Fd(int fd = -1) : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(other.fd_) { other.fd_ = -1; }
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  Fd& operator=(Fd&&) = delete;
  ~Fd();
  int get() const { return fd_; }

 private:
  int fd_;
};

// Prints "traffic: what: strerror" and ends the program with status 1. This tool runs in tests and benches only, where an
// error means that the run is void.
[[noreturn]] void Die(const std::string& what, bool withErrno = true);

// Opens a packet socket bound to a device, in the named network namespace ("" for the current one; a name as `ip netns` knows
// it, or a path). The namespace of the process is as before when this returns.
//
// A socket for receiving sees incoming frames only, with timestamps, and has `receiveBuffer` bytes to hold them; 0 makes a
// socket for sending.
Fd OpenPacketSocket(const std::string& device, const std::string& netns, int receiveBuffer);

// One received frame.
struct Frame {
  std::vector<uint8_t> bytes;  // With the outer VLAN tag where it was on the wire.
  uint64_t arrivedNs = 0;      // CLOCK_REALTIME when the kernel took it in.
};

// Waits up to `timeoutMs` for one frame. False when none came.
bool ReceiveFrame(int fd, int timeoutMs, Frame& frame);

// Frames that the kernel dropped because the socket's buffer was full, since the last call.
uint32_t DroppedFrames(int fd);

uint64_t NowNs(int clock);

}  // namespace traffic
