#include "addon/codecs.h"

#include "addon/arguments.h"
#include "addon/environment.h"
#include "sys/clock.h"
#include "wire/flow_key.h"

namespace slowpath {
namespace {

Napi::Value ToValue(Napi::Env env, Fitness fitness) {
  return Napi::Number::New(env, static_cast<uint32_t>(fitness));
}

// The rest of 'out' behind 'offset' (argument 'index' + 1).
std::span<uint8_t> TakeRoom(Arguments& arguments, size_t index) {
  std::span<uint8_t> out = arguments.Bytes(index, "out");
  auto offset =
      static_cast<size_t>(arguments.Integer(index + 1, "offset", 0, static_cast<int64_t>(out.size())));
  return arguments.ok() ? out.subspan(offset) : std::span<uint8_t>();
}

Napi::Value Written(Napi::Env env, const ByteWriter& writer) {
  return Napi::Number::New(env, writer.overflowed() ? -1 : static_cast<double>(writer.size()));
}

Napi::Value DecodeKeyFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "decodeKey");
  std::span<uint8_t> attributes = arguments.Bytes(0, "attributes");
  std::span<uint32_t> key = arguments.Row(1, "key", flow::kWords);
  if (!arguments.ok()) return info.Env().Undefined();
  return ToValue(info.Env(), DecodeKey(attributes, key.data()));
}

Napi::Value DecodeMaskFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "decodeMask");
  std::span<uint8_t> attributes = arguments.Bytes(0, "attributes");
  std::span<uint32_t> key = arguments.Row(1, "key", flow::kWords);
  std::span<uint32_t> mask = arguments.Row(3, "mask", flow::kWords);
  if (!arguments.ok()) return info.Env().Undefined();
  return ToValue(info.Env(), DecodeMask(attributes, key.data(), mask.data()));
}

Napi::Value DecodeProblemFunction(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), LastDecodeProblem());
}

// KEY_FORM of native.ts: whom the attributes are for.
constexpr int64_t kFormKernel = 0, kFormFull = 1;

Napi::Value EncodeKeyFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "encodeKey");
  std::span<uint32_t> key = arguments.Row(0, "key", flow::kWords);
  ByteWriter writer(TakeRoom(arguments, 2));
  int64_t form = arguments.IntegerOr(4, "form", kFormKernel, kFormFull, kFormKernel);
  if (!arguments.ok()) return info.Env().Undefined();
  (form == kFormFull ? EncodeFullKey : EncodeKey)(key.data(), writer);
  return Written(info.Env(), writer);
}

Napi::Value EncodeMaskFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "encodeMask");
  std::span<uint32_t> key = arguments.Row(0, "key", flow::kWords);
  std::span<uint32_t> mask = arguments.Row(2, "mask", flow::kWords);
  ByteWriter writer(TakeRoom(arguments, 4));
  int64_t form = arguments.IntegerOr(6, "form", kFormKernel, kFormFull, kFormKernel);
  if (!arguments.ok()) return info.Env().Undefined();
  (form == kFormFull ? EncodeFullMask : EncodeMask)(key.data(), mask.data(), writer);
  return Written(info.Env(), writer);
}

Napi::Value ExtractPacketFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "extractPacket");
  std::span<uint8_t> frame = arguments.Bytes(0, "frame");
  std::span<uint32_t> key = arguments.Row(1, "key", flow::kWords);
  int64_t view = arguments.IntegerOr(3, "form", kFormKernel, kFormFull, kFormKernel);
  if (arguments.ok()) ExtractPacket(frame, key.data(), view == kFormFull ? View::kUserspace : View::kKernel);
  return info.Env().Undefined();
}

Napi::Value FlowIdFunction(const Napi::CallbackInfo& info) {
  Arguments arguments(info, "flowId");
  std::span<uint8_t> attributes = arguments.Bytes(0, "attributes");
  std::span<uint32_t> out = arguments.Row(1, "out", 4);
  if (arguments.ok()) FlowId(attributes, out.data());
  return info.Env().Undefined();
}

Napi::Value MonotonicMs(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(NowMs()));
}

Napi::Value MeasureReceive(const Napi::CallbackInfo& info) {
  ReceiveTimes& times = Environment::Of(info.Env()).times;
  times.on = true;
  Napi::Object object = Napi::Object::New(info.Env());
  object.Set("receiveNs", static_cast<double>(times.receiveNs));
  object.Set("decodeNs", static_cast<double>(times.decodeNs));
  object.Set("batches", static_cast<double>(times.batches));
  return object;
}

}  // namespace

void DefineCodecs(Napi::Env env, Napi::Object exports) {
  exports.Set("decodeKey", Napi::Function::New<DecodeKeyFunction>(env, "decodeKey"));
  exports.Set("decodeMask", Napi::Function::New<DecodeMaskFunction>(env, "decodeMask"));
  exports.Set("decodeProblem", Napi::Function::New<DecodeProblemFunction>(env, "decodeProblem"));
  exports.Set("encodeKey", Napi::Function::New<EncodeKeyFunction>(env, "encodeKey"));
  exports.Set("encodeMask", Napi::Function::New<EncodeMaskFunction>(env, "encodeMask"));
  exports.Set("extractPacket", Napi::Function::New<ExtractPacketFunction>(env, "extractPacket"));
  exports.Set("flowId", Napi::Function::New<FlowIdFunction>(env, "flowId"));
  exports.Set("measureReceive", Napi::Function::New<MeasureReceive>(env, "measureReceive"));
  exports.Set("monotonicMs", Napi::Function::New<MonotonicMs>(env, "monotonicMs"));
}

}  // namespace slowpath
