import { F_ETH_DST } from '../fields/index.js';

/**
 * Whether NORMAL drops packets to this address: link-local protocols that a bridge must not pass on (IEEE 802.1D, 7.12.6), and
 * those of vendors that OVS treats alike (eth_addr_is_reserved). `high` has 16 bits, `low` 32.
 */
export function isReserved(high: number, low: number): boolean {
  switch (high) {
    case 0x0180:
      // 01:80:c2:00:00:00 to 0f: spanning tree, pause frames, LACP, LLDP and the rest of the range.
      return (low & ~0xf) === (0xc2000000 | 0);
    case 0x00e0:
      // Extreme: EDP and EAPS.
      return low === 0x2b000000 || low === 0x2b000004 || low === 0x2b000006;
    case 0x0100:
      return isCisco(low);
    default:
      return false;
  }
}

/** Cisco: ISL; CDP, VTP and others; PVST+; uplink fast; CFM. */
function isCisco(low: number): boolean {
  return (
    low === 0x0c000000 ||
    low === 0x0ccccccc ||
    low === 0x0ccccccd ||
    low === 0x0ccdcdcd ||
    (low & ~7) === 0x0cccccc0
  );
}

/** First three bytes of all reserved addresses. */
const RESERVED_MAKERS = [0x0180c2, 0x00e02b, 0x01000c] as const;
/** Bits of them in the order in which they are looked at: first those that tell apart the addresses that are most usual. */
const ORDER: readonly number[] = [22, 21, 4, ...Array.from({ length: 24 }, (_, i) => 23 - i)].map(
  (i) => 1 << i,
);

/** How many of the reserved makers have the same bits as `maker` where `marked` has any. */
function candidates(maker: number, marked: number): number {
  let n = 0;
  for (const reserved of RESERVED_MAKERS) if (((maker ^ reserved) & marked) === 0) n++;
  return n;
}

/**
 * Marks what tells whether the destination is reserved: of its maker bit by bit, until none of the reserved ones is left that has the same;
 * then all of the address.
 */
export function markReserved(flow: Int32Array, mask: Int32Array): void {
  const maker = (flow[F_ETH_DST] << 8) | (flow[F_ETH_DST + 1] >>> 24);
  let marked = (mask[F_ETH_DST] << 8) | (mask[F_ETH_DST + 1] >>> 24);
  for (let i = 0; i < ORDER.length && candidates(maker, marked) > 0; i++) marked |= ORDER[i];
  mask[F_ETH_DST] |= marked >>> 8;
  mask[F_ETH_DST + 1] |= marked << 24;
  if (candidates(maker, marked) === 0) return;
  mask[F_ETH_DST] = 0xffff;
  mask[F_ETH_DST + 1] = -1;
}
