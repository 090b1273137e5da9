/** The 16 bits at `at` in network byte order. */
export function be16(bytes: Uint8Array, at = 0): number {
  return (bytes[at] << 8) | bytes[at + 1];
}

/** The 32 bits at `at` in network byte order, signed as words of a flow are. */
export function be32(bytes: Uint8Array, at = 0): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}
