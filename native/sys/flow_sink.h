#pragma once

#include "wire/netlink.h"

namespace slowpath {

// Takes the flow messages of a dump, one by one.
class FlowSink {
 public:
  enum class Added { kYes, kMalformed, kFull };

  virtual ~FlowSink() = default;
  // kFull: not taken, and to be offered again when there is room.
  virtual Added Add(const NetlinkMessage& message) = 0;
};

}  // namespace slowpath
