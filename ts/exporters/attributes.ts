import { NLA_HDRLEN, NLA_TYPE_MASK } from '../netlink/index.js';

// Netlink attributes on the way of a sample, read where they lie, without an object for each. Lengths and types are in host order: little-endian.

/** Whether there is a whole attribute at `at`. */
export function nlaOk(bytes: Uint8Array, at: number, end: number): boolean {
  if (at + NLA_HDRLEN > end) return false;
  const length = nlaLength(bytes, at);
  return length >= NLA_HDRLEN && at + length <= end;
}

/** Bytes of the attribute at `at` with its header, without padding. */
export function nlaLength(bytes: Uint8Array, at: number): number {
  return bytes[at] | (bytes[at + 1] << 8);
}

export function nlaType(bytes: Uint8Array, at: number): number {
  return (bytes[at + 2] | (bytes[at + 3] << 8)) & NLA_TYPE_MASK;
}

/** Where the attribute behind the one at `at` begins. */
export function nlaNext(bytes: Uint8Array, at: number): number {
  return at + ((nlaLength(bytes, at) + 3) & ~3);
}
