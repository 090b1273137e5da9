#pragma once

#include <napi.h>

#include <memory>

#include "datapath/embedded.h"

namespace slowpath {

// The EmbeddedDatapath of ts/native/native.ts. The datapath lives until this object and the last of its channels are gone,
// or until close().
class EmbeddedObject : public Napi::ObjectWrap<EmbeddedObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  // openEmbedded(options?).
  static Napi::Value Open(const Napi::CallbackInfo& info);

  explicit EmbeddedObject(const Napi::CallbackInfo& info);

 private:
  Napi::Value OpenChannel(const Napi::CallbackInfo& info);
  Napi::Value Counters(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  std::shared_ptr<EmbeddedDatapath> datapath_;
};

}  // namespace slowpath
