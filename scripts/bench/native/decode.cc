// What decoding costs, natively, compiled as the addon is: prints one JSON object. CPU time of this thread, the fifth
// percentile of many rounds, so that other work on the machine counts little; each round decodes a batch as large as
// one receive brings.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

#include "wire/key_attributes.h"
#include "wire/netlink.h"
#include "wire/upcall.h"

// Every allocation of this program, whoever makes it.
static uint64_t allocations = 0;
extern "C" void* __libc_malloc(size_t);
extern "C" void* malloc(size_t n) {
  allocations++;
  return __libc_malloc(n);
}

namespace slowpath {
namespace {

constexpr size_t kBatch = 64;
constexpr uint16_t kFamily = 0x1b;

double NowNs() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e9 + static_cast<double>(now.tv_nsec);
}

struct Cost {
  double ns = 0;           // Of one thing: a twentieth of the rounds were faster.
  double allocations = 0;  // Of one thing.
};

// What one of the 'n' things costs that 'work' does, in 'rounds' calls.
template <typename Work>
Cost Measure(int rounds, size_t n, Work work) {
  Cost cost;
  std::vector<double> times(static_cast<size_t>(rounds));
  uint64_t before = allocations;
  for (double& time : times) {
    double start = NowNs();
    work();
    time = NowNs() - start;
  }
  auto at = times.begin() + rounds / 20;
  std::nth_element(times.begin(), at, times.end());
  cost.ns = *at / static_cast<double>(n);
  cost.allocations = static_cast<double>(allocations - before) / (static_cast<double>(rounds) * static_cast<double>(n));
  return cost;
}

// A UDP packet over IPv4 of port 'port', with 18 bytes of data: 60 bytes, the least that a network card sends.
std::vector<uint8_t> Frame(uint16_t port) {
  std::vector<uint8_t> frame = {0x50, 0x54, 0, 0, 0, 2, 0x50, 0x54, 0, 0, 0, 1, 8, 0,  0x45, 0, 0, 46,
                                0,    0,    0, 0, 64, 17, 0,   0,    10, 0, 0, 1, 10, 0, 0,    2};
  frame.resize(60);
  StoreBe16(frame.data() + 34, port);
  StoreBe16(frame.data() + 36, 53);
  StoreBe16(frame.data() + 38, 26);
  return frame;
}

// A miss as Linux 6.1 tells it: the key with every attribute that it always writes, then hash and packet.
std::vector<uint8_t> Upcall(uint16_t port) {
  std::vector<uint8_t> room(2048), frame = Frame(port);
  uint32_t key[flow::kWords] = {};
  key[flow::kInPort] = 2;
  ExtractPacket(frame, key);
  ByteWriter out(room);
  {
    OvsMessageWriter message(out, {.family = kFamily, .cmd = OVS_PACKET_CMD_MISS, .dpIfindex = 7});
    {
      NestedAttribute nested(out, OVS_PACKET_ATTR_KEY);
      EncodeKey(key, out);
    }
    if (uint8_t* p = PutAttribute(out, OVS_PACKET_ATTR_HASH, 8)) StoreHost<uint64_t>(p, 0x100000000u + port);
    PutBytes(out, OVS_PACKET_ATTR_PACKET, frame);
  }
  room.resize(out.size());
  return room;
}

struct Bench {
  std::vector<std::vector<uint8_t>> datagrams;
  std::vector<uint32_t> rows, keys;
  UpcallCounters counters;
  int rounds;

  explicit Bench(int n) : rows(kBatch * upcall_row::kWords), keys(kBatch * flow::kWords), rounds(n) {
    for (size_t i = 0; i < kBatch; i++) datagrams.push_back(Upcall(static_cast<uint16_t>(1000 + i)));
  }
  std::span<const uint8_t> KeyOf(size_t i) const {
    const uint32_t* row = rows.data() + i * upcall_row::kWords;
    return std::span<const uint8_t>(datagrams[i]).subspan(row[upcall_row::kKeyOff], row[upcall_row::kKeyLen]);
  }
  std::span<const uint8_t> PacketOf(size_t i) const {
    const uint32_t* row = rows.data() + i * upcall_row::kWords;
    return std::span<const uint8_t>(datagrams[i]).subspan(row[upcall_row::kPacketOff], row[upcall_row::kPacketLen]);
  }

  Cost DecodeBatch() {
    return Measure(rounds, kBatch, [this] {
      UpcallRows out = {rows.data(), keys.data(), kBatch, 0};
      for (const auto& datagram : datagrams) DecodeUpcalls(datagram, 0, kFamily, out, counters);
    });
  }
  Cost Each(void (*work)(const Bench&, size_t, uint32_t*)) {
    return Measure(rounds, kBatch, [&] {
      for (size_t i = 0; i < kBatch; i++) work(*this, i, keys.data() + i * flow::kWords);
    });
  }
};

void Print(const char* name, const Cost& cost, const char* after) {
  std::printf("  \"%s\": { \"ns\": %.1f, \"allocations\": %g }%s\n", name, cost.ns, cost.allocations, after);
}

}  // namespace
}  // namespace slowpath

int main(int argc, char** argv) {
  using namespace slowpath;
  Bench bench(argc > 1 ? std::atoi(argv[1]) : 20000);
  uint8_t secret[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  SetFlowIdSecret(secret);
  std::printf("{\n");
  Print("upcall", bench.DecodeBatch(), ",");
  if (bench.counters.malformed != 0) return 1;
  Print("key", bench.Each([](const Bench& b, size_t i, uint32_t* key) { DecodeKey(b.KeyOf(i), key); }), ",");
  Print("anyKey", bench.Each([](const Bench& b, size_t i, uint32_t* key) { DecodeAnyKey(b.KeyOf(i), key); }), ",");
  Print("id", bench.Each([](const Bench& b, size_t i, uint32_t* key) { FlowId(b.KeyOf(i), key); }), ",");
  Print("extract", bench.Each([](const Bench& b, size_t i, uint32_t* key) { ExtractPacket(b.PacketOf(i), key); }), ",");
  std::printf("  \"key_hex\": \"");
  for (uint8_t byte : bench.KeyOf(0)) std::printf("%02x", byte);
  std::printf("\",\n");
  std::printf("  \"keyBytes\": %zu, \"datagramBytes\": %zu\n}\n", bench.KeyOf(0).size(), bench.datagrams[0].size());
  return 0;
}
