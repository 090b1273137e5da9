#include "datapath/server.h"

#include <errno.h>
#include <linux/psample.h>
#include <sys/epoll.h>

#include <cstring>

namespace slowpath {
namespace {

struct Family {
  const char* name;
  uint16_t id;
  uint32_t version;
  uint32_t maxAttribute;
  const char* group;  // Its multicast group; null for none.
  uint32_t header = sizeof(ovs_header);  // Bytes of the family's own header.
};

constexpr Family kFamilies[] = {
    {OVS_DATAPATH_FAMILY, kDatapathFamily, OVS_DATAPATH_VERSION, OVS_DP_ATTR_MAX, OVS_DATAPATH_MCGROUP},
    {OVS_VPORT_FAMILY, kVportFamily, OVS_VPORT_VERSION, OVS_VPORT_ATTR_MAX, OVS_VPORT_MCGROUP},
    {OVS_FLOW_FAMILY, kFlowFamily, OVS_FLOW_VERSION, OVS_FLOW_ATTR_MAX, OVS_FLOW_MCGROUP},
    {OVS_PACKET_FAMILY, kPacketFamily, OVS_PACKET_VERSION, OVS_PACKET_ATTR_MAX, nullptr},
    {OVS_METER_FAMILY, kMeterFamily, OVS_METER_VERSION, OVS_METER_ATTR_MAX, OVS_METER_MCGROUP},
    {PSAMPLE_GENL_NAME, kPsampleFamily, PSAMPLE_GENL_VERSION, PSAMPLE_ATTR_MAX, PSAMPLE_NL_MCGRP_SAMPLE_NAME, 0},
};

constexpr int kSweepMs = 1000;
constexpr size_t kOvsHeaders = NLMSG_HDRLEN + GENL_HDRLEN + sizeof(ovs_header);

void PutString(ByteWriter& out, uint16_t type, const char* text) {
  PutBytes(out, type, {reinterpret_cast<const uint8_t*>(text), std::strlen(text) + 1});
}

// A CTRL_CMD_NEWFAMILY message.
void PutFamily(ByteWriter& out, const Family& family, const MessageHead& head) {
  size_t start = out.size();
  PutHeaders(out, head, 0);
  out.Truncate(out.size() - sizeof(ovs_header));  // The controller has no header of its own.
  PutString(out, CTRL_ATTR_FAMILY_NAME, family.name);
  if (uint8_t* p = PutAttribute(out, CTRL_ATTR_FAMILY_ID, 2)) StoreHost<uint16_t>(p, family.id);
  PutU32(out, CTRL_ATTR_VERSION, family.version);
  PutU32(out, CTRL_ATTR_HDRSIZE, family.header);
  PutU32(out, CTRL_ATTR_MAXATTR, family.maxAttribute);
  if (family.group != nullptr) {
    NestedAttribute groups(out, CTRL_ATTR_MCAST_GROUPS);
    NestedAttribute group(out, 1);
    PutU32(out, CTRL_ATTR_MCAST_GRP_ID, family.id);
    PutString(out, CTRL_ATTR_MCAST_GRP_NAME, family.group);
  }
  FinishMessage(out, start);
}

}  // namespace

Server::Server(Engine& engine, Hub& hub, int epoll)
    : engine_(engine),
      hub_(hub),
      epoll_(epoll),
      replyBytes_(std::make_unique_for_overwrite<uint8_t[]>(Slab::kSlotBytes)),
      reply_({replyBytes_.get(), Slab::kSlotBytes}) {}

Server::~Server() = default;

void Server::SyncChannels() {
  uint64_t generation = hub_.generation();
  if (generation == generation_) return;
  generation_ = generation;
  engine_.Flush();  // It may be about to wake a channel that goes now.
  engine_.channels = hub_.Channels();
  engine_.sampleReaders.clear();
  for (const auto& channel : engine_.channels) {
    if (channel != nullptr && channel->readsSamples()) engine_.sampleReaders.push_back(channel.get());
  }
  std::erase_if(dumps_, [&](const auto& entry) { return engine_.channels[entry.first] == nullptr; });
}

void Server::Serve(uint32_t portId) {
  SyncChannels();
  if (portId >= engine_.channels.size() || engine_.channels[portId] == nullptr) return;
  channel_ = engine_.channels[portId].get();
  channel_->TakeRequests(requests_);
  while (!requests_.empty()) {
    HandleDatagram(requests_.Front());
    requests_.Pop();
  }
  ContinueDump();
  channel_->FlushWakeup();
  channel_ = nullptr;
}

void Server::HandleDatagram(std::span<const uint8_t> datagram) {
  while (datagram.size() >= NLMSG_HDRLEN) {
    uint32_t length = LoadHost<uint32_t>(datagram.data());
    if (length < NLMSG_HDRLEN || length > datagram.size()) {
      Count(engine_.counters.malformedRequests);
      return;
    }
    Count(engine_.counters.requests);
    Request request;
    request.type = LoadHost<uint16_t>(&datagram[4]);
    request.flags = LoadHost<uint16_t>(&datagram[6]);
    request.seq = LoadHost<uint32_t>(&datagram[8]);
    request.header = datagram.first(NLMSG_HDRLEN);
    request.attributes = datagram.first(length);
    problem_ = nullptr;
    int error = 0;
    if ((request.flags & NLM_F_REQUEST) != 0 && request.type >= NLMSG_MIN_TYPE) error = HandleMessage(request);
    if (error != 0 && error != -EINTR) Count(engine_.counters.requestErrors);
    // -EINTR: a dump has begun, its end is the answer.
    if (error != -EINTR && ((request.flags & NLM_F_ACK) != 0 || error != 0)) Acknowledge(request, error);
    size_t aligned = NLMSG_ALIGN(length);
    datagram = datagram.subspan(aligned < datagram.size() ? aligned : datagram.size());
  }
}

// 'request.attributes' holds the whole message on entry.
int Server::HandleMessage(Request& request) {
  std::span<const uint8_t> message = request.attributes;
  bool control = request.type == GENL_ID_CTRL;
  if (!control && (request.type < kDatapathFamily || request.type > kMeterFamily)) {
    return Fail(-ENOENT, "no such generic netlink family");
  }
  size_t headers = control ? NLMSG_HDRLEN + GENL_HDRLEN : kOvsHeaders;
  if (message.size() < headers) return Fail(-EINVAL, "message is too short");
  request.command = message[NLMSG_HDRLEN];
  request.version = message[NLMSG_HDRLEN + 1];
  if (!control) request.ifindex = LoadHost<uint32_t>(&message[NLMSG_HDRLEN + GENL_HDRLEN]);
  request.attributes = message.subspan(headers);
  if ((request.flags & NLM_F_DUMP) == NLM_F_DUMP) return StartDump(request);
  if (control) return Control(request);
  static constexpr Handler kHandlers[5][5] = {
      {nullptr, &Server::DatapathNew, &Server::DatapathDelete, &Server::DatapathGet, &Server::DatapathSet},
      {nullptr, &Server::VportNew, &Server::VportDelete, &Server::VportGet, &Server::VportSet},
      {nullptr, &Server::FlowNew, &Server::FlowDelete, &Server::FlowGet, &Server::FlowSet},
      {nullptr, nullptr, nullptr, &Server::PacketExecute, nullptr},
      {nullptr, &Server::MeterRequest, &Server::MeterRequest, &Server::MeterRequest, &Server::MeterRequest}};
  Handler handler = request.command < 5 ? kHandlers[request.type - kDatapathFamily][request.command] : nullptr;
  if (handler == nullptr) return Fail(-EOPNOTSUPP, "no such command");
  return (this->*handler)(request);
}

int Server::Fail(int error, const char* problem) {
  problem_ = problem;
  return error;
}

MessageHead Server::Head(const Request& request, uint8_t command) const {
  uint8_t version = request.type == kDatapathFamily ? OVS_DATAPATH_VERSION : 1;
  return {.type = request.type,
          .command = command,
          .version = version,
          .flags = 0,
          .seq = request.seq,
          .portId = channel_->portId()};
}

void Server::PushAnswer(std::span<const uint8_t> datagram) {
  if (channel_->PushAnswer(datagram) == ChannelQueue::Pushed::kFull) Count(engine_.counters.answersLost);
}

void Server::SendReply() {
  PushAnswer(reply_.bytes());
  reply_.Truncate(0);
}

// As netlink_ack of a socket with NETLINK_CAP_ACK and NETLINK_EXT_ACK.
void Server::Acknowledge(const Request& request, int error) {
  reply_.Truncate(0);
  uint8_t* p = reply_.Push(NLMSG_HDRLEN + 4);
  bool explains = error != 0 && problem_ != nullptr;
  StoreHost<uint16_t>(p + 4, NLMSG_ERROR);
  StoreHost<uint16_t>(p + 6, static_cast<uint16_t>(NLM_F_CAPPED | (explains ? NLM_F_ACK_TLVS : 0)));
  StoreHost<uint32_t>(p + 8, request.seq);
  StoreHost<uint32_t>(p + 12, channel_->portId());
  StoreHost<int32_t>(p + 16, error);
  reply_.Append(request.header);
  if (explains) PutString(reply_, NLMSGERR_ATTR_MSG, problem_);
  FinishMessage(reply_, 0);
  SendReply();
}

int Server::StartDump(const Request& request) {
  bool none = request.type == kPacketFamily || request.type == kMeterFamily;
  if (none || request.command != OVS_DP_CMD_GET) {
    return Fail(-EOPNOTSUPP, "no such dump");
  }
  if (dumps_.contains(channel_->portId())) return Fail(-EBUSY, "another dump is under way on this channel");
  Dump dump;
  dump.request = request;
  if (request.type == kFlowFamily) {
    AttributeTable<OVS_FLOW_ATTR_UFID_FLAGS> a;
    static constexpr uint16_t kLeast[OVS_FLOW_ATTR_UFID_FLAGS + 1] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4};
    if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
    if (a.has(OVS_FLOW_ATTR_UFID_FLAGS)) dump.ufidFlags = a.U32(OVS_FLOW_ATTR_UFID_FLAGS);
  }
  dump.request.attributes = dump.request.header = {};
  dumps_.emplace(channel_->portId(), dump);
  return -EINTR;
}

