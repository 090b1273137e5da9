#pragma once

#include <linux/genetlink.h>
#include <linux/openvswitch.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "datapath/embedded.h"
#include "datapath/families.h"
#include "wire/attributes.h"
#include "wire/flow_key.h"

// What tests of the embedded datapath share: requests and answers on a channel, keys, packets, namespaces.
namespace slowpath::test {

using Bytes = std::vector<uint8_t>;
using Key = std::vector<uint32_t>;  // flow::kWords words.

// One message of an answer.
struct Message {
  uint16_t type = 0;
  uint16_t flags = 0;
  uint32_t seq = 0;
  uint8_t command = 0;
  int error = 0;        // Of NLMSG_ERROR and NLMSG_DONE: 0 or -errno.
  Bytes attributes;     // Behind the headers; of an error, the text that explains it.
  uint32_t ifindex = 0;

  // The payload of an attribute; null when it is absent.
  const Bytes* Get(uint16_t type) const;
  uint32_t U32(uint16_t type) const;

  std::vector<std::pair<uint16_t, Bytes>> parsed;
};

// Builds the attributes of a request.
class Attributes {
 public:
  Attributes& Put(uint16_t type, std::span<const uint8_t> bytes);
  Attributes& U32(uint16_t type, uint32_t value);
  Attributes& Text(uint16_t type, const std::string& text);
  Attributes& Flag(uint16_t type) { return Put(type, {}); }
  const Bytes& bytes() const { return bytes_; }
  operator std::span<const uint8_t>() const { return bytes_; }

 private:
  Bytes bytes_;
};

// A channel with the manners of a netlink client.
class Client {
 public:
  explicit Client(EmbeddedDatapath& datapath) : channel(datapath.OpenChannel()) {}
  // Sends one request; the sequence number it got.
  uint32_t Send(uint16_t family, uint8_t command, uint16_t flags, uint32_t ifindex, std::span<const uint8_t> attributes);
  // The next message of any kind, or none within the time.
  // Long enough for a device to be made while the kernel takes another namespace down on a busy machine.
  bool Next(Message& message, int timeoutMs = 15000);
  // Sends with NLM_F_ACK: 0 or -errno. Messages before the acknowledgement go to 'replies'. Upcalls are kept.
  int Ask(uint16_t family, uint8_t command, uint16_t flags, uint32_t ifindex, std::span<const uint8_t> attributes,
          std::vector<Message>* replies = nullptr);
  // All messages of a dump; their DONE's error in 'error' if not null.
  std::vector<Message> Dump(uint16_t family, uint32_t ifindex, std::span<const uint8_t> attributes, int* error = nullptr);

  int NewDatapath(const std::string& name, uint32_t features, uint32_t* ifindex);
  int AddPort(uint32_t ifindex, const std::string& name, uint32_t number, uint32_t pid);
  int PutFlow(uint32_t ifindex, const Key& key, const Key& mask, std::span<const uint8_t> actions,
              uint16_t flags = NLM_F_CREATE, uint64_t ufid = 0);

  std::unique_ptr<Channel> channel;
  std::vector<Message> upcalls;  // Those that came while waiting for something else.
  std::string problem;           // Explanation of the last error.

 private:
  void Split(std::span<const uint8_t> datagram);
  uint32_t seq_ = 100;
  std::vector<Message> waiting_;
};

// Attributes that name a flow by 64 bits.
Bytes Ufid(uint64_t id);
Bytes EncodedKey(const Key& key);
Bytes EncodedMask(const Key& key, const Key& mask);
Bytes OutputAction(uint32_t port);

// Ethernet frames with right checksums.
struct FrameOptions {
  uint32_t source = 0x0a000001;
  uint32_t destination = 0x0a000002;
  uint16_t sourcePort = 1000;
  uint16_t destinationPort = 2000;
  bool ipv6 = false;
  bool tcp = false;
  uint16_t vlan = 0;  // TCI without the present bit; 0: untagged.
  uint8_t tcpFlags = 0x10;
};
Bytes MakeFrame(const FrameOptions& options, size_t payload);
// True when every checksum in an IPv4 or IPv6 frame with TCP or UDP holds.
bool ChecksumsHold(std::span<const uint8_t> frame);

// A network namespace that lives as long as the object. Needs root: valid() tells.
class Namespace {
 public:
  explicit Namespace(const std::string& name);
  ~Namespace();
  bool valid() const { return valid_; }
  std::string path() const { return "/run/netns/" + name_; }
  const std::string& name() const { return name_; }

 private:
  std::string name_;
  bool valid_;
};
bool Shell(const std::string& command);
// Runs 'work' on a thread of its own inside a namespace, to its end.
void Inside(const Namespace& ns, void (*work)(void*), void* argument);

}  // namespace slowpath::test
