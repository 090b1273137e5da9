import {
  OVS_TUNNEL_KEY_ATTR_CSUM,
  OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT,
  OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS,
  OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS,
  OVS_TUNNEL_KEY_ATTR_ID,
  OVS_TUNNEL_KEY_ATTR_IPV4_DST,
  OVS_TUNNEL_KEY_ATTR_IPV4_SRC,
  OVS_TUNNEL_KEY_ATTR_IPV6_DST,
  OVS_TUNNEL_KEY_ATTR_IPV6_SRC,
  OVS_TUNNEL_KEY_ATTR_OAM,
  OVS_TUNNEL_KEY_ATTR_TOS,
  OVS_TUNNEL_KEY_ATTR_TP_DST,
  OVS_TUNNEL_KEY_ATTR_TP_SRC,
  OVS_TUNNEL_KEY_ATTR_TTL,
  OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS,
} from '../fields/index.js';
import { fromHex, type TextCursor, TUNNEL_FLAGS } from '../util/index.js';
import { ActionsBuffer } from './actions-buffer.js';
import { type Kind, SIZES, takeFlags, takeMasked, takeSmall } from './parse-values.js';
import {
  TUN_F_CSUM,
  TUN_F_DF,
  TUN_F_KEY,
  TUN_F_OAM,
  TUNNEL_KEY_GTPU_OPTS,
  VXLAN_EXT_GBP,
} from './tunnel-key.js';

const MEMBERS: ReadonlyMap<string, readonly [type: number, kind: Kind]> = new Map<
  string,
  readonly [type: number, kind: Kind]
>([
  ['tun_id', [OVS_TUNNEL_KEY_ATTR_ID, 'be64']],
  ['src', [OVS_TUNNEL_KEY_ATTR_IPV4_SRC, 'ipv4']],
  ['dst', [OVS_TUNNEL_KEY_ATTR_IPV4_DST, 'ipv4']],
  ['ipv6_src', [OVS_TUNNEL_KEY_ATTR_IPV6_SRC, 'ipv6']],
  ['ipv6_dst', [OVS_TUNNEL_KEY_ATTR_IPV6_DST, 'ipv6']],
  ['tos', [OVS_TUNNEL_KEY_ATTR_TOS, 'u8']],
  ['ttl', [OVS_TUNNEL_KEY_ATTR_TTL, 'u8']],
  ['tp_src', [OVS_TUNNEL_KEY_ATTR_TP_SRC, 'be16']],
  ['tp_dst', [OVS_TUNNEL_KEY_ATTR_TP_DST, 'be16']],
]);

const FLAG_ATTRIBUTES = [
  [TUN_F_DF, OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT],
  [TUN_F_CSUM, OVS_TUNNEL_KEY_ATTR_CSUM],
  [TUN_F_OAM, OVS_TUNNEL_KEY_ATTR_OAM],
] as const;

const ALL_FLAGS = TUN_F_OAM | TUN_F_DF | TUN_F_CSUM | TUN_F_KEY;

type Pair = [key: Uint8Array, mask: Uint8Array];

/** What stands between the parentheses of tunnel(…) → attributes in the order of the text: [key, mask]. */
export function parseTunnel(cursor: TextCursor): Pair {
  const key = new ActionsBuffer();
  const mask = new ActionsBuffer();
  const put = (type: number, [value, valueMask]: Pair) => {
    key.attribute(type, value, 0, value.length);
    mask.attribute(type, valueMask, 0, valueMask.length);
  };
  while (cursor.next !== ')') {
    const at = cursor.position;
    const name = cursor.match(/[a-z0-9_]+/y) ?? '';
    const member = MEMBERS.get(name);
    if (member !== undefined) {
      cursor.expect('=');
      put(member[0], takeMasked(cursor, member[1]));
    } else {
      cursor.expect('(');
      if (name === 'flags') takeTunnelFlags(cursor, key, mask);
      else if (name === 'vxlan') put(OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS, takeVxlan(cursor));
      else if (name === 'geneve') put(OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS, takeGeneve(cursor));
      else if (name === 'erspan') put(OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS, takeErspan(cursor));
      else if (name === 'gtpu') put(TUNNEL_KEY_GTPU_OPTS, takeGtpu(cursor));
      else cursor.fail(`'${name}' is no tunnel field`, at);
      cursor.expect(')');
    }
    if (!cursor.take(',')) break;
  }
  return [key.toBytes(), mask.toBytes()];
}

/** The `key` flag has no attribute of its own: the tunnel id says it. `flags()` says that none of them is set. */
function takeTunnelFlags(cursor: TextCursor, key: ActionsBuffer, mask: ActionsBuffer): void {
  const [flags, flagMask] =
    cursor.next === ')' ? [0, ALL_FLAGS] : takeFlags(cursor, TUNNEL_FLAGS, ALL_FLAGS, ALL_FLAGS);
  for (const [flag, type] of FLAG_ATTRIBUTES) {
    if ((flags & flag) !== 0) key.flag(type);
    if ((flagMask & flag) !== 0) mask.flag(type);
  }
}

