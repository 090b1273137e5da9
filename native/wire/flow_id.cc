#include "wire/flow_key.h"

// SipHash-1-3 with 128 bits of output (Aumasson and Bernstein): short enough for each upcall, keyed, and without a known way
// to find collisions for one who does not have the key.
namespace slowpath {
namespace {

uint64_t secret[2] = {0, 0};

inline uint64_t Rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

struct SipState {
  uint64_t v0, v1, v2, v3;

  void Round() {
    v0 += v1;
    v2 += v3;
    v1 = Rotate(v1, 13) ^ v0;
    v3 = Rotate(v3, 16) ^ v2;
    v0 = Rotate(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = Rotate(v1, 17) ^ v2;
    v3 = Rotate(v3, 21) ^ v0;
    v2 = Rotate(v2, 32);
  }
  void Absorb(uint64_t m) {
    v3 ^= m;
    Round();
    v0 ^= m;
  }
  uint64_t Squeeze() {
    Round();
    Round();
    Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

}  // namespace

void SetFlowIdSecret(const uint8_t bytes[16]) {
  secret[0] = LoadHost<uint64_t>(bytes);
  secret[1] = LoadHost<uint64_t>(bytes + 8);
}

void FlowId(std::span<const uint8_t> attributes, uint32_t out[4]) {
  SipState s = {secret[0] ^ 0x736f6d6570736575, secret[1] ^ 0x646f72616e646f6d ^ 0xee,
                secret[0] ^ 0x6c7967656e657261, secret[1] ^ 0x7465646279746573};
  ByteReader reader(attributes);
  while (const uint8_t* p = reader.TryPull(8)) s.Absorb(LoadHost<uint64_t>(p));
  uint64_t last = static_cast<uint64_t>(attributes.size()) << 56;
  auto tail = reader.rest();
  for (size_t i = 0; i < tail.size(); i++) last |= static_cast<uint64_t>(tail[i]) << (8 * i);
  s.Absorb(last);
  s.v2 ^= 0xee;
  uint64_t low = s.Squeeze();
  s.v1 ^= 0xdd;
  uint64_t high = s.Squeeze();
  out[0] = static_cast<uint32_t>(low);
  out[1] = static_cast<uint32_t>(low >> 32);
  out[2] = static_cast<uint32_t>(high);
  out[3] = static_cast<uint32_t>(high >> 32);
}

}  // namespace slowpath
