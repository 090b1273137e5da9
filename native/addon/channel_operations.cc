// The methods of Channel that know OVS messages: upcalls, operations and dumps.

#include <cerrno>

#include "addon/arguments.h"
#include "addon/channel_object.h"
#include "addon/columns.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "sys/clock.h"
#include "wire/upcall.h"

namespace slowpath {
namespace {

// The receive buffer of a channel that polls for upcalls, unless the user chose another: room for the burst
// that comes while JavaScript is busy.
constexpr int64_t kUpcallBufferBytes = 4 << 20;
// How long dumpMatch holds the event loop when the datapath has nothing to give yet.
constexpr int kMatchPatienceMs = 1;

OpSources SourcesOf(OpBatch& ops, UpcallBatch* upcalls) {
  OpSources sources;
  if (upcalls != nullptr) sources.slab = upcalls->slabBytes();
  sources.own = ops.bytes();
  sources.masks = {ops.masks(), ops.capacity() * flow::kWords};
  return sources;
}

FlowRows RowsOf(FlowBatch& batch) {
  FlowRows rows;
  rows.rows = batch.rows();
  rows.capacity = batch.capacity();
  rows.slab = batch.slab();
  return rows;
}

}  // namespace

Napi::Value ChannelObject::ConfigureOps(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "configureOps");
  Napi::Object object = arguments.Object(0, "context");
  OpContext context;
  context.dpIfindex = static_cast<uint32_t>(arguments.Member(object, "dpIfindex", 0, INT32_MAX));
  context.flowFamily =
      static_cast<uint16_t>(arguments.Member(object, "flowFamily", NLMSG_MIN_TYPE, UINT16_MAX));
  context.packetFamily =
      static_cast<uint16_t>(arguments.Member(object, "packetFamily", NLMSG_MIN_TYPE, UINT16_MAX));
  if (!arguments.ok() || !Usable(info.Env(), "configureOps")) return info.Env().Undefined();
  sender_->Configure(context);
  packetFamily_ = context.packetFamily;
  return info.Env().Undefined();
}

// Throws and is false before configureOps.
bool ChannelObject::Configured(Napi::Env env, const char* method) {
  if (sender_->configured()) return true;
  ThrowSystemError(env, EDESTADDRREQ, method, "call configureOps first");
  return false;
}

Napi::Value ChannelObject::StartUpcalls(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "startUpcalls");
  auto* batch = arguments.Wrapped<UpcallBatch>(0, "batch");
  Napi::Function callback = arguments.Function(1, "onBatch");
  if (!arguments.ok() || !Exclusive(info.Env(), "startUpcalls") || !Configured(info.Env(), "startUpcalls")) {
    return info.Env().Undefined();
  }
  // A failure is no reason not to start: what is lost is counted.
  if (!receiveBufferChosen_) channel_->SetReceiveBuffer(kUpcallBufferBytes);
  receiveBufferChosen_ = true;
  return Listen(info, std::make_shared<Listener>(callback, batch, Value()));
}

Napi::Value ChannelObject::Receive(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "receive");
  auto* batch = arguments.Wrapped<UpcallBatch>(0, "batch");
  if (!arguments.ok() || !Usable(info.Env(), "receive") || !Configured(info.Env(), "receive")) {
    return info.Env().Undefined();
  }
  size_t upcalls = 0;
  int received = ReceiveUpcalls(*batch, kBatch, &upcalls);
  if (received < 0) return ThrowSystemError(info.Env(), -received, "recvmmsg");
  return Napi::Number::New(info.Env(), static_cast<double>(upcalls));
}

