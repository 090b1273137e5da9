#include "addon/arguments.h"

#include <linux/netlink.h>

#include <cmath>
#include <string>

#include "wire/bytes.h"

namespace slowpath {

std::string Arguments::Message(const char* name, const char* expected) const {
  return std::string(function_) + ": " + name + " must be " + expected;
}

void Arguments::FailType(const char* name, const char* expected) {
  if (!ok_) return;
  ok_ = false;
  Napi::TypeError::New(info_.Env(), Message(name, expected)).ThrowAsJavaScriptException();
}

void Arguments::FailRange(const char* name, const char* expected) {
  if (!ok_) return;
  ok_ = false;
  Napi::RangeError::New(info_.Env(), Message(name, expected)).ThrowAsJavaScriptException();
}

template <typename T>
std::span<T> Arguments::Array(size_t index, const char* name, napi_typedarray_type type,
                              const char* expected) {
  if (!ok_) return {};
  bool isTypedArray = false;
  napi_is_typedarray(info_.Env(), info_[index], &isTypedArray);
  napi_typedarray_type actual = napi_int8_array;
  void* data = nullptr;
  size_t length = 0;
  if (isTypedArray) {
    napi_get_typedarray_info(info_.Env(), info_[index], &actual, &length, &data, nullptr, nullptr);
  }
  if (!isTypedArray || actual != type) {
    FailType(name, expected);
    return {};
  }
  return {static_cast<T*>(data), length};
}

std::span<uint8_t> Arguments::Bytes(size_t index, const char* name) {
  return Array<uint8_t>(index, name, napi_uint8_array, "a Uint8Array");
}

std::span<uint8_t> Arguments::Request(size_t index, const char* name, uint16_t flags, const char* expected) {
  std::span<uint8_t> bytes = Bytes(index, name);
  if (!ok_) return {};
  nlmsghdr header = {};
  if (bytes.size() >= sizeof header) header = LoadHost<nlmsghdr>(bytes.data());
  if (header.nlmsg_len < sizeof header || header.nlmsg_len != bytes.size()) {
    FailRange(name, "one whole netlink message, as long as its nlmsg_len says");
  } else if ((header.nlmsg_flags & flags) == 0) {
    FailRange(name, expected);
  }
  return bytes;
}

std::span<int32_t> Arguments::Words(size_t index, const char* name) {
  return Array<int32_t>(index, name, napi_int32_array, "an Int32Array");
}

std::span<uint32_t> Arguments::Row(size_t index, const char* name, size_t words) {
  std::span<uint32_t> array = Array<uint32_t>(index, name, napi_int32_array, "an Int32Array");
  auto base = static_cast<size_t>(Integer(index + 1, (std::string(name) + " offset").c_str(), 0, INT32_MAX));
  if (!ok_) return {};
  if (base > array.size() || array.size() - base < words) {
    FailRange(name, ("an Int32Array with " + std::to_string(words) + " elements behind its offset").c_str());
    return {};
  }
  return array.subspan(base, words);
}

int64_t Arguments::CheckInteger(Napi::Value value, const char* name, int64_t least, int64_t most) {
  if (!ok_) return least;
  std::string expected = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  if (!value.IsNumber()) {
    FailType(name, expected.c_str());
    return least;
  }
  double number = value.As<Napi::Number>().DoubleValue();
  // Written so that NaN fails.
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::trunc(number)) {
    FailRange(name, expected.c_str());
    return least;
  }
  return static_cast<int64_t>(number);
}

int64_t Arguments::Integer(size_t index, const char* name, int64_t least, int64_t most) {
  return CheckInteger(info_[index], name, least, most);
}

int64_t Arguments::IntegerOr(size_t index, const char* name, int64_t least, int64_t most, int64_t otherwise) {
  return info_[index].IsUndefined() ? otherwise : CheckInteger(info_[index], name, least, most);
}

Napi::Function Arguments::Function(size_t index, const char* name) {
  if (ok_ && !info_[index].IsFunction()) FailType(name, "a function");
  return ok_ ? info_[index].As<Napi::Function>() : Napi::Function();
}

std::vector<uint32_t> Arguments::GroupsMember(Napi::Object object) {
  std::vector<uint32_t> groups;
  if (!ok_) return groups;
  Napi::Value value = object.Get("groups");
  if (value.IsUndefined()) return groups;
  if (!value.IsArray()) {
    FailType("groups", "an array of group numbers");
    return groups;
  }
  Napi::Object array = value.As<Napi::Object>();
  for (uint32_t i = 0; ok_ && i < value.As<Napi::Array>().Length(); i++) {
    groups.push_back(static_cast<uint32_t>(Element(array, i, "groups", 1, INT32_MAX)));
  }
  return groups;
}

Napi::Object Arguments::Object(size_t index, const char* name) {
  if (ok_ && !info_[index].IsObject()) FailType(name, "an object");
  return ok_ ? info_[index].As<Napi::Object>() : Napi::Object();
}

// A getter or proxy that throws leaves its exception pending.
Napi::Value Arguments::Checked(Napi::MaybeOrValue<Napi::Value> value) {
  if (info_.Env().IsExceptionPending()) ok_ = false;
  return ok_ ? value : info_.Env().Undefined();
}

int64_t Arguments::Member(Napi::Object object, const char* name, int64_t least, int64_t most) {
  if (!ok_) return least;
  Napi::Value value = Checked(object.Get(name));
  return CheckInteger(value, name, least, most);
}

int64_t Arguments::MemberOr(Napi::Object object, const char* name, int64_t least, int64_t most,
                            int64_t otherwise) {
  if (!ok_) return otherwise;
  Napi::Value value = Checked(object.Get(name));
  return value.IsUndefined() ? otherwise : CheckInteger(value, name, least, most);
}

int64_t Arguments::Element(Napi::Object array, uint32_t index, const char* name, int64_t least,
                           int64_t most) {
  if (!ok_) return least;
  Napi::Value value = Checked(array.Get(index));
  return CheckInteger(value, name, least, most);
}

std::string Arguments::TextMember(Napi::Object object, const char* name) {
  if (!ok_) return {};
  Napi::Value value = Checked(object.Get(name));
  if (value.IsUndefined()) return {};
  if (!value.IsString()) FailType(name, "a string");
  return ok_ ? value.As<Napi::String>().Utf8Value() : std::string();
}

}  // namespace slowpath
