#pragma once

#include "wire/flow_key.h"

// Datagrams of the ovs_packet family → rows and flow keys.
namespace slowpath {

// Where upcalls are put: 'capacity' rows of upcall_row::kWords words, and as many flow keys of flow::kWords words. 'count' of
// them are filled.
struct UpcallRows {
  uint32_t* rows = nullptr;
  uint32_t* keys = nullptr;
  size_t capacity = 0;
  size_t count = 0;
};

// Monotonic. Once for each message, except 'malformed', which also counts a datagram that ends in the middle of one.
struct UpcallCounters {
  uint64_t decoded = 0;    // Upcalls put into a row.
  uint64_t malformed = 0;  // Messages dropped: cut off, without key or packet, or with a key of fitness kError.
  uint64_t foreign = 0;    // Messages of another type than upcalls of 'packetFamily', skipped.
  uint64_t overflow = 0;   // Upcalls dropped because no row was left.
};

// Appends the upcalls of one datagram to 'out'. 'packetFamily' is the genetlink id of ovs_packet, 'slabOffset' where the
// datagram begins in the slab that row offsets point into. Returns how many were appended. Malformed messages are counted and
// skipped, not reported: one bad message says nothing about the next.
size_t DecodeUpcalls(std::span<const uint8_t> datagram, uint32_t slabOffset, uint16_t packetFamily, UpcallRows& out,
                     UpcallCounters& counters);

}  // namespace slowpath
