#pragma once

#include <node_api.h>

#include <memory>

namespace slowpath {

// Watches one descriptor for reading on the event loop of the environment, from Start until it is destroyed,
// and keeps that loop alive. Destroy it before closing the descriptor.
class Poller {
 public:
  // 'ended': the environment is ending, this poller has stopped watching. The owner should let go of
  // everything it keeps for callbacks; it may destroy the poller.
  struct Callbacks {
    void (*readable)(void* context);
    void (*ended)(void* context);
    void* context;
  };

  // Null on failure; 'error' is then -errno.
  static std::unique_ptr<Poller> Start(napi_env env, int fd, const Callbacks& callbacks, int* error);
  ~Poller();
  Poller(const Poller&) = delete;
  Poller& operator=(const Poller&) = delete;

 private:
  struct Handle;

  explicit Poller(Handle* handle) : handle_(handle) {}
  Handle* handle_;  // Null once closing; the handle then frees itself.
};

}  // namespace slowpath
