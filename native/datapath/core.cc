#include "datapath/core.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/epoll.h>

#include <future>

#include "datapath/engine.h"
#include "datapath/server.h"

namespace slowpath {
namespace {

constexpr int kEvents = 64;
// Batches taken from a port that has more before others get their turn.
constexpr int kBatchesInARow = 4;

}  // namespace

Core::Core(std::shared_ptr<Hub> hub, UniqueFd epoll, const EmbeddedOptions& options)
    : hub_(std::move(hub)), epoll_(std::move(epoll)), options_(options) {}

Core::~Core() { Stop(); }

int Core::Start(const char** what) {
  epoll_event event = {};
  event.events = EPOLLIN;  // data.ptr null: the wake descriptor.
  *what = "epoll_ctl";
  if (epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, hub_->wakeFd(), &event) != 0) return -errno;
  std::promise<int> started;
  std::future<int> outcome = started.get_future();
  // Signals belong to the threads of the program that uses us.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this, what, &started] {
    int error = 0;
    if (!options_.netns.empty()) {
      // For good, and for this thread only: every socket and device that it makes is of that namespace.
      UniqueFd netns(open(options_.netns.c_str(), O_RDONLY | O_CLOEXEC));
      *what = netns.valid() ? "setns" : "open";
      if (!netns.valid() || setns(netns.get(), CLONE_NEWNET) != 0) error = errno;
    }
    started.set_value(-error);
    if (error == 0) Run();
  });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  int error = outcome.get();
  if (error != 0) thread_.join();
  return error;
}

void Core::Stop() {
  hub_->Close();
  if (thread_.joinable()) thread_.join();
  epoll_.Reset();
  hub_->ReleaseWake();
}

void Core::Run() {
  pthread_setname_np(pthread_self(), "slowpath-dp");
  auto engine = std::make_unique<Engine>(counters_);
  Server server(*engine, *hub_, epoll_.get());
  epoll_event events[kEvents];
  int idle = -1;  // Milliseconds to sleep at most.
  while (!hub_->closed()) {
    int timeout = hub_->MaySleep() ? idle : 0;
    int n = epoll_wait(epoll_.get(), events, kEvents, timeout);
    bool woken = false;
    for (int i = 0; i < n; i++) woken |= events[i].data.ptr == nullptr;
    hub_->Awake(woken);
    engine->nowMs = MonotonicMs();
    server.SyncChannels();
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr != nullptr) HandlePort(*engine, server, static_cast<Port*>(events[i].data.ptr));
    }
    HandleRequests(*engine, server);
    idle = server.Sweep();
  }
}

void Core::HandlePort(Engine& engine, Server& server, Port* port) {
  Datapath& dp = *static_cast<Datapath*>(port->datapath);
  for (int i = 0; i < kBatchesInARow; i++) {
    if (!port->Receive(engine.rx)) {
      server.RemoveVanished(port);
      return;
    }
    int count = engine.rx.count;
    for (int k = 0; k < count; k++) engine.Receive(dp, engine.rx.packets[k], port->number);
    engine.Flush();
    engine.rx.Clear();
    if (count < RxBatch::kPackets) return;
  }
}

void Core::HandleRequests(Engine& engine, Server& server) {
  if (!hub_->HasWork()) return;
  service_.clear();
  hub_->TakeServiceList(service_);
  for (uint32_t portId : service_) server.Serve(portId);
  engine.Flush();
}

}  // namespace slowpath