void Server::ContinueDump() {
  auto it = dumps_.find(channel_->portId());
  if (it == dumps_.end()) return;
  for (;;) {
    // Stopped here when the reader lags; it has the hub serve the channel again when it caught up.
    if (!channel_->HasAnswerRoom()) return;
    reply_.Truncate(0);
    bool more = DumpSome(it->second, reply_);
    if (reply_.size() != 0) SendReply();
    if (more) continue;
    Done(it->second);
    dumps_.erase(it);
    return;
  }
}

// Fills 'out' with some of the dump's messages. False when they were the last.
bool Server::DumpSome(Dump& dump, ByteWriter& out) {
  switch (dump.request.type) {
    case kDatapathFamily:
      return DumpDatapaths(dump, out);
    case kVportFamily:
      return DumpVports(dump, out);
    case kFlowFamily:
      return DumpFlows(dump, out);
    default:
      return DumpFamilies(dump, out);
  }
}

void Server::Done(const Dump& dump) {
  reply_.Truncate(0);
  uint8_t* p = reply_.Push(NLMSG_HDRLEN + 4);
  StoreHost<uint16_t>(p + 4, NLMSG_DONE);
  StoreHost<uint16_t>(p + 6, NLM_F_MULTI);
  StoreHost<uint32_t>(p + 8, dump.request.seq);
  StoreHost<uint32_t>(p + 12, channel_->portId());
  StoreHost<int32_t>(p + 16, dump.error);
  FinishMessage(reply_, 0);
  SendReply();
}

