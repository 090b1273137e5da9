import {
  OVS_KEY_ATTR_CT_STATE,
  OVS_KEY_ATTR_ENCAP,
  OVS_KEY_ATTR_IN_PORT,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_NSH,
  OVS_KEY_ATTR_TCP_FLAGS,
  OVS_KEY_ATTR_TUNNEL,
  OVS_KEY_ATTR_VLAN,
} from '../fields/index.js';
import { fromHex, TextCursor, CT_STATE_FLAGS, TCP_FLAGS } from '../util/index.js';
import { ActionsBuffer } from './actions-buffer.js';
import { KEY_ATTRIBUTES } from './key-table.js';
import { takeMembers } from './parse-members.js';
import { takeNsh } from './parse-nsh.js';
import { parseTunnel } from './parse-tunnel.js';
import { takeFlags, takeMasked, takeSmall, wordBytes } from './parse-values.js';

/** Numbers of datapath ports by name, where text may name them. */
export type PortNumbers = ReadonlyMap<string, number>;

/** A key attribute read from text: content of the key's and of the mask's attribute. */
export interface KeyAttribute {
  readonly type: number;
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
}

const TYPES = new Map([...KEY_ATTRIBUTES].map(([type, { name }]) => [name, type]));

/** Depth of encap(); OVS gives up there too. */
const MAX_DEPTH = 32;

/** A key and its mask: contents of OVS_FLOW_ATTR_KEY and OVS_FLOW_ATTR_MASK. */
export interface KeyText {
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
}

/**
 * Key text as `ovs-dpctl` prints and takes it → key and mask attributes, in the order of the text. What is written without
 * a mask is matched exactly; members that are not written are not matched. A `ufid:` in front is passed over. Throws a
 * SyntaxProblem with line and column.
 */
export function parseKey(text: string, portNumbers?: PortNumbers): KeyText {
  const cursor = new TextCursor(text);
  const key = new ActionsBuffer();
  const mask = new ActionsBuffer();
  takeKey(cursor, key, mask, portNumbers, 0);
  if (!cursor.atEnd) cursor.fail(`expected a key attribute${cursor.found()}`);
  return { key: key.toBytes(), mask: mask.toBytes() };
}

const UFID = /ufid:[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}/y;

function takeKey(
  cursor: TextCursor,
  key: ActionsBuffer,
  mask: ActionsBuffer,
  portNumbers: PortNumbers | undefined,
  depth: number,
): void {
  if (depth > MAX_DEPTH) cursor.fail('encap() is nested too deeply');
  cursor.match(/[\s,]*/y);
  while (!cursor.atEnd && cursor.next !== ')') {
    if (depth > 0 || cursor.match(UFID) === null) {
      const attribute = takeKeyAttribute(cursor, portNumbers, depth);
      key.attribute(attribute.type, attribute.key, 0, attribute.key.length);
      mask.attribute(attribute.type, attribute.mask, 0, attribute.mask.length);
      if (key.overflowed || mask.overflowed) cursor.fail('a longer key than a netlink attribute holds');
    }
    cursor.match(/[\s,]*/y);
  }
}

/** One `name(…)` of a key, or of a set action. */
export function takeKeyAttribute(cursor: TextCursor, portNumbers?: PortNumbers, depth = 0): KeyAttribute {
  const at = cursor.position;
  const name = cursor.match(/[a-z0-9_]+/y) ?? '';
  const unknown = /^key(\d{1,5})$/.exec(name);
  const type = TYPES.get(name) ?? (unknown === null ? undefined : Number(unknown[1]));
  if (type === undefined || type > MAX_TYPE) {
    return cursor.fail(
      name === '' ? `expected a key attribute${cursor.found()}` : `unknown key attribute '${name}'`,
      at,
    );
  }
  cursor.expect('(');
  const [key, mask] = unknown === null ? takeContent(cursor, type, portNumbers, depth) : takeUnknown(cursor);
  cursor.expect(')');
  return { type, key, mask };
}

/** Attribute types have 14 bits. */
const MAX_TYPE = 0x3fff;

/** Bytes of an attribute without a name, `01 02…[/ff ff…]`, as they are printed. */
function takeUnknown(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const take = () => {
    const at = cursor.position;
    const digits = cursor.match(/[0-9a-fA-F ]*/y) ?? '';
    return fromHex(digits.replaceAll(' ', '')) ?? cursor.fail('expected pairs of hexadecimal digits', at);
  };
  const key = take();
  if (!cursor.take('/')) return [key, new Uint8Array(key.length).fill(0xff)];
  const at = cursor.position;
  const mask = take();
  if (mask.length !== key.length) cursor.fail(`expected a mask of ${key.length} bytes`, at);
  return [key, mask];
}

