#pragma once

#include <napi.h>

namespace slowpath {

// Defines the functions of the addon that are about flow keys, and the clock.
void DefineCodecs(Napi::Env env, Napi::Object exports);

}  // namespace slowpath
