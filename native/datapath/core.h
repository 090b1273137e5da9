#pragma once

#include <memory>
#include <string>
#include <thread>

#include "datapath/counters.h"
#include "datapath/embedded.h"
#include "datapath/hub.h"

namespace slowpath {

class Engine;
class Port;
class Server;

// The forwarding thread. It owns tables, ports and buffers; the rest of the process reaches it through the hub only.
class Core {
 public:
  Core(std::shared_ptr<Hub> hub, UniqueFd epoll, const EmbeddedOptions& options);
  ~Core();

  // Starts the thread and waits until it is in its namespace: 0 or -errno, with the failing call in 'what'.
  int Start(const char** what);
  // Stops and joins it, and closes its descriptors. Idempotent.
  void Stop();

  const std::shared_ptr<Hub>& hub() const { return hub_; }
  const DatapathCounters& counters() const { return counters_; }

 private:
  void Run();
  void HandlePort(Engine& engine, Server& server, Port* port);
  void HandleRequests(Engine& engine, Server& server);

  const std::shared_ptr<Hub> hub_;
  UniqueFd epoll_;  // Of the thread; closed once it has ended.
  const EmbeddedOptions options_;
  DatapathCounters counters_;
  std::thread thread_;
  std::vector<uint32_t> service_;  // Channels to serve now.
};

}  // namespace slowpath
