#pragma once

#include <atomic>
#include <cstdint>

// Everything odd that the forwarding thread meets is counted here: X(name, help).
#define SLOWPATH_DATAPATH_COUNTERS(X)                                                                                 \
  X(rxPackets, "Packets received on all ports.")                                                                      \
  X(rxTruncated, "Packets received that were larger than a packet buffer, dropped.")                                  \
  X(rxShort, "Packets received without a whole Ethernet header, dropped.")                                            \
  X(rxBadOffload, "Packets received whose checksum or segmentation offload points outside them, dropped.")            \
  X(rxErrors, "Receive calls on a port that failed.")                                                                 \
  X(txPackets, "Packets handed to the device of a port.")                                                             \
  X(txDropped, "Packets that the device of a port had no room for.")                                                  \
  X(txErrors, "Packets that the device of a port refused.")                                                           \
  X(txOverMtu, "Packets dropped because they are larger than the port's MTU.")                                        \
  X(outputNoPort, "Packets dropped because an output action names a port that does not exist.")                       \
  X(outputNoEthernet, "Packets dropped because an output action got them without Ethernet header.")                      \
  X(hits, "Packets that matched a flow.")                                                                             \
  X(misses, "Packets that matched no flow.")                                                                          \
  X(emptyActions, "Packets that matched a flow with no actions: dropped on purpose.")                                 \
  X(maskCacheHits, "Lookups in which the mask cache named the right subtable.")                                       \
  X(upcalls, "Upcalls queued to a channel.")                                                                          \
  X(upcallsNoPid, "Upcalls lost because the port or action names no channel (port id 0).")                            \
  X(upcallsNoChannel, "Upcalls lost because the channel that they name is not open.")                                 \
  X(upcallsQueueFull, "Upcalls lost because the queue of their channel was full.")                                    \
  X(upcallsTooLarge, "Upcalls lost because the message would not fit a receive slot.")                                \
  X(upcallsBadGso, "Upcalls lost because the packet's segmentation offload is unknown or contradicts its headers.")   \
  X(samples, "Packets that a psample action queued to a reader of samples, once for each reader.")                       \
  X(samplesUnread, "Packets that a psample action took while nobody reads samples.")                                  \
  X(samplesLost, "Samples lost because the queue of their reader was full.")                                          \
  X(gsoSegmented, "Packets segmented in software for an upcall.")                                                     \
  X(checksumsCompleted, "Checksums that a sender left to the device, completed in software.")                         \
  X(recirculations, "Packets sent through the flow table again by a recirc action.")                                  \
  X(recirculationLimit, "Packets dropped because they recirculated too often.")                                       \
  X(actionLimit, "Packets dropped because actions nested too deep.")                                                  \
  X(actionsNotApplicable, "Packets dropped because an action does not fit the packet's headers.")                     \
  X(ctCreated, "Connections committed.")                                                                              \
  X(ctInvalid, "Packets that a ct action found invalid.")                                                             \
  X(ctEvicted, "Connections of one packet forgotten early to make place for new ones in a full table.")               \
  X(ctFull, "Connections not committed because the table is full.")                                                   \
  X(ctNatExhausted, "Packets dropped because no free address and port was found to translate them to.")               \
  X(ctDropped, "Packets that a ct action dropped, for whichever reason.")                                             \
  X(metered, "Packets dropped by a meter.")                                                                           \
  X(requests, "Request messages taken from channels.")                                                                \
  X(requestErrors, "Requests answered with an error.")                                                                \
  X(malformedRequests, "Datagrams with a request whose length field lies; the rest of the datagram was ignored.")     \
  X(answersLost, "Answers dropped because a channel let 16 MiB of them pile up.")                                     \
  X(portsVanished, "Ports removed because their network device vanished.")

namespace slowpath {

// Written by the forwarding thread only, read by any.
struct DatapathCounters {
#define SLOWPATH_COUNTER_MEMBER(name, help) std::atomic<uint64_t> name{0};
  SLOWPATH_DATAPATH_COUNTERS(SLOWPATH_COUNTER_MEMBER)
#undef SLOWPATH_COUNTER_MEMBER
};

// One writer: a load and a store, not a locked instruction.
inline void Count(std::atomic<uint64_t>& counter, uint64_t n = 1) {
  counter.store(counter.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
}

}  // namespace slowpath
