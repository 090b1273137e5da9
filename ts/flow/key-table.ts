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
import type { Kind } from './parse-values.js';

/** Size of an attribute whose content is attributes. */
export const NESTED = -3;
/** Size of an attribute that may be of any size. */
export const VARIABLE = -2;

/** A member of an attribute's structure: its name in text, where and how it stands in the bytes. */
export type KeyMember = readonly [name: string, at: number, kind: Kind];

/** How a key attribute is written and laid out. */
export interface KeyAttributeInfo {
  /** Its name in text, before the parentheses. */
  readonly name: string;
  /** Bytes of its content, or NESTED or VARIABLE. */
  readonly size: number;
  /** Members in the order of the text. One without a name is the whole content; [] where the layout is no structure. */
  readonly members: readonly KeyMember[];
}

const info = (name: string, size: number, ...members: KeyMember[]): KeyAttributeInfo => ({
  name,
  size,
  members,
});
const ports = (name: string) => info(name, 4, ['src', 0, 'be16'], ['dst', 2, 'be16']);
const icmp = (name: string) => info(name, 2, ['type', 0, 'u8'], ['code', 1, 'u8']);
const number = (name: string, size: number, kind: Kind) => info(name, size, ['', 0, kind]);

/**
 * Key attributes that OVS 3.1 knows, by number; parsing and formatting go by this table.
 * OVS_KEY_ATTR_IPV6_EXTHDRS of Linux 6.0 is not among them: OVS prints it as an unknown attribute, and so do we.
 */
export const KEY_ATTRIBUTES: ReadonlyMap<number, KeyAttributeInfo> = new Map([
  [OVS_KEY_ATTR_ENCAP, info('encap', NESTED)],
  [OVS_KEY_ATTR_PRIORITY, number('skb_priority', 4, 'h32')],
  [OVS_KEY_ATTR_SKB_MARK, number('skb_mark', 4, 'h32')],
  [OVS_KEY_ATTR_CT_STATE, number('ct_state', 4, 'h32')],
  [OVS_KEY_ATTR_CT_ZONE, number('ct_zone', 2, 'h16')],
  [OVS_KEY_ATTR_CT_MARK, number('ct_mark', 4, 'h32')],
  [OVS_KEY_ATTR_CT_LABELS, number('ct_label', 16, 'u128')],
  [
    OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
    info(
      'ct_tuple4',
      16,
      ['src', 0, 'ipv4'],
      ['dst', 4, 'ipv4'],
      ['proto', 12, 'u8'],
      ['tp_src', 8, 'be16'],
      ['tp_dst', 10, 'be16'],
    ),
  ],
  [
    OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
    info(
      'ct_tuple6',
      40,
      ['src', 0, 'ipv6'],
      ['dst', 16, 'ipv6'],
      ['proto', 36, 'u8'],
      ['src_port', 32, 'be16'],
      ['dst_port', 34, 'be16'],
    ),
  ],
  [OVS_KEY_ATTR_TUNNEL, info('tunnel', NESTED)],
  [OVS_KEY_ATTR_IN_PORT, number('in_port', 4, 'h32')],
  [OVS_KEY_ATTR_ETHERNET, info('eth', 12, ['src', 0, 'mac'], ['dst', 6, 'mac'])],
  [OVS_KEY_ATTR_VLAN, info('vlan', 2)],
  [OVS_KEY_ATTR_ETHERTYPE, number('eth_type', 2, 'be16')],
  [
    OVS_KEY_ATTR_IPV4,
    info(
      'ipv4',
      12,
      ['src', 0, 'ipv4'],
      ['dst', 4, 'ipv4'],
      ['proto', 8, 'u8'],
      ['tos', 9, 'u8hex'],
      ['ttl', 10, 'u8'],
      ['frag', 11, 'frag'],
    ),
  ],
  [
    OVS_KEY_ATTR_IPV6,
    info(
      'ipv6',
      40,
      ['src', 0, 'ipv6'],
      ['dst', 16, 'ipv6'],
      ['label', 32, 'label'],
      ['proto', 36, 'u8'],
      ['tclass', 37, 'u8hex'],
      ['hlimit', 38, 'u8'],
      ['frag', 39, 'frag'],
    ),
  ],
  [OVS_KEY_ATTR_TCP, ports('tcp')],
  [OVS_KEY_ATTR_TCP_FLAGS, number('tcp_flags', 2, 'be16')],
  [OVS_KEY_ATTR_UDP, ports('udp')],
  [OVS_KEY_ATTR_SCTP, ports('sctp')],
  [OVS_KEY_ATTR_ICMP, icmp('icmp')],
  [OVS_KEY_ATTR_ICMPV6, icmp('icmpv6')],
  [
    OVS_KEY_ATTR_ARP,
    info(
      'arp',
      24,
      ['sip', 0, 'ipv4'],
      ['tip', 4, 'ipv4'],
      ['op', 8, 'be16'],
      ['sha', 10, 'mac'],
      ['tha', 16, 'mac'],
    ),
  ],
  [OVS_KEY_ATTR_ND, info('nd', 28, ['target', 0, 'ipv6'], ['sll', 16, 'mac'], ['tll', 22, 'mac'])],
  [
    OVS_KEY_ATTR_ND_EXTENSIONS,
    info('nd_ext', 8, ['nd_reserved', 0, 'be32hex'], ['nd_options_type', 4, 'u8']),
  ],
  [OVS_KEY_ATTR_MPLS, info('mpls', VARIABLE)],
  [OVS_KEY_ATTR_DP_HASH, number('dp_hash', 4, 'h32')],
  [OVS_KEY_ATTR_RECIRC_ID, number('recirc_id', 4, 'h32')],
  [OVS_KEY_ATTR_PACKET_TYPE, info('packet_type', 4, ['ns', 0, 'be16'], ['id', 2, 'be16hex'])],
  [OVS_KEY_ATTR_NSH, info('nsh', NESTED)],
]);
