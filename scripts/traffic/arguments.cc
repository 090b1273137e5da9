#include "arguments.h"

#include <cstdlib>
#include <cstring>

#include "packet_socket.h"

namespace traffic {

Arguments::Arguments(int argc, char** argv) {
  for (int i = 2; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("--", 0) != 0) Die("what is " + word + "?", false);
    const bool hasValue = i + 1 < argc && std::strncmp(argv[i + 1], "--", 2) != 0;
    values_[word.substr(2)] = hasValue ? argv[++i] : "";
  }
}

std::string Arguments::Text(const std::string& name, const char* fallback) {
  const auto found = values_.find(name);
  if (found == values_.end()) {
    if (fallback == nullptr) Die("--" + name + " is missing", false);
    return fallback;
  }
  std::string value = found->second;
  values_.erase(found);
  return value;
}

int64_t Arguments::Number(const std::string& name, int64_t fallback, int64_t least, int64_t most) {
  const std::string text = Text(name, "");
  if (text.empty()) return fallback;
  char* end = nullptr;
  const long long value = std::strtoll(text.c_str(), &end, 10);
  if (*end != '\0' || value < least || value > most)
    Die("--" + name + " takes a number from " + std::to_string(least) + " to " + std::to_string(most), false);
  return value;
}

void Arguments::Finish() const {
  if (!values_.empty()) Die("unknown option --" + values_.begin()->first, false);
}

}  // namespace traffic
