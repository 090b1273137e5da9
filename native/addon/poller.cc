#include "addon/poller.h"

#include <uv.h>

namespace slowpath {

// libuv may use the uv_poll_t until its close callback has run, which is after our owner is gone, so it lives
// apart from the Poller and deletes itself. The environment's end waits for that callback: the cleanup hook
// is asynchronous and is removed there. Destruction order at the end of an environment: our hook (stops
// watching, tells the owner), the wrapped objects' finalizers (close their descriptors), instance data.
struct Poller::Handle {
  uv_poll_t poll = {};
  napi_async_cleanup_hook_handle hook = nullptr;
  Callbacks callbacks = {};
  Poller* owner = nullptr;  // Null once closing.

  void Close() {
    owner->handle_ = nullptr;
    owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&poll), [](uv_handle_t* handle) {
      auto* self = static_cast<Handle*>(handle->data);
      napi_remove_async_cleanup_hook(self->hook);
      delete self;
    });
  }

  static void OnPoll(uv_poll_t* poll, int status, int) {
    auto* self = static_cast<Handle*>(poll->data);
    // libuv stops watching a descriptor that reports POLLERR. For a netlink socket that only means ENOBUFS,
    // which the receive below takes away; were there another reason, the receive would find it too.
    if (status < 0) uv_poll_start(poll, UV_READABLE, OnPoll);
    self->callbacks.readable(self->callbacks.context);
  }

  static void OnEnvironmentEnd(napi_async_cleanup_hook_handle, void* data) {
    auto* self = static_cast<Handle*>(data);
    if (self->owner == nullptr) return;  // Already closing; the close callback removes the hook.
    Callbacks callbacks = self->callbacks;
    self->Close();
    callbacks.ended(callbacks.context);
  }
};

std::unique_ptr<Poller> Poller::Start(napi_env env, int fd, const Callbacks& callbacks, int* error) {
  uv_loop_t* loop = nullptr;
  *error = UV_EINVAL;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok) return nullptr;
  auto handle = std::make_unique<Handle>();
  *error = uv_poll_init(loop, &handle->poll, fd);
  if (*error != 0) return nullptr;
  Handle* self = handle.release();
  self->poll.data = self;
  self->callbacks = callbacks;
  std::unique_ptr<Poller> poller(new Poller(self));
  self->owner = poller.get();
  if (napi_add_async_cleanup_hook(env, Handle::OnEnvironmentEnd, self, &self->hook) != napi_ok) {
    *error = UV_ENOMEM;
    return nullptr;
  }
  *error = uv_poll_start(&self->poll, UV_READABLE, Handle::OnPoll);
  if (*error != 0) return nullptr;
  return poller;
}

Poller::~Poller() {
  if (handle_ != nullptr) handle_->Close();
}

}  // namespace slowpath
