import { be16, be32 } from '../util/index.js';
/** One netlink attribute: type without flags, and a view of its content. */
export interface Attribute {
  readonly type: number;
  readonly payload: Uint8Array;
}

/** Type bits of nla_type; the upper two are NLA_F_NESTED and NLA_F_NET_BYTEORDER. */
const TYPE_MASK = 0x3fff;

/**
 * Splits a sequence of attributes. `leftover` is what could not be read as one: bytes after the last whole attribute, from
 * the first malformed header on. Padding of the last attribute may be missing.
 */
export function readAttributes(bytes: Uint8Array): { attributes: Attribute[]; leftover: Uint8Array } {
  const attributes: Attribute[] = [];
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes[at] | (bytes[at + 1] << 8);
    if (length < 4 || at + length > bytes.length) break;
    const type = (bytes[at + 2] | (bytes[at + 3] << 8)) & TYPE_MASK;
    attributes.push({ type, payload: bytes.subarray(at + 4, at + length) });
    at = Math.min((at + length + 3) & ~3, bytes.length);
  }
  return { attributes, leftover: bytes.subarray(at) };
}

/** The first attribute of a type. */
export function findAttribute(bytes: Uint8Array, type: number): Uint8Array | undefined {
  return readAttributes(bytes).attributes.find((attribute) => attribute.type === type)?.payload;
}

/** Attributes by type; the last one of a type counts, as in the kernel's parser. */
export function attributeMap(bytes: Uint8Array): Map<number, Uint8Array> {
  return new Map(readAttributes(bytes).attributes.map(({ type, payload }) => [type, payload]));
}

/** Host-order numbers of a payload; the caller has checked the size. */
export const hostU16 = (bytes: Uint8Array, at = 0): number => bytes[at] | (bytes[at + 1] << 8);
export const hostU32 = (bytes: Uint8Array, at = 0): number =>
  (hostU16(bytes, at) | (hostU16(bytes, at + 2) << 16)) >>> 0;
/** Network-order numbers. */
export const netU16 = be16;
export const netU32 = (bytes: Uint8Array, at = 0): number => be32(bytes, at) >>> 0;

/** Whether every byte is `value`; true for none. */
export function allBytes(bytes: Uint8Array, value: number): boolean {
  return bytes.every((byte) => byte === value);
}

/** Names of ovs_frag_type; index = value. */
export const FRAG_NAMES = ['no', 'first', 'later'] as const;
