#pragma once

#include <napi.h>

#include <algorithm>
#include <memory>

#include "addon/batches.h"
#include "addon/errors.h"
#include "addon/poller.h"

namespace slowpath {

// Nanoseconds that a batch may hold the event loop. A whole batch of usual upcalls takes a millisecond; under emulation,
// where each takes ten times as long, batches are what makes up for it.
constexpr uint64_t kBatchNs = 25'000'000;

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
  int most = kBatch;  // Datagrams that the next batch may have.
  Napi::ObjectReference batchReference;  // Keeps 'batch'.
  std::unique_ptr<Poller> poller;

  // Takes in how long a batch took, from receiving it to the callback's return. Costly ones (upcalls that go
  // through thousands of rules, say) get smaller, by half at a time, until they take kBatchNs: the event loop
  // is not to be held for 64 of them.
  void Pace(int received, uint64_t ns) {
    if (received <= 0) return;
    uint64_t fit = static_cast<uint64_t>(received) * kBatchNs / std::max<uint64_t>(ns, 1);
    int least = std::max(most / 2, 1);
    int greatest = std::min(most * 2, kBatch);
    most = static_cast<int>(std::clamp<uint64_t>(fit, least, greatest));
  }

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
