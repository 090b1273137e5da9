#pragma once

#include <linux/psample.h>

#include <cstdint>
#include <span>

// Samples for local readers: the psample action of Linux 6.11, and the messages of the kernel's generic
// netlink family of that name. <linux/openvswitch.h> of Linux 6.1 has none of the action's numbers.
namespace slowpath {

inline constexpr uint16_t kActionPsample = 25;  // OVS_ACTION_ATTR_PSAMPLE.
inline constexpr uint16_t kPsampleGroup = 1;    // OVS_PSAMPLE_ATTR_GROUP, u32.
inline constexpr uint16_t kPsampleCookie = 2;   // OVS_PSAMPLE_ATTR_COOKIE.
inline constexpr size_t kPsampleCookieBytes = 16;
// Attributes of a sample that came with the action: the cookie, and a flag that the rate is a probability of
// 2^32 - 1.
inline constexpr uint16_t kSampleCookie = 15;       // PSAMPLE_ATTR_USER_COOKIE.
inline constexpr uint16_t kSampleProbability = 16;  // PSAMPLE_ATTR_SAMPLE_PROBABILITY.

// Arguments of the action.
struct PsampleArguments {
  uint32_t group = 0;
  std::span<const uint8_t> cookie = {};
};

// 0, or -EINVAL when it has no group, a cookie of no or too many bytes, or something else.
int ParsePsample(std::span<const uint8_t> arguments, PsampleArguments& out);

}  // namespace slowpath
