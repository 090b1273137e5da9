#pragma once

#include <napi.h>

namespace slowpath {

// A JavaScript Error { code: 'ENODEV', errno: 19, syscall: 'sendmsg' } with the message "sendmsg: No such
// device (ENODEV)", or with 'detail' in place of the system's text. 'errnum' is positive.
Napi::Error MakeSystemError(Napi::Env env, int errnum, const char* syscall, const char* detail = nullptr);

// Throws it. Returns undefined, so that a method can end with `return ThrowSystemError(...)`.
Napi::Value ThrowSystemError(Napi::Env env, int errnum, const char* syscall, const char* detail = nullptr);

// False from when a worker is terminated or the process exits. That may happen at any time, from another
// thread: calls that fail then leave empty values behind and no exception
// (NODE_API_SWALLOW_UNTHROWABLE_EXCEPTIONS).
bool CanRunJavaScript(Napi::Env env);

// Gives an exception that a callback left pending to the environment as an uncaught exception. False when
// JavaScript can no longer run (the worker is being terminated, the process is exiting).
bool ReportPendingException(Napi::Env env);

}  // namespace slowpath