// One receive of up to 'most' datagrams into 'batch'. The number of datagrams, or -errno; 'upcalls' is what was
// decoded from them.
int ChannelObject::ReceiveUpcalls(UpcallBatch& batch, int most, size_t* upcalls) {
  ReceiveTimes& times = Environment::Of(Env()).times;
  uint64_t start = times.on ? NowNs() : 0;
  int received = channel_->Receive(batch.slab(), most);
  uint64_t decoding = times.on ? NowNs() : 0;
  times.receiveNs += decoding - start;
  if (received <= 0) return received;
  UpcallRows rows = {batch.rows(), batch.keys(), kBatch, 0};
  UpcallCounters seen;
  ChannelCounters& counters = channel_->MutableCounters();
  for (int i = 0; i < received; i++) {
    uint64_t others = seen.foreign;
    std::span<const uint8_t> datagram = batch.slab().Datagram(i);
    DecodeUpcalls(datagram, batch.slab().offsets[i], packetFamily_, rows, seen);
    if (seen.foreign != others) counters.lost += errors_.Collect(datagram);
  }
  counters.upcalls += seen.decoded;
  counters.malformed += seen.malformed;
  counters.lost += seen.overflow;
  if (times.on) {
    times.decodeNs += NowNs() - decoding;
    times.batches++;
  }
  *upcalls = rows.count;
  return received;
}

int ChannelObject::DeliverUpcalls(Napi::Object self, const Listener& listener) {
  size_t upcalls = 0;
  int received = ReceiveUpcalls(*listener.batch, listener.most, &upcalls);
  if (received <= 0 || upcalls == 0) return received;
  Napi::HandleScope scope(Env());
  // 0 ends the turn; polling goes on unless it was stopped.
  return listener.Call(self, Napi::Number::New(Env(), static_cast<double>(upcalls))) ? received : 0;
}

// The arguments of submit and exchange: (ops, count, upcalls).
bool ChannelObject::TakeOps(Arguments& arguments, Napi::Env env, const char* method, Ops& taken) {
  taken.ops = arguments.Wrapped<OpBatch>(0, "ops");
  int64_t most = taken.ops != nullptr ? static_cast<int64_t>(taken.ops->capacity()) : 0;
  taken.count = static_cast<size_t>(arguments.Integer(1, "count", 0, most));
  taken.upcalls = arguments.Wrapped<UpcallBatch>(2, "upcalls", true);
  return arguments.ok() && Usable(env, method) && Configured(env, method);
}

Napi::Value ChannelObject::Submit(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "submit");
  Ops taken;
  if (!TakeOps(arguments, info.Env(), "submit", taken)) return info.Env().Undefined();
  size_t sent =
      sender_->Submit(taken.ops->rows(), taken.count, SourcesOf(*taken.ops, taken.upcalls), &lastError_);
  return Napi::Number::New(info.Env(), static_cast<double>(sent));
}

Napi::Value ChannelObject::Exchange(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "exchange");
  Ops taken;
  bool ok = TakeOps(arguments, info.Env(), "exchange", taken);
  auto* replies = arguments.Wrapped<FlowBatch>(3, "replies");
  if (!ok || !arguments.ok() || !Exclusive(info.Env(), "exchange") || !NotDumping(info.Env(), "exchange")) {
    return info.Env().Undefined();
  }
  FlowRows flows = RowsOf(*replies);
  sender_->Exchange(taken.ops->rows(), taken.count, SourcesOf(*taken.ops, taken.upcalls), flows);
  return Napi::Number::New(info.Env(), static_cast<double>(flows.count));
}

Napi::Value ChannelObject::DrainErrors(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "drainErrors");
  std::span<int32_t> out = arguments.Words(0, "out");
  if (!arguments.ok() || !Usable(info.Env(), "drainErrors")) return info.Env().Undefined();
  size_t pairs = errors_.Drain(out);
  // A channel that is read for something else collects them on the way.
  bool reads = listener_ == nullptr && !dump_->running();
  Slab* slab = reads ? Scratch() : nullptr;
  while (slab != nullptr && pairs < out.size() / 2) {
    int received = channel_->Receive(*slab, kBatch);
    for (int i = 0; i < received; i++) channel_->MutableCounters().lost += errors_.Collect(slab->Datagram(i));
    pairs += errors_.Drain(out.subspan(pairs * 2));
    if (received < kBatch) break;
  }
  return Napi::Number::New(info.Env(), static_cast<double>(pairs));
}

