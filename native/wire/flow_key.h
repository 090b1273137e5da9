#pragma once

#include <cstdint>
#include <span>

#include "wire/bytes.h"
#include "wire/layout.generated.h"

// A flow key: flow::kWords words in host byte order, laid out by scripts/gen/table.mjs. A mask has the same layout.
namespace slowpath {

// How well key attributes describe a flow (OVS's odp_key_fitness). Values cross to JavaScript: FITNESS in native.ts.
enum class Fitness : uint32_t {
  kPerfect = 0,    // Every attribute known, none missing.
  kTooMuch = 1,    // Has attributes (or bits) that we do not know: usable, but it matches more than we see.
  kTooLittle = 2,  // Attributes are missing that the others call for.
  kError = 3,      // Malformed; the key must not be used.
};

// Netlink key attributes (content of OVS_FLOW_ATTR_KEY) → key. Writes all of 'key', also on error.
Fitness DecodeKey(std::span<const uint8_t> attributes, uint32_t* key);
// The same without the short way that DecodeKey takes for usual keys. For tests: both must agree.
Fitness DecodeAnyKey(std::span<const uint8_t> attributes, uint32_t* key);
// Netlink mask attributes → mask, given the decoded key that they belong to. An attribute that is absent is wildcarded, with
// the two exceptions that datapaths make: recirc_id, and VLAN tags that are not mentioned, are matched exactly.
Fitness DecodeMask(std::span<const uint8_t> attributes, const uint32_t* key, uint32_t* mask);
// The name of the attribute because of which the last decode on this thread that was not perfect was not, with what was wrong.
const char* LastDecodeProblem();

// Key → netlink attributes, in the order and form the Linux datapath takes (no attribute that it would reject).
void EncodeKey(const uint32_t* key, ByteWriter& out);
// Mask → netlink attributes that accompany EncodeKey(key), or the datapath's own key attributes. What is wildcarded is left
// out. What the datapath asks for comes with it, so that the flow may be narrower than the mask, never wider: the ethertype
// always, the IP protocol with any L4 field, the ICMPv6 type with ND fields, the TPID and presence of tags, in_port whole.
void EncodeMask(const uint32_t* key, const uint32_t* mask, ByteWriter& out);

// Key or mask → attributes in the form of OVS's userspace: every attribute that the key calls for, also where it is
// all zero, in OVS's order, with packet_type, and bits as they are, whether a kernel takes them or not. For showing
// keys and comparing them with ovs-vswitchd's, not for the kernel.
void EncodeFullKey(const uint32_t* key, ByteWriter& out);
void EncodeFullMask(const uint32_t* key, const uint32_t* mask, ByteWriter& out);

// Whose rules hold for what a frame says. They agree on whole and honest frames, except that OVS looks into IGMP (type and code
// in tp_src and tp_dst, the group in nd_reserved) and at the reserved field and first option of ND, that the kernel tells
// extension headers (ipv6_exthdrs), and that OVS trusts lengths in IP headers: what is behind them is padding, and a
// packet that they say is longer than the frame has no IP fields.
enum class View : uint32_t {
  kKernel = 0,     // Keys as the Linux datapath makes them (net/openvswitch/flow.c).
  kUserspace = 1,  // As OVS's userspace does (miniflow_extract).
};

// Ethernet frame → L2, L3 and L4 words of 'key' (which are overwritten; metadata and options words are left alone, and so
// are the ct_* words of connections' original direction, which no packet carries).
// Stops where the truth stops: a truncated or lying header leaves the fields behind it zero.
void ExtractPacket(std::span<const uint8_t> frame, uint32_t* key, View view = View::kKernel);

// The same for a packet without Ethernet header, known by its Ethernet type, and for packet_type, which says so.
void ExtractBarePacket(std::span<const uint8_t> packet, uint16_t ethType, uint32_t* key, View view = View::kKernel);

// 128-bit flow id of key attributes: keyed with a random secret of this process, so that nobody outside can aim for
// a collision. Not stable over processes. About 10 ns for an IPv4/UDP key.
void FlowId(std::span<const uint8_t> attributes, uint32_t out[4]);
// Sets that secret: 16 random bytes, once, before the first FlowId and before threads start. All zero until then.
void SetFlowIdSecret(const uint8_t bytes[16]);

}  // namespace slowpath
