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

/** Marks what tells whether the destination is reserved: for one that is not by its maker, a bit or few in which it differs. */
export function markReserved(flow: Int32Array, mask: Int32Array): void {
  const maker = (flow[F_ETH_DST] << 8) | (flow[F_ETH_DST + 1] >>> 24);
  let common = 0xffffff;
  for (const reserved of RESERVED_MAKERS) common &= maker ^ reserved;
  if (common !== 0) {
    markOneOf(mask, common);
    return;
  }
  for (const reserved of RESERVED_MAKERS) {
    const differing = maker ^ reserved;
    if (differing !== 0) {
      markOneOf(mask, differing);
    } else {
      mask[F_ETH_DST] = 0xffff;
      mask[F_ETH_DST + 1] = -1;
    }
  }
}

/** Marks one of these bits of the first three bytes, unless one is marked already. */
function markOneOf(mask: Int32Array, bits: number): void {
  const marked = (mask[F_ETH_DST] << 8) | (mask[F_ETH_DST + 1] >>> 24);
  if ((marked & bits) !== 0) return;
  const bit = 1 << (31 - Math.clz32(bits));
  mask[F_ETH_DST] |= bit >>> 8;
  mask[F_ETH_DST + 1] |= bit << 24;
}
