#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

namespace slowpath {

// Zeroed memory that C++ and JavaScript share: it lives until the last of them lets go. JavaScript's typed
// arrays over it may be detached or collected at any time without C++ noticing.
class SharedMemory {
 public:
  SharedMemory() = default;
  // Null data() when memory is short.
  explicit SharedMemory(size_t bytes);

  uint8_t* data() const { return bytes_.get(); }
  size_t size() const { return size_; }
  // An ArrayBuffer over all of it; to be made at most once (V8 wants one for each address).
  Napi::ArrayBuffer ToArrayBuffer(Napi::Env env) const;

 private:
  std::shared_ptr<uint8_t> bytes_;
  size_t size_ = 0;
};

// Defines a read-only, enumerable property.
void DefineConstant(Napi::Object object, const char* name, Napi::Value value);

}  // namespace slowpath
