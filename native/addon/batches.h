#pragma once

#include <napi.h>

#include <span>

#include "addon/memory.h"
#include "sys/channel.h"

// The three batches of ts/native/native.ts: memory that both sides work in, seen by JavaScript as typed
// arrays. Their sizes never change. C++ uses the memory through these objects only and never trusts the typed
// arrays.
namespace slowpath {

class UpcallBatch : public Napi::ObjectWrap<UpcallBatch> {
 public:
  static constexpr napi_type_tag kTag = {0x5b1f4a2e93c84d07, 0x8c6d0e57b2a9f311};
  static constexpr const char* kName = "an UpcallBatch";
  static Napi::Function Define(Napi::Env env);

  explicit UpcallBatch(const Napi::CallbackInfo& info);
  Slab& slab() { return slab_; }
  std::span<const uint8_t> slabBytes() const { return {slabMemory_.data(), slabMemory_.size()}; }
  uint32_t* rows() { return reinterpret_cast<uint32_t*>(rowMemory_.data()); }
  uint32_t* keys() { return reinterpret_cast<uint32_t*>(keyMemory_.data()); }

 private:
  SharedMemory slabMemory_, rowMemory_, keyMemory_;
  Slab slab_;
};

class OpBatch : public Napi::ObjectWrap<OpBatch> {
 public:
  static constexpr napi_type_tag kTag = {0x1d7e65c0f2934b8a, 0xa3950c1be8d7462f};
  static constexpr const char* kName = "an OpBatch";
  static Napi::Function Define(Napi::Env env);

  // JavaScript: (capacity, byteCapacity).
  explicit OpBatch(const Napi::CallbackInfo& info);
  size_t capacity() const { return capacity_; }
  uint32_t* rows() { return reinterpret_cast<uint32_t*>(rowMemory_.data()); }
  const uint32_t* masks() const { return reinterpret_cast<const uint32_t*>(maskMemory_.data()); }
  std::span<const uint8_t> bytes() const { return {byteMemory_.data(), byteMemory_.size()}; }

 private:
  size_t capacity_ = 0;  // Rows, and masks.
  SharedMemory rowMemory_, maskMemory_, byteMemory_;
};

class FlowBatch : public Napi::ObjectWrap<FlowBatch> {
 public:
  static constexpr napi_type_tag kTag = {0x92b3d8417ac64f5e, 0xb70e2f6d15c84a93};
  static constexpr const char* kName = "a FlowBatch";
  // The least a slab has, whatever is asked for: it must hold the largest datagram.
  static constexpr size_t kMinBytes = Slab::kSlotBytes;
  static Napi::Function Define(Napi::Env env);

  // JavaScript: (capacity, byteCapacity).
  explicit FlowBatch(const Napi::CallbackInfo& info);
  size_t capacity() const { return capacity_; }
  uint32_t* rows() { return reinterpret_cast<uint32_t*>(rowMemory_.data()); }
  std::span<uint8_t> slab() { return {slabMemory_.data(), slabMemory_.size()}; }

 private:
  size_t capacity_ = 0;  // Rows.
  SharedMemory rowMemory_, slabMemory_;
};

}  // namespace slowpath
