#include "addon/embedded_object.h"

#include <cerrno>

#include "addon/arguments.h"
#include "addon/channel_object.h"
#include "addon/environment.h"
#include "addon/errors.h"

namespace slowpath {

Napi::Function EmbeddedObject::Define(Napi::Env env) {
  return DefineClass(env, "EmbeddedDatapath",
                     {
                         InstanceMethod<&EmbeddedObject::OpenChannel>("openChannel"),
                         InstanceMethod<&EmbeddedObject::Counters>("counters"),
                         InstanceMethod<&EmbeddedObject::Close>("close"),
                     });
}

Napi::Value EmbeddedObject::Open(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "openEmbedded");
  EmbeddedOptions options;
  if (!info[0].IsUndefined()) {
    Napi::Object object = arguments.Object(0, "options");
    options.netns = arguments.TextMember(object, "netns");
    options.upcallQueueLength = static_cast<uint32_t>(
        arguments.MemberOr(object, "upcallQueueLength", 1, 1 << 24, options.upcallQueueLength));
  }
  if (!arguments.ok()) return info.Env().Undefined();
  int error = 0;
  const char* what = "openEmbedded";
  std::shared_ptr<EmbeddedDatapath> datapath = EmbeddedDatapath::Open(options, &error, &what);
  if (datapath == nullptr) return ThrowSystemError(info.Env(), -error, what);
  Environment& environment = Environment::Of(info.Env());
  environment.nextDatapath = std::move(datapath);
  Napi::Value object = environment.embeddedClass.New({});
  environment.nextDatapath = nullptr;
  return object;
}

EmbeddedObject::EmbeddedObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EmbeddedObject>(info) {
  datapath_ = std::move(Environment::Of(info.Env()).nextDatapath);
  if (datapath_ != nullptr) return;
  Napi::TypeError::New(info.Env(), "EmbeddedDatapath: use openEmbedded").ThrowAsJavaScriptException();
}

Napi::Value EmbeddedObject::OpenChannel(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "openChannel");
  std::vector<uint32_t> groups;
  if (!info[0].IsUndefined()) groups = arguments.GroupsMember(arguments.Object(0, "options"));
  if (!arguments.ok()) return info.Env().Undefined();
  std::unique_ptr<Channel> channel = datapath_->OpenChannel(groups);
  if (channel == nullptr) {
    return ThrowSystemError(info.Env(), ENETDOWN, "openChannel",
                            "the datapath is closed, or no descriptor is left");
  }
  Napi::Value object = ChannelObject::Wrap(info.Env(), std::move(channel), datapath_);
  if (object.IsEmpty() || !object.IsObject()) return object;
  ForgetCollected();
  channels_.push_back(Napi::Weak(object.As<Napi::Object>()));
  return object;
}

void EmbeddedObject::ForgetCollected() {
  std::erase_if(channels_, [](const Napi::ObjectReference& channel) { return channel.Value().IsEmpty(); });
}

Napi::Value EmbeddedObject::Counters(const Napi::CallbackInfo& info) {
  Napi::Object object = Napi::Object::New(info.Env());
  for (const NamedCounter& counter : datapath_->Counters()) {
    object.Set(counter.name, static_cast<double>(counter.value));
  }
  return object;
}

Napi::Value EmbeddedObject::Close(const Napi::CallbackInfo& info) {
  for (const Napi::ObjectReference& channel : channels_) {
    Napi::Object object = channel.Value();
    if (!object.IsEmpty()) ChannelObject::Unwrap(object)->CloseChannel();
  }
  channels_.clear();
  datapath_->Close();
  return info.Env().Undefined();
}

}  // namespace slowpath
