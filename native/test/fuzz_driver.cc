#include <cinttypes>
#include <cstring>

#include "support.h"

// Runs a fuzz target without libFuzzer: every corpus file named, then -runs=N deterministic mutations of them (and of
// random bytes). -seed=N begins elsewhere. A crash or sanitizer report ends the process.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  using namespace slowpath;
  std::vector<std::vector<uint8_t>> corpus;
  uint64_t runs = 100000, seed = 1;
  for (int i = 1; i < argc; i++) {
    if (std::strncmp(argv[i], "-runs=", 6) == 0) {
      runs = std::strtoull(argv[i] + 6, nullptr, 10);
    } else if (std::strncmp(argv[i], "-seed=", 6) == 0) {
      seed = std::strtoull(argv[i] + 6, nullptr, 10);
    } else {
      corpus.push_back(test::ReadFile(argv[i]));
      for (auto& message : test::ReadCapture(argv[i])) corpus.push_back(std::move(message));
    }
  }
  for (const auto& input : corpus) LLVMFuzzerTestOneInput(input.data(), input.size());
  test::Random random(seed);
  std::vector<uint8_t> input;
  for (uint64_t i = 0; i < runs; i++) {
    if (corpus.empty() || random.Below(16) == 0) {
      input.resize(random.Below(256));
      for (auto& b : input) b = static_cast<uint8_t>(random.Next());
    } else if (input.empty() || random.Below(4) != 0) {
      input = corpus[random.Below(static_cast<uint32_t>(corpus.size()))];
    }
    input = test::Mutate(input, random);
    LLVMFuzzerTestOneInput(input.data(), input.size());
  }
  std::printf("%zu corpus inputs and %" PRIu64 " mutations: no crash\n", corpus.size(), runs);
  return 0;
}
