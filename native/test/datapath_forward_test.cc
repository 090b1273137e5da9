#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <thread>

#include "datapath/port.h"
#include "test/datapath_support.h"

using namespace slowpath;
using namespace slowpath::test;

namespace {

constexpr size_t kTransfer = 8 << 20;

uint8_t Pattern(size_t i) { return static_cast<uint8_t>(i * 31 + (i >> 12)); }

sockaddr_in6 Address(const char* text, uint16_t port) {
  sockaddr_in6 a = {};
  a.sin6_family = AF_INET6;
  a.sin6_port = htons(port);
  inet_pton(AF_INET6, text, &a.sin6_addr);  // IPv4 as ::ffff:a.b.c.d.
  return a;
}

struct Transfer {
  const char* address;
  uint16_t port;
  int listener = -1;
  size_t received = 0;
  bool intact = true;
};

void Listen(void* argument) {
  auto& t = *static_cast<Transfer*>(argument);
  t.listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in6 a = Address("::", t.port);
  REQUIRE(bind(t.listener, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  REQUIRE(listen(t.listener, 1) == 0);
}

void Drain(Transfer& t) {
  pollfd ready = {t.listener, POLLIN, 0};
  if (poll(&ready, 1, 10000) != 1) return;
  int fd = accept(t.listener, nullptr, nullptr);
  Bytes chunk(1 << 16);
  for (ssize_t n; (n = read(fd, chunk.data(), chunk.size())) > 0;) {
    for (ssize_t i = 0; i < n; i++) t.intact &= chunk[static_cast<size_t>(i)] == Pattern(t.received + static_cast<size_t>(i));
    t.received += static_cast<size_t>(n);
  }
  close(fd);
}

void SendAll(void* argument) {
  auto& t = *static_cast<Transfer*>(argument);
  int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval limit = {10, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  sockaddr_in6 a = Address(t.address, t.port);
  CHECK(connect(fd, reinterpret_cast<sockaddr*>(&a), sizeof a) == 0);
  Bytes data(kTransfer);
  for (size_t i = 0; i < data.size(); i++) data[i] = Pattern(i);
  for (size_t at = 0; at < data.size();) {
    ssize_t n = write(fd, &data[at], data.size() - at);
    if (n <= 0) break;
    at += static_cast<size_t>(n);
  }
  close(fd);
}

// A packet socket on "e0".
struct Raw {
  ~Raw() { close(fd); }
  // Waits for a frame, as it is without the tag that the kernel took out: that tag's VLAN id, -1 without one, -2 when the
  // frame does not come.
  int Find(const Bytes& frame) {
    for (int tries = 0; tries < 200; tries++) {
      Bytes bytes(2048);
      alignas(8) uint8_t control[64];
      iovec part = {bytes.data(), bytes.size()};
      msghdr header = {};
      header.msg_iov = &part, header.msg_iovlen = 1;
      header.msg_control = control, header.msg_controllen = sizeof control;
      pollfd ready = {fd, POLLIN, 0};
      if (poll(&ready, 1, 3000) != 1) return -2;
      ssize_t n = recvmsg(fd, &header, 0);
      if (n < 0 || Bytes(bytes.begin(), bytes.begin() + n) != frame) continue;
      tpacket_auxdata aux = {};
      if (cmsghdr* c = CMSG_FIRSTHDR(&header)) std::memcpy(&aux, CMSG_DATA(c), sizeof aux);
      return (aux.tp_status & TP_STATUS_VLAN_VALID) != 0 ? aux.tp_vlan_tci & 0xfff : -1;
    }
    return -2;
  }
  int fd = -1;
};

void OpenRaw(void* argument) {
  auto& raw = *static_cast<Raw*>(argument);
  raw.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
  sockaddr_ll address = {};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = static_cast<int>(if_nametoindex("e0"));
  REQUIRE(bind(raw.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  const int on = 1;
  setsockopt(raw.fd, SOL_PACKET, PACKET_AUXDATA, &on, sizeof on);
  setsockopt(raw.fd, SOL_PACKET, 23, &on, sizeof on);  // PACKET_IGNORE_OUTGOING.
}

// Hosts a and b, each with an interface "e0" (10.9.0.1, fd09::1 and .2, ::2) on a port of the datapath in sw.
struct Network {
  Network() : sw("fsw"), a("fa"), b("fb") {
    if (!sw.valid() || !a.valid() || !b.valid()) return;
    int n = 0;
    for (const Namespace* host : {&a, &b}) {
      std::string i = std::to_string(++n);
      Shell("ip netns exec " + sw.name() + " sysctl -qw net.ipv6.conf.default.disable_ipv6=1");
      Shell("ip -n " + sw.name() + " link add p" + i + " type veth peer name e0 netns " + host->name());
      Shell("ip -n " + sw.name() + " link set p" + i + " up");
      Shell("ip -n " + host->name() + " link set e0 up");
      Shell("ip -n " + host->name() + " addr add 10.9.0." + i + "/24 dev e0");
      Shell("ip -n " + host->name() + " addr add fd09::" + i + "/64 dev e0 nodad");
    }
    int error = 0;
    datapath = EmbeddedDatapath::Open({.netns = sw.path()}, &error);
    REQUIRE(datapath != nullptr);
    client = std::make_unique<Client>(*datapath);
    uint32_t pid = client->channel->PortId();
    REQUIRE(client->NewDatapath("br0", 0, &ifindex) == 0);
    REQUIRE(client->AddPort(ifindex, "p1", 1, pid) == 0);
    REQUIRE(client->AddPort(ifindex, "p2", 2, pid) == 0);
    ready = true;
  }
  // Everything of one ethertype that comes in on 'port', tagged or not.
  int Flow(uint32_t port, uint16_t etherType, uint16_t tci, const Bytes& actions) {
    Key key(flow::kWords), mask(flow::kWords);
    key[flow::kInPort] = port, mask[flow::kInPort] = ~0u, mask[flow::kRecircId] = ~0u;
    key[flow::kEthType] = etherType, mask[flow::kEthType] = 0xffff;
    key[flow::kVlanTci] = tci, mask[flow::kVlanTci] = 0xffff;
    if (tci != 0) key[flow::kVlanTpid] = ETH_P_8021Q, mask[flow::kVlanTpid] = 0xffff;
    return client->PutFlow(ifindex, key, mask, actions, NLM_F_CREATE, port << 20 | etherType);
  }
  // From host a to b with a tag of VLAN 5, back without.
  void TagFlows(std::initializer_list<uint16_t> types) {
    Bytes push = Attributes().Put(OVS_ACTION_ATTR_PUSH_VLAN, Bytes{0x81, 0x00, 0x10, 0x05}).bytes();
    Bytes pop = Attributes().Flag(OVS_ACTION_ATTR_POP_VLAN).bytes();
    Bytes one = OutputAction(1), two = OutputAction(2);
    push.insert(push.end(), two.begin(), two.end());
    pop.insert(pop.end(), one.begin(), one.end());
    for (uint16_t type : types) {
      REQUIRE(Flow(1, type, 0, push) == 0);
      REQUIRE(Flow(2, type, 0x1005, pop) == 0);
    }
  }
  void Run(Transfer& t) {
    Inside(b, Listen, &t);
    std::thread receiver([&] { Drain(t); });
    Inside(a, SendAll, &t);
    receiver.join();
    close(t.listener);
  }

  Namespace sw, a, b;
  std::unique_ptr<EmbeddedDatapath> datapath;
  std::unique_ptr<Client> client;
  uint32_t ifindex = 0;
  bool ready = false;
};

}  // namespace

TEST_CASE("forwarding: TCP over IPv4 and IPv6 crosses whole, with the offloads that veth uses") {
  Network net;
  if (!net.ready) {
    MESSAGE("skipped: making network namespaces needs root and iproute2");
    return;
  }
  for (uint16_t type : {ETH_P_ARP, ETH_P_IP, ETH_P_IPV6}) {
    for (uint32_t port : {1u, 2u}) REQUIRE(net.Flow(port, type, 0, OutputAction(3 - port)) == 0);
  }
  for (Transfer t : {Transfer{"::ffff:10.9.0.2", 4001}, Transfer{"fd09::2", 4002}}) {
    net.Run(t);
    CHECK(t.received == kTransfer);
    CHECK(t.intact);
  }
  uint64_t received = 0, sent = 0;
  for (const NamedCounter& c : net.datapath->Counters()) {
    if (std::string(c.name) == "rxPackets") received = c.value;
    if (std::string(c.name) == "txPackets") sent = c.value;
    if (std::string(c.name) == "txErrors") CHECK(c.value == 0);
  }
  CHECK(sent > 0);
  // Segmented by the last device, not before: far fewer packets than 1448-byte segments.
  CHECK(received < 2 * kTransfer / 1448);
  for (const Message& m : net.client->Dump(kFlowFamily, net.ifindex, {})) {
    Key key(flow::kWords);
    DecodeKey(*m.Get(OVS_FLOW_ATTR_KEY), key.data());
    if (key[flow::kEthType] == ETH_P_ARP) continue;
    const Bytes* stats = m.Get(OVS_FLOW_ATTR_STATS);
    REQUIRE(stats != nullptr);
    if (key[flow::kInPort] == 1) CHECK(LoadHost<uint64_t>(stats->data() + 8) > kTransfer);
    REQUIRE(m.Get(OVS_FLOW_ATTR_TCP_FLAGS) != nullptr);
    CHECK((m.Get(OVS_FLOW_ATTR_TCP_FLAGS)->at(0) & 0x13) == 0x13);  // FIN, SYN, ACK.
  }
}

TEST_CASE("forwarding: tags pushed for one host, stripped by its device, and popped again on the way back") {
  Network net;
  if (!net.ready) {
    MESSAGE("skipped: making network namespaces needs root and iproute2");
    return;
  }
  // b speaks VLAN 5 on its interface; a does not know of it.
  if (!Shell("ip -n " + net.b.name() + " link add link e0 name e0.5 type vlan id 5")) {
    MESSAGE("skipped: this kernel has no VLAN devices");
    return;
  }
  for (std::string command : {"addr flush dev e0", "link set e0.5 up", "addr add 10.9.0.2/24 dev e0.5"}) {
    REQUIRE(Shell("ip -n " + net.b.name() + " " + command));
  }
  net.TagFlows({ETH_P_ARP, ETH_P_IP});
  Transfer t{"::ffff:10.9.0.2", 4003};
  net.Run(t);
  CHECK(t.received == kTransfer);
  CHECK(t.intact);
}

TEST_CASE("forwarding: a tag that the kernel takes out of a frame is matched, popped and pushed all the same") {
  Network net;
  if (!net.ready) {
    MESSAGE("skipped: making network namespaces needs root and iproute2");
    return;
  }
  net.TagFlows({ETH_P_IP});
  Raw a, b;
  Inside(net.a, OpenRaw, &a);
  Inside(net.b, OpenRaw, &b);
  // Addresses that the hosts' own stacks leave alone.
  Bytes plain = MakeFrame({}, 40), tagged = MakeFrame({.vlan = 5}, 40);
  REQUIRE(send(b.fd, tagged.data(), tagged.size(), 0) == static_cast<ssize_t>(tagged.size()));
  CHECK(a.Find(plain) == -1);
  REQUIRE(send(a.fd, plain.data(), plain.size(), 0) == static_cast<ssize_t>(plain.size()));
  CHECK(b.Find(plain) == 5);
}

TEST_CASE("internal ports: TAP device or veth pair, host and switch exchange packets") {
  Namespace host("int");
  if (!host.valid()) {
    MESSAGE("skipped: making network namespaces needs root and iproute2");
    return;
  }
  struct Case {
    const Namespace& ns;
    std::unique_ptr<Port> (*open)(PortContext&, const std::string&, int*);
  };
  for (auto open : {OpenTapPort, OpenVethPort}) {
    Case one{host, open};
    Inside(host, [](void* argument) {
      auto& c = *static_cast<Case*>(argument);
      DatapathCounters counters;
      PortContext context{&counters, {}};
      int error = -1;
      auto port = c.open(context, "br0", &error);
      REQUIRE(port != nullptr);
      CHECK(port->ifindex == if_nametoindex("br0"));
      CHECK(port->type == OVS_VPORT_TYPE_INTERNAL);
      CHECK(c.open(context, "br0", &error) == nullptr);
      CHECK(error == EEXIST);
      REQUIRE(Shell("ip -n " + c.ns.name() + " link set br0 address 02:00:00:00:00:02 up"));
      REQUIRE(Shell("ip -n " + c.ns.name() + " addr add 10.0.0.2/24 dev br0"));
      BufferPool pool(1, nullptr, nullptr);
      // To the host: a UDP packet to a port that nobody listens on. From it: ARP first, for the ICMP error.
      Bytes frame = MakeFrame({}, 20);
      Packet packet(pool.Get(), static_cast<uint32_t>(frame.size()));
      std::copy(frame.begin(), frame.end(), packet.data);
      port->Transmit(packet);
      port->Flush();
      auto batch = std::make_unique<RxBatch>();
      bool found = false;
      for (int i = 0; i < 100 && !found; i++) {
        pollfd ready = {port->fd(), POLLIN, 0};
        poll(&ready, 1, 50);
        REQUIRE(port->Receive(*batch));
        for (int k = 0; k < batch->count; k++) found |= LoadBe16(batch->packets[k].data + 12) == ETH_P_ARP;
        batch->Clear();
      }
      CHECK(found);
      CHECK(port->Statistics().tx_packets == 1);
      port.reset();
      CHECK(if_nametoindex("br0") == 0);
    }, &one);
  }
}
