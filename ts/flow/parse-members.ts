import type { TextCursor } from '../util/index.js';
import type { KeyMember } from './key-table.js';
import { takeMasked } from './parse-values.js';

/** Other names of members: OVS reads the ports of a tuple by the names that it prints only for IPv4. */
const SYNONYMS: ReadonlyMap<string, string> = new Map([
  ['tp_src', 'src_port'],
  ['tp_dst', 'dst_port'],
]);

/** `name=value[/mask],…` in any order; a comma may stand at the end. */
export function takeMembers(
  cursor: TextCursor,
  members: readonly KeyMember[],
  size: number,
): [Uint8Array, Uint8Array] {
  const key = new Uint8Array(size);
  const mask = new Uint8Array(size);
  do {
    if (cursor.next === ')') break;
    const position = cursor.position;
    const name = cursor.match(/[a-z0-9_]+/y) ?? '';
    const member = members.find((m) => m[0] === name) ?? members.find((m) => m[0] === SYNONYMS.get(name));
    if (member === undefined) {
      return cursor.fail(`'${name}' is none of ${members.map((m) => m[0]).join(', ')}`, position);
    }
    const [, at, kind] = member;
    cursor.expect('=');
    const [value, valueMask] = takeMasked(cursor, kind);
    key.set(value, at);
    mask.set(valueMask, at);
  } while (cursor.take(','));
  return [key, mask];
}
