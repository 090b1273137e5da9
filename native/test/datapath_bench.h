#pragma once

#include <doctest/doctest.h>
#include <linux/if_ether.h>

#include "datapath/actions.h"
#include "datapath/hub.h"
#include "test/datapath_support.h"

// An engine without thread and devices, and the actions to try on it.
namespace slowpath::test {

// A port that keeps what it is given.
class RecordingPort : public Port {
 public:
  explicit RecordingPort(PortContext& context) : Port(context, OVS_VPORT_TYPE_NETDEV, "fake", 1, UniqueFd()) {}
  bool Receive(RxBatch&) override { return true; }
  std::vector<Bytes> sent;
  std::vector<VnetHeader> offloads;

 protected:
  void SendQueued() override {
    for (int i = 0; i < queued_; i++) {
      sent.emplace_back(tx_[i].data, tx_[i].data + tx_[i].length);
      offloads.push_back(tx_[i].offload);
    }
  }
};

// An engine with two ports and a channel, without a thread.
struct Bench {
  Bench() : hub(std::make_shared<Hub>(-1, 1000, 1 << 20)), engine(counters) {
    channel = hub->Open();
    engine.channels = hub->Channels();
    dp.ports.resize(3);
    for (uint32_t i = 1; i <= 2; i++) {
      auto port = std::make_unique<RecordingPort>(engine.ports);
      ports[i] = port.get();
      dp.ports[i] = std::move(port);
    }
  }
  // Puts a flow that matches packets of port 1 at one recirculation id.
  void Flow(uint32_t recirc, std::span<const uint8_t> actions, uint16_t etherType = ETH_P_IP, uint8_t protocol = 17) {
    Key key(flow::kWords), mask(flow::kWords);
    key[flow::kInPort] = 1, mask[flow::kInPort] = ~0u;
    key[flow::kRecircId] = recirc, mask[flow::kRecircId] = ~0u;
    Key typed = key;
    typed[flow::kEthType] = etherType, typed[flow::kNwProto] = protocol;
    const char* problem = nullptr;
    REQUIRE_MESSAGE(ValidateActions(actions, typed.data(), &problem) == 0, problem);
    dp.table.Insert(key.data(), mask.data(), Ufid(recirc + 1), actions);
  }
  void Receive(const Bytes& frame) {
    Packet packet(engine.pool.Get(), static_cast<uint32_t>(frame.size()));
    std::copy(frame.begin(), frame.end(), packet.data);
    engine.Receive(dp, packet, 1);
    engine.Flush();
  }
  // The next upcall's packet attribute; empty without one.
  Bytes Upcall(Message* message = nullptr) {
    Bytes out;
    queue([&](std::span<const uint8_t> datagram) {
      AttributeReader reader(datagram.subspan(24));
      for (Attribute a; reader.Next(a);) {
        if (a.type == OVS_PACKET_ATTR_PACKET) out.assign(a.payload.begin(), a.payload.end());
        if (message != nullptr) message->parsed.emplace_back(a.type, Bytes(a.payload.begin(), a.payload.end()));
      }
      if (message != nullptr) message->command = datagram[16];
      return true;
    });
    return out;
  }
  template <typename Take>
  void queue(Take take) {
    channel->Receive(1, *hub, take);
  }

  DatapathCounters counters;
  std::shared_ptr<Hub> hub;
  std::shared_ptr<ChannelQueue> channel;
  Datapath dp;
  RecordingPort* ports[3] = {};
  Engine engine;
};

inline Bytes Trunc(uint32_t max) { return Attributes().U32(OVS_ACTION_ATTR_TRUNC, max).bytes(); }
inline Bytes PushVlanAction(uint16_t tci) {
  Bytes argument(4);
  StoreBe16(&argument[0], ETH_P_8021Q), StoreBe16(&argument[2], tci);
  return Attributes().Put(OVS_ACTION_ATTR_PUSH_VLAN, argument).bytes();
}
inline Bytes PopVlanAction() { return Attributes().Flag(OVS_ACTION_ATTR_POP_VLAN).bytes(); }
inline Bytes SetSource(uint32_t address) {
  Bytes both(24);
  StoreBe32(&both[0], address), StoreBe32(&both[12], ~0u);
  return Attributes().Put(OVS_ACTION_ATTR_SET_MASKED, Attributes().Put(OVS_KEY_ATTR_IPV4, both)).bytes();
}
inline Bytes Recirc(uint32_t id) { return Attributes().U32(OVS_ACTION_ATTR_RECIRC, id).bytes(); }
inline Bytes Clone(const Bytes& actions) { return Attributes().Put(OVS_ACTION_ATTR_CLONE, actions).bytes(); }
inline Bytes Sample(uint32_t probability, const Bytes& actions) {
  auto arguments = Attributes().U32(OVS_SAMPLE_ATTR_PROBABILITY, probability).Put(OVS_SAMPLE_ATTR_ACTIONS, actions);
  return Attributes().Put(OVS_ACTION_ATTR_SAMPLE, arguments).bytes();
}
inline Bytes HashAction(uint32_t algorithm) {
  Bytes argument(8);
  argument[0] = static_cast<uint8_t>(algorithm);
  return Attributes().Put(OVS_ACTION_ATTR_HASH, argument).bytes();
}
inline Bytes Userspace(uint32_t pid, const Bytes& userdata, bool withActions) {
  Attributes a;
  a.U32(OVS_USERSPACE_ATTR_PID, pid).Put(OVS_USERSPACE_ATTR_USERDATA, userdata);
  if (withActions) a.Flag(OVS_USERSPACE_ATTR_ACTIONS);
  return Attributes().Put(OVS_ACTION_ATTR_USERSPACE, a).bytes();
}
inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

}  // namespace slowpath::test
