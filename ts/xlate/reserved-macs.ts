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
