#pragma once

#include <napi.h>

#include <memory>

#include "addon/memory.h"
#include "sys/flow_matcher.h"

// Rows and columns of many flows that both sides work in: typed array properties over one block of memory, of
// which only the pages that are used exist. Their sizes never change.
namespace slowpath {

class UkeyRowsObject : public Napi::ObjectWrap<UkeyRowsObject> {
 public:
  static constexpr napi_type_tag kTag = {0x3c5d90b1f7e24a68, 0x84d1a6f03b7c9e25};
  static constexpr const char* kName = "UkeyRows";
  static Napi::Function Define(Napi::Env env);

  // JavaScript: (capacity).
  explicit UkeyRowsObject(const Napi::CallbackInfo& info);
  const UkeyRows& rows() const { return rows_; }

 private:
  SharedMemory memory_;
  UkeyRows rows_;
};

class MatchedColumnsObject : public Napi::ObjectWrap<MatchedColumnsObject> {
 public:
  static constexpr napi_type_tag kTag = {0xe17a42c80d5b4f93, 0x9f36b8d4c21e7a50};
  static constexpr const char* kName = "MatchedColumns";
  static Napi::Function Define(Napi::Env env);

  // JavaScript: (capacity).
  explicit MatchedColumnsObject(const Napi::CallbackInfo& info);
  MatchedColumns& columns() { return columns_; }
  FlowMatcher& matcher() { return *matcher_; }
  // Where a match tells how many flows went elsewhere: kUnknown, kSeen.
  int32_t* counts() { return counts_; }

  static constexpr size_t kUnknown = 0;  // Flows of no ukey.
  static constexpr size_t kSeen = 1;     // All flows of the batch.
  static constexpr size_t kCounts = 2;

 private:
  SharedMemory memory_;
  MatchedColumns columns_;
  std::unique_ptr<FlowMatcher> matcher_;
  int32_t* counts_ = nullptr;
};

}  // namespace slowpath