function takeContent(
  cursor: TextCursor,
  type: number,
  portNumbers: PortNumbers | undefined,
  depth: number,
): [key: Uint8Array, mask: Uint8Array] {
  switch (type) {
    case OVS_KEY_ATTR_ENCAP: {
      const key = new ActionsBuffer();
      const mask = new ActionsBuffer();
      takeKey(cursor, key, mask, portNumbers, depth + 1);
      return [key.toBytes(), mask.toBytes()];
    }
    case OVS_KEY_ATTR_TUNNEL:
      return parseTunnel(cursor);
    case OVS_KEY_ATTR_VLAN:
      return takeVlan(cursor);
    case OVS_KEY_ATTR_MPLS:
      return takeMpls(cursor);
    case OVS_KEY_ATTR_NSH:
      return takeNsh(cursor);
    case OVS_KEY_ATTR_TCP_FLAGS:
      return flagBytes(takeFlags(cursor, TCP_FLAGS, 0xfff, 0xffff), 2);
    case OVS_KEY_ATTR_CT_STATE:
      return flagBytes(takeFlags(cursor, CT_STATE_FLAGS, 0xff, 0xffffffff), 4);
    case OVS_KEY_ATTR_IN_PORT: {
      const port = portNumbers?.get(cursor.match(/[A-Za-z][^,()/\s]*/y) ?? '');
      if (port !== undefined) return [hostBytes(port), hostBytes(0xffffffff)];
      return takeMasked(cursor, 'h32');
    }
  }
  const { size, members } = KEY_ATTRIBUTES.get(type)!;
  return members[0][0] === '' ? takeMasked(cursor, members[0][2]) : takeMembers(cursor, members, size);
}

const hostBytes = (value: number) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

/** ct_state is in host order, TCP flags in network order. */
function flagBytes([value, mask]: [number, number], size: 2 | 4): [Uint8Array, Uint8Array] {
  if (size === 4) return [hostBytes(value), hostBytes(mask)];
  return [Uint8Array.of(value >>> 8, value), Uint8Array.of(mask >>> 8, mask)];
}

/** vid, pcp and cfi of a tag; the tag is present (cfi set) unless cfi=0 is written, and that is matched. */
export function takeVlan(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const bits: Record<string, [shift: number, bits: number]> = { vid: [0, 12], pcp: [13, 3], cfi: [12, 1] };
  let key = 0x1000;
  let mask = 0x1000;
  do {
    if (cursor.next === ')') break;
    const at = cursor.position;
    const name = cursor.match(/[a-z]+/y) ?? '';
    if (!Object.hasOwn(bits, name)) cursor.fail(`'${name}' is none of vid, pcp, cfi`, at);
    const [shift, width] = bits[name];
    cursor.expect('=');
    const field = ((1 << width) - 1) << shift;
    key = (key & ~field) | (takeSmall(cursor, width) << shift);
    mask = (mask & ~field) | (cursor.take('/') ? takeSmall(cursor, width) << shift : field);
  } while (cursor.take(','));
  return [Uint8Array.of(key >>> 8, key), Uint8Array.of(mask >>> 8, mask)];
}

const MPLS_FIELDS = [
  ['label', 12, 20],
  ['tc', 9, 3],
  ['ttl', 0, 8],
  ['bos', 8, 1],
] as const;

/** Label stack entries that a key holds. */
const MAX_MPLS_ENTRIES = 3;

/** The value of one field and its mask, in their places. OVS prints the masks of tc and bos in hexadecimal without 0x. */
function takeMplsField(
  cursor: TextCursor,
  [, shift, bits]: (typeof MPLS_FIELDS)[number],
): [value: number, mask: number] {
  const value = takeSmall(cursor, bits) << shift;
  return [value, (cursor.take('/') ? takeSmall(cursor, bits) : (1 << bits) - 1) << shift];
}

/** `label=…,tc=…,ttl=…,bos=…` of one label stack entry, of an action. */
export function takeMplsEntry(cursor: TextCursor): number {
  let value = 0;
  for (const [i, field] of MPLS_FIELDS.entries()) {
    cursor.expect(`${i > 0 ? ',' : ''}${field[0]}=`);
    value |= takeSmall(cursor, field[2]) << field[1];
  }
  return value;
}

/** Label stack entries, three at most: a field that is named again begins the next one. */
function takeMpls(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const entries = [{ value: 0, mask: 0, seen: new Set<string>() }];
  do {
    if (cursor.next === ')') break;
    const at = cursor.position;
    const name = cursor.match(/[a-z]+/y) ?? '';
    const field = MPLS_FIELDS.find((f) => f[0] === name);
    if (field === undefined) return cursor.fail(`'${name}' is none of label, tc, ttl, bos`, at);
    cursor.expect('=');
    if (entries[entries.length - 1].seen.has(name)) entries.push({ value: 0, mask: 0, seen: new Set() });
    if (entries.length > MAX_MPLS_ENTRIES) cursor.fail(`a key has ${MAX_MPLS_ENTRIES} labels at most`, at);
    const entry = entries[entries.length - 1];
    const [value, mask] = takeMplsField(cursor, field);
    entry.value |= value;
    entry.mask |= mask;
    entry.seen.add(name);
  } while (cursor.take(','));
  return [wordBytes(entries.map((e) => e.value)), wordBytes(entries.map((e) => e.mask))];
}
