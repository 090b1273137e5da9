#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "addon/batches.h"
#include "addon/listener.h"
#include "sys/channel.h"
#include "sys/error_queue.h"
#include "sys/flow_dump.h"
#include "sys/op_sender.h"
#include "sys/requester.h"

namespace slowpath {

class Arguments;
class EmbeddedDatapath;

// The Channel of ts/native/native.ts over a slowpath::Channel.
class ChannelObject : public Napi::ObjectWrap<ChannelObject> {
 public:
  static Napi::Function Define(Napi::Env env);
  // A JavaScript object around 'channel'. 'datapath' (may be null) is kept alive with it. Empty with an
  // exception pending on failure.
  static Napi::Value Wrap(Napi::Env env, std::unique_ptr<Channel> channel,
                          std::shared_ptr<EmbeddedDatapath> datapath);

  explicit ChannelObject(const Napi::CallbackInfo& info);
  ~ChannelObject() override;
  // What close() does. Idempotent.
  void CloseChannel();

 private:
  // Arguments that submit and exchange share.
  struct Ops {
    OpBatch* ops = nullptr;
    size_t count = 0;
    UpcallBatch* upcalls = nullptr;  // Null when the operations need no upcall slab.
  };

  Napi::Value PortId(const Napi::CallbackInfo& info);
  Napi::Value Closed(const Napi::CallbackInfo& info);
  Napi::Value LastError(const Napi::CallbackInfo& info);
  Napi::Value Waiting(const Napi::CallbackInfo& info);
  Napi::Value Transact(const Napi::CallbackInfo& info);
  Napi::Value StartMessages(const Napi::CallbackInfo& info);
  Napi::Value ConfigureOps(const Napi::CallbackInfo& info);
  Napi::Value StartUpcalls(const Napi::CallbackInfo& info);
  Napi::Value Receive(const Napi::CallbackInfo& info);
  Napi::Value Submit(const Napi::CallbackInfo& info);
  Napi::Value Exchange(const Napi::CallbackInfo& info);
  Napi::Value DrainErrors(const Napi::CallbackInfo& info);
  Napi::Value DumpStart(const Napi::CallbackInfo& info);
  Napi::Value DumpNext(const Napi::CallbackInfo& info);
  Napi::Value DumpMatch(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);
  Napi::Value SetReceiveBuffer(const Napi::CallbackInfo& info);
  Napi::Value Counters(const Napi::CallbackInfo& info);
  Napi::Value Close(const Napi::CallbackInfo& info);

  bool Usable(Napi::Env env, const char* method);
  bool Exclusive(Napi::Env env, const char* method);
  bool Configured(Napi::Env env, const char* method);
  bool NotDumping(Napi::Env env, const char* method);
  bool Dumping(Napi::Env env, const char* method);
  Napi::Value NextOfDump(Napi::Env env, FlowSink& flows, int patienceMs, const size_t& count);
  bool TakeOps(Arguments& arguments, Napi::Env env, const char* method, Ops& taken);
  Napi::Value Listen(const Napi::CallbackInfo& info, std::shared_ptr<Listener> listener);
  void StopListening();
  void EndListening(int errnum);
  void OnReadable();
  int DeliverMessages(Napi::Object self, const Listener& listener);
  int ReceiveUpcalls(UpcallBatch& batch, int most, size_t* upcalls);
  int DeliverUpcalls(Napi::Object self, const Listener& listener);
  Slab* Scratch();

  std::shared_ptr<EmbeddedDatapath> datapath_;  // Outlives channel_; null for the kernel's.
  std::unique_ptr<Channel> channel_;            // Stays after Close, for its counters.
  std::unique_ptr<Requester> requester_;
  std::unique_ptr<OpSender> sender_;
  std::unique_ptr<FlowDump> dump_;
  ErrorQueue errors_;                   // Refusals that came with something else.
  std::shared_ptr<Listener> listener_;  // Present while polling.
  SharedMemory scratchMemory_;          // Of scratch_; made when first needed.
  Slab scratch_;                        // Where messages that are no upcalls land.
  uint16_t packetFamily_ = 0;           // Genetlink id of ovs_packet, 0 before configureOps.
  int lastError_ = 0;                   // errno of the last submit or receive that failed.
  bool receiveBufferChosen_ = false;    // The size of the receive buffer was set by the user.
  bool closed_ = false;
};

}  // namespace slowpath
