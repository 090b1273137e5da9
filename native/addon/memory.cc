#include "addon/memory.h"

#include <cstdlib>

namespace slowpath {

// calloc takes large blocks from the kernel as they are: pages that are never touched cost nothing.
SharedMemory::SharedMemory(size_t bytes)
    : bytes_(static_cast<uint8_t*>(std::calloc(bytes == 0 ? 1 : bytes, 1)), std::free), size_(bytes) {}

Napi::ArrayBuffer SharedMemory::ToArrayBuffer(Napi::Env env) const {
  auto* hold = new std::shared_ptr<uint8_t>(bytes_);
  return Napi::ArrayBuffer::New(
      env, bytes_.get(), size_, [](Napi::BasicEnv, void*, std::shared_ptr<uint8_t>* held) { delete held; }, hold);
}

void DefineConstant(Napi::Object object, const char* name, Napi::Value value) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_enumerable));
}

}  // namespace slowpath
