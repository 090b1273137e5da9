#pragma once

#include <napi.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace slowpath {

// The arguments of one call, taken one by one and checked before any work is done. The first that is wrong
// throws a TypeError or RangeError that names it; from then on everything returned is empty, so that callers
// take all their arguments and ask ok() once.
class Arguments {
 public:
  // 'function' is the name that messages begin with.
  Arguments(const Napi::CallbackInfo& info, const char* function) : info_(info), function_(function) {}

  bool ok() const { return ok_; }
  // A Uint8Array (a Buffer is one).
  std::span<uint8_t> Bytes(size_t index, const char* name);
  // A Uint8Array that is one whole netlink request with one of 'flags' (NLM_F_*), which 'expected' names.
  std::span<uint8_t> Request(size_t index, const char* name, uint16_t flags, const char* expected);
  // An Int32Array with at least 'words' elements behind element number 'base' (argument 'index' + 1). Just
  // those.
  std::span<uint32_t> Row(size_t index, const char* name, size_t words);
  // A whole Int32Array.
  std::span<int32_t> Words(size_t index, const char* name);
  int64_t Integer(size_t index, const char* name, int64_t least, int64_t most);
  int64_t IntegerOr(size_t index, const char* name, int64_t least, int64_t most, int64_t otherwise);
  Napi::Function Function(size_t index, const char* name);
  // An integer member of an options object that Object() returned.
  int64_t MemberOr(Napi::Object object, const char* name, int64_t least, int64_t most, int64_t otherwise);
  int64_t Member(Napi::Object object, const char* name, int64_t least, int64_t most);
  // Element 'index' of an array, named for messages.
  int64_t Element(Napi::Object array, uint32_t index, const char* name, int64_t least, int64_t most);
  // A string member; empty when it is undefined.
  std::string TextMember(Napi::Object object, const char* name);
  // The member 'groups', an array of multicast groups; empty when it is undefined.
  std::vector<uint32_t> GroupsMember(Napi::Object object);
  Napi::Object Object(size_t index, const char* name);
  // An object made by our class T; null when the argument is null and that is allowed.
  template <typename T>
  T* Wrapped(size_t index, const char* name, bool orNull = false) {
    if (!ok_ || (orNull && info_[index].IsNull())) return nullptr;
    if (info_[index].IsObject()) {
      Napi::Object object = info_[index].As<Napi::Object>();
      if (object.CheckTypeTag(&T::kTag)) return T::Unwrap(object);
    }
    FailType(name, T::kName);
    return nullptr;
  }
  // "name must be expected", as a TypeError or RangeError.
  void FailType(const char* name, const char* expected);
  void FailRange(const char* name, const char* expected);

 private:
  template <typename T>
  std::span<T> Array(size_t index, const char* name, napi_typedarray_type type, const char* expected);
  // The value, with ok() false when getting it threw.
  Napi::Value Checked(Napi::MaybeOrValue<Napi::Value> value);
  int64_t CheckInteger(Napi::Value value, const char* name, int64_t least, int64_t most);
  std::string Message(const char* name, const char* expected) const;

  const Napi::CallbackInfo& info_;
  const char* function_;
  bool ok_ = true;
};

}  // namespace slowpath
