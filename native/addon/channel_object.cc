#include "addon/channel_object.h"

#include <linux/netlink.h>
#include <poll.h>

#include <cerrno>
#include <cstring>
#include <string>

#include "addon/arguments.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "sys/clock.h"
#include "wire/netlink.h"

namespace slowpath {
namespace {

constexpr int kTransactTimeoutMs = 5000;
// Batches handed over in one turn of the event loop at most, and nanoseconds after which none follows; then
// timers and other descriptors get theirs.
constexpr int kBatchesPerTurn = 8;
constexpr uint64_t kTurnNs = 1'500'000;

// Empty when JavaScript can no longer run.
Napi::Uint8Array Copy(Napi::Env env, std::span<const uint8_t> bytes) {
  Napi::Uint8Array array = Napi::Uint8Array::New(env, bytes.size());
  if (!bytes.empty() && !array.IsEmpty()) std::memcpy(array.Data(), bytes.data(), bytes.size());
  return array;
}

}  // namespace

Napi::Function ChannelObject::Define(Napi::Env env) {
  return DefineClass(env, "Channel",
                     {
                         InstanceAccessor<&ChannelObject::PortId>("portId"),
                         InstanceAccessor<&ChannelObject::Closed>("closed"),
                         InstanceAccessor<&ChannelObject::LastError>("lastError"),
                         InstanceAccessor<&ChannelObject::Waiting>("waiting"),
                         InstanceMethod<&ChannelObject::Transact>("transact"),
                         InstanceMethod<&ChannelObject::StartMessages>("startMessages"),
                         InstanceMethod<&ChannelObject::ConfigureOps>("configureOps"),
                         InstanceMethod<&ChannelObject::StartUpcalls>("startUpcalls"),
                         InstanceMethod<&ChannelObject::Receive>("receive"),
                         InstanceMethod<&ChannelObject::Submit>("submit"),
                         InstanceMethod<&ChannelObject::Exchange>("exchange"),
                         InstanceMethod<&ChannelObject::DrainErrors>("drainErrors"),
                         InstanceMethod<&ChannelObject::DumpStart>("dumpStart"),
                         InstanceMethod<&ChannelObject::DumpNext>("dumpNext"),
                         InstanceMethod<&ChannelObject::DumpMatch>("dumpMatch"),
                         InstanceMethod<&ChannelObject::Stop>("stop"),
                         InstanceMethod<&ChannelObject::SetReceiveBuffer>("setReceiveBuffer"),
                         InstanceMethod<&ChannelObject::Counters>("counters"),
                         InstanceMethod<&ChannelObject::Close>("close"),
                     });
}

Napi::Value ChannelObject::Wrap(Napi::Env env, std::unique_ptr<Channel> channel,
                                std::shared_ptr<EmbeddedDatapath> datapath) {
  Environment& environment = Environment::Of(env);
  environment.nextChannel = std::move(channel);
  environment.nextDatapath = std::move(datapath);
  Napi::Value object = environment.channelClass.New({});
  environment.nextChannel = nullptr;
  environment.nextDatapath = nullptr;
  return object;
}

ChannelObject::ChannelObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ChannelObject>(info) {
  Environment& environment = Environment::Of(info.Env());
  if (environment.nextChannel == nullptr) {
    Napi::TypeError::New(info.Env(), "Channel: use openNetlink or openChannel").ThrowAsJavaScriptException();
    return;
  }
  channel_ = std::move(environment.nextChannel);
  datapath_ = std::move(environment.nextDatapath);
  requester_ = std::make_unique<Requester>(*channel_);
  sender_ = std::make_unique<OpSender>(*channel_, *requester_);
  dump_ = std::make_unique<FlowDump>(*channel_, *requester_);
}

ChannelObject::~ChannelObject() = default;

Napi::Value ChannelObject::PortId(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), channel_->PortId());
}

Napi::Value ChannelObject::Closed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), closed_);
}

Napi::Value ChannelObject::LastError(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), lastError_);
}

Napi::Value ChannelObject::Waiting(const Napi::CallbackInfo& info) {
  if (closed_) return Napi::Boolean::New(info.Env(), false);
  pollfd waiting = {channel_->Fd(), POLLIN, 0};
  return Napi::Boolean::New(info.Env(), poll(&waiting, 1, 0) > 0);
}

// Throws and is false on a closed channel.
bool ChannelObject::Usable(Napi::Env env, const char* method) {
  if (!closed_) return true;
  ThrowSystemError(env, EBADF, method, "the channel is closed");
  return false;
}

// Throws and is false when something else is reading this channel, whose messages would be taken away.
bool ChannelObject::Exclusive(Napi::Env env, const char* method) {
  if (!Usable(env, method)) return false;
  if (listener_ == nullptr) return true;
  ThrowSystemError(env, EBUSY, method, "the channel is polling; use another channel, or stop() first");
  return false;
}

Napi::Value ChannelObject::Transact(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "transact");
  std::span<uint8_t> message =
      arguments.Request(0, "message", NLM_F_ACK | NLM_F_DUMP, "a request with NLM_F_ACK or NLM_F_DUMP");
  auto timeoutMs = static_cast<int>(arguments.IntegerOr(1, "timeoutMs", 0, INT32_MAX, kTransactTimeoutMs));
  if (!arguments.ok() || !Exclusive(info.Env(), "transact") || !NotDumping(info.Env(), "transact")) {
    return info.Env().Undefined();
  }

  std::vector<uint8_t> answer;
  const char* what = nullptr;
  int error = requester_->Transact(message, timeoutMs, answer, &what);
  if (error != 0) return ThrowSystemError(info.Env(), -error, what);
  Napi::Array messages = Napi::Array::New(info.Env());
  NetlinkReader reader(answer);
  uint32_t count = 0;
  for (NetlinkMessage part; reader.Next(part);) messages.Set(count++, Copy(info.Env(), part.bytes));
  return messages;
}

