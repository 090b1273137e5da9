import {
  OVS_ACTION_ATTR_CT,
  OVS_CT_ATTR_COMMIT,
  OVS_CT_ATTR_FORCE_COMMIT,
  OVS_CT_ATTR_HELPER,
  OVS_CT_ATTR_LABELS,
  OVS_CT_ATTR_MARK,
  OVS_CT_ATTR_NAT,
  OVS_CT_ATTR_TIMEOUT,
  OVS_CT_ATTR_ZONE,
  OVS_NAT_ATTR_DST,
  OVS_NAT_ATTR_IP_MAX,
  OVS_NAT_ATTR_IP_MIN,
  OVS_NAT_ATTR_PERSISTENT,
  OVS_NAT_ATTR_PROTO_HASH,
  OVS_NAT_ATTR_PROTO_MAX,
  OVS_NAT_ATTR_PROTO_MIN,
  OVS_NAT_ATTR_PROTO_RANDOM,
  OVS_NAT_ATTR_SRC,
} from '../fields/index.js';
import { parseIpv4, parseIpv6, type TextCursor } from '../util/index.js';
import { ActionsBuffer } from './actions-buffer.js';
import { allBytes } from './attributes.js';
import { takeMasked, wordBytes } from './parse-values.js';

const NAT_FLAGS = new Map([
  ['persistent', OVS_NAT_ATTR_PERSISTENT],
  ['hash', OVS_NAT_ATTR_PROTO_HASH],
  ['random', OVS_NAT_ATTR_PROTO_RANDOM],
]);

/** Order in which OVS writes the attributes, whatever the order of the text. */
const ORDER = [
  OVS_CT_ATTR_COMMIT,
  OVS_CT_ATTR_FORCE_COMMIT,
  OVS_CT_ATTR_ZONE,
  OVS_CT_ATTR_MARK,
  OVS_CT_ATTR_LABELS,
  OVS_CT_ATTR_HELPER,
  OVS_CT_ATTR_TIMEOUT,
  OVS_CT_ATTR_NAT,
];

/** The arguments of `ct`, which may have none. */
export function takeCt(cursor: TextCursor, out: ActionsBuffer): void {
  const parts = new Map<number, Uint8Array>();
  if (cursor.take('(')) {
    while (cursor.next !== ')') {
      const [type, payload] = takeArgument(cursor);
      if (isUnmatched(type, payload)) parts.delete(type);
      else parts.set(type, payload);
      if (cursor.match(/[\s,]+/y) === null) break;
    }
    cursor.expect(')');
  }
  if (parts.has(OVS_CT_ATTR_COMMIT) && parts.has(OVS_CT_ATTR_FORCE_COMMIT)) {
    cursor.fail('commit and force_commit exclude each other');
  }
  const start = out.begin(OVS_ACTION_ATTR_CT);
  for (const type of ORDER) {
    const payload = parts.get(type);
    if (payload !== undefined) out.attribute(type, payload, 0, payload.length);
  }
  out.end(start);
}

/** Whether it is a mark or label whose mask, the second half, is empty: OVS leaves it out. */
function isUnmatched(type: number, payload: Uint8Array): boolean {
  const masked = type === OVS_CT_ATTR_MARK || type === OVS_CT_ATTR_LABELS;
  return masked && allBytes(payload.subarray(payload.length / 2), 0);
}

function takeArgument(cursor: TextCursor): [type: number, payload: Uint8Array] {
  const at = cursor.position;
  const name = cursor.match(/[a-z_]+/y) ?? '';
  switch (name) {
    case 'commit':
      return [OVS_CT_ATTR_COMMIT, new Uint8Array()];
    case 'force_commit':
      return [OVS_CT_ATTR_FORCE_COMMIT, new Uint8Array()];
    case 'nat':
      return [OVS_CT_ATTR_NAT, takeNat(cursor)];
    case 'zone':
      cursor.expect('=');
      return [OVS_CT_ATTR_ZONE, takeZone(cursor)];
    case 'mark':
      cursor.expect('=');
      return [OVS_CT_ATTR_MARK, takeMark(cursor)];
    case 'label':
      cursor.expect('=');
      return [OVS_CT_ATTR_LABELS, Uint8Array.from(takeMasked(cursor, 'u128').flatMap((bytes) => [...bytes]))];
    case 'helper':
    case 'timeout':
      cursor.expect('=');
      return [name === 'helper' ? OVS_CT_ATTR_HELPER : OVS_CT_ATTR_TIMEOUT, takeString(cursor)];
    default:
      return cursor.fail(`'${name}' is no argument of ct`, at);
  }
}

/** OVS reads zones as decimal numbers only. */
function takeZone(cursor: TextCursor): Uint8Array {
  const at = cursor.position;
  const zone = Number(cursor.match(/\d+(?![xX])/y) ?? 'NaN');
  if (!(zone <= 0xffff)) cursor.fail('expected a zone, decimal, up to 65535', at);
  return Uint8Array.of(zone, zone >>> 8);
}

