import { isIPv4, isIPv6 } from 'node:net';
import { FLAG_FORMATS, parseExactFlags, parseMaskedFlags } from './flags.js';
import { parsePort } from './ports.js';
import { fail, parseBig, slice, splitCommas, type Token } from './syntax.js';
import type { MatchField } from './types.js';

/** A field's value and mask as plain numbers of `field.bits` bits; the value has no bit outside the mask. */
export interface MaskedValue {
  readonly value: bigint;
  readonly mask: bigint;
}

/** All bits of a field. */
export function fullMask(field: MatchField): bigint {
  return (1n << BigInt(field.bits)) - 1n;
}

const FRAGMENTS: Readonly<Record<string, MaskedValue>> = {
  no: { value: 0n, mask: 3n },
  yes: { value: 1n, mask: 1n },
  first: { value: 1n, mask: 3n },
  later: { value: 3n, mask: 3n },
  not_later: { value: 0n, mask: 2n },
};

export function parseMac(token: Token, what: string): bigint {
  if (!/^([0-9a-fA-F]{1,2}:){5}[0-9a-fA-F]{1,2}$/.test(token.text)) {
    fail(token, `${what}: expected an Ethernet address such as 50:54:00:00:00:01, not "${token.text}"`);
  }
  return token.text.split(':').reduce((sum, byte) => (sum << 8n) | BigInt(`0x${byte}`), 0n);
}

function parseIpv4(token: Token, what: string): bigint {
  if (!isIPv4(token.text)) {
    fail(token, `${what}: expected an IPv4 address such as 10.0.0.1, not "${token.text}"`);
  }
  return token.text.split('.').reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
}

function parseIpv6(token: Token, what: string): bigint {
  if (!isIPv6(token.text) || token.text.includes('%')) {
    fail(token, `${what}: expected an IPv6 address such as fd00::1, not "${token.text}"`);
  }
  let text = token.text;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(2).map(Number);
    text = `${dotted[1]}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [head, tail] = text.split('::').map((part) => (part === '' ? [] : part.split(':')));
  const groups =
    tail === undefined ? head : [...head, ...Array(8 - head.length - tail.length).fill('0'), ...tail];
  return groups.reduce((sum: bigint, group: string) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

function parsePacketType(token: Token): bigint {
  const parts = /^\((.*)\)$/.exec(token.text);
  const [space, type] = parts === null ? [] : splitCommas(slice(token, 1, token.text.length - 1));
  if (space === undefined || type === undefined) {
    return fail(token, `packet_type: expected (namespace,type) such as (1,0x800), not "${token.text}"`);
  }
  return (parseBig(space, 'namespace', 0xffffn) << 16n) | parseBig(type, 'type', 0xffffn);
}

/** One value of the field's format, without mask. */
export function parseValue(
  field: MatchField,
  token: Token,
  portNames: ReadonlyMap<string, number> | undefined,
): bigint {
  switch (field.format) {
    case 'mac':
      return parseMac(token, field.name);
    case 'ipv4':
      return parseIpv4(token, field.name);
    case 'ipv6':
      return parseIpv6(token, field.name);
    case 'port':
      return BigInt(parsePort(token, portNames));
    case 'packet_type':
      return parsePacketType(token);
    default:
      return parseBig(token, field.name, fullMask(field));
  }
}

/** The mask after the slash: a prefix length where the format has one, or a mask in the format of the value. */
function parseMask(field: MatchField, token: Token): bigint {
  const prefix = field.format === 'ipv4' || field.format === 'ipv6';
  if (prefix && /^[0-9]+$/.test(token.text)) {
    const length = parseBig(token, `${field.name} prefix length`, BigInt(field.bits));
    return fullMask(field) ^ ((1n << (BigInt(field.bits) - length)) - 1n);
  }
  return parseValue(field, token, undefined);
}

/**
 * A value as a match or set_field has it: `V` or `V/M`, or names where the format has some. Bits of the value outside the mask are
 * dropped; `exact`: they are an error.
 */
export function parseMaskedValue(
  field: MatchField,
  token: Token,
  portNames: ReadonlyMap<string, number> | undefined,
  exact = false,
): MaskedValue {
  if (token.text === '') fail(token, `${field.name} needs a value`);
  if (field.format === 'frag') {
    const known = FRAGMENTS[token.text];
    return known ?? fail(token, `${field.name}: expected no, yes, first, later or not_later`);
  }
  const flags = FLAG_FORMATS[field.format];
  if (flags !== undefined && !/^[0-9]/.test(token.text)) {
    const exact = parseExactFlags(token.text, flags);
    if (exact !== null) return { value: BigInt(exact), mask: fullMask(field) };
    const { value, mask } = parseMaskedFlags(token, flags);
    return { value: BigInt(value), mask: BigInt(mask) };
  }
  const slash = token.text.indexOf('/');
  const whole = fullMask(field);
  if (slash < 0) return { value: parseValue(field, token, portNames), mask: whole };
  const mask = parseMask(field, slice(token, slash + 1));
  if (!field.maskable && mask !== whole) {
    fail(slice(token, slash), `${field.name} cannot be masked: expected a value without /mask`);
  }
  const value = parseValue(field, slice(token, 0, slash), portNames);
  if (exact && (value & ~mask) !== 0n)
    fail(token, `${field.name}: the value has bits that are not in the mask`);
  return { value: value & mask, mask };
}
