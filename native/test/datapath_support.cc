#include "test/datapath_support.h"

#include <fcntl.h>
#include <linux/if_ether.h>
#include <netinet/in.h>
#include <sched.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "datapath/checksum.h"
#include "datapath/headers.h"

namespace slowpath::test {

const Bytes* Message::Get(uint16_t type) const {
  for (const auto& [t, payload] : parsed) {
    if (t == type) return &payload;
  }
  return nullptr;
}

uint32_t Message::U32(uint16_t type) const {
  const Bytes* bytes = Get(type);
  return bytes != nullptr && bytes->size() >= 4 ? LoadHost<uint32_t>(bytes->data()) : 0;
}

Attributes& Attributes::Put(uint16_t type, std::span<const uint8_t> bytes) {
  Bytes room(NLA_HDRLEN + bytes.size() + 8);
  ByteWriter out(room);
  PutBytes(out, type, bytes);
  bytes_.insert(bytes_.end(), out.bytes().begin(), out.bytes().end());
  return *this;
}

Attributes& Attributes::U32(uint16_t type, uint32_t value) {
  uint8_t bytes[4];
  StoreHost<uint32_t>(bytes, value);
  return Put(type, bytes);
}

Attributes& Attributes::Text(uint16_t type, const std::string& text) {
  return Put(type, {reinterpret_cast<const uint8_t*>(text.c_str()), text.size() + 1});
}

uint32_t Client::Send(uint16_t family, uint8_t command, uint16_t flags, uint32_t ifindex,
                      std::span<const uint8_t> attributes) {
  Bytes room(64 + attributes.size());
  ByteWriter out(room);
  PutHeaders(out, {.type = family, .command = command, .version = 2,
                   .flags = static_cast<uint16_t>(flags | NLM_F_REQUEST), .seq = ++seq_}, ifindex);
  if (family == GENL_ID_CTRL) out.Truncate(out.size() - 4);
  out.Append(attributes);
  FinishMessage(out, 0);
  channel->Send(out.bytes());
  return seq_;
}

void Client::Split(std::span<const uint8_t> datagram) {
  while (datagram.size() >= NLMSG_HDRLEN) {
    uint32_t length = LoadHost<uint32_t>(datagram.data());
    if (length < NLMSG_HDRLEN || length > datagram.size()) return;
    Message m;
    m.type = LoadHost<uint16_t>(&datagram[4]);
    m.flags = LoadHost<uint16_t>(&datagram[6]);
    m.seq = LoadHost<uint32_t>(&datagram[8]);
    std::span<const uint8_t> body = datagram.first(length).subspan(NLMSG_HDRLEN);
    if (m.type == NLMSG_ERROR || m.type == NLMSG_DONE) {
      m.error = LoadHost<int32_t>(body.data());
      if ((m.flags & NLM_F_ACK_TLVS) != 0) m.attributes.assign(body.begin() + 20 + NLA_HDRLEN, body.end());
    } else {
      m.command = body[0];
      size_t headers = m.type == GENL_ID_CTRL ? 4 : 8;
      if (headers == 8) m.ifindex = LoadHost<uint32_t>(&body[4]);
      m.attributes.assign(body.begin() + static_cast<long>(headers), body.end());
      AttributeReader reader(m.attributes);
      for (Attribute a; reader.Next(a);) m.parsed.emplace_back(a.type, Bytes(a.payload.begin(), a.payload.end()));
    }
    waiting_.push_back(std::move(m));
    size_t aligned = NLMSG_ALIGN(length);
    datagram = datagram.subspan(aligned < datagram.size() ? aligned : datagram.size());
  }
}

bool Client::Next(Message& message, int timeoutMs) {
  Bytes datagram;
  while (waiting_.empty()) {
    if (channel->ReceiveOne(datagram, timeoutMs) < 0) return false;
    Split(datagram);
  }
  message = std::move(waiting_.front());
  waiting_.erase(waiting_.begin());
  return true;
}

int Client::Ask(uint16_t family, uint8_t command, uint16_t flags, uint32_t ifindex,
                std::span<const uint8_t> attributes, std::vector<Message>* replies) {
  uint32_t seq = Send(family, command, flags | NLM_F_ACK, ifindex, attributes);
  for (Message m; Next(m);) {
    if (m.type == kPacketFamily) {
      upcalls.push_back(std::move(m));
    } else if (m.seq == seq && m.type == NLMSG_ERROR) {
      problem.assign(m.attributes.begin(), m.attributes.end());
      return m.error;
    } else if (m.seq == seq && replies != nullptr) {
      replies->push_back(std::move(m));
    }
  }
  return -ETIMEDOUT;
}

std::vector<Message> Client::Dump(uint16_t family, uint32_t ifindex, std::span<const uint8_t> attributes, int* error) {
  std::vector<Message> out;
  uint32_t seq = Send(family, 3, NLM_F_DUMP, ifindex, attributes);
  if (error != nullptr) *error = -ETIMEDOUT;
  for (Message m; Next(m);) {
    if (m.seq != seq) {
      if (m.type == kPacketFamily) upcalls.push_back(std::move(m));
      continue;
    }
    if (m.type == NLMSG_DONE || m.type == NLMSG_ERROR) {
      if (error != nullptr) *error = m.error;
      break;
    }
    out.push_back(std::move(m));
  }
  return out;
}

int Client::NewDatapath(const std::string& name, uint32_t features, uint32_t* ifindex) {
  std::vector<Message> replies;
  Attributes a;
  a.Text(OVS_DP_ATTR_NAME, name).U32(OVS_DP_ATTR_UPCALL_PID, channel->PortId());
  a.U32(OVS_DP_ATTR_USER_FEATURES, features);
  int error = Ask(kDatapathFamily, OVS_DP_CMD_NEW, NLM_F_ECHO, 0, a, &replies);
  if (error == 0) *ifindex = replies.at(0).ifindex;
  return error;
}

int Client::AddPort(uint32_t ifindex, const std::string& name, uint32_t number, uint32_t pid) {
  Attributes a;
  a.Text(OVS_VPORT_ATTR_NAME, name).U32(OVS_VPORT_ATTR_TYPE, OVS_VPORT_TYPE_NETDEV);
  a.U32(OVS_VPORT_ATTR_PORT_NO, number).U32(OVS_VPORT_ATTR_UPCALL_PID, pid);
  return Ask(kVportFamily, OVS_VPORT_CMD_NEW, 0, ifindex, a);
}

int Client::PutFlow(uint32_t ifindex, const Key& key, const Key& mask, std::span<const uint8_t> actions,
                    uint16_t flags, uint64_t ufid) {
  Attributes a;
  if (ufid != 0) a.Put(OVS_FLOW_ATTR_UFID, Ufid(ufid));
  a.Put(OVS_FLOW_ATTR_KEY, EncodedKey(key)).Put(OVS_FLOW_ATTR_MASK, EncodedMask(key, mask));
  a.Put(OVS_FLOW_ATTR_ACTIONS, actions);
  return Ask(kFlowFamily, OVS_FLOW_CMD_NEW, flags, ifindex, a);
}

Bytes Ufid(uint64_t id) {
  Bytes out(16);
  StoreHost<uint64_t>(out.data(), id);
  StoreHost<uint64_t>(out.data() + 8, id * 0x9e3779b97f4a7c15);
  return out;
}

Bytes EncodedKey(const Key& key) {
  Bytes room(4096);
  ByteWriter out(room);
  EncodeKey(key.data(), out);
  room.resize(out.size());
  return room;
}

Bytes EncodedMask(const Key& key, const Key& mask) {
  Bytes room(4096);
  ByteWriter out(room);
  EncodeMask(key.data(), mask.data(), out);
  room.resize(out.size());
  return room;
}

Bytes OutputAction(uint32_t port) { return Attributes().U32(OVS_ACTION_ATTR_OUTPUT, port).bytes(); }

Bytes MakeFrame(const FrameOptions& o, size_t payload) {
  Bytes f = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
  auto be16 = [&](uint32_t v) { f.push_back(static_cast<uint8_t>(v >> 8)), f.push_back(static_cast<uint8_t>(v)); };
  auto be32 = [&](uint32_t v) { be16(v >> 16), be16(v & 0xffff); };
  if (o.vlan != 0) be16(ETH_P_8021Q), be16(o.vlan);
  be16(o.ipv6 ? ETH_P_IPV6 : ETH_P_IP);
  uint32_t transport = static_cast<uint32_t>((o.tcp ? 20 : 8) + payload);
  uint8_t protocol = o.tcp ? IPPROTO_TCP : IPPROTO_UDP;
  size_t l3 = f.size();
  if (o.ipv6) {
    be32(0x60000000), be16(transport), f.push_back(protocol), f.push_back(64);
    for (uint32_t address : {o.source, o.destination}) be32(0xfd000000), be32(0), be32(0), be32(address);
  } else {
    be16(0x4500), be16(20 + transport), be16(0x1234), be16(0x4000), f.push_back(64), f.push_back(protocol), be16(0);
    be32(o.source), be32(o.destination);
    StoreBe16(&f[l3 + 10], static_cast<uint16_t>(~ChecksumFold(ChecksumAdd(std::span(f).subspan(l3)))));
  }
  size_t l4 = f.size();
  be16(o.sourcePort), be16(o.destinationPort);
  if (o.tcp) {
    be32(1000), be32(2000), f.push_back(0x50), f.push_back(o.tcpFlags), be16(0x4000), be16(0), be16(0);
  } else {
    be16(transport), be16(0);
  }
  for (size_t i = 0; i < payload; i++) f.push_back(static_cast<uint8_t>(i * 7 + 1));
  auto addresses = o.ipv6 ? std::span(f).subspan(l3 + 8, 32) : std::span(f).subspan(l3 + 12, 8);
  uint64_t sum = PseudoHeaderSum(addresses, protocol, transport) + ChecksumAdd(std::span(f).subspan(l4));
  StoreBe16(&f[l4 + (o.tcp ? 16 : 6)], static_cast<uint16_t>(~ChecksumFold(sum)));
  return f;
}

bool ChecksumsHold(std::span<const uint8_t> frame) {
  Headers h = FindHeaders(frame);
  if (h.l3 == 0 || h.l4 == 0) return false;
  bool ipv6 = h.etherType == ETH_P_IPV6;
  uint32_t length = ipv6 ? LoadBe16(&frame[h.l3 + 4]) : LoadBe16(&frame[h.l3 + 2]) - (h.l4 - h.l3);
  if (!ipv6 && ChecksumFold(ChecksumAdd(frame.subspan(h.l3, h.l4 - h.l3))) != 0xffff) return false;
  if (h.l4 + length > frame.size()) return false;
  auto addresses = ipv6 ? frame.subspan(h.l3 + 8, 32) : frame.subspan(h.l3 + 12, 8);
  uint64_t sum = PseudoHeaderSum(addresses, h.protocol, length) + ChecksumAdd(frame.subspan(h.l4, length));
  return ChecksumFold(sum) == 0xffff;
}

bool Shell(const std::string& command) { return std::system((command + " >/dev/null 2>&1").c_str()) == 0; }

Namespace::Namespace(const std::string& name) : name_("sp-dp-" + name + "-" + std::to_string(getpid())) {
  valid_ = geteuid() == 0 && Shell("ip netns add " + name_);
}

Namespace::~Namespace() {
  if (valid_) Shell("ip netns del " + name_);
}

void Inside(const Namespace& ns, void (*work)(void*), void* argument) {
  std::thread([&] {
    int fd = open(ns.path().c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || setns(fd, CLONE_NEWNET) != 0) std::abort();
    close(fd);
    work(argument);
  }).join();
}

}  // namespace slowpath::test
