#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "sys/channel.h"

// A likeness of the kernel's openvswitch module in this process: the same generic netlink messages, the same flow table
// semantics, ports on real network devices. See README.md in this folder.
namespace slowpath {

class Core;

struct EmbeddedOptions {
  // Path of the network namespace in which ports are looked up and made; empty for that of the opening thread.
  std::string netns;
  // Upcalls that may wait on one channel before more are counted as lost.
  uint32_t upcallQueueLength = 4096;
  // Bytes of upcalls that may wait on one channel before more are counted as lost.
  uint32_t upcallQueueBytes = 16u << 20;
};

// One counter of the forwarding thread.
struct NamedCounter {
  const char* name;  // camelCase, stable; static storage.
  const char* help;  // One line saying what happened, once for each count; static storage.
  uint64_t value;
};

// Owns the forwarding thread. Thread-safe. May be closed or destroyed before or after the channels it opened: they then
// answer ENETDOWN.
class EmbeddedDatapath {
 public:
  // Starts the thread. Null on failure; 'error' is then the negative errno, and 'what' (if not null) the system call.
  static std::unique_ptr<EmbeddedDatapath> Open(const EmbeddedOptions& options, int* error,
                                                const char** what = nullptr);
  ~EmbeddedDatapath();
  EmbeddedDatapath(const EmbeddedDatapath&) = delete;
  EmbeddedDatapath& operator=(const EmbeddedDatapath&) = delete;

  // A new channel with a port id of its own (1, 2, …; unique for this datapath instance). Null after Close, or when no
  // file descriptor is left. It receives what is sent to the multicast groups in 'groups': samples have one, the others
  // are silent.
  std::unique_ptr<Channel> OpenChannel(std::span<const uint32_t> groups = {});
  // Every counter, always in the same order. Monotonic. Also after Close.
  std::vector<NamedCounter> Counters() const;
  // Stops the thread, closes all ports, removes internal devices. Idempotent.
  void Close();

 private:
  explicit EmbeddedDatapath(std::shared_ptr<Core> core);
  std::shared_ptr<Core> core_;
};

}  // namespace slowpath
