#pragma once

#include <cstdint>
#include <ctime>

namespace slowpath {

// CLOCK_MONOTONIC in milliseconds: the clock of flow statistics and of every deadline here.
inline int64_t NowMs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1000000;
}

// The same clock in nanoseconds, for measuring.
inline uint64_t NowNs() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<uint64_t>(now.tv_sec) * 1000000000 + static_cast<uint64_t>(now.tv_nsec);
}

}  // namespace slowpath
