import {
  F_ETH_DST,
  F_ETH_SRC,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TP_DST,
  F_TP_SRC,
} from '../fields/index.js';
import type { Pass } from './pass.js';

/** All bits of an attribute of the datapath's key: words of the flow, each with those of its bits that count. */
export type AttributeBits = readonly (readonly [word: number, bits: number])[];

const IP_BITS: AttributeBits = [
  [F_NW_PROTO, 0xff],
  [F_NW_TOS, 0xff],
  [F_NW_TTL, 0xff],
  [F_NW_FRAG, 3],
];
const address6 = (word: number): AttributeBits => [0, 1, 2, 3].map((i) => [word + i, -1]);

export const ETHERNET_BITS: AttributeBits = [
  [F_ETH_SRC, 0xffff],
  [F_ETH_SRC + 1, -1],
  [F_ETH_DST, 0xffff],
  [F_ETH_DST + 1, -1],
];
export const IPV4_BITS: AttributeBits = [[F_NW_SRC, -1], [F_NW_DST, -1], ...IP_BITS];
export const IPV6_BITS: AttributeBits = [
  ...address6(F_IPV6_SRC),
  ...address6(F_IPV6_DST),
  [F_IPV6_LABEL, 0xfffff],
  ...IP_BITS,
];
export const PORT_BITS: AttributeBits = [
  [F_TP_SRC, 0xffff],
  [F_TP_DST, 0xffff],
];
export const PRIORITY_BITS: AttributeBits = [[F_SKB_PRIORITY, -1]];
export const MARK_BITS: AttributeBits = [[F_SKB_MARK, -1]];

/**
 * On a datapath without masked sets an attribute is set whole, so all of it must be known: puts it into the mask, and into that of the set
 * action (OVS: commit with use_masked_set false). False on other datapaths, which change nothing.
 */
export function takeWhole(pass: Pass, attribute: AttributeBits): boolean {
  if (pass.snapshot.support.maskedSet) return false;
  for (const [word, bits] of attribute) {
    pass.mask[word] |= bits;
    pass.setMask[word] = bits;
  }
  return true;
}
