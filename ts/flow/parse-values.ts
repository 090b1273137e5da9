import { parseIpv4, parseIpv6, parseMac, type TextCursor, type FlagNames } from '../util/index.js';
import { FRAG_NAMES } from './attributes.js';

/** How a member of a structure is written in text, and its bytes: `be` and `h` are network and host order. */
export type Kind =
  | 'u8'
  | 'u8hex'
  | 'be16'
  | 'be16hex'
  | 'be24'
  | 'be32'
  | 'be32hex'
  | 'be64'
  | 'h16'
  | 'h32'
  | 'label'
  | 'u128'
  | 'ipv4'
  | 'ipv6'
  | 'mac'
  | 'frag';

export const SIZES: Record<Kind, number> = {
  u8: 1,
  u8hex: 1,
  be16: 2,
  be16hex: 2,
  be24: 3,
  be32: 4,
  be32hex: 4,
  be64: 8,
  h16: 2,
  h32: 4,
  label: 4,
  u128: 16,
  ipv4: 4,
  ipv6: 16,
  mac: 6,
  frag: 1,
};

/** One value of text: up to whatever ends one. */
const WORD = /[^\s,()/{}|]+/y;

/**
 * A number of at most `bits` bits: decimal, 0x…, octal with a leading 0 as C has it, with a sign if need be (-1: all bits).
 * Larger ones are refused, where OVS cuts them off.
 */
export function takeNumber(cursor: TextCursor, bits: number): bigint {
  const at = cursor.position;
  const text = cursor.match(WORD) ?? '';
  const parts = /^([+-]?)(0[xX][0-9a-fA-F]+|0[0-7]+|[1-9]\d*|0)$/.exec(text);
  if (parts === null) {
    return cursor.fail(text === '' ? `expected a number${cursor.found()}` : `'${text}' is not a number`, at);
  }
  const value = BigInt(parts[2].replace(/^0(?=\d)/, '0o'));
  if (value >> BigInt(bits) !== 0n) cursor.fail(`${text} does not fit into ${bits} bits`, at);
  return parts[1] === '-' ? BigInt.asUintN(bits, -value) : value;
}

/** A number of at most 32 bits. */
export const takeSmall = (cursor: TextCursor, bits = 32): number => Number(takeNumber(cursor, bits));

function numberBytes(value: bigint, size: number, littleEndian: boolean): Uint8Array {
  const bytes = new Uint8Array(size);
  let rest = value;
  for (let i = 0; i < size; i++) {
    bytes[littleEndian ? i : size - 1 - i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  return bytes;
}

/** Network-order bytes of words; the last `size` of them. */
export function wordBytes(words: ArrayLike<number>, size = 4 * words.length): Uint8Array {
  const view = new DataView(new ArrayBuffer(4 * words.length));
  for (let i = 0; i < words.length; i++) view.setInt32(4 * i, words[i]);
  return new Uint8Array(view.buffer).subarray(4 * words.length - size);
}

/** The bytes of one value as the key holds it. */
export function takeValue(cursor: TextCursor, kind: Kind): Uint8Array {
  const size = SIZES[kind];
  const at = cursor.position;
  switch (kind) {
    case 'ipv4': {
      const text = cursor.match(WORD) ?? '';
      const word = parseIpv4(text);
      if (word === null) cursor.fail(`'${text}' is not an IPv4 address`, at);
      return wordBytes([word]);
    }
    case 'ipv6': {
      const text = cursor.match(WORD) ?? '';
      const words = new Int32Array(4);
      if (!parseIpv6(text, words, 0)) cursor.fail(`'${text}' is not an IPv6 address`, at);
      return wordBytes(words, 16);
    }
    case 'mac': {
      const text = cursor.match(WORD) ?? '';
      const words = new Int32Array(2);
      if (!parseMac(text, words, 0)) cursor.fail(`'${text}' is not a MAC address`, at);
      return wordBytes(words, 6);
    }
    case 'frag': {
      const text = cursor.match(WORD) ?? '';
      const value = (FRAG_NAMES as readonly string[]).indexOf(text);
      if (value < 0) cursor.fail(`'${text}' is none of no, first, later`, at);
      return Uint8Array.of(value);
    }
    case 'label':
      return numberBytes(takeNumber(cursor, 20), 4, false);
    default:
      return numberBytes(
        takeNumber(cursor, size * 8),
        size,
        kind === 'h16' || kind === 'h32' || kind === 'u128',
      );
  }
}

/** The mask of a value that has none in text: all of it. */
export function fullMask(kind: Kind): Uint8Array {
  return kind === 'label' ? Uint8Array.of(0, 0x0f, 0xff, 0xff) : new Uint8Array(SIZES[kind]).fill(0xff);
}

/** `value` or `value/mask`: [value, mask]. */
export function takeMasked(cursor: TextCursor, kind: Kind): [value: Uint8Array, mask: Uint8Array] {
  const value = takeValue(cursor, kind);
  if (kind === 'frag' || !cursor.take('/')) return [value, fullMask(kind)];
  return [value, takeValue(cursor, kind)];
}

/**
 * `a|b`, `+a-b`, `0`, or numbers, also joined by `|`, or a number with a mask: [value, mask]. Bits outside `allowed` are
 * refused; `full` is the mask of what has none.
 */
export function takeFlags(
  cursor: TextCursor,
  names: FlagNames,
  allowed: number,
  full: number,
): [value: number, mask: number] {
  const at = cursor.position;
  const [value, mask] =
    cursor.next === '+' || cursor.next === '-'
      ? takeSignedFlags(cursor, names)
      : takePlainFlags(cursor, names, full);
  if ((value & ~allowed) !== 0 || (mask !== full && (mask & ~allowed) !== 0)) {
    cursor.fail(`expected no other bits than 0x${allowed.toString(16)}`, at);
  }
  return [value, mask];
}

function takePlainFlags(cursor: TextCursor, names: FlagNames, full: number): [value: number, mask: number] {
  let value = 0;
  do {
    const isNumber = /[0-9]/.test(cursor.next);
    value |= isNumber ? takeSmall(cursor) : takeFlag(cursor, names);
    if (isNumber && cursor.take('/')) return [value >>> 0, takeSmall(cursor)];
  } while (cursor.take('|'));
  return [value >>> 0, full];
}

function takeSignedFlags(cursor: TextCursor, names: FlagNames): [value: number, mask: number] {
  let value = 0;
  let mask = 0;
  while (/[+-]/.test(cursor.next)) {
    const set = cursor.match(/[+-]/y) === '+';
    const at = cursor.position;
    const bit = takeFlag(cursor, names);
    if ((mask & bit) !== 0) cursor.fail('a flag can be given only once', at);
    mask |= bit;
    if (set) value |= bit;
  }
  return [value >>> 0, mask >>> 0];
}

function takeFlag(cursor: TextCursor, names: FlagNames): number {
  const at = cursor.position;
  const name = cursor.match(/\[\d+\]|[a-z]+/y) ?? '';
  const bit = names.indexOf(name);
  return bit < 0 ? cursor.fail(`'${name}' is none of ${names.join(', ')}`, at) : 1 << bit;
}
