#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "datapath/conntrack/connection.h"

namespace slowpath {

// All connections of a datapath: found by either tuple, forgotten after their timeout, at most so many. Allocates by the
// thousand as it grows; never for a packet of a connection that is there. One thread.
class ConnectionTable {
 public:
  // About 200 MiB when full.
  static constexpr uint32_t kMaxConnections = 1 << 20;

  explicit ConnectionTable(uint32_t limit = kMaxConnections) : limit_(limit) {}
  ConnectionTable(const ConnectionTable&) = delete;
  ConnectionTable& operator=(const ConnectionTable&) = delete;

  // The connection that a packet belongs to, or null; 'reply': that it goes against the direction that began. One that has
  // expired is removed instead.
  Connection* Find(const Tuple& tuple, uint64_t nowMs, bool* reply);
  // A fresh connection, not in the table yet. When it is full the oldest that is only a first packet makes place, so that a
  // flood of those harms only such; null when there is none. 'evicted' counts.
  Connection* Make();
  // Puts a connection of Make in, its tuples filled.
  void Insert(Connection* connection, Timeout timeout, uint64_t nowMs);
  // Gives back one that Make gave and nobody inserted.
  void Discard(Connection* connection) { free_.push_back(connection->index); }
  void Remove(Connection* connection);
  // A packet of it was seen.
  void Touch(Connection* connection, Timeout timeout, uint64_t nowMs);
  // Removes expired ones, at most 'budget'.
  void Sweep(uint64_t nowMs, uint32_t budget);

  uint32_t size() const { return size_; }
  uint64_t evicted() const { return evicted_; }
  uint64_t Hash(const Tuple& tuple) const { return HashTuple(tuple, secret_); }

 private:
  static constexpr uint32_t kChunk = 1024;
  static constexpr uint32_t kFirstBuckets = 1024;
  struct List {
    uint32_t oldest = Connection::kNone;
    uint32_t newest = Connection::kNone;
  };

  Connection& At(uint32_t index) { return chunks_[index / kChunk][index % kChunk]; }
  void Link(Connection* connection, Timeout timeout, uint64_t nowMs);
  void Unlink(Connection* connection);
  void LinkNode(Connection& connection, unsigned side);
  void UnlinkNode(Connection& connection, unsigned side);
  void Grow();

  const uint32_t limit_;
  const HashSecret secret_;
  std::vector<std::unique_ptr<Connection[]>> chunks_;
  std::vector<uint32_t> free_;     // Indexes not in use.
  std::vector<uint32_t> buckets_;  // Heads of chains: twice the index, plus the side; kNone at the end. Power of two.
  List lists_[kTimeouts];
  uint32_t size_ = 0;
  uint64_t evicted_ = 0;
};

}  // namespace slowpath