/**
 * Value and mask, which OVS reads as hexadecimal numbers, with 0x or without. Of longer ones it keeps the last eight digits, also of
 * 4294967295.
 */
function takeMark(cursor: TextCursor): Uint8Array {
  const take = () => {
    const at = cursor.position;
    const digits = cursor.match(/(0[xX])?[0-9a-fA-F]+/y)?.replace(/^0[xX]/, '') ?? '';
    if (digits.length === 0) cursor.fail('expected a hexadecimal number', at);
    return Number.parseInt(digits.slice(-8), 16);
  };
  const value = take();
  const mask = cursor.take('/') ? take() : 0xffffffff;
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setUint32(0, value, true);
  new DataView(bytes.buffer).setUint32(4, mask, true);
  return bytes;
}

/** A name with its terminating zero. */
function takeString(cursor: TextCursor): Uint8Array {
  const text = cursor.match(/[^\s,()]+/y) ?? cursor.fail(`expected a name${cursor.found()}`);
  return Uint8Array.of(...Buffer.from(text), 0);
}

/**
 * `(src|dst[=range][,flags])`. Flags are for the range: without one OVS leaves them out, and without src or dst there is nothing
 * but NAT itself.
 */
function takeNat(cursor: TextCursor): Uint8Array {
  const out = new ActionsBuffer();
  if (!cursor.take('(')) return out.toBytes();
  const direction = cursor.take('src') ? OVS_NAT_ATTR_SRC : cursor.take('dst') ? OVS_NAT_ATTR_DST : 0;
  if (direction !== 0) out.flag(direction);
  const hasRange = direction !== 0 && cursor.take('=');
  if (hasRange) takeRange(cursor, out);
  const flags = takeNatFlags(cursor);
  if (hasRange) for (const type of NAT_FLAGS.values()) if (flags.has(type)) out.flag(type);
  cursor.expect(')');
  return out.toBytes();
}

function takeNatFlags(cursor: TextCursor): ReadonlySet<number> {
  const flags = new Set<number>();
  cursor.match(/[\s,]+/y);
  while (cursor.next !== ')') {
    const at = cursor.position;
    const name = cursor.match(/[a-z]+/y) ?? '';
    flags.add(
      NAT_FLAGS.get(name) ??
        cursor.fail(`'${name}' is none of src, dst, ${[...NAT_FLAGS.keys()].join(', ')}`, at),
    );
    if (cursor.match(/[\s,]+/y) === null) break;
  }
  if (flags.has(OVS_NAT_ATTR_PROTO_HASH) && flags.has(OVS_NAT_ATTR_PROTO_RANDOM)) {
    cursor.fail('hash and random exclude each other');
  }
  return flags;
}

/**
 * `min[-max][:port[-port]]`; IPv6 addresses may stand in brackets, and must when ports follow. An end that is zero or equals the
 * beginning is none.
 */
function takeRange(cursor: TextCursor, out: ActionsBuffer): void {
  const put = (type: number, bytes: Uint8Array) => out.attribute(type, bytes, 0, bytes.length);
  const min = takeAddress(cursor);
  put(OVS_NAT_ATTR_IP_MIN, min);
  if (cursor.take('-')) {
    const at = cursor.position;
    const max = takeAddress(cursor);
    if (max.length !== min.length) cursor.fail('a range has two IPv4 or two IPv6 addresses', at);
    const order = Buffer.compare(max, min);
    if (order < 0 && !allBytes(max, 0)) cursor.fail('a range ends behind its beginning', at);
    if (order > 0) put(OVS_NAT_ATTR_IP_MAX, max);
  }
  if (!cursor.take(':')) return;
  const first = takePort(cursor);
  const at = cursor.position;
  const last = cursor.take('-') ? takePort(cursor) : 0;
  if (last !== 0 && last < first) cursor.fail('a range ends behind its beginning', at);
  if (first === 0) return;
  out.u16(OVS_NAT_ATTR_PROTO_MIN, first);
  if (last > first) out.u16(OVS_NAT_ATTR_PROTO_MAX, last);
}

/** 0 is no port. */
function takePort(cursor: TextCursor): number {
  const at = cursor.position;
  const port = Number(cursor.match(/\d+/y) ?? 'NaN');
  if (!(port <= 0xffff)) cursor.fail('expected a port', at);
  return port;
}

function takeAddress(cursor: TextCursor): Uint8Array {
  const bracket = cursor.take('[');
  const at = cursor.position;
  const text = cursor.match(/\d+\.\d+\.\d+\.\d+|[0-9a-fA-F:]+(\.\d+){0,3}/y) ?? '';
  if (bracket) cursor.expect(']');
  const ipv4 = parseIpv4(text);
  if (ipv4 !== null) return wordBytes([ipv4]);
  const words = new Int32Array(4);
  if (!parseIpv6(text, words, 0)) cursor.fail(`'${text}' is not an address`, at);
  return wordBytes(words);
}
