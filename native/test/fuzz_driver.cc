#include <cinttypes>
#include <csignal>
#include <cstring>
#include <ctime>

#include "support.h"

// Runs a fuzz target without libFuzzer: every corpus file named, then -runs=N deterministic mutations of them (and of
// random bytes), or for -seconds=N. -seed=N begins elsewhere. A crash or sanitizer report ends the process;
// -find=FILE has the input then.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

// Where the input being run is written when the process dies of it.
const char* findPath = nullptr;
std::vector<uint8_t> input;

void KeepInput() {
  if (findPath == nullptr) return;
  if (FILE* file = std::fopen(findPath, "wb")) {
    std::fwrite(input.data(), 1, input.size(), file);
    std::fclose(file);
  }
}

// What sanitizers call before they end the process.
extern "C" void __sanitizer_set_death_callback(void (*callback)());

}  // namespace

int main(int argc, char** argv) {
  using namespace slowpath;
  std::vector<std::vector<uint8_t>> corpus;
  uint64_t runs = 100000, seed = 1;
  time_t end = 0;
  __sanitizer_set_death_callback(KeepInput);
  std::signal(SIGABRT, [](int) {
    KeepInput();
    std::_Exit(1);
  });
  for (int i = 1; i < argc; i++) {
    if (std::strncmp(argv[i], "-runs=", 6) == 0) {
      runs = std::strtoull(argv[i] + 6, nullptr, 10);
    } else if (std::strncmp(argv[i], "-seed=", 6) == 0) {
      seed = std::strtoull(argv[i] + 6, nullptr, 10);
    } else if (std::strncmp(argv[i], "-seconds=", 9) == 0) {
      end = std::time(nullptr) + std::strtoll(argv[i] + 9, nullptr, 10);
      runs = UINT64_MAX;
    } else if (std::strncmp(argv[i], "-find=", 6) == 0) {
      findPath = argv[i] + 6;
    } else {
      corpus.push_back(test::ReadFile(argv[i]));
      for (auto& message : test::ReadCapture(argv[i])) corpus.push_back(std::move(message));
    }
  }
  for (const auto& one : corpus) {
    input = one;
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  test::Random random(seed);
  uint64_t i = 0;
  for (; i < runs && (end == 0 || i % 256 != 0 || std::time(nullptr) < end); i++) {
    if (corpus.empty() || random.Below(16) == 0) {
      input.resize(random.Below(256));
      for (auto& b : input) b = static_cast<uint8_t>(random.Next());
    } else if (input.empty() || random.Below(4) != 0) {
      input = corpus[random.Below(static_cast<uint32_t>(corpus.size()))];
    }
    input = test::Mutate(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu corpus inputs, %" PRIu64 " executions: no crash\n", corpus.size(), i + corpus.size());
  return 0;
}