function takeVxlan(cursor: TextCursor): Pair {
  cursor.expect('gbp(');
  let [id, idMask]: Pair = [Uint8Array.of(0, 0), Uint8Array.of(0, 0)];
  let [flags, flagsMask]: Pair = [Uint8Array.of(0), Uint8Array.of(0)];
  while (cursor.next !== ')') {
    if (cursor.take('id=')) [id, idMask] = takeMasked(cursor, 'be16');
    else if (cursor.take('flags=')) [flags, flagsMask] = takeMasked(cursor, 'u8');
    else cursor.fail(`expected id= or flags=${cursor.found()}`);
    if (!cursor.take(',')) break;
  }
  cursor.expect(')');
  const wrap = (be16: Uint8Array, u8: Uint8Array) => {
    const out = new ActionsBuffer();
    out.u32(VXLAN_EXT_GBP, (u8[0] << 16) | (be16[0] << 8) | be16[1]);
    return out.toBytes();
  };
  return [wrap(id, flags), wrap(idMask, flagsMask)];
}

/** `{class=…,type=…,len=…,0x…/0x…}` repeated. What is not named is zero and not matched, data excepted: OVS matches it. */
export function takeGeneve(cursor: TextCursor): Pair {
  const key: number[] = [];
  const mask: number[] = [];
  while (cursor.take('{')) {
    const [optClass, classMask] = takeOptional(cursor, 'class=', 'be16');
    cursor.take(',');
    const [type, typeMask] = takeOptional(cursor, 'type=', 'u8');
    cursor.take(',');
    const [length, lengthMask] = cursor.take('len=') ? takeOptionLength(cursor) : [0, 0x1f];
    const [data, dataMask] = cursor.take(',')
      ? takeOptionData(cursor, length)
      : [new Uint8Array(length), new Uint8Array(length).fill(0xff)];
    cursor.expect('}');
    key.push(...optClass, ...type, length / 4, ...data);
    mask.push(...classMask, ...typeMask, lengthMask, ...dataMask);
    cursor.take(',');
  }
  if (key.length > MAX_GENEVE) cursor.fail(`Geneve options are longer than ${MAX_GENEVE} bytes`);
  return [Uint8Array.from(key), Uint8Array.from(mask)];
}

const MAX_GENEVE = 252;

/** A member that may be missing: then it is not matched. */
function takeOptional(cursor: TextCursor, name: string, kind: Kind): Pair {
  if (cursor.take(name)) return takeMasked(cursor, kind);
  return [new Uint8Array(SIZES[kind]), new Uint8Array(SIZES[kind])];
}

/** Bytes, and the five bits of the mask of the length in words. */
function takeOptionLength(cursor: TextCursor): [length: number, mask: number] {
  const at = cursor.position;
  const length = takeSmall(cursor, 8);
  if (length > 124 || length % 4 !== 0)
    cursor.fail('the length of an option is a multiple of 4 up to 124', at);
  return [length, (cursor.take('/') ? takeSmall(cursor, 8) : 0xff) & 0x1f];
}

/** Data of an option as one big number of `length` bytes. */
function takeOptionData(cursor: TextCursor, length: number): Pair {
  const take = () => {
    const at = cursor.position;
    const text = cursor.match(/0[xX][0-9a-fA-F]+|\d+/y);
    const digits = text === null ? undefined : BigInt(text).toString(16);
    const bytes =
      digits === undefined
        ? null
        : fromHex(digits === '0' ? '00'.repeat(length) : digits.padStart(2 * length, '0'));
    if (bytes?.length !== length) return cursor.fail(`expected option data of ${length} bytes`, at);
    return bytes;
  };
  const data = take();
  return [data, cursor.take('/') ? take() : new Uint8Array(length).fill(0xff)];
}

/** OVS's struct gtpu_metadata. */
function takeGtpu(cursor: TextCursor): Pair {
  const [flags, flagsMask] = takeOptional(cursor, 'flags=', 'u8');
  cursor.take(',');
  const [type, typeMask] = takeOptional(cursor, 'msgtype=', 'u8');
  return [Uint8Array.of(...flags, ...type), Uint8Array.of(...flagsMask, ...typeMask)];
}

/** struct erspan_metadata; of its mask OVS takes the fields as they are written, and all ones for the rest. */
function takeErspan(cursor: TextCursor): Pair {
  cursor.expect('ver=');
  const version = takeSmall(cursor, 2);
  const key = new Uint8Array(12);
  const mask = new Uint8Array(12).fill(0xff);
  key[0] = version;
  if (version === 1) {
    cursor.expect(',idx=');
    const at = cursor.position;
    const [index, indexMask] = takeMasked(cursor, 'be32');
    if (index[0] !== 0 || index[1] > 0x0f) cursor.fail('an index has 20 bits', at);
    key.set(index, 4);
    mask.set(indexMask, 4);
  } else if (version === 2) {
    cursor.expect(',dir=');
    const direction = takeSmall(cursor, 1);
    const directionMask = cursor.take('/') ? takeSmall(cursor) & 1 : 1;
    cursor.expect(',hwid=');
    const hwid = takeSmall(cursor, 6);
    const hwidMask = (cursor.take('/') ? takeSmall(cursor) : 0xff) & 0x0f;
    key[10] = hwid >>> 4;
    key[11] = ((hwid & 0x0f) << 4) | (direction << 3);
    mask[11] = 0x07 | (directionMask << 3) | (hwidMask << 4);
  } else cursor.fail('an ERSPAN version is 1 or 2');
  return [key, mask];
}
