#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace slowpath {

// Upcalls, and datagrams, that one receive can bring.
inline constexpr int kBatch = 64;

// Where received datagrams land: one block of memory (owned by whoever made the slab, usually a JavaScript
// ArrayBuffer) and the extent of each datagram in it. A netlink socket gives each datagram a slot of its own;
// the embedded datapath packs them. Offsets, never pointers, leave this struct.
struct Slab {
  // Room for the largest netlink message plus one page, so that slots do not all start in the same cache set.
  static constexpr size_t kSlotBytes = (64 + 4) * 1024 + 256;
  static constexpr size_t kBytes = kSlotBytes * kBatch;

  uint8_t* bytes = nullptr;       // kBytes long.
  uint32_t offsets[kBatch] = {};  // First byte of datagram i.
  uint32_t lengths[kBatch] = {};  // Bytes of datagram i.

  std::span<const uint8_t> Datagram(int i) const { return {bytes + offsets[i], lengths[i]}; }
};

// Written by one thread at a time; may be read by another meanwhile.
class ChannelCounter {
 public:
  operator uint64_t() const { return value_.load(std::memory_order_relaxed); }
  void operator=(uint64_t value) { value_.store(value, std::memory_order_relaxed); }
  void operator+=(uint64_t more) { *this = *this + more; }
  void operator++(int) { *this += 1; }

 private:
  std::atomic<uint64_t> value_{0};
};

// All monotonic; see ChannelCounters in ts/native/native.ts for what each means.
struct ChannelCounters {
  ChannelCounter received;
  ChannelCounter upcalls;
  ChannelCounter malformed;
  ChannelCounter foreign;
  ChannelCounter truncated;
  ChannelCounter overruns;
  ChannelCounter lost;
  ChannelCounter receiveCalls;
  ChannelCounter sendCalls;
  ChannelCounter sent;
};

// A netlink socket (native/sys/netlink_socket.h), or the embedded datapath's likeness of one
// (native/datapath). Used by one thread at a time. Errors are negative errno values.
class Channel {
 public:
  virtual ~Channel() = default;
  // Level-triggered: readable while Receive would return something. Valid until Close.
  virtual int Fd() const = 0;
  virtual uint32_t PortId() const = 0;
  // Whether what a dump takes is worked on within the calls that receive it.
  virtual bool WorksOnReceive() const { return false; }
  // Brings up to 'max' waiting datagrams into 'slab', without blocking. Returns how many; 0 when none wait.
  // Survives ENOBUFS: counts it and goes on.
  virtual int Receive(Slab& slab, int max) = 0;
  // Waits up to 'timeoutMs' for one datagram, appends nothing on timeout: returns its length, -ETIMEDOUT or
  // -errno. 'out' is resized to the datagram.
  virtual int ReceiveOne(std::vector<uint8_t>& out, int timeoutMs) = 0;
  // Sends one datagram of one or more whole messages. Blocks while the receiver has no room. 0 or -errno.
  virtual int Send(std::span<const uint8_t> datagram) = 0;
  // Asks for 'bytes' of receive buffer; returns the size in force.
  virtual int64_t SetReceiveBuffer(int64_t bytes) = 0;
  virtual const ChannelCounters& Counters() = 0;
  virtual ChannelCounters& MutableCounters() = 0;
  // Idempotent.
  virtual void Close() = 0;
};

}  // namespace slowpath
