#include "datapath/embedded.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>

#include "datapath/core.h"
#include "datapath/embedded_channel.h"
#include "datapath/families.h"

namespace slowpath {

std::unique_ptr<EmbeddedDatapath> EmbeddedDatapath::Open(const EmbeddedOptions& options, int* error,
                                                         const char** what) {
  const char* ignored;
  if (what == nullptr) what = &ignored;
  UniqueFd epoll(epoll_create1(EPOLL_CLOEXEC));
  int wake = epoll.valid() ? eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) : -1;
  if (wake < 0) {
    *what = epoll.valid() ? "eventfd" : "epoll_create1";
    *error = -errno;
    return nullptr;
  }
  auto hub = std::make_shared<Hub>(wake, options.upcallQueueLength, options.upcallQueueBytes);
  auto core = std::make_shared<Core>(std::move(hub), std::move(epoll), options);
  *error = core->Start(what);
  if (*error != 0) return nullptr;
  return std::unique_ptr<EmbeddedDatapath>(new EmbeddedDatapath(std::move(core)));
}

EmbeddedDatapath::EmbeddedDatapath(std::shared_ptr<Core> core) : core_(std::move(core)) {}

EmbeddedDatapath::~EmbeddedDatapath() { Close(); }

std::unique_ptr<Channel> EmbeddedDatapath::OpenChannel(std::span<const uint32_t> groups) {
  auto queue = core_->hub()->Open(std::find(groups.begin(), groups.end(), kPsampleFamily) != groups.end());
  if (queue == nullptr) return nullptr;
  return std::make_unique<EmbeddedChannel>(core_->hub(), std::move(queue));
}

std::vector<NamedCounter> EmbeddedDatapath::Counters() const {
  const DatapathCounters& counters = core_->counters();
  std::vector<NamedCounter> out;
#define SLOWPATH_COUNTER_ROW(name, help) out.push_back({#name, help, counters.name.load(std::memory_order_relaxed)});
  SLOWPATH_DATAPATH_COUNTERS(SLOWPATH_COUNTER_ROW)
#undef SLOWPATH_COUNTER_ROW
  return out;
}

void EmbeddedDatapath::Close() { core_->Stop(); }

}  // namespace slowpath
