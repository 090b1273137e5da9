#include "addon/columns.h"

#include <cerrno>

#include "addon/arguments.h"
#include "addon/errors.h"

namespace slowpath {
namespace {

// Bounds that only catch mistakes.
constexpr int64_t kMaxUkeys = 1 << 24;
constexpr int64_t kMaxMatched = 1 << 16;
// Columns begin on cache lines of their own.
constexpr size_t kAlign = 64;

template <typename Element>
struct ArrayOf;
template <>
struct ArrayOf<uint8_t> {
  using Type = Napi::Uint8Array;
};
template <>
struct ArrayOf<uint16_t> {
  using Type = Napi::Uint16Array;
};
template <>
struct ArrayOf<int32_t> {
  using Type = Napi::Int32Array;
};
template <>
struct ArrayOf<uint32_t> {
  using Type = Napi::Int32Array;
};
template <>
struct ArrayOf<double> {
  using Type = Napi::Float64Array;
};

// Lays columns out one behind the other: first sums their sizes, then, when there is memory, makes them.
class Layout {
 public:
  explicit Layout(Napi::Object object) : object_(object) {}

  template <typename Element>
  void Add(const char* name, Element*& column, size_t elements) {
    if (memory_ != nullptr) {
      column = reinterpret_cast<Element*>(memory_->data() + size_);
      DefineConstant(object_, name, ArrayOf<Element>::Type::New(object_.Env(), elements, buffer_, size_));
    }
    size_ += (elements * sizeof(Element) + kAlign - 1) & ~(kAlign - 1);
  }

  // Makes the memory for what was added until now. False when it was short; an exception is then pending.
  bool Allocate(SharedMemory& memory) {
    memory = SharedMemory(size_);
    if (memory.data() == nullptr) {
      ThrowSystemError(object_.Env(), ENOMEM, "mmap");
      return false;
    }
    memory_ = &memory;
    buffer_ = memory.ToArrayBuffer(object_.Env());
    size_ = 0;
    return !object_.Env().IsExceptionPending();
  }

 private:
  Napi::Object object_;
  Napi::ArrayBuffer buffer_;
  SharedMemory* memory_ = nullptr;
  size_t size_ = 0;
};

void AddAll(Layout& layout, UkeyColumns& c) {
  layout.Add("state", c.state, c.capacity);
  layout.Add("ufid", c.ufid, c.capacity * 4);
  layout.Add("packets", c.packets, c.capacity);
  layout.Add("bytes", c.bytes, c.capacity);
  layout.Add("used", c.used, c.capacity);
  layout.Add("tcpFlags", c.tcpFlags, c.capacity);
  layout.Add("generation", c.generation, c.capacity);
  layout.Add("stale", c.stale, c.capacity);
  layout.Add("untold", c.untold, c.capacity);
  layout.Add("dumpRound", c.dumpRound, c.capacity);
  layout.Add("missed", c.missed, c.capacity);
  layout.Add("buckets", c.buckets, c.capacity);
  layout.Add("next", c.next, c.capacity);
  layout.Add("bucketCount", c.bucketCount, 1);
}

void AddAll(Layout& layout, MatchedColumns& c, int32_t*& counts) {
  layout.Add("ukey", c.ukey, c.capacity);
  layout.Add("packets", c.packets, c.capacity);
  layout.Add("bytes", c.bytes, c.capacity);
  layout.Add("used", c.used, c.capacity);
  layout.Add("usedBefore", c.usedBefore, c.capacity);
  layout.Add("flags", c.flags, c.capacity);
  layout.Add("counts", counts, MatchedColumnsObject::kCounts);
}

// Takes the capacity, and makes it a property. 0 when it is wrong; an exception is then pending.
size_t TakeCapacity(const Napi::CallbackInfo& info, const char* function, int64_t most) {
  Arguments arguments(info, function);
  int64_t capacity = arguments.Integer(0, "capacity", 1, most);
  if (!arguments.ok()) return 0;
  DefineConstant(info.This().As<Napi::Object>(), "capacity",
                 Napi::Number::New(info.Env(), static_cast<double>(capacity)));
  return static_cast<size_t>(capacity);
}

}  // namespace

Napi::Function UkeyColumnsObject::Define(Napi::Env env) { return DefineClass(env, kName, {}); }

UkeyColumnsObject::UkeyColumnsObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<UkeyColumnsObject>(info) {
  Napi::Object self = info.This().As<Napi::Object>();
  columns_.capacity = TakeCapacity(info, "createUkeyColumns", kMaxUkeys);
  if (columns_.capacity == 0) return;
  Layout layout(self);
  AddAll(layout, columns_);
  if (!layout.Allocate(memory_)) return;
  AddAll(layout, columns_);
  self.TypeTag(&kTag);
}

Napi::Function MatchedColumnsObject::Define(Napi::Env env) { return DefineClass(env, kName, {}); }

MatchedColumnsObject::MatchedColumnsObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<MatchedColumnsObject>(info) {
  Napi::Object self = info.This().As<Napi::Object>();
  columns_.capacity = TakeCapacity(info, "createMatchedColumns", kMaxMatched);
  if (columns_.capacity == 0) return;
  Layout layout(self);
  AddAll(layout, columns_, counts_);
  if (!layout.Allocate(memory_)) return;
  AddAll(layout, columns_, counts_);
  matcher_ = std::make_unique<FlowMatcher>(columns_.capacity);
  self.TypeTag(&kTag);
}

}  // namespace slowpath
