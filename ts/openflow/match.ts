import {
  F_CT_STATE,
  F_ETH_TYPE,
  F_NW_FRAG,
  F_NW_PROTO,
  F_PACKET_TYPE,
  F_TP_SRC,
  F_VLAN_TCI,
  FLOW_FIELDS,
  FLOW_WORDS,
} from '../fields/index.js';
import { MATCH_FIELDS, rangeMask } from './fields.js';
import type { FlowMatch, MatchField, Prerequisite } from './types.js';
import type { MaskedValue } from './values.js';

export const ETH_TYPE_IP = 0x0800;
export const ETH_TYPE_ARP = 0x0806;
export const ETH_TYPE_RARP = 0x8035;
export const ETH_TYPE_IPV6 = 0x86dd;
export const ETH_TYPE_MPLS = 0x8847;
export const ETH_TYPE_MPLS_MCAST = 0x8848;
export const ETH_TYPE_NSH = 0x894f;
export const VLAN_CFI = 0x1000;
const CT_STATE_TRACKED = 0x20;
const CT_STATE_INVALID = 0x10;
/** new, est, rel, rpl, snat, dnat. */
const CT_STATE_OF_CONNECTION = 0xcf;
const FRAG_LATER = 2;

const flowBits = new Map(FLOW_FIELDS.map((field) => [field.name, field.bits]));

/** Matches share buffers: one of its own for each key and mask is what takes longest in reading many flows. */
const MATCHES_A_BUFFER = 64;
let buffer = new ArrayBuffer(0);
let used = 0;

function emptyRow(): Int32Array {
  if (used === buffer.byteLength) {
    buffer = new ArrayBuffer(MATCHES_A_BUFFER * 2 * FLOW_WORDS * 4);
    used = 0;
  }
  const row = new Int32Array(buffer, used, FLOW_WORDS);
  used += FLOW_WORDS * 4;
  return row;
}

/** Matches every packet. */
export function emptyMatch(): FlowMatch {
  return { key: emptyRow(), mask: emptyRow() };
}

/** A number as the one flow word of a field, shifted into place. */
function oneWord(field: MatchField, number: bigint): number {
  const room = flowBits.get(field.flow)!;
  return (Number(number) << field.shift) & (room >= 32 ? -1 : (1 << room) - 1);
}

/** A number as flow words of a field, shifted into place; bits that the flow key has no room for are lost. */
export function toWords(field: MatchField, number: bigint): Int32Array {
  if (field.words === 1) return Int32Array.of(oneWord(field, number));
  const room = (1n << BigInt(Math.max(flowBits.get(field.flow)!, field.words > 1 ? field.bits : 0))) - 1n;
  const shifted = (number << BigInt(field.shift)) & room;
  return Int32Array.from({ length: field.words }, (_, i) =>
    Number(BigInt.asIntN(32, shifted >> BigInt(32 * (field.words - 1 - i)))),
  );
}

/** The number that a field has in flow words at `base`. */
export function fromWords(field: MatchField, words: Int32Array, base: number): bigint {
  let number = 0n;
  for (let i = 0; i < field.words; i++) number = (number << 32n) | BigInt(words[base + i] >>> 0);
  return (number >> BigInt(field.shift)) & ((1n << BigInt(field.bits)) - 1n);
}

/** Adds a condition to a match, in the place of an earlier one on the same field. */
export function addToMatch(match: FlowMatch, field: MatchField, { value, mask }: MaskedValue): void {
  if (field.words === 1) {
    const w = field.word;
    const bits = oneWord(field, mask);
    const own = rangeMask(field, 0, field.bits, 0);
    match.key[w] = (match.key[w] & ~own) | (oneWord(field, value) & bits);
    match.mask[w] = (match.mask[w] & ~own) | bits;
    return;
  }
  const masks = toWords(field, mask);
  const values = toWords(field, value);
  for (let i = 0; i < field.words; i++) {
    const w = field.word + i;
    const own = rangeMask(field, 0, field.bits, i);
    match.key[w] = (match.key[w] & ~own) | (values[i] & masks[i]);
    match.mask[w] = (match.mask[w] & ~own) | masks[i];
  }
}

/** Ethernet type that a match demands, or -1. */
export function matchEthType(match: FlowMatch): number {
  if (match.mask[F_ETH_TYPE] === 0xffff) return match.key[F_ETH_TYPE];
  // Packets without an Ethernet header say it in their packet type (namespace 1).
  const type = match.key[F_PACKET_TYPE];
  return type >>> 16 === 1 ? type & 0xffff : -1;
}

/** IP protocol that a match demands, or -1. */
export function matchNwProto(match: FlowMatch): number {
  return match.mask[F_NW_PROTO] === 0xff ? match.key[F_NW_PROTO] : -1;
}

/** Whether a match demands a VLAN tag. */
export function matchHasVlan(match: FlowMatch): boolean {
  return (match.key[F_VLAN_TCI] & VLAN_CFI) !== 0;
}

