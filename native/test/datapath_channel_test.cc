#include <doctest/doctest.h>
#include <errno.h>
#include <poll.h>

#include <thread>

#include "datapath/embedded_channel.h"
#include "datapath/psample.h"
#include "test/datapath_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

bool Readable(int fd) {
  pollfd p = {fd, POLLIN, 0};
  return poll(&p, 1, 0) == 1;
}

std::unique_ptr<EmbeddedDatapath> Open() {
  int error = 0;
  auto datapath = EmbeddedDatapath::Open({}, &error);
  REQUIRE(datapath != nullptr);
  return datapath;
}

// A slab as the addon makes it.
struct OwnSlab : Slab {
  OwnSlab() : memory(std::make_unique_for_overwrite<uint8_t[]>(kBytes)) { bytes = memory.get(); }
  std::unique_ptr<uint8_t[]> memory;
};

const Bytes kFamilyRequest = Attributes().Text(CTRL_ATTR_FAMILY_NAME, OVS_FLOW_FAMILY).bytes();

}  // namespace

TEST_CASE("channel queue: a full upcall queue loses exactly the rest, and no answer") {
  auto hub = std::make_shared<Hub>(-1, 100, 1 << 20);
  auto queue = hub->Open();
  EmbeddedChannel channel(hub, queue);
  Bytes packet(60);
  using Pushed = ChannelQueue::Pushed;
  for (uint8_t i = 0; i < 150; i++) {
    packet[0] = i;
    CHECK(queue->PushUpcall({}, packet, i % 4u) == (i < 100 ? Pushed::kQueued : Pushed::kFull));
  }
  CHECK(queue->PushAnswer(Bytes{0xaa, 1}) == Pushed::kQueued);
  CHECK_FALSE(Readable(channel.Fd()));  // Readers are woken once a batch.
  queue->FlushWakeup();
  CHECK(Readable(channel.Fd()));
  CHECK(channel.Counters().lost == 50);
  OwnSlab slab;
  CHECK(channel.Receive(slab, 64) == 64);
  CHECK(slab.lengths[0] == 2);  // The answer goes first.
  CHECK(slab.Datagram(0)[0] == 0xaa);
  for (int i = 1; i < 64; i++) {
    CHECK(slab.Datagram(i)[0] == i - 1);
    CHECK(slab.lengths[i] == 60u + static_cast<uint32_t>(i - 1) % 4);
    CHECK(slab.offsets[i] % 8 == 0);
  }
  CHECK(Readable(channel.Fd()));                               // Level-triggered: more waits.
  CHECK(queue->PushUpcall({}, packet, 0) == Pushed::kQueued);  // There is room again.
  CHECK(channel.Receive(slab, 64) == 37);                      // The front buffer.
  CHECK(Readable(channel.Fd()));
  CHECK(channel.Receive(slab, 64) == 1);
  CHECK_FALSE(Readable(channel.Fd()));
  CHECK(channel.Receive(slab, 64) == 0);
  CHECK(channel.Counters().received == 102);
}

TEST_CASE("channel queue: bytes are bounded too, and the bound can be moved") {
  auto hub = std::make_shared<Hub>(-1, 1000, 10000);
  auto queue = hub->Open();
  EmbeddedChannel channel(hub, queue);
  Bytes packet(3000);
  for (int i = 0; i < 5; i++) queue->PushUpcall({}, packet, 0);
  CHECK(queue->lost() == 2);
  CHECK(channel.SetReceiveBuffer(1 << 17) == 1 << 17);
  CHECK(queue->PushUpcall({}, packet, 0) == ChannelQueue::Pushed::kQueued);
  channel.Close();
  CHECK(queue->PushUpcall({}, packet, 0) == ChannelQueue::Pushed::kClosed);
  CHECK(channel.Send(packet) == -EBADF);
  CHECK(channel.Fd() == -1);
}

