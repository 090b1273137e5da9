import { formatMaskedFlags, formatSignedFlags } from '../util/index.js';
import { FLAG_FORMATS } from './flags.js';
import { fromWords } from './match.js';
import { formatPort, type PortLabels } from './ports.js';
import type { MatchField } from './types.js';
import { fullMask } from './values.js';

export function formatMac(mac: bigint): string {
  return mac
    .toString(16)
    .padStart(12, '0')
    .replace(/(..)(?!$)/g, '$1:');
}

export function formatIpv4(address: bigint): string {
  return [24n, 16n, 8n, 0n].map((shift) => (address >> shift) & 0xffn).join('.');
}

/** As inet_ntop(3): the longest run of two or more zero groups becomes `::`, the first of equals. */
export function formatIpv6(address: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => Number((address >> BigInt(112 - 16 * i)) & 0xffffn));
  let start = -1;
  let length = 1;
  for (let i = 0; i < 8; i++) {
    let run = 0;
    while (i + run < 8 && groups[i + run] === 0) run++;
    if (run > length) [start, length] = [i, run];
  }
  // IPv4-compatible and IPv4-mapped addresses end in dotted form.
  if (start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff))) {
    return `${length === 6 ? '::' : '::ffff:'}${formatIpv4(address & 0xffffffffn)}`;
  }
  const hex = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  return start < 0 ? hex(0, 8) : `${hex(0, start)}::${hex(start + length, 8)}`;
}

/** Length of the prefix that a mask covers, or -1 when its ones are not all in front. */
export function prefixOf(mask: bigint, bits: number): number {
  const zeros = (((1n << BigInt(bits)) - 1n) ^ mask).toString(2);
  const host = zeros === '0' ? 0 : zeros.length;
  return zeros === '0' || !zeros.includes('0') ? bits - host : -1;
}

/** `10.0.0.0/8`; an address alone when all of it counts. */
export function formatAddress(value: bigint, mask: bigint, bits: number): string {
  const format = bits === 32 ? formatIpv4 : formatIpv6;
  const prefix = prefixOf(mask, bits);
  if (prefix === bits) return format(value);
  return `${format(value)}/${prefix >= 0 ? prefix : format(mask)}`;
}

/** `0x5/0xff`; hexadecimal without prefix for 0, as printf's %#x. */
export function formatHex(value: bigint): string {
  return value === 0n ? '0' : `0x${value.toString(16)}`;
}

/** A field's value and mask as OVS prints them in set_field: `V` or `V/M` in the format of the field. */
export function formatMaskedValue(
  field: MatchField,
  value: bigint,
  mask: bigint,
  ports?: PortLabels,
): string {
  const whole = mask === fullMask(field);
  switch (field.format) {
    case 'mac':
      return whole ? formatMac(value) : `${formatMac(value)}/${formatMac(mask)}`;
    case 'ipv4':
    case 'ipv6':
      return formatAddress(value, mask, field.bits);
    case 'port':
      return formatPort(Number(value), ports);
    case 'tcp_flags':
    case 'tun_flags':
      return formatMaskedFlags(
        Number(value),
        Number(mask),
        FLAG_FORMATS[field.format],
        Number(fullMask(field)),
      );
    case 'ct_state':
      return formatSignedFlags(Number(value), Number(mask), FLAG_FORMATS[field.format]);
    case 'decimal':
      return whole ? String(value) : `${value}/0x${mask.toString(16)}`;
    default:
      return whole ? formatHex(value) : `${formatHex(value)}/${formatHex(mask)}`;
  }
}

/** A field's whole value in its format. */
export function formatFullValue(field: MatchField, value: bigint, ports?: PortLabels): string {
  return formatMaskedValue(field, value, fullMask(field), ports);
}

/** The value that a field has in a flow, in its format. */
export function formatFieldValue(field: MatchField, flow: Int32Array): string {
  return formatFullValue(field, fromWords(field, flow, field.word));
}
