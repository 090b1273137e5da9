/** VLAN ids there are. */
const VLANS = 4096;

/** VLANs as a bitmap of 4096 bits; null for none given, which means all. */
export function vlanBitmap(vlans: readonly number[]): Int32Array | null {
  if (vlans.length === 0) return null;
  const bitmap = new Int32Array(VLANS / 32);
  for (const vlan of vlans) bitmap[vlan >> 5] |= 1 << (vlan & 31);
  return bitmap;
}
