#pragma once

#include <bit>

#include "wire/key_fields.h"

// Internal to native/wire.
namespace slowpath {

// Decodes 'attributes' into all words of 'key' when they are those of an untracked, untagged TCP, UDP, SCTP or ICMP
// packet from no tunnel, in the order and form of Linux 6.1; such a key is perfect. False for everything else, which
// says nothing about it; 'key' is then undefined.
bool DecodeUsualKey(std::span<const uint8_t> attributes, uint32_t* key);

}  // namespace slowpath
