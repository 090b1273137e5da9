#include "addon/memory.h"

#include <sys/mman.h>

#include <cstdlib>

namespace slowpath {

namespace {

// From this size on memory comes straight from the kernel: pages that are never touched then cost nothing
// (calloc does as well at first, but clears by hand what it reuses), and what is freed really goes.
constexpr size_t kMapBytes = 64 * 1024;

std::shared_ptr<uint8_t> Allocate(size_t bytes) {
  if (bytes < kMapBytes) {
    return {static_cast<uint8_t*>(std::calloc(bytes == 0 ? 1 : bytes, 1)), std::free};
  }
  void* memory =
      mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) return nullptr;
  return {static_cast<uint8_t*>(memory), [bytes](uint8_t* mapped) { munmap(mapped, bytes); }};
}

}  // namespace

SharedMemory::SharedMemory(size_t bytes) : bytes_(Allocate(bytes)), size_(bytes) {}

Napi::ArrayBuffer SharedMemory::ToArrayBuffer(Napi::Env env) const {
  auto* hold = new std::shared_ptr<uint8_t>(bytes_);
  return Napi::ArrayBuffer::New(
      env, bytes_.get(), size_, [](Napi::BasicEnv, void*, std::shared_ptr<uint8_t>* held) { delete held; },
      hold);
}

void DefineConstant(Napi::Object object, const char* name, Napi::Value value) {
  object.DefineProperty(Napi::PropertyDescriptor::Value(name, value, napi_enumerable));
}

}  // namespace slowpath
