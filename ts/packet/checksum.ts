/** The ones' complement sum of 16-bit words (RFC 1071), continued from `sum`, not yet folded. */
export function checksumAdd(bytes: Uint8Array, offset: number, length: number, sum = 0): number {
  let total = sum;
  for (let i = 0; i + 1 < length; i += 2) total += (bytes[offset + i] << 8) | bytes[offset + i + 1];
  if (length % 2 === 1) total += bytes[offset + length - 1] << 8;
  return total;
}

/** Folds a sum and complements it: the checksum. 0 for data that contains its own right checksum. */
export function checksumFold(sum: number): number {
  let folded = sum;
  while (folded > 0xffff) folded = (folded & 0xffff) + Math.floor(folded / 0x10000);
  return ~folded & 0xffff;
}
