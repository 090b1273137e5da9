#pragma once

#include <linux/openvswitch.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "datapath/engine.h"
#include "datapath/families.h"
#include "datapath/hub.h"

namespace slowpath {

// Answers the requests of channels: generic netlink control, and the five OVS families. Forwarding thread only. Follows
// net/openvswitch/datapath.c and net/netlink of Linux 6.1 in what is checked, in which order, and with which errno.
class Server {
 public:
  // 'epoll' gets the descriptors of ports, with the Port as data.
  Server(Engine& engine, Hub& hub, int epoll);
  ~Server();

  // Takes over channels that came or went.
  void SyncChannels();
  // Serves everything that channel 'portId' asked, and goes on with its dump.
  void Serve(uint32_t portId);
  // Forgets connections that have expired. Milliseconds until it should be called again at the latest; -1 for never.
  int Sweep();
  // The device of a port is gone.
  void RemoveVanished(Port* port);

 private:
  static constexpr size_t kDumpBytes = 32 * 1024;  // A dump datagram is closed once it has so many.

  // A dump under way on a channel.
  struct Dump {
    Request request;          // Without its spans.
    uint32_t datapath = 0;    // Index of the datapath to look at next (datapaths), or 0.
    uint32_t next = 0;        // Port number or flow slot to look at next.
    uint32_t ufidFlags = 0;   // OVS_UFID_F_OMIT_* of a flow dump.
    int error = 0;            // Goes into NLMSG_DONE.
  };
  // Outcome of one request: errno and what to say about it.
  struct Verdict {
    int error = 0;
    const char* problem = nullptr;
  };
  using Handler = int (Server::*)(const Request&);

  // server.cc: netlink and control.
  void HandleDatagram(std::span<const uint8_t> datagram);
  int HandleMessage(Request& request);
  int StartDump(const Request& request);
  void ContinueDump();
  bool DumpSome(Dump& dump, ByteWriter& out);
  void Acknowledge(const Request& request, int error);
  void Done(const Dump& dump);
  MessageHead Head(const Request& request, uint8_t command) const;
  // Sends what is in 'reply_', to the asking channel.
  void SendReply();
  void PushAnswer(std::span<const uint8_t> datagram);
  int Fail(int error, const char* problem);
  int Control(const Request& request);
  bool DumpFamilies(Dump& dump, ByteWriter& out);

  // datapath_messages.cc
  int DatapathNew(const Request& request);
  int DatapathDelete(const Request& request);
  int DatapathSet(const Request& request);
  int DatapathGet(const Request& request);
  bool DumpDatapaths(Dump& dump, ByteWriter& out);
  void FillDatapath(const Datapath& dp, const MessageHead& head, ByteWriter& out);
  int ChangeDatapath(Datapath& dp, const AttributeTable<9>& a);
  int FindDatapathByRequest(const Request& request, const AttributeTable<9>& a, Datapath** dp);
  Datapath* FindDatapath(uint32_t ifindex);

  // vport_messages.cc
  int VportNew(const Request& request);
  int VportDelete(const Request& request);
  int VportSet(const Request& request);
  int VportGet(const Request& request);
  bool DumpVports(Dump& dump, ByteWriter& out);
  void FillVport(const Datapath& dp, Port& port, const MessageHead& head, ByteWriter& out);
  int FindVport(const Request& request, const AttributeTable<9>& a, Datapath** dp, Port** port);
  // Opens a port and puts it in at 'number'. 'name' must not be in use by another port here.
  int AddPort(Datapath& dp, uint32_t number, uint32_t type, const std::string& name, Port** added);
  void RemovePort(Datapath& dp, uint32_t number);
  static int ParsePids(std::span<const uint8_t> bytes, std::vector<uint32_t>& out);

  // flow_messages.cc
  int FlowNew(const Request& request);
  int FlowSet(const Request& request);
  int FlowGet(const Request& request);
  int FlowDelete(const Request& request);
  bool DumpFlows(Dump& dump, ByteWriter& out);
  int ParseMatch(const AttributeTable<11>& a);
  int CheckActions(std::span<const uint8_t> actions, const uint32_t* key);
  Flow* FindFlow(Datapath& dp, const AttributeTable<11>& a);
  void FillFlow(const Datapath& dp, const Flow& flow, const MessageHead& head, uint32_t ufidFlags, ByteWriter& out);

  // packet_messages.cc
  int PacketExecute(const Request& request);

  // meter_messages.cc: all commands.
  int MeterRequest(const Request& request);
  void PutMeterFeatures();
  void PutMeter(uint32_t id, const Meter& meter);

  Engine& engine_;
  Hub& hub_;
  const int epoll_;
  std::vector<std::unique_ptr<Datapath>> datapaths_;
  std::unordered_map<uint32_t, Dump> dumps_;  // By port id of the channel.
  uint64_t generation_ = ~uint64_t{0};        // Of the hub, when channels were taken over.
  ChannelQueue* channel_ = nullptr;           // The one being served.
  DatagramBuffer requests_;                   // Being served.
  std::unique_ptr<uint8_t[]> replyBytes_;     // Slab::kSlotBytes.
  ByteWriter reply_;                          // Over replyBytes_.
  const char* problem_ = nullptr;             // What is wrong with the request being served.
  uint32_t key_[flow::kWords] = {};           // Of the flow request being served, as ParseMatch left it.
  uint32_t maskedKey_[flow::kWords] = {};     // Likewise.
  uint32_t mask_[flow::kWords] = {};          // Likewise.
};

}  // namespace slowpath