/** Whether every packet that `match` matches has what a prerequisite demands. */
export function prerequisiteHolds(match: FlowMatch, prerequisite: Prerequisite): boolean {
  const type = matchEthType(match);
  const proto = matchNwProto(match);
  const ip = type === ETH_TYPE_IP || type === ETH_TYPE_IPV6;
  const transport = ip && (match.key[F_NW_FRAG] & FRAG_LATER) === 0;
  const icmpType = match.mask[F_TP_SRC] === 0xffff ? match.key[F_TP_SRC] : -1;
  // OVS demands nothing of fragments for ICMP.
  const icmpv6 = type === ETH_TYPE_IPV6 && proto === 58;
  switch (prerequisite) {
    case 'none':
    case 'ethernet':
      return true;
    case 'vlan':
      return matchHasVlan(match);
    case 'ipv4':
      return type === ETH_TYPE_IP;
    case 'ipv6':
      return type === ETH_TYPE_IPV6;
    case 'ip':
      return ip;
    case 'arp':
      return type === ETH_TYPE_ARP || type === ETH_TYPE_RARP;
    case 'mpls':
      return type === ETH_TYPE_MPLS || type === ETH_TYPE_MPLS_MCAST;
    case 'nsh':
      return type === ETH_TYPE_NSH;
    case 'tcp':
      return transport && proto === 6;
    case 'udp':
      return transport && proto === 17;
    case 'sctp':
      return transport && proto === 132;
    case 'icmpv4':
      return type === ETH_TYPE_IP && proto === 1;
    case 'icmpv6':
      return icmpv6;
    case 'nd':
      return icmpv6 && (icmpType === 135 || icmpType === 136);
    case 'nd_solicit':
      return icmpv6 && icmpType === 135;
    case 'nd_advert':
      return icmpv6 && icmpType === 136;
    case 'ct':
      return matchesConnection(match);
  }
}

/**
 * Whether a match lets only packets through that belong to a connection: those of a state that only such packets have, or tracked and
 * not invalid.
 */
export function matchesConnection({ key, mask }: FlowMatch): boolean {
  const state = key[F_CT_STATE];
  if ((state & CT_STATE_OF_CONNECTION) !== 0) return true;
  return (state & CT_STATE_TRACKED) !== 0 && (mask[F_CT_STATE] & ~state & CT_STATE_INVALID) !== 0;
}

/** What to add to a match so that the prerequisite holds. */
export const PREREQUISITE_HINTS: Readonly<Record<Prerequisite, string>> = {
  none: 'nothing',
  ethernet: 'nothing',
  vlan: 'vlan_vid=0x1000/0x1000 or dl_vlan',
  ipv4: 'ip',
  ipv6: 'ipv6',
  ip: 'ip or ipv6',
  arp: 'arp',
  mpls: 'mpls',
  tcp: 'tcp or tcp6',
  udp: 'udp or udp6',
  sctp: 'sctp or sctp6',
  icmpv4: 'icmp',
  icmpv6: 'icmp6',
  nd: 'icmp6,icmp_type=135 or icmp6,icmp_type=136',
  nd_solicit: 'icmp6,icmp_type=135',
  nd_advert: 'icmp6,icmp_type=136',
  nsh: 'dl_type=0x894f',
  ct: 'ct_state=+trk+est or the like (and ip for ct_nw_src and ct_nw_dst, ipv6 for ct_ipv6_src and ct_ipv6_dst)',
};

/**
 * Whether a field may stand in this match. As in ovs-ofctl, names that share their place in the flow key may stand for each
 * other (`arp,nw_src=…`, `icmp6,icmp_type=…`, `udp,tp_src=…`).
 */
export function mayMatch(match: FlowMatch, field: MatchField): boolean {
  const type = /^ct_(nw|ipv6)_(src|dst)$/.exec(field.name)?.[1];
  if (type !== undefined && matchEthType(match) !== (type === 'nw' ? ETH_TYPE_IP : ETH_TYPE_IPV6))
    return false;
  if (prerequisiteHolds(match, field.prerequisite)) return true;
  // A match on ports of later fragments is useless, but not refused.
  const unfragmented = { key: match.key.slice(), mask: match.mask };
  unfragmented.key[F_NW_FRAG] = 0;
  return MATCH_FIELDS.some(
    (other) => other.flow === field.flow && prerequisiteHolds(unfragmented, other.prerequisite),
  );
}

/**
 * Turns a match on the VLAN TCI into what OpenFlow 1.2 and later can say: VLAN id and presence with any mask, priority only
 * as a whole and only of tagged packets. ovs-ofctl -O OpenFlow15 does so when it sends `vlan_tci`.
 */
export function normalizeVlan(match: FlowMatch): void {
  const vid = match.key[F_VLAN_TCI] & 0x1fff;
  const priority = vid !== 0 && (match.mask[F_VLAN_TCI] & 0xe000) !== 0;
  match.mask[F_VLAN_TCI] = (match.mask[F_VLAN_TCI] & 0x1fff) | (priority ? 0xe000 | VLAN_CFI : 0);
  match.key[F_VLAN_TCI] = vid | (priority ? (match.key[F_VLAN_TCI] & 0xe000) | VLAN_CFI : 0);
}
