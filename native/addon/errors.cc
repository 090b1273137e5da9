#include "addon/errors.h"

#include <string.h>

#include <string>

namespace slowpath {

Napi::Error MakeSystemError(Napi::Env env, int errnum, const char* syscall, const char* detail) {
  // The kernel's own names, as in <errno.h>: libuv's table lacks many that netlink answers with.
  const char* name = strerrorname_np(errnum);
  std::string code = name != nullptr ? name : "E" + std::to_string(errnum);
  std::string message =
      std::string(syscall) + ": " + (detail != nullptr ? detail : strerror(errnum)) + " (" + code + ")";
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  error.Set("errno", Napi::Number::New(env, errnum));
  error.Set("syscall", Napi::String::New(env, syscall));
  return error;
}

Napi::Value ThrowSystemError(Napi::Env env, int errnum, const char* syscall, const char* detail) {
  MakeSystemError(env, errnum, syscall, detail).ThrowAsJavaScriptException();
  return env.Undefined();
}

// Node-API has no question for it, but comparing, like all that might run JavaScript, fails when nothing can.
bool CanRunJavaScript(Napi::Env env) {
  napi_value undefined;
  bool same = false;
  return napi_get_undefined(env, &undefined) == napi_ok &&
         napi_strict_equals(env, undefined, undefined, &same) == napi_ok;
}

bool ReportPendingException(Napi::Env env) {
  napi_value exception;
  if (napi_get_and_clear_last_exception(env, &exception) != napi_ok) return false;
  return napi_fatal_exception(env, exception) == napi_ok;
}

}  // namespace slowpath
