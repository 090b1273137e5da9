#pragma once

#include <napi.h>

#include <memory>

#include "addon/batches.h"
#include "addon/errors.h"
#include "addon/poller.h"

namespace slowpath {

// What a polling channel calls, and what must stay alive meanwhile.
struct Listener {
  // 'batch': null to hand over whole datagrams.
  Listener(Napi::Function function, UpcallBatch* batch, Napi::Object resource)
      : context(function.Env(), "slowpath.Channel", resource),
        callback(Napi::Persistent(function)),
        batch(batch) {
    if (batch != nullptr) batchReference = Napi::Persistent(batch->Value());
  }

  Napi::AsyncContext context;  // For async_hooks and AsyncLocalStorage.
  Napi::FunctionReference callback;
  UpcallBatch* batch;
  Napi::ObjectReference batchReference;  // Keeps 'batch'.
  std::unique_ptr<Poller> poller;

  // Calls back as from the event loop. An exception becomes an uncaught exception. False when JavaScript can
  // no longer run.
  bool Call(Napi::Object self, napi_value argument) const {
    Napi::Env env = self.Env();
    napi_value result;
    napi_status status = napi_make_callback(env, context, self, callback.Value(), 1, &argument, &result);
    return status == napi_ok || ReportPendingException(env);
  }
};

}  // namespace slowpath
