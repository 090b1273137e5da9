#include "wire/flow_key.h"

// The id of a flow: NH of UMAC (Black, Halevi, Krawczyk, Krovetz, Rogaway 1999; RFC 4418) over words of 64 bits, then
// a permutation. NH adds products of words of input and key; for any two different inputs the share of keys for which
// they collide is at most 2^-64, so who does not know the key cannot make two flows with one id. Multiplications do
// not wait for one another, which is why it takes a fifth of the time of SipHash. Ids never leave the host, except to
// its datapath and in dumps for its administrator, so the weaker promise for those who see many ids is enough.
namespace slowpath {
namespace {

// Input is taken in blocks of this many bytes; longer keys (tunnel options) are chained. Multiple of 16.
constexpr size_t kBlockBytes = 512;
constexpr size_t kBlockWords = kBlockBytes / 8;

constexpr uint64_t Rotate(uint64_t x, int n) { return x << n | x >> (64 - n); }

// SipHash-2-4 (Aumasson and Bernstein) of one word, which makes the long key out of the short secret.
struct SipState {
  uint64_t v0, v1, v2, v3;

  constexpr SipState(uint64_t k0, uint64_t k1)
      : v0(k0 ^ 0x736f6d6570736575), v1(k1 ^ 0x646f72616e646f6d), v2(k0 ^ 0x6c7967656e657261), v3(k1 ^ 0x7465646279746573) {}
  constexpr void Round() {
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
  constexpr uint64_t Of(uint64_t m) {
    v3 ^= m;
    Round();
    Round();
    v0 ^= m;
    v2 ^= 0xff;
    for (int i = 0; i < 4; i++) Round();
    return v0 ^ v1 ^ v2 ^ v3;
  }
};

struct Keys {
  uint64_t nh[kBlockWords];
  uint64_t whitening[2];  // Mixed in at the end, so that ids of short keys tell nothing of 'nh'.

  constexpr Keys(uint64_t k0, uint64_t k1) : nh(), whitening() {
    for (size_t i = 0; i < kBlockWords; i++) nh[i] = SipState(k0, k1).Of(i);
    for (size_t i = 0; i < 2; i++) whitening[i] = SipState(k0, k1).Of(kBlockWords + i);
  }
};
Keys keys(0, 0);

// At most 7 bytes as a word; different for different bytes, as long as their number is the same.
inline uint64_t LoadTail(const uint8_t* p, size_t n) {
  if (n >= 4) return LoadHost<uint32_t>(p) | static_cast<uint64_t>(LoadHost<uint32_t>(p + n - 4)) << 32;
  if (n == 0) return 0;
  return static_cast<uint64_t>(p[0]) | static_cast<uint64_t>(p[n / 2]) << 8 | static_cast<uint64_t>(p[n - 1]) << 16;
}

inline unsigned __int128 Product(uint64_t a, uint64_t b, const uint64_t* k) {
  return static_cast<unsigned __int128>(a + k[0]) * (b + k[1]);
}

struct Sum {
  uint64_t low, high;
};

// NH of at most one block, and of its length.
Sum Nh(const uint8_t* p, size_t n) {
  unsigned __int128 sum = n;
  const uint64_t* k = keys.nh;
  for (; n >= 16; n -= 16, p += 16, k += 2) sum += Product(LoadHost<uint64_t>(p), LoadHost<uint64_t>(p + 8), k);
  if (n >= 8) {
    sum += Product(LoadHost<uint64_t>(p), LoadTail(p + 8, n - 8), k);
  } else if (n > 0) {
    sum += Product(LoadTail(p, n), 0, k);
  }
  return {static_cast<uint64_t>(sum), static_cast<uint64_t>(sum >> 64)};
}

// Each block but the last, with the sum of those before it, becomes the first 16 bytes of the next.
Sum NhOfMany(std::span<const uint8_t> bytes) {
  uint8_t block[kBlockBytes];
  Sum sum = {bytes.size(), 0};
  while (!bytes.empty()) {
    size_t n = bytes.size() < kBlockBytes - 16 ? bytes.size() : kBlockBytes - 16;
    StoreHost(block, sum.low);
    StoreHost(block + 8, sum.high);
    std::memcpy(block + 16, bytes.data(), n);
    sum = Nh(block, n + 16);
    bytes = bytes.subspan(n);
  }
  return sum;
}

// A permutation of 64 bits in which every bit of input changes half of the output (the finalizer of MurmurHash3).
inline uint64_t Mix(uint64_t x) {
  x = (x ^ x >> 33) * 0xff51afd7ed558ccd;
  x = (x ^ x >> 33) * 0xc4ceb9fe1a85ec53;
  return x ^ x >> 33;
}

}  // namespace

void SetFlowIdSecret(const uint8_t bytes[16]) {
  keys = Keys(LoadHost<uint64_t>(bytes), LoadHost<uint64_t>(bytes + 8));
}

void FlowId(std::span<const uint8_t> attributes, uint32_t out[4]) {
  Sum sum = attributes.size() <= kBlockBytes ? Nh(attributes.data(), attributes.size()) : NhOfMany(attributes);
  uint64_t high = Mix(sum.high ^ keys.whitening[1]);
  uint64_t low = Mix(sum.low ^ keys.whitening[0]) + high;  // Tables take their hash from these words.
  out[0] = static_cast<uint32_t>(low);
  out[1] = static_cast<uint32_t>(low >> 32);
  out[2] = static_cast<uint32_t>(high);
  out[3] = static_cast<uint32_t>(high >> 32);
}

}  // namespace slowpath
