#pragma once

#include <linux/openvswitch.h>

#include <cstdint>
#include <unordered_map>

namespace slowpath {

// A rate limit: one token bucket, as net/openvswitch/meter.c has it.
struct Meter {
  bool kbps = false;           // Rates in kbit/s, else in packets/s.
  bool keepStatistics = true;  // Whoever replaces it is told its statistics.
  bool hasBand = false;        // Without one it only counts.
  uint32_t bandType = 0;       // OVS_METER_BAND_TYPE_*.
  uint32_t rate = 0;           // kbit/s or packets/s, not 0.
  uint32_t burst = 0;          // kbit or packets.
  uint64_t bucket = 0;         // What may pass now: bits or 1/1000 packets.
  uint64_t usedMs = 0;         // CLOCK_MONOTONIC of the last packet.
  ovs_flow_stats statistics = {};      // All packets.
  ovs_flow_stats bandStatistics = {};  // Those that found too little in the bucket.

  // Whether a packet of 'bytes' is to be dropped.
  bool Exceeded(uint64_t nowMs, uint32_t bytes);
};

// The meters of a datapath by number.
class MeterTable {
 public:
  static constexpr uint32_t kMaxMeters = 200000;

  Meter* Find(uint32_t id) {
    auto found = meters_.find(id);
    return found != meters_.end() ? &found->second : nullptr;
  }
  // Makes or replaces one. False when there are too many.
  bool Set(uint32_t id, const Meter& meter);
  void Remove(uint32_t id) { meters_.erase(id); }

 private:
  std::unordered_map<uint32_t, Meter> meters_;
};

}  // namespace slowpath
