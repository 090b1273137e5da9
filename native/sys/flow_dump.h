#pragma once

#include <memory>
#include <string>

#include "sys/dump_reader.h"
#include "sys/flow_sink.h"
#include "sys/requester.h"

namespace slowpath {

// A dump of flows, taken from the channel one datagram at a time.
class FlowDump {
 public:
  enum class Result { kFlows, kEnd, kInterrupted, kFailed };
  // The datapath works on a dump only while it is read, so each datagram should be there at once.
  static constexpr int kPatienceMs = 5000;

  FlowDump(Channel& channel, Requester& requester);
  ~FlowDump();

  // Sends a request that carries NLM_F_DUMP. A dump that was not read to its end is read to it first: the
  // kernel runs one at a time on a socket. 0 or -errno; 'what' then names the system call.
  int Start(std::span<uint8_t> message, const char** what);
  bool running() const { return running_; }
  // Whether a thread of its own reads it: then to ask for flows with no patience is cheap.
  bool readsAhead() const { return reader_ != nullptr; }
  // Gives up a dump that is running: the channel is about to be closed.
  void Stop();

  // kFlows: 'flows' was given the next flows; perhaps none while more follow, which it waits for at most
  // 'patienceMs'. kEnd, or kInterrupted when the datapath says that the dump may have missed some. kFailed:
  // see error(); also when nothing came for 5 seconds.
  Result Next(FlowSink& flows, int patienceMs = kPatienceMs);
  // Why it failed: a positive errno; the system call, or null when the datapath refused; what the datapath
  // said about it.
  int error() const { return error_; }
  const char* what() const { return what_; }
  const std::string& text() const { return text_; }

 private:
  int Await(int64_t now, int patienceMs);
  bool Take(FlowSink& flows);
  bool TakeMessage(const NetlinkMessage& message, FlowSink& flows, bool* some);
  void Reset();

  Channel& channel_;
  Requester& requester_;
  std::unique_ptr<DumpReader> reader_;  // Null when the datapath works on dumps by itself.
  uint32_t seq_ = 0;                    // Of the request.
  uint32_t family_ = 0;                 // nlmsg_type of the request, and of the flows.
  bool running_ = false;                // Started, and its end not yet told.
  bool ended_ = false;                  // NLMSG_DONE or an error was read.
  bool interrupted_ = false;            // NLM_F_DUMP_INTR was seen.
  int64_t heardMs_ = 0;                 // When the last datagram came, or the request was sent.
  int error_ = 0;
  const char* what_ = nullptr;
  std::string text_;
  std::vector<uint8_t> datagram_;  // Received last.
  size_t taken_ = 0;               // Bytes of it that were delivered; flows that did not fit come next time.
};

}  // namespace slowpath
