import { alternateHex, formatIpv4, formatIpv6, formatMac, hex32 } from '../util/index.js';
import { allBytes, FRAG_NAMES, netU16, netU32 } from './attributes.js';
import type { Kind } from './parse-values.js';

const IPV6_LABEL_MASK = 0xfffff;

/**
 * Text of the members of one key structure, `name=value` or `name=value/mask`, in the order they are asked for. A member
 * whose mask is empty is left out unless `verbose`. Offsets are bytes into key and mask alike. No mask means exact.
 */
export class FieldText {
  private readonly parts: string[] = [];
  private readonly key: Uint8Array;
  private readonly mask: Uint8Array | undefined;
  private readonly verbose: boolean;

  constructor(key: Uint8Array, mask: Uint8Array | undefined, verbose: boolean) {
    this.key = key;
    this.mask = mask;
    this.verbose = verbose;
  }

  toString(): string {
    return this.parts.join(',');
  }

  /** Text that is there whatever the mask says. */
  raw(text: string): this {
    this.parts.push(text);
    return this;
  }

  /** `size` bytes at `at`, written by `format`; the mask by `formatMask`. */
  private put(
    name: string,
    at: number,
    size: number,
    format: (bytes: Uint8Array) => string,
    formatMask: (bytes: Uint8Array) => string = format,
    isFull: (mask: Uint8Array) => boolean = (mask) => allBytes(mask, 0xff),
  ): this {
    const mask = this.mask?.subarray(at, at + size);
    if (mask !== undefined && !this.verbose && allBytes(mask, 0)) return this;
    const value = format(this.key.subarray(at, at + size));
    this.parts.push(
      mask === undefined || isFull(mask) ? `${name}=${value}` : `${name}=${value}/${formatMask(mask)}`,
    );
    return this;
  }

  /** A member in the way its kind is written. */
  member(name: string, at: number, kind: Kind): this {
    switch (kind) {
      case 'u8':
        return this.u8(name, at);
      case 'u8hex':
        return this.u8Hex(name, at);
      case 'be16':
        return this.be16(name, at);
      case 'be16hex':
        return this.be16Hex(name, at);
      case 'be32hex':
        return this.raw(`${name}=${hex32(netU32(this.key, at))}`);
      case 'ipv4':
        return this.ipv4(name, at);
      case 'ipv6':
        return this.ipv6(name, at);
      case 'mac':
        return this.mac(name, at);
      case 'label':
        return this.label(name, at);
      case 'frag':
        return this.frag(name, at);
      default:
        return this;
    }
  }

  u8(name: string, at: number): this {
    return this.put(
      name,
      at,
      1,
      (b) => `${b[0]}`,
      (b) => alternateHex(b[0]),
    );
  }
  u8Hex(name: string, at: number): this {
    return this.put(name, at, 1, (b) => alternateHex(b[0]));
  }
  be16(name: string, at: number): this {
    return this.put(
      name,
      at,
      2,
      (b) => `${netU16(b)}`,
      (b) => alternateHex(netU16(b)),
    );
  }
  be16Hex(name: string, at: number): this {
    return this.put(name, at, 2, (b) => alternateHex(netU16(b)));
  }
  be64(name: string, at: number): this {
    return this.put(name, at, 8, be64Text, (b) => (allBytes(b, 0) ? '0' : be64Text(b)));
  }
  ipv4(name: string, at: number): this {
    return this.put(name, at, 4, (b) => formatIpv4(netU32(b)));
  }
  ipv6(name: string, at: number): this {
    return this.put(name, at, 16, (b) => formatIpv6(ipv6Words(b)));
  }
  mac(name: string, at: number): this {
    return this.put(name, at, 6, (b) => formatMac(netU16(b), netU32(b, 2)));
  }
  /** An IPv6 flow label: 20 bits of 32. */
  label(name: string, at: number): this {
    return this.put(
      name,
      at,
      4,
      (b) => alternateHex(netU32(b)),
      undefined,
      (mask) => (netU32(mask) & IPV6_LABEL_MASK) === IPV6_LABEL_MASK,
    );
  }
  /** A fragment type: an enumeration, so part of a mask means nothing, and no mask is not printed. */
  frag(name: string, at: number): this {
    const mask = this.mask?.[at] ?? 0xff;
    if (mask === 0) return this;
    if (mask !== 0xff) return this.raw(`error: partial mask not supported for frag (${hex32(mask)})`);
    return this.raw(`${name}=${FRAG_NAMES[this.key[at]] ?? '<error>'}`);
  }
}

function be64Text(b: Uint8Array): string {
  const high = netU32(b);
  const low = netU32(b, 4);
  return high === 0 ? hex32(low) : `${hex32(high)}${low.toString(16).padStart(8, '0')}`;
}

/** Four flow words of 16 network-order bytes. */
export function ipv6Words(b: Uint8Array, at = 0): number[] {
  return [0, 4, 8, 12].map((i) => netU32(b, at + i) | 0);
}

/** `0x…` of big-endian bytes without leading zeroes; `0` for zero. */
export function bigHex(bytes: Uint8Array): string {
  let digits = '';
  for (const byte of bytes) digits += byte.toString(16).padStart(2, '0');
  digits = digits.replace(/^0+/, '');
  return digits === '' ? '0' : `0x${digits}`;
}

/** Bytes as two-digit numbers between blanks: how OVS shows what it does not understand. */
export function genericHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
}
