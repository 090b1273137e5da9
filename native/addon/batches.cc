#include "addon/batches.h"

#include <algorithm>
#include <cerrno>

#include "addon/arguments.h"
#include "addon/errors.h"
#include "wire/layout.generated.h"

namespace slowpath {
namespace {

// Bounds that only catch mistakes: 4 million rows, 1 GiB.
constexpr int64_t kMaxRows = 1 << 22;
constexpr int64_t kMaxBytes = int64_t{1} << 30;

// Makes shared memory and shows it as a typed array property of 'object'. False when memory was short; an
// exception is then pending.
template <typename ArrayType, typename Element>
bool Share(Napi::Object object, const char* name, size_t elements, SharedMemory& memory) {
  Napi::Env env = object.Env();
  memory = SharedMemory(elements * sizeof(Element));
  if (memory.data() == nullptr) {
    ThrowSystemError(env, ENOMEM, "mmap");
    return false;
  }
  DefineConstant(object, name, ArrayType::New(env, elements, memory.ToArrayBuffer(env), 0));
  return !env.IsExceptionPending();
}

bool ShareWords(Napi::Object object, const char* name, size_t words, SharedMemory& memory) {
  return Share<Napi::Int32Array, int32_t>(object, name, words, memory);
}

bool ShareBytes(Napi::Object object, const char* name, size_t bytes, SharedMemory& memory) {
  return Share<Napi::Uint8Array, uint8_t>(object, name, bytes, memory);
}

void DefineCapacity(Napi::Object object, size_t capacity) {
  DefineConstant(object, "capacity", Napi::Number::New(object.Env(), static_cast<double>(capacity)));
}

}  // namespace

Napi::Function UpcallBatch::Define(Napi::Env env) { return DefineClass(env, "UpcallBatch", {}); }

UpcallBatch::UpcallBatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<UpcallBatch>(info) {
  Napi::Object self = info.This().As<Napi::Object>();
  if (!ShareBytes(self, "slab", Slab::kBytes, slabMemory_) ||
      !ShareWords(self, "rows", kBatch * upcall_row::kWords, rowMemory_) ||
      !ShareWords(self, "keys", kBatch * flow::kWords, keyMemory_)) {
    return;
  }
  DefineCapacity(self, kBatch);
  slab_.bytes = slabMemory_.data();
  self.TypeTag(&kTag);
}

Napi::Function OpBatch::Define(Napi::Env env) { return DefineClass(env, "OpBatch", {}); }

OpBatch::OpBatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<OpBatch>(info) {
  Arguments arguments(info, "createOpBatch");
  auto capacity = static_cast<size_t>(arguments.Integer(0, "capacity", 1, kMaxRows));
  auto bytes = static_cast<size_t>(arguments.Integer(1, "byteCapacity", 0, kMaxBytes));
  Napi::Object self = info.This().As<Napi::Object>();
  if (!arguments.ok() || !ShareWords(self, "rows", capacity * op_row::kWords, rowMemory_) ||
      !ShareWords(self, "masks", capacity * flow::kWords, maskMemory_) ||
      !ShareBytes(self, "bytes", bytes, byteMemory_)) {
    return;
  }
  DefineCapacity(self, capacity);
  capacity_ = capacity;
  self.TypeTag(&kTag);
}

Napi::Function FlowBatch::Define(Napi::Env env) { return DefineClass(env, "FlowBatch", {}); }

FlowBatch::FlowBatch(const Napi::CallbackInfo& info) : Napi::ObjectWrap<FlowBatch>(info) {
  Arguments arguments(info, "createFlowBatch");
  auto capacity = static_cast<size_t>(arguments.Integer(0, "capacity", 1, kMaxRows));
  auto bytes = static_cast<size_t>(arguments.Integer(1, "byteCapacity", 0, kMaxBytes));
  Napi::Object self = info.This().As<Napi::Object>();
  if (!arguments.ok() || !ShareWords(self, "rows", capacity * flow_row::kWords, rowMemory_) ||
      !ShareBytes(self, "slab", std::max(bytes, kMinBytes), slabMemory_)) {
    return;
  }
  DefineCapacity(self, capacity);
  capacity_ = capacity;
  self.TypeTag(&kTag);
}

}  // namespace slowpath
