#include <cstddef>

#include <linux/netlink.h>
#include <linux/openvswitch.h>

#include "wire/layout.generated.h"

// The attribute numbers of scripts/gen/table.mjs against those of the kernel's header. No code: a wrong number does not
// compile.
namespace slowpath {

#define SLOWPATH_CHECK_NUMBER(name, value) static_assert(name == value, "wrong in scripts/gen/table.mjs: " #name);
SLOWPATH_OVS_ATTRIBUTES(SLOWPATH_CHECK_NUMBER)
#undef SLOWPATH_CHECK_NUMBER

// Payloads that the codecs write by offset.
static_assert(sizeof(ovs_key_ethernet) == 12 && offsetof(ovs_key_ethernet, eth_dst) == 6);
static_assert(sizeof(ovs_key_ipv4) == 12 && offsetof(ovs_key_ipv4, ipv4_frag) == 11);
static_assert(sizeof(ovs_key_ipv6) == 40 && offsetof(ovs_key_ipv6, ipv6_proto) == 36);
static_assert(sizeof(ovs_key_arp) == 24 && offsetof(ovs_key_arp, arp_tha) == 16);
static_assert(sizeof(ovs_key_nd) == 28 && offsetof(ovs_key_nd, nd_tll) == 22);
static_assert(sizeof(ovs_key_ct_tuple_ipv4) == 16 && offsetof(ovs_key_ct_tuple_ipv4, ipv4_proto) == 12);
static_assert(sizeof(ovs_key_ct_tuple_ipv6) == 40 && offsetof(ovs_key_ct_tuple_ipv6, ipv6_proto) == 36);
static_assert(sizeof(ovs_flow_stats) == 16);

}  // namespace slowpath
