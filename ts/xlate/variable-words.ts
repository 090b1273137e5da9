import {
  F_ARP_SHA,
  F_ARP_THA,
  F_CT_LABEL,
  F_CT_MARK,
  F_CT_STATE,
  F_CT_ZONE,
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN1_TCI,
  F_VLAN_TCI,
} from '../fields/index.js';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isIp,
  NW_FRAG_LATER,
  VLAN_CFI,
} from './protocols.js';

/** A word of a flow key, and bits of it. */
export type WordBits = readonly [word: number, bits: number];

const TAG_BITS = 0xffff & ~VLAN_CFI;
const ND_SOLICIT = 135;
const ND_ADVERT = 136;
const ADDRESSES: readonly WordBits[] = [
  [F_NW_SRC, -1],
  [F_NW_DST, -1],
];
const ETHERNET = [...mac(F_ETH_SRC), ...mac(F_ETH_DST)];
const ARP: readonly WordBits[] = [...ADDRESSES, [F_NW_PROTO, 0xff], ...mac(F_ARP_SHA), ...mac(F_ARP_THA)];
const ND = [...wide(F_ND_TARGET, 4), ...mac(F_ARP_SHA), ...mac(F_ARP_THA)];
const IPV6: readonly WordBits[] = [...wide(F_IPV6_SRC, 4), ...wide(F_IPV6_DST, 4), [F_IPV6_LABEL, 0xfffff]];
const TRACKED: readonly WordBits[] = [
  [F_CT_STATE, 0xff],
  [F_CT_ZONE, 0xffff],
  [F_CT_MARK, -1],
  ...wide(F_CT_LABEL, 4),
];

function mac(word: number): WordBits[] {
  return [
    [word, 0xffff],
    [word + 1, -1],
  ];
}

function wide(word: number, count: number): WordBits[] {
  return Array.from({ length: count }, (_, i) => [word + i, -1] as const);
}

/**
 * Words with the bits that packets of the same kind as this one may have otherwise. What tells kinds apart is part of every megaflow that depends on it. For
 * whoever tries packets that differ.
 */
export function variableWords(key: Int32Array): WordBits[] {
  const words: WordBits[] = [
    [F_SKB_PRIORITY, -1],
    [F_SKB_MARK, -1],
  ];
  if (key[F_PACKET_TYPE] === 0) words.push(...ETHERNET);
  for (const tag of [F_VLAN_TCI, F_VLAN1_TCI]) if (key[tag] !== 0) words.push([tag, TAG_BITS]);
  if (key[F_CT_STATE] !== 0) words.push(...TRACKED);
  const type = key[F_ETH_TYPE];
  if (type === ETH_TYPE_ARP) words.push(...ARP);
  if (!isIp(key)) return words;
  words.push(...(type === ETH_TYPE_IP ? ADDRESSES : IPV6), [F_NW_TOS, 0xff], [F_NW_TTL, 0xff]);
  if ((key[F_NW_FRAG] & NW_FRAG_LATER) === 0) words.push(...transportWords(key, type === ETH_TYPE_IPV6));
  return words;
}

function transportWords(key: Int32Array, isIpv6: boolean): readonly WordBits[] {
  const pair = (bits: number): WordBits[] => [
    [F_TP_SRC, bits],
    [F_TP_DST, bits],
  ];
  switch (key[F_NW_PROTO]) {
    case IPPROTO_TCP:
      return [...pair(0xffff), [F_TCP_FLAGS, 0xfff]];
    case IPPROTO_UDP:
    case IPPROTO_SCTP:
      return pair(0xffff);
    case IPPROTO_ICMP:
      return isIpv6 ? [] : pair(0xff);
    case IPPROTO_ICMPV6:
      if (!isIpv6) return [];
      return key[F_TP_SRC] === ND_SOLICIT || key[F_TP_SRC] === ND_ADVERT ? ND : pair(0xff);
    default:
      return [];
  }
}