TEST_CASE("channel: families are found by name and by number, or not") {
  auto datapath = Open();
  Client client(*datapath);
  const char* names[] = {OVS_DATAPATH_FAMILY, OVS_VPORT_FAMILY, OVS_FLOW_FAMILY,
                         OVS_PACKET_FAMILY,   OVS_METER_FAMILY, PSAMPLE_GENL_NAME};
  for (uint16_t i = 0; i < 6; i++) {
    std::vector<Message> replies;
    auto byName = Attributes().Text(CTRL_ATTR_FAMILY_NAME, names[i]);
    CHECK(client.Ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 0, byName, &replies) == 0);
    REQUIRE(replies.size() == 1);
    CHECK(replies[0].command == CTRL_CMD_NEWFAMILY);
    const Bytes* id = replies[0].Get(CTRL_ATTR_FAMILY_ID);
    REQUIRE(id != nullptr);
    CHECK(LoadHost<uint16_t>(id->data()) == kDatapathFamily + i);
    CHECK(replies[0].U32(CTRL_ATTR_VERSION) == (i == 0 ? 2u : 1u));
    CHECK((replies[0].Get(CTRL_ATTR_MCAST_GROUPS) != nullptr) == (i != 3));
    auto byId = Attributes().Put(CTRL_ATTR_FAMILY_ID, *id);
    CHECK(client.Ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 0, byId) == 0);
  }
  auto unknown = Attributes().Text(CTRL_ATTR_FAMILY_NAME, "ovs_ct_limit");
  CHECK(client.Ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 0, unknown) == -ENOENT);
  CHECK(client.Ask(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 0, {}) == -EINVAL);
  CHECK(client.Dump(GENL_ID_CTRL, 0, {}).size() == 6);
  CHECK(client.Ask(kPsampleFamily, 1, 0, 0, {}) == -ENOENT);
  CHECK(client.Ask(kMeterFamily, OVS_METER_CMD_GET, NLM_F_DUMP, 0, {}) == -EOPNOTSUPP);
  CHECK(client.Ask(0x99, 1, 0, 0, {}) == -ENOENT);
  CHECK(client.Ask(kFlowFamily, 77, 0, 0, {}) == -EOPNOTSUPP);
  CHECK(client.Ask(kPacketFamily, OVS_PACKET_CMD_EXECUTE, NLM_F_DUMP, 0, {}) == -EOPNOTSUPP);
  CHECK(client.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, 1, Attributes().Put(OVS_FLOW_ATTR_UFID, Ufid(1))) ==
        -ENODEV);
  int error = 0;
  CHECK(client.Dump(kFlowFamily, 1, {}, &error).empty());
  CHECK(error == -ENODEV);
  CHECK(client.Dump(kDatapathFamily, 0, {}, &error).empty());
  CHECK(error == 0);
}

TEST_CASE("channel: what is malformed is answered or counted, never believed") {
  auto datapath = Open();
  Client client(*datapath);
  Bytes lying(20);
  StoreHost<uint32_t>(lying.data(), 4000);
  CHECK(client.channel->Send(lying) == 0);
  Bytes tiny(18);  // A flow request without the headers behind nlmsghdr.
  StoreHost<uint32_t>(tiny.data(), 18);
  StoreHost<uint16_t>(&tiny[4], kFlowFamily);
  StoreHost<uint16_t>(&tiny[6], NLM_F_REQUEST);
  CHECK(client.channel->Send(tiny) == 0);
  Message answer;
  REQUIRE(client.Next(answer));
  CHECK(answer.error == -EINVAL);
  for (const NamedCounter& counter : datapath->Counters()) {
    if (std::string(counter.name) == "malformedRequests") CHECK(counter.value == 1);
    CHECK(std::string(counter.help).size() > 10);
  }
  Bytes bad = {3, 0, 1, 0};  // An attribute shorter than its header.
  CHECK(client.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, 1, bad) == -EINVAL);
  CHECK(client.Ask(kFlowFamily, OVS_FLOW_CMD_GET, 0, 1,
                   Attributes().Put(OVS_FLOW_ATTR_UFID_FLAGS, Bytes{1})) == -ERANGE);
}

TEST_CASE("channel: many requests from two threads are all answered, in order") {
  auto datapath = Open();
  auto work = [&] {
    Client client(*datapath);
    uint32_t first = 0, last = 0;
    constexpr int kRequests = 5000;
    for (int i = 0; i < kRequests; i++) {
      last = client.Send(GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 0, 0, kFamilyRequest);
      if (first == 0) first = last;
    }
    for (uint32_t seq = first; seq <= last; seq++) {
      Message m;
      REQUIRE(client.Next(m));
      REQUIRE(m.seq == seq);
    }
  };
  std::thread other(work);
  work();
  other.join();
}

TEST_CASE("close: datapath and channels go in any order, twice, and with a reader waiting") {
  auto datapath = Open();
  auto first = datapath->OpenChannel();
  auto second = datapath->OpenChannel();
  CHECK(first->PortId() == 1);
  CHECK(second->PortId() == 2);
  first->Close();
  first->Close();
  CHECK(datapath->OpenChannel()->PortId() == 3);  // Never the same again.
  Bytes out;
  CHECK(second->ReceiveOne(out, 10) == -ETIMEDOUT);
  std::thread reader([&] {
    Bytes bytes;
    CHECK(second->ReceiveOne(bytes, 10000) == -ENETDOWN);
  });
  datapath->Close();
  reader.join();
  datapath->Close();
  CHECK(datapath->OpenChannel() == nullptr);
  CHECK(second->Send(out) == -ENETDOWN);
  CHECK(datapath->Counters().size() > 20);
  datapath.reset();
  OwnSlab slab;
  CHECK(second->Receive(slab, 64) == 0);
  CHECK(second->Counters().received == 0);
}

TEST_CASE("open: a namespace that is not there is an error, not an abort") {
  int error = 0;
  const char* what = nullptr;
  CHECK(EmbeddedDatapath::Open({.netns = "/run/netns/does-not-exist"}, &error, &what) == nullptr);
  CHECK(error == -ENOENT);
  CHECK(std::string(what) == "open");
}
