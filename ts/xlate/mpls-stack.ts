import {
  F_DP_HASH,
  F_ETH_TYPE,
  F_MPLS_LSE0,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_TUN_OPTS_LEN,
} from '../fields/index.js';
import { isMplsPacket } from './packet-types.js';
import { ETH_TYPE_IPV6, isIp, isMpls } from './protocols.js';

/** Label stack entries that a flow key has room for. */
export const MPLS_LABELS_MAX = 3;
/** Parts of an entry (RFC 3032): label 20 bits, traffic class 3, bottom of stack 1, TTL 8. */
export const MPLS_LABEL_MASK = 0xfffff000 | 0;
export const MPLS_LABEL_SHIFT = 12;
export const MPLS_TC_MASK = 0xe00;
export const MPLS_TC_SHIFT = 9;
export const MPLS_BOS = 0x100;
export const MPLS_TTL_MASK = 0xff;
/** IPv6 explicit null; IPv4's is 0. */
const LABEL_IPV6_NULL = 2;
const DSCP_MASK = 0xfc;
const DEFAULT_TTL = 64;

/** Entries in the row; a stack that goes on beyond the key counts as full. Marks bottom bits when there are wildcards. */
export function countLabels(row: Int32Array, wildcards: Int32Array | null): number {
  if (!isMpls(row[F_ETH_TYPE])) return 0;
  let count = 0;
  for (let i = 0; i < MPLS_LABELS_MAX; i++) {
    if (wildcards !== null) wildcards[F_MPLS_LSE0 + i] |= MPLS_BOS;
    if ((row[F_MPLS_LSE0 + i] & MPLS_BOS) !== 0) return i + 1;
    if (row[F_MPLS_LSE0 + i] !== 0) count++;
  }
  return count;
}

/** How many entries the stacks of two rows have in common, from the bottom up. */
export function countCommonLabels(a: Int32Array, an: number, b: Int32Array, bn: number): number {
  const least = Math.min(an, bn);
  for (let i = 0; i < least; i++) {
    if (a[F_MPLS_LSE0 + an - 1 - i] !== b[F_MPLS_LSE0 + bn - 1 - i]) return i;
  }
  return least;
}

/** The first entry of a stack: what the packet's IP header suggests. */
function firstEntry(row: Int32Array, wildcards: Int32Array | null): number {
  const label = row[F_ETH_TYPE] === ETH_TYPE_IPV6 ? LABEL_IPV6_NULL : 0;
  let tc = 0;
  let ttl = DEFAULT_TTL;
  // A packet that begins with MPLS already (encap) shows its IP header no more.
  if (isIp(row) && !isMplsPacket(row[F_PACKET_TYPE])) {
    tc = (row[F_NW_TOS] & DSCP_MASK) >> 2;
    if (wildcards !== null) {
      wildcards[F_NW_TOS] |= DSCP_MASK;
      wildcards[F_NW_TTL] = 0xff;
    }
    if (row[F_NW_TTL] !== 0) ttl = row[F_NW_TTL];
  }
  return (label << MPLS_LABEL_SHIFT) | ((tc << MPLS_TC_SHIFT) & MPLS_TC_MASK) | MPLS_BOS | ttl;
}

/**
 * Pushes an entry onto a stack of `n` (OVS: flow_push_mpls). The first one hides the headers behind it: `clear` zeroes them, since
 * nobody can match them any more; the row that tells how the datapath's packet looks keeps them.
 */
export function pushLabel(
  row: Int32Array,
  n: number,
  ethType: number,
  wildcards: Int32Array | null,
  clear: boolean,
): void {
  if (n > 0) {
    if (wildcards !== null) for (let i = 0; i < n; i++) wildcards[F_MPLS_LSE0 + i] = -1;
    for (let i = n; i >= 1; i--) row[F_MPLS_LSE0 + i] = row[F_MPLS_LSE0 + i - 1];
    row[F_MPLS_LSE0] = row[F_MPLS_LSE0 + 1] & ~MPLS_BOS;
  } else {
    row[F_MPLS_LSE0] = firstEntry(row, wildcards);
    if (clear) {
      for (let w = F_NW_SRC; w < F_TUN_OPTS_LEN; w++) row[w] = 0;
      row[F_DP_HASH] = 0;
    }
  }
  row[F_ETH_TYPE] = ethType;
}

/** Pops the outermost of `n` entries; false when there is none, or when what lies behind it is not known. */
export function popLabel(row: Int32Array, n: number, ethType: number, wildcards: Int32Array | null): boolean {
  if (n === 0) return false;
  if (n === MPLS_LABELS_MAX) {
    if (wildcards !== null) wildcards[F_MPLS_LSE0 + n - 1] |= MPLS_BOS;
    if ((row[F_MPLS_LSE0 + n - 1] & MPLS_BOS) === 0) return false;
  }
  if (wildcards !== null) for (let i = 1; i < n; i++) wildcards[F_MPLS_LSE0 + i] = -1;
  for (let i = 1; i < n; i++) row[F_MPLS_LSE0 + i - 1] = row[F_MPLS_LSE0 + i];
  row[F_MPLS_LSE0 + n - 1] = 0;
  row[F_ETH_TYPE] = ethType;
  return true;
}
