#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace traffic {

// "--name value" pairs behind the command. A name that is not read before Finish is an error.
class Arguments {
 public:
  Arguments(int argc, char** argv);

  // The value of --name; without it `fallback`, or an error when that is null.
  std::string Text(const std::string& name, const char* fallback = nullptr);
  // As Text, for a number from `least` to `most`.
  int64_t Number(const std::string& name, int64_t fallback, int64_t least, int64_t most);
  void Finish() const;

 private:
  std::map<std::string, std::string> values_;
};

}  // namespace traffic