int Server::Control(const Request& request) {
  if (request.command != CTRL_CMD_GETFAMILY) return Fail(-EOPNOTSUPP, "no such command");
  AttributeTable<CTRL_ATTR_FAMILY_NAME> a;
  static constexpr uint16_t kLeast[CTRL_ATTR_FAMILY_NAME + 1] = {0, 2, 1};
  if (int error = a.Parse(request.attributes, kLeast); error != 0) return Fail(error, "malformed attributes");
  if (!a.has(CTRL_ATTR_FAMILY_ID) && !a.has(CTRL_ATTR_FAMILY_NAME)) return Fail(-EINVAL, "which family?");
  for (const Family& family : kFamilies) {
    std::span<const uint8_t> name = a[CTRL_ATTR_FAMILY_NAME];
    size_t length = std::strlen(family.name);
    bool byId = a.has(CTRL_ATTR_FAMILY_ID) && LoadHost<uint16_t>(a[CTRL_ATTR_FAMILY_ID].data()) == family.id;
    bool byName = name.size() >= length && std::memcmp(name.data(), family.name, length) == 0 &&
                  (name.size() == length || name[length] == 0);
    if (!byId && !byName) continue;
    reply_.Truncate(0);
    MessageHead head = Head(request, CTRL_CMD_NEWFAMILY);
    head.version = 2;
    PutFamily(reply_, family, head);
    SendReply();
    return 0;
  }
  return Fail(-ENOENT, "no such generic netlink family");
}

bool Server::DumpFamilies(Dump& dump, ByteWriter& out) {
  MessageHead head = Head(dump.request, CTRL_CMD_NEWFAMILY);
  head.version = 2;
  head.flags = NLM_F_MULTI;
  for (const Family& family : kFamilies) PutFamily(out, family, head);
  return false;
}

int Server::Sweep() {
  int timeout = -1;
  for (const auto& dp : datapaths_) {
    if (dp->conntrack == nullptr) continue;
    dp->conntrack->Sweep(engine_.nowMs);
    if (dp->conntrack->size() != 0) timeout = kSweepMs;
  }
  return timeout;
}

void Server::RemoveVanished(Port* port) {
  Count(engine_.counters.portsVanished);
  RemovePort(*static_cast<Datapath*>(port->datapath), port->number);
}

}  // namespace slowpath
