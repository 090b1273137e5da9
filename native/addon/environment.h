#pragma once

#include <napi.h>

#include <memory>

#include "sys/channel.h"

namespace slowpath {

class EmbeddedDatapath;

// Where the time of receiving goes, in nanoseconds of CLOCK_MONOTONIC. Measured only when asked for: reading the clock
// costs as much as decoding an upcall.
struct ReceiveTimes {
  bool on = false;
  uint64_t receiveNs = 0;  // In Channel::Receive: system calls, or the embedded datapath's queue.
  uint64_t decodeNs = 0;   // Decoding what was received.
  uint64_t batches = 0;    // Receives that brought something.
};

// What one environment (main thread or worker) has of this addon; its instance data. Destroyed when the
// environment ends, in no fixed order with the wrapped objects: their destructors must not use it.
struct Environment {
  Napi::FunctionReference channelClass;
  Napi::FunctionReference embeddedClass;
  Napi::FunctionReference upcallBatchClass;
  Napi::FunctionReference opBatchClass;
  Napi::FunctionReference flowBatchClass;
  Napi::FunctionReference ukeyRowsClass;
  Napi::FunctionReference matchedColumnsClass;

  // What the constructor that C++ is about to call wraps. JavaScript reaches the constructors too
  // (object.constructor), and finds nothing here.
  std::unique_ptr<Channel> nextChannel;
  // The datapath that nextChannel leads to, null for the kernel's; or what nextDatapath's constructor wraps.
  std::shared_ptr<EmbeddedDatapath> nextDatapath;

  ReceiveTimes times;

  static Environment& Of(Napi::Env env) { return *env.GetInstanceData<Environment>(); }
};

}  // namespace slowpath
