#include "addon/columns.h"

#include <cerrno>
#include <type_traits>

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
    size_t at = size_;
    AddRows(column, elements);
    if (memory_ == nullptr) return;
    DefineConstant(object_, name, ArrayOf<Element>::Type::New(object_.Env(), elements, buffer_, at));
  }

  // Room for rows, whose fields are added by themselves.
  template <typename Row>
  void AddRows(Row*& rows, size_t count) {
    if (memory_ != nullptr) rows = reinterpret_cast<Row*>(memory_->data() + size_);
    size_ += (count * sizeof(Row) + kAlign - 1) & ~(kAlign - 1);
  }

  // One field of rows that were added: its array's elements that are a row apart are of one row after another.
  template <typename Row, typename Field>
  void AddField(const char* name, Row* rows, size_t count, Field Row::* field) {
    using Element = std::remove_extent_t<Field>;
    if (memory_ == nullptr) return;
    auto* first = reinterpret_cast<uint8_t*>(&(rows->*field));
    size_t elements = (reinterpret_cast<uint8_t*>(rows + count) - first) / sizeof(Element);
    DefineConstant(object_, name,
                   ArrayOf<Element>::Type::New(object_.Env(), elements, buffer_, first - memory_->data()));
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

void AddAll(Layout& layout, UkeyRows& u) {
  layout.AddRows(u.rows, u.capacity);
  auto field = [&](const char* name, auto member) { layout.AddField(name, u.rows, u.capacity, member); };
  field("ufid", &UkeyRow::ufid);
  field("packets", &UkeyRow::packets);
  field("bytes", &UkeyRow::bytes);
  field("used", &UkeyRow::used);
  field("tcpFlags", &UkeyRow::tcpFlags);
  field("generation", &UkeyRow::generation);
  field("dumpRound", &UkeyRow::dumpRound);
  field("next", &UkeyRow::next);
  field("state", &UkeyRow::state);
  field("stale", &UkeyRow::stale);
  field("untold", &UkeyRow::untold);
  field("missed", &UkeyRow::missed);
  layout.Add("buckets", u.buckets, u.capacity);
  layout.Add("bucketCount", u.bucketCount, 1);
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

Napi::Function UkeyRowsObject::Define(Napi::Env env) { return DefineClass(env, kName, {}); }

UkeyRowsObject::UkeyRowsObject(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<UkeyRowsObject>(info) {
  Napi::Object self = info.This().As<Napi::Object>();
  rows_.capacity = TakeCapacity(info, "createUkeyRows", kMaxUkeys);
  if (rows_.capacity == 0) return;
  Layout layout(self);
  AddAll(layout, rows_);
  if (!layout.Allocate(memory_)) return;
  AddAll(layout, rows_);
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
