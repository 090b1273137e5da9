#pragma once

#include "datapath/conntrack/nat.h"
#include "datapath/counters.h"

namespace slowpath {

// Connection tracking of a datapath, with the behaviour of OVS's userspace datapath. See README.md.
class Conntrack {
 public:
  explicit Conntrack(DatapathCounters& counters, uint32_t limit = ConnectionTable::kMaxConnections)
      : counters_(counters), table_(limit) {}

  enum class Outcome { kUnchanged, kChanged, kDrop };
  // A ct action: writes the ct_* words of 'key', whose other words must be those of the packet as it is. kChanged when
  // headers of the packet changed, kDrop when it must not go on. 'random' is fresh.
  Outcome Execute(Packet& packet, BufferPool& pool, uint32_t* key, const CtArguments& arguments, uint32_t random,
                  uint64_t nowMs);
  // Forgets what has expired, some at a time.
  void Sweep(uint64_t nowMs) { table_.Sweep(nowMs, kSweepBudget); }
  uint32_t size() const { return table_.size(); }

 private:
  static constexpr uint32_t kSweepBudget = 1024;

  // What is known of a packet so far.
  struct Context {
    Packet& packet;
    const CtArguments& arguments;
    uint64_t nowMs = 0;
    uint32_t random = 0;
    TrackedPacket parsed;
    uint32_t state = 0;                // OVS_CS_F_* to be.
    Connection* connection = nullptr;
    bool reply = false;
    bool dropped = false;
  };

  bool FindTracked(Context& c, const uint32_t* key);
  void Look(Context& c);
  void Fresh(Context& c);
  void Create(Context& c);
  static void WriteKey(const Context& c, uint32_t* key);

  DatapathCounters& counters_;
  ConnectionTable table_;
};

}  // namespace slowpath
