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

/** Bits that no reserved address has in its first byte. */
const UNRESERVED = 0xfe00;

/** Marks what tells whether the destination is reserved: one bit that no reserved address has is enough. */
export function markReserved(flow: Int32Array, mask: Int32Array): void {
  const telling = flow[F_ETH_DST] & UNRESERVED;
  if ((telling & mask[F_ETH_DST]) !== 0) return;
  if (telling !== 0) {
    mask[F_ETH_DST] |= telling & -telling;
    return;
  }
  mask[F_ETH_DST] = 0xffff;
  mask[F_ETH_DST + 1] |= 0xff000000;
  if (!isReservedMaker(flow[F_ETH_DST], flow[F_ETH_DST + 1] >>> 24)) return;
  mask[F_ETH_DST + 1] = -1;
}

/** Whether some address that begins with these 16 and 8 bits is reserved. */
function isReservedMaker(high: number, third: number): boolean {
  return (
    (high === 0x0180 && third === 0xc2) ||
    (high === 0x00e0 && third === 0x2b) ||
    (high === 0x0100 && third === 0x0c)
  );
}
