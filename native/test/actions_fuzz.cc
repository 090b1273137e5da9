#include <cstdlib>
#include <cstring>
#include <vector>

#include "datapath/actions.h"
#include "datapath_support.h"
#include "support.h"

// Action lists on packets of several kinds. What validation lets through is run, since running checks no forms any more.
namespace {

using namespace slowpath;

std::vector<test::Bytes> Frames() {
  std::vector<test::Bytes> frames;
  for (bool ipv6 : {false, true}) {
    for (bool tcp : {false, true}) {
      for (uint16_t vlan : {uint16_t{0}, uint16_t{5}}) {
        frames.push_back(test::MakeFrame({.ipv6 = ipv6, .tcp = tcp, .vlan = vlan}, 40));
      }
    }
  }
  frames.push_back(test::Hex("ffffffffffff 020000000001 0806 0001080006040001 020000000001 0a000001 000000000000 0a000002"));
  frames.push_back(test::Hex("020000000002 020000000001 8847 00064040 000c8140 4500"));
  frames.push_back(test::Hex("020000000002 020000000001 0004"));
  return frames;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const std::vector<test::Bytes> frames = Frames();
  static DatapathCounters counters;
  static Engine engine(counters);
  static Datapath datapath;
  if (size == 0) return 0;
  const test::Bytes& frame = frames[data[0] % frames.size()];
  std::vector<uint8_t> actions(data + 1, data + size);
  uint32_t key[flow::kWords] = {};
  ExtractPacket(frame, key);
  const char* problem = nullptr;
  int error = ValidateActions(actions, key, &problem);
  if (error != 0) {
    if (error > 0 || problem == nullptr) std::abort();
    return 0;
  }
  Buffer* buffer = engine.pool.Get();
  if (buffer == nullptr) std::abort();  // A buffer was not given back.
  {
    Packet packet(buffer, static_cast<uint32_t>(frame.size()));
    std::memcpy(packet.data, frame.data(), frame.size());
    engine.Execute(datapath, packet, key, actions);
  }
  engine.Flush();
  return 0;
}
