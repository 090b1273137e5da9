import {
  OVS_KEY_ATTR_ARP,
  OVS_KEY_ATTR_CT_LABELS,
  OVS_KEY_ATTR_CT_MARK,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
  OVS_KEY_ATTR_CT_STATE,
  OVS_KEY_ATTR_CT_ZONE,
  OVS_KEY_ATTR_DP_HASH,
  OVS_KEY_ATTR_ENCAP,
  OVS_KEY_ATTR_ETHERNET,
  OVS_KEY_ATTR_ETHERTYPE,
  OVS_KEY_ATTR_ICMP,
  OVS_KEY_ATTR_ICMPV6,
  OVS_KEY_ATTR_IN_PORT,
  OVS_KEY_ATTR_IPV4,
  OVS_KEY_ATTR_IPV6,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_ND,
  OVS_KEY_ATTR_ND_EXTENSIONS,
  OVS_KEY_ATTR_NSH,
  OVS_KEY_ATTR_PACKET_TYPE,
  OVS_KEY_ATTR_PRIORITY,
  OVS_KEY_ATTR_RECIRC_ID,
  OVS_KEY_ATTR_SCTP,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_TCP,
  OVS_KEY_ATTR_TCP_FLAGS,
  OVS_KEY_ATTR_TUNNEL,
  OVS_KEY_ATTR_UDP,
  OVS_KEY_ATTR_VLAN,
} from '../fields/index.js';

/** Size of an attribute whose content is attributes. */
export const NESTED = -3;
/** Size of an attribute that may be of any size. */
export const VARIABLE = -2;

/** How a key attribute is written, and its size in bytes. */
export interface KeyAttributeInfo {
  readonly name: string;
  readonly size: number;
}

/**
 * Key attributes that OVS 3.1 knows, by number. OVS_KEY_ATTR_IPV6_EXTHDRS of Linux 6.0 is not among them: OVS prints it as
 * an unknown attribute, and so do we.
 */
export const KEY_ATTRIBUTES: ReadonlyMap<number, KeyAttributeInfo> = new Map([
  [OVS_KEY_ATTR_ENCAP, { name: 'encap', size: NESTED }],
  [OVS_KEY_ATTR_PRIORITY, { name: 'skb_priority', size: 4 }],
  [OVS_KEY_ATTR_SKB_MARK, { name: 'skb_mark', size: 4 }],
  [OVS_KEY_ATTR_CT_STATE, { name: 'ct_state', size: 4 }],
  [OVS_KEY_ATTR_CT_ZONE, { name: 'ct_zone', size: 2 }],
  [OVS_KEY_ATTR_CT_MARK, { name: 'ct_mark', size: 4 }],
  [OVS_KEY_ATTR_CT_LABELS, { name: 'ct_label', size: 16 }],
  [OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4, { name: 'ct_tuple4', size: 16 }],
  [OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6, { name: 'ct_tuple6', size: 40 }],
  [OVS_KEY_ATTR_TUNNEL, { name: 'tunnel', size: NESTED }],
  [OVS_KEY_ATTR_IN_PORT, { name: 'in_port', size: 4 }],
  [OVS_KEY_ATTR_ETHERNET, { name: 'eth', size: 12 }],
  [OVS_KEY_ATTR_VLAN, { name: 'vlan', size: 2 }],
  [OVS_KEY_ATTR_ETHERTYPE, { name: 'eth_type', size: 2 }],
  [OVS_KEY_ATTR_IPV4, { name: 'ipv4', size: 12 }],
  [OVS_KEY_ATTR_IPV6, { name: 'ipv6', size: 40 }],
  [OVS_KEY_ATTR_TCP, { name: 'tcp', size: 4 }],
  [OVS_KEY_ATTR_TCP_FLAGS, { name: 'tcp_flags', size: 2 }],
  [OVS_KEY_ATTR_UDP, { name: 'udp', size: 4 }],
  [OVS_KEY_ATTR_SCTP, { name: 'sctp', size: 4 }],
  [OVS_KEY_ATTR_ICMP, { name: 'icmp', size: 2 }],
  [OVS_KEY_ATTR_ICMPV6, { name: 'icmpv6', size: 2 }],
  [OVS_KEY_ATTR_ARP, { name: 'arp', size: 24 }],
  [OVS_KEY_ATTR_ND, { name: 'nd', size: 28 }],
  [OVS_KEY_ATTR_ND_EXTENSIONS, { name: 'nd_ext', size: 8 }],
  [OVS_KEY_ATTR_MPLS, { name: 'mpls', size: VARIABLE }],
  [OVS_KEY_ATTR_DP_HASH, { name: 'dp_hash', size: 4 }],
  [OVS_KEY_ATTR_RECIRC_ID, { name: 'recirc_id', size: 4 }],
  [OVS_KEY_ATTR_PACKET_TYPE, { name: 'packet_type', size: 4 }],
  [OVS_KEY_ATTR_NSH, { name: 'nsh', size: NESTED }],
]);
