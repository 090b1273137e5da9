// Makes and counts traffic on network devices, for tests and benches. See README.md.
#include <cstdio>
#include <cstring>

#include "arguments.h"
#include "commands.h"

namespace {

struct Command {
  const char* name;
  void (*run)(traffic::Arguments&);
};

constexpr Command kCommands[] = {
    {"flood", traffic::Flood}, {"sink", traffic::Sink},       {"latency", traffic::Latency},
    {"send", traffic::Send},   {"capture", traffic::Capture},
};

}  // namespace

int main(int argc, char** argv) {
  setvbuf(stdout, nullptr, _IOLBF, 0);
  for (const Command& command : kCommands) {
    if (argc < 2 || std::strcmp(argv[1], command.name) != 0) continue;
    traffic::Arguments arguments(argc, argv);
    command.run(arguments);
    return 0;
  }
  std::fprintf(stderr, "usage: traffic flood|sink|latency|send|capture --dev DEVICE [options]; see README.md\n");
  return 2;
}
