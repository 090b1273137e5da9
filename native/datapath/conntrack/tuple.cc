#include "datapath/conntrack/tuple.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <sys/random.h>

#include <random>
#include <utility>

namespace slowpath {
namespace {

constexpr uint64_t Rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

struct SipState {
  uint64_t v[4];

  void Round() {
    v[0] += v[1];
    v[2] += v[3];
    v[1] = Rotate(v[1], 13) ^ v[0];
    v[3] = Rotate(v[3], 16) ^ v[2];
    v[0] = Rotate(v[0], 32);
    v[2] += v[1];
    v[0] += v[3];
    v[1] = Rotate(v[1], 17) ^ v[2];
    v[3] = Rotate(v[3], 21) ^ v[0];
    v[2] = Rotate(v[2], 32);
  }
};

}  // namespace

int AnswerType(uint8_t version, uint8_t type) {
  if (version == 6) return type == ICMP6_ECHO_REQUEST ? ICMP6_ECHO_REPLY : type == ICMP6_ECHO_REPLY ? ICMP6_ECHO_REQUEST : -1;
  switch (type) {
    case ICMP_ECHO:
      return ICMP_ECHOREPLY;
    case ICMP_ECHOREPLY:
      return ICMP_ECHO;
    case ICMP_TIMESTAMP:
    case ICMP_INFO_REQUEST:
      return type + 1;
    case ICMP_TIMESTAMPREPLY:
    case ICMP_INFO_REPLY:
      return type - 1;
    default:
      return -1;
  }
}

bool IsQuestion(uint8_t version, uint8_t type) {
  if (version == 6) return type == ICMP6_ECHO_REQUEST;
  return type == ICMP_ECHO || type == ICMP_TIMESTAMP || type == ICMP_INFO_REQUEST;
}

Tuple Inverse(const Tuple& tuple) {
  Tuple out = tuple;
  std::memcpy(out.source, tuple.destination, sizeof out.source);
  std::memcpy(out.destination, tuple.source, sizeof out.destination);
  if (tuple.isIcmp()) {
    int type = AnswerType(tuple.version, tuple.icmpType());
    out.destinationPort = static_cast<uint16_t>((type & 0xff) << 8 | (tuple.destinationPort & 0xff));
  } else {
    std::swap(out.sourcePort, out.destinationPort);
  }
  return out;
}

HashSecret::HashSecret() {
  if (getrandom(words, sizeof words, 0) == sizeof words) return;
  std::random_device device;
  for (uint64_t& word : words) word = uint64_t{device()} << 32 | device();
}

uint64_t HashTuple(const Tuple& tuple, const HashSecret& secret) {
  uint64_t words[sizeof tuple / 8];
  std::memcpy(words, &tuple, sizeof words);
  SipState s = {{secret.words[0] ^ 0x736f6d6570736575, secret.words[1] ^ 0x646f72616e646f6d,
                 secret.words[0] ^ 0x6c7967656e657261, secret.words[1] ^ 0x7465646279746573}};
  for (uint64_t word : words) {
    s.v[3] ^= word;
    s.Round();
    s.v[0] ^= word;
  }
  s.v[2] ^= 0xff;
  for (int i = 0; i < 3; i++) s.Round();
  return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}

}  // namespace slowpath
