#include "datapath/meter.h"

#include <algorithm>

namespace slowpath {

bool Meter::Exceeded(uint64_t nowMs, uint32_t bytes) {
  const uint64_t full = uint64_t{burst} * 1000;
  uint64_t elapsed = nowMs > usedMs ? nowMs - usedMs : 0;
  usedMs = nowMs;
  statistics.n_packets++;
  statistics.n_bytes += bytes;
  if (!hasBand) return false;
  // Longer than it takes to fill the bucket makes no difference, and the product stays small.
  elapsed = std::min(elapsed, full / rate + 1);
  // Milliseconds times kbit/s are bits, times packets/s are 1/1000 packets.
  bucket = std::min(bucket + elapsed * rate, full);
  const uint64_t cost = kbps ? uint64_t{bytes} * 8 : 1000;
  if (bucket >= cost) {
    bucket -= cost;
    return false;
  }
  bandStatistics.n_packets++;
  bandStatistics.n_bytes += bytes;
  return bandType == OVS_METER_BAND_TYPE_DROP;
}

bool MeterTable::Set(uint32_t id, const Meter& meter) {
  if (!meters_.contains(id) && meters_.size() + 1 >= kMaxMeters) return false;
  meters_[id] = meter;
  return true;
}

}  // namespace slowpath
