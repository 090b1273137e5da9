#include "datapath/conntrack/table.h"

namespace slowpath {

Connection* ConnectionTable::Find(const Tuple& tuple, uint64_t nowMs, bool* reply) {
  if (size_ == 0) return nullptr;
  uint32_t hash = static_cast<uint32_t>(Hash(tuple));
  for (uint32_t node = buckets_[hash & (buckets_.size() - 1)]; node != Connection::kNone;) {
    Connection& connection = At(node / 2);
    unsigned side = node & 1;
    if (connection.hash[side] == hash && connection.tuples[side] == tuple) {
      if (connection.expiresMs <= nowMs) {
        Remove(&connection);
        return nullptr;
      }
      *reply = side == 1;
      return &connection;
    }
    node = connection.next[side];
  }
  return nullptr;
}

Connection* ConnectionTable::Make() {
  if (free_.empty() && chunks_.size() * kChunk < limit_) {
    uint32_t first = static_cast<uint32_t>(chunks_.size()) * kChunk;
    chunks_.push_back(std::make_unique<Connection[]>(kChunk));
    uint32_t end = first + kChunk < limit_ ? first + kChunk : limit_;
    for (uint32_t i = end; i-- > first;) free_.push_back(i);
  }
  if (free_.empty()) {
    for (Timeout timeout : {Timeout::kTcpFirst, Timeout::kOtherFirst, Timeout::kIcmpFirst}) {
      uint32_t oldest = lists_[static_cast<unsigned>(timeout)].oldest;
      if (oldest == Connection::kNone) continue;
      Remove(&At(oldest));
      evicted_++;
      break;
    }
    if (free_.empty()) return nullptr;
  }
  uint32_t index = free_.back();
  free_.pop_back();
  Connection& connection = At(index);
  connection = Connection();
  connection.index = index;
  return &connection;
}

void ConnectionTable::Insert(Connection* connection, Timeout timeout, uint64_t nowMs) {
  if (size_ * 2 >= buckets_.size()) Grow();
  for (unsigned side = 0; side < 2; side++) {
    connection->hash[side] = static_cast<uint32_t>(Hash(connection->tuples[side]));
    LinkNode(*connection, side);
  }
  Link(connection, timeout, nowMs);
  size_++;
}

void ConnectionTable::Remove(Connection* connection) {
  for (unsigned side = 0; side < 2; side++) UnlinkNode(*connection, side);
  Unlink(connection);
  free_.push_back(connection->index);
  size_--;
}

void ConnectionTable::Touch(Connection* connection, Timeout timeout, uint64_t nowMs) {
  Unlink(connection);
  Link(connection, timeout, nowMs);
}

void ConnectionTable::Sweep(uint64_t nowMs, uint32_t budget) {
  for (List& list : lists_) {
    while (list.oldest != Connection::kNone && At(list.oldest).expiresMs <= nowMs) {
      if (budget-- == 0) return;
      Remove(&At(list.oldest));
    }
  }
}

void ConnectionTable::Link(Connection* connection, Timeout timeout, uint64_t nowMs) {
  unsigned number = static_cast<unsigned>(timeout);
  List& list = lists_[number];
  connection->timeout = timeout;
  connection->expiresMs = nowMs + kTimeoutMs[number];
  connection->older = list.newest;
  connection->newer = Connection::kNone;
  (list.newest != Connection::kNone ? At(list.newest).newer : list.oldest) = connection->index;
  list.newest = connection->index;
}

void ConnectionTable::Unlink(Connection* connection) {
  List& list = lists_[static_cast<unsigned>(connection->timeout)];
  (connection->older != Connection::kNone ? At(connection->older).newer : list.oldest) = connection->newer;
  (connection->newer != Connection::kNone ? At(connection->newer).older : list.newest) = connection->older;
}

void ConnectionTable::LinkNode(Connection& connection, unsigned side) {
  uint32_t& head = buckets_[connection.hash[side] & (buckets_.size() - 1)];
  connection.next[side] = head;
  head = connection.index * 2 + side;
}

void ConnectionTable::UnlinkNode(Connection& connection, unsigned side) {
  uint32_t node = connection.index * 2 + side;
  uint32_t* link = &buckets_[connection.hash[side] & (buckets_.size() - 1)];
  while (*link != node) link = &At(*link / 2).next[*link & 1];
  *link = connection.next[side];
}

void ConnectionTable::Grow() {
  buckets_.assign(buckets_.empty() ? kFirstBuckets : buckets_.size() * 4, Connection::kNone);
  for (List& list : lists_) {
    for (uint32_t i = list.oldest; i != Connection::kNone; i = At(i).newer) {
      for (unsigned side = 0; side < 2; side++) LinkNode(At(i), side);
    }
  }
}

}  // namespace slowpath