// Throws and is false while a dump is under way: its datagrams would be taken away.
bool ChannelObject::NotDumping(Napi::Env env, const char* method) {
  if (!dump_->running()) return true;
  ThrowSystemError(env, EBUSY, method, "a dump is under way on this channel; read it to its end first");
  return false;
}

Napi::Value ChannelObject::DumpStart(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "dumpStart");
  std::span<uint8_t> message = arguments.Request(0, "message", NLM_F_DUMP, "a request with NLM_F_DUMP");
  if (!arguments.ok() || !Exclusive(info.Env(), "dumpStart")) return info.Env().Undefined();
  const char* what = nullptr;
  int error = dump_->Start(message, &what);
  if (error != 0) return ThrowSystemError(info.Env(), -error, what);
  return info.Env().Undefined();
}

Napi::Value ChannelObject::DumpNext(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "dumpNext");
  auto* batch = arguments.Wrapped<FlowBatch>(0, "batch");
  if (!arguments.ok() || !Dumping(info.Env(), "dumpNext")) return info.Env().Undefined();
  FlowRows flows = RowsOf(*batch);
  return NextOfDump(info.Env(), flows, FlowDump::kPatienceMs, flows.count);
}

Napi::Value ChannelObject::DumpMatch(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "dumpMatch");
  auto* batch = arguments.Wrapped<FlowBatch>(0, "unknown");
  auto* ukeys = arguments.Wrapped<UkeyRowsObject>(1, "ukeys");
  auto* matched = arguments.Wrapped<MatchedColumnsObject>(2, "matched");
  auto round = static_cast<int32_t>(arguments.Integer(3, "round", 1, INT32_MAX));
  auto since = static_cast<int32_t>(arguments.Integer(4, "since", 0, INT32_MAX));
  if (!arguments.ok() || !Dumping(info.Env(), "dumpMatch")) return info.Env().Undefined();
  FlowRows unknown = RowsOf(*batch);
  MatchedColumns& columns = matched->columns();
  FlowMatcher& matcher = matched->matcher();
  columns.count = 0;
  matcher.Begin(ukeys->rows(), round);
  Napi::Value end = NextOfDump(info.Env(), matcher, dump_->readsAhead() ? 0 : kMatchPatienceMs, columns.count);
  matcher.Finish(since, columns, unknown);
  matched->counts()[MatchedColumnsObject::kUnknown] = static_cast<int32_t>(unknown.count);
  matched->counts()[MatchedColumnsObject::kSeen] = static_cast<int32_t>(matcher.count());
  bool flows = matcher.count() > 0;
  return flows ? Napi::Number::New(info.Env(), static_cast<double>(columns.count)) : end;
}

// Throws and is false unless a dump is under way.
bool ChannelObject::Dumping(Napi::Env env, const char* method) {
  if (!Exclusive(env, method)) return false;
  if (dump_->running()) return true;
  ThrowSystemError(env, EINVAL, method, "no dump was started");
  return false;
}

// Has the dump give its next flows to 'flows', which counts them in 'count'; what dumpNext returns.
Napi::Value ChannelObject::NextOfDump(Napi::Env env, FlowSink& flows, int patienceMs, const size_t& count) {
  switch (dump_->Next(flows, patienceMs)) {
    case FlowDump::Result::kFlows:
      return Napi::Number::New(env, static_cast<double>(count));
    case FlowDump::Result::kEnd:
      return Napi::Number::New(env, -1);
    case FlowDump::Result::kInterrupted:
      return Napi::Number::New(env, -2);
    case FlowDump::Result::kFailed:
      break;
  }
  const char* text = dump_->text().empty() ? nullptr : dump_->text().c_str();
  return ThrowSystemError(env, dump_->error(), dump_->what() != nullptr ? dump_->what() : "dump", text);
}

}  // namespace slowpath
