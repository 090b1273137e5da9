#pragma once

#include <memory>
#include <string>
#include <vector>

#include "datapath/channel_queue.h"
#include "datapath/conntrack/conntrack.h"
#include "datapath/counters.h"
#include "datapath/flow_table.h"
#include "datapath/meter.h"
#include "datapath/packet.h"
#include "datapath/port.h"
#include "sys/channel.h"

namespace slowpath {

// One datapath: what `ovs-dpctl add-dp` makes. Its identity is the interface index of its local port.
struct Datapath {
  // Port numbers are below this, as in the kernel (DP_MAX_PORTS).
  static constexpr uint32_t kMaxPorts = 65535;

  std::string name;               // Of the local port.
  uint32_t ifindex = 0;           // Of the local port.
  uint32_t userFeatures = 0;      // OVS_DP_F_*.
  std::vector<uint32_t> cpuPids;  // OVS_DP_ATTR_PER_CPU_PIDS.
  FlowTable table;
  MeterTable meters;
  std::unique_ptr<Conntrack> conntrack;  // Null until the first ct action runs.
  uint64_t hits = 0;    // struct ovs_dp_stats.
  uint64_t misses = 0;  // Likewise.
  uint64_t lost = 0;    // Likewise: upcalls that reached nobody.

  Port* PortAt(uint32_t number) const { return number < ports.size() ? ports[number].get() : nullptr; }
  std::vector<std::unique_ptr<Port>> ports;  // By number; null where there is none.
};

// What an upcall says besides key and packet.
struct UpcallInfo {
  uint8_t command = 0;                         // OVS_PACKET_CMD_MISS or _ACTION.
  uint32_t pid = 0;                            // Channel; 0 for none.
  const std::span<const uint8_t>* userdata = nullptr;  // Null without OVS_PACKET_ATTR_USERDATA.
  const std::span<const uint8_t>* actions = nullptr;   // Null without OVS_PACKET_ATTR_ACTIONS.
};

// What a sample for local readers says besides the packet.
struct SampleInfo {
  uint32_t ifindex = 0;      // Of the device that the packet came by; 0 when it is not known.
  uint32_t group = 0;        // Number that readers tell samples apart by.
  uint32_t probability = 0;  // Of 2^32 - 1.
  std::span<const uint8_t> cookie = {};
};

// The forwarding thread's own things: everything that packets of all datapaths share.
class Engine {
 public:
  explicit Engine(DatapathCounters& counters);
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // A frame from a port: extracts its key and runs it through the table.
  void Receive(Datapath& dp, Packet& packet, uint32_t port);
  // Runs validated actions on a packet whose key is known. 'key' and packet are used up.
  void Execute(Datapath& dp, Packet& packet, uint32_t* key, std::span<const uint8_t> actions);
  // Sends everything queued on ports and wakes the readers of channels. After each batch.
  void Flush();

  DatapathCounters& counters;
  PortContext ports;
  BufferPool pool;
  RxBatch rx;
  std::vector<std::shared_ptr<ChannelQueue>> channels;  // By port id.
  std::vector<ChannelQueue*> sampleReaders;              // Those of the channels that joined the group of samples.
  uint64_t nowMs = 0;                                    // CLOCK_MONOTONIC, refreshed for each batch.

 private:
  friend class ActionRunner;
  // The flow table's verdict on a packet: its actions run, or an upcall. 'depth': recirculations so far.
  void Process(Datapath& dp, Packet& packet, uint32_t* key, int depth);
  void Upcall(Datapath& dp, Packet& packet, const uint32_t* key, const UpcallInfo& info);
  void Miss(Datapath& dp, Packet& packet, const uint32_t* key);
  // Gives a packet, less its cut, to all readers of samples. psample.cc.
  void Sample(const Packet& packet, const SampleInfo& info);
  // Head of the message up to and including the header of OVS_PACKET_ATTR_PACKET; false when too large.
  bool EncodeUpcall(Datapath& dp, const Packet& packet, const uint32_t* key, const UpcallInfo& info, ByteWriter& out);
  // Completes lengths for one frame and queues it.
  bool QueueUpcall(Datapath& dp, ChannelQueue& channel, std::span<uint8_t> head, std::span<const uint8_t> frame,
                   uint32_t cut);
  // Has the reader of a channel woken by the next Flush.
  void WakeAfterBatch(ChannelQueue& channel);
  uint32_t Random();
  void FlushPorts();

  std::vector<ChannelQueue*> toWake_;    // Channels with upcalls pushed since the last Flush.
  std::unique_ptr<uint8_t[]> head_;      // Upcall under construction, Slab::kSlotBytes.
  std::unique_ptr<uint8_t[]> segment_;   // Frame under construction, Buffer::kFrameBytes.
  uint32_t key_[flow::kWords] = {};      // Of the packet being received.
  uint64_t random_;
};

// Transport hash of a packet (addresses, protocol, ports), never 0. Equal for both directions when 'symmetric'.
uint32_t TransportHash(const uint32_t* key, bool symmetric);
// Makes a key one of a packet that no ct action has seen.
void ClearConntrackWords(uint32_t* key);
uint32_t HashWord(uint32_t word, uint32_t basis);
uint64_t MonotonicMs();

}  // namespace slowpath
