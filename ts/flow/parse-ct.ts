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
      parts.set(type, payload);
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

/** Value and mask, which OVS reads as hexadecimal numbers, with 0x or without. */
function takeMark(cursor: TextCursor): Uint8Array {
  const take = () => {
    const at = cursor.position;
    const digits = cursor.match(/(0[xX])?[0-9a-fA-F]+/y)?.replace(/^0[xX]/, '') ?? '';
    if (digits.length === 0 || digits.replace(/^0+/, '').length > 8) {
      cursor.fail('expected a hexadecimal number of 32 bits', at);
    }
    return Number.parseInt(digits, 16);
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

function takeNat(cursor: TextCursor): Uint8Array {
  const out = new ActionsBuffer();
  if (!cursor.take('(')) return out.toBytes();
  if (cursor.take('src')) out.flag(OVS_NAT_ATTR_SRC);
  else if (cursor.take('dst')) out.flag(OVS_NAT_ATTR_DST);
  else cursor.fail(`expected src or dst${cursor.found()}`);
  if (cursor.take('=')) takeRange(cursor, out);
  const flags = new Set<number>();
  while (cursor.match(/[\s,]+/y) !== null) {
    const at = cursor.position;
    const name = cursor.match(/[a-z]+/y) ?? '';
    flags.add(NAT_FLAGS.get(name) ?? cursor.fail(`'${name}' is none of persistent, hash, random`, at));
  }
  if (flags.has(OVS_NAT_ATTR_PROTO_HASH) && flags.has(OVS_NAT_ATTR_PROTO_RANDOM)) {
    cursor.fail('hash and random exclude each other');
  }
  for (const type of NAT_FLAGS.values()) if (flags.has(type)) out.flag(type);
  cursor.expect(')');
  return out.toBytes();
}

/** `min[-max][:port[-port]]`; IPv6 addresses may stand in brackets, and must when ports follow. */
function takeRange(cursor: TextCursor, out: ActionsBuffer): void {
  const put = (type: number, bytes: Uint8Array) => out.attribute(type, bytes, 0, bytes.length);
  if (cursor.next !== ':') {
    put(OVS_NAT_ATTR_IP_MIN, takeAddress(cursor));
    if (cursor.take('-')) put(OVS_NAT_ATTR_IP_MAX, takeAddress(cursor));
  }
  if (!cursor.take(':')) return;
  out.u16(OVS_NAT_ATTR_PROTO_MIN, takePort(cursor));
  if (cursor.take('-')) out.u16(OVS_NAT_ATTR_PROTO_MAX, takePort(cursor));
}

function takePort(cursor: TextCursor): number {
  const at = cursor.position;
  const port = Number(cursor.match(/\d+/y) ?? 'NaN');
  if (!(port > 0 && port <= 0xffff)) cursor.fail('expected a port', at);
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
