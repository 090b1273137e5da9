#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "datapath/embedded.h"

namespace slowpath {

// The EmbeddedDatapath of ts/native/native.ts. The datapath lives until this object and the last of its
// channels are gone, or until close().
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

  void ForgetCollected();

  std::shared_ptr<EmbeddedDatapath> datapath_;
  std::vector<Napi::ObjectReference> channels_;  // Those it opened, weakly; close() closes them.
};

}  // namespace slowpath
