import {
  OVS_ACTION_ATTR_PUSH_NSH,
  OVS_KEY_ATTR_NSH,
  OVS_NSH_KEY_ATTR_BASE,
  OVS_NSH_KEY_ATTR_MD1,
  OVS_NSH_KEY_ATTR_MD2,
} from '../fields/index.js';
import { fromHex, type TextCursor } from '../util/index.js';
import { ActionsBuffer } from './actions-buffer.js';
import type { KeyMember } from './key-table.js';
import { takeMembers } from './parse-members.js';
import { takeValue } from './parse-values.js';

const NSH_MEMBERS: readonly KeyMember[] = [
  ['flags', 0, 'u8'],
  ['ttl', 1, 'u8'],
  ['mdtype', 2, 'u8'],
  ['np', 3, 'u8'],
  ['spi', 4, 'be24'],
  ['si', 7, 'u8'],
  ['c1', 8, 'be32'],
  ['c2', 12, 'be32'],
  ['c3', 16, 'be32'],
  ['c4', 20, 'be32'],
];
const NSH_TYPE_1 = 1;

/** Base header and context, each in its attribute; only headers of MD type 1 have a context, but every mask. */
export function takeNsh(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const wrap = (bytes: Uint8Array, context: boolean) => {
    const out = new ActionsBuffer();
    out.attribute(OVS_NSH_KEY_ATTR_BASE, bytes, 0, 8);
    if (context) out.attribute(OVS_NSH_KEY_ATTR_MD1, bytes, 8, 16);
    return out.toBytes();
  };
  const [key, mask] = takeMembers(cursor, NSH_MEMBERS, 24);
  return [wrap(key, key[2] === NSH_TYPE_1), wrap(mask, true)];
}

const NSH_TYPE_2 = 2;
/** Most bytes of type 2 metadata. */
const MAX_METADATA = 248;
/** flags, ttl, mdtype, np, spi (3), si: what push_nsh writes where the text is silent, Ethernet inside MD type 1. */
const PUSH_DEFAULTS = [0, 63, NSH_TYPE_1, 3, 0, 0, 0, 255];

/** push_nsh(…): members in any order, each of which has a default; `md2=0x…` for metadata of type 2. */
export function takePushNsh(cursor: TextCursor, out: ActionsBuffer): void {
  const header = new Uint8Array(24);
  header.set(PUSH_DEFAULTS);
  let metadata = new Uint8Array();
  cursor.expect('(');
  cursor.match(/[\s,]*/y);
  while (cursor.next !== ')') {
    const position = cursor.position;
    const name = cursor.match(/[a-z0-9]+/y) ?? '';
    if (name === 'md2' && header[2] === NSH_TYPE_2) metadata = takeMetadata(cursor);
    else {
      const [, at, kind] = NSH_MEMBERS.find((m) => m[0] === name) ?? [];
      if (at === undefined || kind === undefined || (at >= 8 && header[2] !== NSH_TYPE_1)) {
        cursor.fail(`'${name}' is no field of this header`, position);
      }
      cursor.expect('=');
      header.set(takeValue(cursor, kind), at);
      if (name === 'mdtype' && header[2] !== NSH_TYPE_1 && header[2] !== NSH_TYPE_2) {
        cursor.fail('mdtype is 1 or 2', position);
      }
    }
    cursor.match(/[\s,]*/y);
  }
  cursor.expect(')');
  const start = out.begin(OVS_ACTION_ATTR_PUSH_NSH);
  const nsh = out.begin(OVS_KEY_ATTR_NSH);
  out.attribute(OVS_NSH_KEY_ATTR_BASE, header, 0, 8);
  if (header[2] === NSH_TYPE_1) out.attribute(OVS_NSH_KEY_ATTR_MD1, header, 8, 16);
  else if (metadata.length > 0) out.attribute(OVS_NSH_KEY_ATTR_MD2, metadata, 0, metadata.length);
  out.end(nsh);
  out.end(start);
}

/** Hexadecimal digits, filled up with zeroes to whole words. */
function takeMetadata(cursor: TextCursor): Uint8Array<ArrayBuffer> {
  cursor.expect('=0x');
  const at = cursor.position;
  const bytes = fromHex(cursor.match(/[0-9a-fA-F]*/y) ?? '');
  if (bytes === null || bytes.length > MAX_METADATA) {
    return cursor.fail(`expected up to ${MAX_METADATA} pairs of hexadecimal digits`, at);
  }
  const padded = new Uint8Array((bytes.length + 3) & ~3);
  padded.set(bytes);
  return padded;
}
