// What the addon exports, and the start of each environment. See Addon in ts/native/native.ts.

#include <napi.h>
#include <sys/random.h>

#include <cerrno>
#include <mutex>

#include "addon/arguments.h"
#include "addon/batches.h"
#include "addon/channel_object.h"
#include "addon/codecs.h"
#include "addon/columns.h"
#include "addon/embedded_object.h"
#include "addon/environment.h"
#include "addon/errors.h"
#include "datapath/counters.h"
#include "sys/netlink_socket.h"
#include "wire/flow_key.h"

namespace slowpath {
namespace {

Napi::Value OpenNetlink(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "openNetlink");
  Napi::Object object = arguments.Object(0, "options");
  NetlinkSocketOptions options;
  options.protocol = static_cast<int>(arguments.Member(object, "protocol", 0, 31));
  options.groups = arguments.GroupsMember(object);
  options.netns = arguments.TextMember(object, "netns");
  if (!arguments.ok()) return info.Env().Undefined();

  int error = 0;
  const char* what = nullptr;
  std::unique_ptr<Channel> channel = NetlinkSocket::Open(options, &error, &what);
  if (channel == nullptr) return ThrowSystemError(info.Env(), -error, what);
  return ChannelObject::Wrap(info.Env(), std::move(channel), nullptr);
}

Napi::Value CreateUpcallBatch(const Napi::CallbackInfo& info) {
  return Environment::Of(info.Env()).upcallBatchClass.New({});
}

Napi::Value CreateOpBatch(const Napi::CallbackInfo& info) {
  return Environment::Of(info.Env()).opBatchClass.New({info[0], info[1]});
}

Napi::Value CreateFlowBatch(const Napi::CallbackInfo& info) {
  return Environment::Of(info.Env()).flowBatchClass.New({info[0], info[1]});
}

Napi::Value CreateUkeyRows(const Napi::CallbackInfo& info) {
  return Environment::Of(info.Env()).ukeyRowsClass.New({info[0]});
}

Napi::Value CreateMatchedColumns(const Napi::CallbackInfo& info) {
  return Environment::Of(info.Env()).matchedColumnsClass.New({info[0]});
}

// Memory of which only the pages that are used exist.
Napi::Value Reserve(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "reserve");
  int64_t bytes = arguments.Integer(0, "bytes", 1, int64_t{1} << 32);
  if (!arguments.ok()) return info.Env().Undefined();
  SharedMemory memory(static_cast<size_t>(bytes));
  if (memory.data() == nullptr) return ThrowSystemError(info.Env(), ENOMEM, "mmap");
  return memory.ToArrayBuffer(info.Env());
}

}  // namespace

// Once for all environments of the process: they share flow ids. Without entropy the ids are still right,
// only predictable, so the addon loads all the same.
void SeedFlowIds() {
  static std::once_flag once;
  std::call_once(once, [] {
    uint8_t secret[16] = {};
    if (getrandom(secret, sizeof secret, 0) == sizeof secret) SetFlowIdSecret(secret);
  });
}

// What each counter of the embedded datapath counts, by its name.
Napi::Object DatapathCounterHelp(Napi::Env env) {
  Napi::Object help = Napi::Object::New(env);
#define SLOWPATH_COUNTER_HELP(name, text) help.Set(#name, text);
  SLOWPATH_DATAPATH_COUNTERS(SLOWPATH_COUNTER_HELP)
#undef SLOWPATH_COUNTER_HELP
  return help;
}

Napi::Object Initialize(Napi::Env env, Napi::Object exports) {
  SeedFlowIds();
  auto* environment = new Environment;
  env.SetInstanceData(environment);
  environment->channelClass = Napi::Persistent(ChannelObject::Define(env));
  environment->embeddedClass = Napi::Persistent(EmbeddedObject::Define(env));
  environment->upcallBatchClass = Napi::Persistent(UpcallBatch::Define(env));
  environment->opBatchClass = Napi::Persistent(OpBatch::Define(env));
  environment->flowBatchClass = Napi::Persistent(FlowBatch::Define(env));
  environment->ukeyRowsClass = Napi::Persistent(UkeyRowsObject::Define(env));
  environment->matchedColumnsClass = Napi::Persistent(MatchedColumnsObject::Define(env));

  exports.Set("layoutHash", Napi::Number::New(env, kLayoutHash));
  exports.Set("FLOW_WORDS", Napi::Number::New(env, flow::kWords));
  exports.Set("openNetlink", Napi::Function::New<OpenNetlink>(env, "openNetlink"));
  exports.Set("openEmbedded", Napi::Function::New<EmbeddedObject::Open>(env, "openEmbedded"));
  exports.Set("createUpcallBatch", Napi::Function::New<CreateUpcallBatch>(env, "createUpcallBatch"));
  exports.Set("createOpBatch", Napi::Function::New<CreateOpBatch>(env, "createOpBatch"));
  exports.Set("createFlowBatch", Napi::Function::New<CreateFlowBatch>(env, "createFlowBatch"));
  exports.Set("datapathCounterHelp", DatapathCounterHelp(env));
  exports.Set("createUkeyRows", Napi::Function::New<CreateUkeyRows>(env, "createUkeyRows"));
  exports.Set("createMatchedColumns", Napi::Function::New<CreateMatchedColumns>(env, "createMatchedColumns"));
  exports.Set("reserve", Napi::Function::New<Reserve>(env, "reserve"));
  DefineCodecs(env, exports);
  return exports;
}

}  // namespace slowpath

Napi::Object Init(Napi::Env env, Napi::Object exports) { return slowpath::Initialize(env, exports); }
NODE_API_MODULE(slowpath, Init)