Napi::Value ChannelObject::StartMessages(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "startMessages");
  Napi::Function callback = arguments.Function(0, "onDatagram");
  if (!arguments.ok() || !Exclusive(info.Env(), "startMessages")) return info.Env().Undefined();
  return Listen(info, std::make_shared<Listener>(callback, nullptr, Value()));
}

Napi::Value ChannelObject::Listen(const Napi::CallbackInfo& info, std::shared_ptr<Listener> listener) {
  int error = 0;
  Poller::Callbacks callbacks = {
      [](void* self) { static_cast<ChannelObject*>(self)->OnReadable(); },
      [](void* self) { static_cast<ChannelObject*>(self)->StopListening(); },
      this,
  };
  listener->poller = Poller::Start(info.Env(), channel_->Fd(), callbacks, &error);
  if (listener->poller == nullptr) return ThrowSystemError(info.Env(), -error, "uv_poll_start");
  listener_ = std::move(listener);
  Ref();  // A polling channel is in use even if nobody holds it.
  return info.Env().Undefined();
}

void ChannelObject::StopListening() {
  if (listener_ == nullptr) return;
  listener_->poller.reset();
  listener_.reset();
  Unref();
}

void ChannelObject::OnReadable() {
  Napi::HandleScope scope(Env());
  // A worker that is being terminated still turns its event loop before it ends the environment.
  if (!CanRunJavaScript(Env())) return;
  // Both are held here because a callback may let go of them.
  Napi::Object self = Value();
  std::shared_ptr<Listener> listener = listener_;
  uint64_t began = NowNs();
  for (int turn = 0; turn < kBatchesPerTurn; turn++) {
    uint64_t start = NowNs();
    int most = listener->most;
    int received =
        listener->batch == nullptr ? DeliverMessages(self, *listener) : DeliverUpcalls(self, *listener);
    if (received < 0) EndListening(-received);
    uint64_t end = NowNs();
    listener->Pace(received, end - start);
    // A callback may have stopped polling, and even started anew: the next wake-up serves that.
    if (received < most || listener_ != listener || end - began >= kTurnNs) return;
  }
}

// The channel can deliver no more, which nobody expects (what is expected is counted): it must be heard of.
void ChannelObject::EndListening(int errnum) {
  StopListening();
  lastError_ = errnum;
  if (!CanRunJavaScript(Env())) return;
  MakeSystemError(Env(), errnum, "recvmmsg").ThrowAsJavaScriptException();
  ReportPendingException(Env());
}

// One receive and its callbacks. The number of datagrams received, or -errno.
int ChannelObject::DeliverMessages(Napi::Object self, const Listener& listener) {
  Slab* slab = Scratch();
  if (slab == nullptr) return -ENOMEM;
  int received = channel_->Receive(*slab, listener.most);
  for (int i = 0; i < received; i++) {
    Napi::HandleScope scope(Env());
    Napi::Uint8Array datagram = Copy(Env(), slab->Datagram(i));
    // 0 ends the turn; polling goes on unless it was stopped.
    if (datagram.IsEmpty() || !listener.Call(self, datagram) || listener_.get() != &listener) return 0;
  }
  return received;
}

// Null when memory is short.
Slab* ChannelObject::Scratch() {
  if (scratch_.bytes == nullptr) {
    scratchMemory_ = SharedMemory(Slab::kBytes);
    scratch_.bytes = scratchMemory_.data();
  }
  return scratch_.bytes != nullptr ? &scratch_ : nullptr;
}

Napi::Value ChannelObject::Stop(const Napi::CallbackInfo& info) {
  StopListening();
  return info.Env().Undefined();
}

Napi::Value ChannelObject::SetReceiveBuffer(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "setReceiveBuffer");
  int64_t bytes = arguments.Integer(0, "bytes", 0, INT32_MAX);
  if (!arguments.ok() || !Usable(info.Env(), "setReceiveBuffer")) return info.Env().Undefined();
  int64_t size = channel_->SetReceiveBuffer(bytes);
  if (size < 0) return ThrowSystemError(info.Env(), static_cast<int>(-size), "setsockopt");
  receiveBufferChosen_ = true;
  return Napi::Number::New(info.Env(), static_cast<double>(size));
}

Napi::Value ChannelObject::Counters(const Napi::CallbackInfo& info) {
  const ChannelCounters& counters = channel_->Counters();
  Napi::Object object = Napi::Object::New(info.Env());
  auto set = [&](const char* name, uint64_t value) { object.Set(name, static_cast<double>(value)); };
  set("received", counters.received);
  set("upcalls", counters.upcalls);
  set("malformed", counters.malformed);
  set("foreign", counters.foreign);
  set("truncated", counters.truncated);
  set("overruns", counters.overruns);
  set("lost", counters.lost);
  set("receiveCalls", counters.receiveCalls);
  set("sendCalls", counters.sendCalls);
  set("sent", counters.sent);
  return object;
}

Napi::Value ChannelObject::Close(const Napi::CallbackInfo& info) {
  CloseChannel();
  return info.Env().Undefined();
}

void ChannelObject::CloseChannel() {
  StopListening();
  closed_ = true;
  dump_->Stop();
  channel_->Close();
}

}  // namespace slowpath
