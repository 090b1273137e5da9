#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/batches.h"
#include "addon/listener.h"
#include "sys/channel.h"
#include "sys/requester.h"

namespace slowpath {

class EmbeddedDatapath;

// The Channel of ts/native/native.ts over a slowpath::Channel.
class ChannelObject : public Napi::ObjectWrap<ChannelObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  // A JavaScript object around 'channel'. 'datapath' (may be null) is kept alive with it. Empty with an exception pending on
  // failure.
  static Napi::Value Wrap(Napi::Env env, std::unique_ptr<Channel> channel, std::shared_ptr<EmbeddedDatapath> datapath);

  explicit ChannelObject(const Napi::CallbackInfo& info);
  ~ChannelObject() override;

 private:
  Napi::Value PortId(const Napi::CallbackInfo& info);
  Napi::Value Closed(const Napi::CallbackInfo& info);
  Napi::Value LastError(const Napi::CallbackInfo& info);
  Napi::Value Transact(const Napi::CallbackInfo& info);
  Napi::Value StartMessages(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  Napi::Value SetReceiveBuffer(const Napi::CallbackInfo& info);
  Napi::Value Counters(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  bool Usable(Napi::Env env, const char* method);
  bool Exclusive(Napi::Env env, const char* method);
  Napi::Value Listen(const Napi::CallbackInfo& info, std::shared_ptr<Listener> listener);
  void StopListening();
  void EndListening(int errnum);
  void OnReadable();
  int DeliverMessages(Napi::Object self, const Listener& listener);
  int DeliverUpcalls(Napi::Object self, const Listener& listener);
  Slab* Scratch();

  std::shared_ptr<EmbeddedDatapath> datapath_;  // Outlives channel_; null for the kernel's.
  std::unique_ptr<Channel> channel_;            // Stays after Close, for its counters.
  std::unique_ptr<Requester> requester_;
  std::shared_ptr<Listener> listener_;  // Present while polling.
  SharedMemory scratchMemory_;          // Of scratch_; made when first needed.
  Slab scratch_;                        // Where messages that are no upcalls land.
  int lastError_ = 0;                   // errno of the last submit or receive that failed.
  bool receiveBufferChosen_ = false;    // The size of the receive buffer was set by the user.
  bool closed_ = false;
};

}  // namespace slowpath
