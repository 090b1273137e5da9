import {
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_ETH_DST,
  F_IPV6_DST,
  F_IPV6_EXTHDRS,
  F_IPV6_SRC,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_SRC,
  F_PACKET_TYPE,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_OPTS_LEN,
  F_TUN_SRC,
  FLOW_WORDS,
} from '../fields/index.js';

/** Stages of a lookup, from what a packet arrives with to its ports. */
export const STAGE_METADATA = 0;
export const STAGE_L2 = 1;
export const STAGE_L3 = 2;
export const STAGE_L4 = 3;
export const STAGES = 4;

/**
 * Stage of a flow word, as OVS 3.1 has them (ovs-vswitchd was asked): TCP flags, ND and ARP hardware addresses and NSH are looked
 * at together with the ports; of the connection's original tuple the protocol is metadata, the addresses are L3. Tunnel
 * options are metadata wherever they lie.
 */
function stageOf(word: number): number {
  if (word < F_ETH_DST || word >= F_TUN_OPTS_LEN || word === F_CT_NW_PROTO) return STAGE_METADATA;
  if (word < F_NW_SRC) return STAGE_L2;
  return word < F_ND_TARGET || (word >= F_CT_NW_SRC && word <= F_IPV6_EXTHDRS) ? STAGE_L3 : STAGE_L4;
}

/** All flow words, those of earlier stages first. */
export const WORDS_BY_STAGE: readonly (readonly number[])[] = Array.from({ length: STAGES }, (_, stage) =>
  Array.from({ length: FLOW_WORDS }, (_, word) => word).filter((word) => stageOf(word) === stage),
);

/** Words of headers, and what has a header for a prerequisite: OVS adds packet_type (0,0) to rules that match them. */
const HEADER_WORDS = WORDS_BY_STAGE.slice(STAGE_L2).flat();

/** Whether rules with this mask match only packets that begin with an Ethernet header, though they do not say so. */
export function demandsEthernet(mask: Int32Array): boolean {
  return mask[F_PACKET_TYPE] === 0 && HEADER_WORDS.some((word) => mask[word] !== 0);
}

/** A field that a prefix trie may be kept for. */
export interface TrieField {
  /** Its names in the column `prefixes` of Flow_Table. */
  readonly names: readonly string[];
  /** First flow word and number of words, most significant first. */
  readonly word: number;
  readonly words: number;
  /** The stage that looks at it. */
  readonly stage: number;
  /** Has a trie unless the table's settings say otherwise. */
  readonly usual: boolean;
}

/** Destination first, as OVS has them: the first trie that excludes a subtable decides which bits were looked at. */
export const TRIE_FIELDS: readonly TrieField[] = [
  { names: ['nw_dst', 'ip_dst'], word: F_NW_DST, words: 1, stage: STAGE_L3, usual: true },
  { names: ['nw_src', 'ip_src'], word: F_NW_SRC, words: 1, stage: STAGE_L3, usual: true },
  { names: ['ipv6_dst'], word: F_IPV6_DST, words: 4, stage: STAGE_L3, usual: true },
  { names: ['ipv6_src'], word: F_IPV6_SRC, words: 4, stage: STAGE_L3, usual: true },
  { names: ['tun_dst'], word: F_TUN_DST, words: 1, stage: STAGE_METADATA, usual: false },
  { names: ['tun_id'], word: F_TUN_ID, words: 2, stage: STAGE_METADATA, usual: false },
  { names: ['tun_ipv6_dst'], word: F_TUN_IPV6_DST, words: 4, stage: STAGE_METADATA, usual: false },
  { names: ['tun_ipv6_src'], word: F_TUN_IPV6_SRC, words: 4, stage: STAGE_METADATA, usual: false },
  { names: ['tun_src'], word: F_TUN_SRC, words: 1, stage: STAGE_METADATA, usual: false },
];

/**
 * The tries that the column `prefixes` asks for, a bit per TRIE_FIELDS: the usual ones when it is empty, none for `none`. Names that no trie can be kept for
 * count for nothing.
 */
export function triesFor(prefixes: readonly string[]): number {
  const wanted = ({ names, usual }: TrieField) =>
    prefixes.length === 0 ? usual : names.some((name) => prefixes.includes(name));
  return TRIE_FIELDS.reduce((bits, field, i) => (wanted(field) ? bits | (1 << i) : bits), 0);
}

/** Length of the prefix that `mask` covers at a field; 0 when it covers nothing or is not a prefix. */
export function prefixLength(mask: Int32Array, field: TrieField): number {
  let length = 0;
  for (let i = 0; i < field.words; i++) {
    const word = mask[field.word + i];
    const ones = Math.clz32(~word);
    if (length === 32 * i) length += ones;
    if (word !== (ones === 0 ? 0 : -1 << (32 - ones)) || (word !== 0 && length < 32 * i)) return 0;
  }
  return length;
}
