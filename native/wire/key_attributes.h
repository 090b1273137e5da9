#pragma once

#include <linux/openvswitch.h>

#include "wire/attributes.h"
#include "wire/flow_key.h"

// Key attributes of one nesting level, found and length-checked but not yet interpreted. Internal to native/wire.
namespace slowpath {

// OVS_KEY_ATTR_IPV6_EXTHDRS, which Debian 12's <linux/openvswitch.h> has but older ones lack, is the last one known.
inline constexpr unsigned kLastKeyAttribute = 32;

struct KeyAttributes {
  uint64_t present = 0;   // Bit n: attribute n is there.
  bool unknown = false;   // An attribute that we have no name for was there too.
  // Payload of attribute n, and its bytes. Indeterminate where 'present' does not say so: clearing them would cost more than
  // reading the key does.
  const uint8_t* data[kLastKeyAttribute + 1];
  size_t size[kLastKeyAttribute + 1];

  KeyAttributes() {}
  bool Has(unsigned type) const { return (present >> type & 1) != 0; }
  const uint8_t* At(unsigned type) const { return data[type]; }
  // Empty when the attribute is not there.
  std::span<const uint8_t> Payload(unsigned type) const {
    return Has(type) ? std::span<const uint8_t>(data[type], size[type]) : std::span<const uint8_t>();
  }
};

inline constexpr uint64_t Bit(unsigned type) { return uint64_t{1} << type; }

// 'fitness', with the problem noted: it is because of the first attribute in 'attributes', which is not empty.
Fitness Misfit(Fitness fitness, uint64_t attributes);
// kTooMuch when there are attributes that are not 'expected', or unknown ones; else kPerfect.
inline Fitness JudgeExtra(const KeyAttributes& a, uint64_t expected) {
  uint64_t extra = a.present & ~expected;
  if (extra == 0 && !a.unknown) return Fitness::kPerfect;
  return Misfit(Fitness::kTooMuch, extra != 0 ? extra : Bit(OVS_KEY_ATTR_UNSPEC));
}

// Collects the attributes of 'bytes'. False, with the problem noted, if they do not parse, one has a length that its type
// does not have, or one is there twice.
bool CollectKeyAttributes(std::span<const uint8_t> bytes, KeyAttributes& out);

// Zeroes 'n' words. Out of line, so that the C library does it: the compiler knows the size of a key and would put a
// `rep stos`, which takes four times as long (50 ns and not 12).
void ClearWords(uint32_t* words, size_t n);
// Copies 'n' words, out of line for the same reason.
void CopyWords(uint32_t* to, const uint32_t* from, size_t n);

// Notes what LastDecodeProblem() returns; always false, so that callers can `return Problem(...)`.
bool Problem(const char* attribute, const char* what);
// The same with the name of OVS_KEY_ATTR number 'type'.
bool KeyProblem(unsigned type, const char* what);

}  // namespace slowpath
