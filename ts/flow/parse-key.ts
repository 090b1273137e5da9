import {
  OVS_KEY_ATTR_ARP,
  OVS_KEY_ATTR_CT_LABELS,
  OVS_KEY_ATTR_CT_MARK,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
  OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
  OVS_KEY_ATTR_CT_STATE,
  OVS_KEY_ATTR_CT_ZONE,
  OVS_KEY_ATTR_DP_HASH,
  OVS_KEY_ATTR_ENCAP,
  OVS_KEY_ATTR_ETHERNET,
  OVS_KEY_ATTR_ETHERTYPE,
  OVS_KEY_ATTR_ICMP,
  OVS_KEY_ATTR_ICMPV6,
  OVS_KEY_ATTR_IN_PORT,
  OVS_KEY_ATTR_IPV4,
  OVS_KEY_ATTR_IPV6,
  OVS_KEY_ATTR_MPLS,
  OVS_KEY_ATTR_ND,
  OVS_KEY_ATTR_ND_EXTENSIONS,
  OVS_KEY_ATTR_NSH,
  OVS_KEY_ATTR_PACKET_TYPE,
  OVS_KEY_ATTR_PRIORITY,
  OVS_KEY_ATTR_RECIRC_ID,
  OVS_KEY_ATTR_SCTP,
  OVS_KEY_ATTR_SKB_MARK,
  OVS_KEY_ATTR_TCP,
  OVS_KEY_ATTR_TCP_FLAGS,
  OVS_KEY_ATTR_TUNNEL,
  OVS_KEY_ATTR_UDP,
  OVS_KEY_ATTR_VLAN,
  OVS_NSH_KEY_ATTR_BASE,
  OVS_NSH_KEY_ATTR_MD1,
} from '../fields/index.js';
import { TextCursor } from '../util/index.js';
import { ActionsBuffer } from './actions-buffer.js';
import { CT_STATE_FLAGS, TCP_FLAGS } from './flag-names.js';
import { KEY_ATTRIBUTES } from './key-names.js';
import { parseTunnel } from './parse-tunnel.js';
import { type Kind, takeFlags, takeMasked, takeSmall } from './parse-values.js';

/** Numbers of datapath ports by name, where text may name them. */
export type PortNumbers = ReadonlyMap<string, number>;

/** A key attribute read from text: content of the key's and of the mask's attribute. */
export interface KeyAttribute {
  readonly type: number;
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
}

/** Members of structures by name. */
type Members = Record<string, readonly [at: number, kind: Kind]>;

const ports: Members = { src: [0, 'be16'], dst: [2, 'be16'] };
const icmp: Members = { type: [0, 'u8'], code: [1, 'u8'] };

const STRUCTURES: ReadonlyMap<number, Members> = new Map<number, Members>([
  [OVS_KEY_ATTR_ETHERNET, { src: [0, 'mac'], dst: [6, 'mac'] }],
  [
    OVS_KEY_ATTR_IPV4,
    {
      src: [0, 'ipv4'],
      dst: [4, 'ipv4'],
      proto: [8, 'u8'],
      tos: [9, 'u8'],
      ttl: [10, 'u8'],
      frag: [11, 'frag'],
    },
  ],
  [
    OVS_KEY_ATTR_IPV6,
    {
      src: [0, 'ipv6'],
      dst: [16, 'ipv6'],
      label: [32, 'label'],
      proto: [36, 'u8'],
      tclass: [37, 'u8'],
      hlimit: [38, 'u8'],
      frag: [39, 'frag'],
    },
  ],
  [OVS_KEY_ATTR_TCP, ports],
  [OVS_KEY_ATTR_UDP, ports],
  [OVS_KEY_ATTR_SCTP, ports],
  [OVS_KEY_ATTR_ICMP, icmp],
  [OVS_KEY_ATTR_ICMPV6, icmp],
  [
    OVS_KEY_ATTR_ARP,
    { sip: [0, 'ipv4'], tip: [4, 'ipv4'], op: [8, 'be16'], sha: [10, 'mac'], tha: [16, 'mac'] },
  ],
  [OVS_KEY_ATTR_ND, { target: [0, 'ipv6'], sll: [16, 'mac'], tll: [22, 'mac'] }],
  [OVS_KEY_ATTR_ND_EXTENSIONS, { nd_reserved: [0, 'be32'], nd_options_type: [4, 'u8'] }],
  [OVS_KEY_ATTR_PACKET_TYPE, { ns: [0, 'be16'], id: [2, 'be16'] }],
  [
    OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
    { src: [0, 'ipv4'], dst: [4, 'ipv4'], proto: [12, 'u8'], tp_src: [8, 'be16'], tp_dst: [10, 'be16'] },
  ],
  [
    OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
    {
      src: [0, 'ipv6'],
      dst: [16, 'ipv6'],
      proto: [36, 'u8'],
      src_port: [32, 'be16'],
      dst_port: [34, 'be16'],
      tp_src: [32, 'be16'],
      tp_dst: [34, 'be16'],
    },
  ],
]);

/** Attributes that are one number. */
const NUMBERS: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [OVS_KEY_ATTR_PRIORITY, 'h32'],
  [OVS_KEY_ATTR_SKB_MARK, 'h32'],
  [OVS_KEY_ATTR_DP_HASH, 'h32'],
  [OVS_KEY_ATTR_RECIRC_ID, 'h32'],
  [OVS_KEY_ATTR_CT_MARK, 'h32'],
  [OVS_KEY_ATTR_CT_ZONE, 'h16'],
  [OVS_KEY_ATTR_CT_LABELS, 'u128'],
  [OVS_KEY_ATTR_ETHERTYPE, 'be16'],
  [OVS_KEY_ATTR_IN_PORT, 'h32'],
]);

const TYPES = new Map([...KEY_ATTRIBUTES].map(([type, { name }]) => [name, type]));

/** A key and its mask: contents of OVS_FLOW_ATTR_KEY and OVS_FLOW_ATTR_MASK. */
export interface KeyText {
  readonly key: Uint8Array;
  readonly mask: Uint8Array;
}

/**
 * Key text as `ovs-dpctl` prints and takes it → key and mask attributes, in the order of the text. What is written without
 * a mask is matched exactly; members that are not written are not matched. Throws a SyntaxProblem with line and column.
 */
export function parseKey(text: string, portNumbers?: PortNumbers): KeyText {
  const cursor = new TextCursor(text);
  const key = new ActionsBuffer();
  const mask = new ActionsBuffer();
  takeKey(cursor, key, mask, portNumbers);
  if (!cursor.atEnd) cursor.fail(`expected a key attribute${cursor.found()}`);
  return { key: key.toBytes(), mask: mask.toBytes() };
}

function takeKey(
  cursor: TextCursor,
  key: ActionsBuffer,
  mask: ActionsBuffer,
  portNumbers?: PortNumbers,
): void {
  cursor.match(/[\s,]*/y);
  while (!cursor.atEnd && cursor.next !== ')') {
    const attribute = takeKeyAttribute(cursor, portNumbers);
    key.attribute(attribute.type, attribute.key, 0, attribute.key.length);
    mask.attribute(attribute.type, attribute.mask, 0, attribute.mask.length);
    cursor.match(/[\s,]*/y);
  }
}

/** One `name(…)` of a key, or of a set action. */
export function takeKeyAttribute(cursor: TextCursor, portNumbers?: PortNumbers): KeyAttribute {
  const at = cursor.position;
  const name = cursor.match(/[a-z0-9_]+/y) ?? '';
  const type = TYPES.get(name);
  if (type === undefined) {
    return cursor.fail(
      name === '' ? `expected a key attribute${cursor.found()}` : `unknown key attribute '${name}'`,
      at,
    );
  }
  cursor.expect('(');
  const [key, mask] = takeContent(cursor, type, portNumbers);
  cursor.expect(')');
  return { type, key, mask };
}

function takeContent(
  cursor: TextCursor,
  type: number,
  portNumbers: PortNumbers | undefined,
): [key: Uint8Array, mask: Uint8Array] {
  const members = STRUCTURES.get(type);
  if (members !== undefined) return takeMembers(cursor, members, KEY_ATTRIBUTES.get(type)!.size);
  switch (type) {
    case OVS_KEY_ATTR_ENCAP: {
      const key = new ActionsBuffer();
      const mask = new ActionsBuffer();
      takeKey(cursor, key, mask, portNumbers);
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
      return flagBytes(takeFlags(cursor, TCP_FLAGS, 0xffff), 2);
    case OVS_KEY_ATTR_CT_STATE:
      return flagBytes(takeFlags(cursor, CT_STATE_FLAGS, 0xffffffff), 4);
    case OVS_KEY_ATTR_IN_PORT: {
      const port = portNumbers?.get(cursor.match(/[A-Za-z][^,()/\s]*/y) ?? '');
      if (port !== undefined) return [hostBytes(port), hostBytes(0xffffffff)];
      return takeMasked(cursor, 'h32');
    }
    default:
      return takeMasked(cursor, NUMBERS.get(type)!);
  }
}

const hostBytes = (value: number) => Uint8Array.of(value, value >>> 8, value >>> 16, value >>> 24);

/** ct_state is in host order, TCP flags in network order. */
function flagBytes([value, mask]: [number, number], size: 2 | 4): [Uint8Array, Uint8Array] {
  if (size === 4) return [hostBytes(value), hostBytes(mask)];
  return [Uint8Array.of(value >>> 8, value), Uint8Array.of(mask >>> 8, mask)];
}

/** `name=value[/mask],…` in any order. */
export function takeMembers(cursor: TextCursor, members: Members, size: number): [Uint8Array, Uint8Array] {
  const key = new Uint8Array(size);
  const mask = new Uint8Array(size);
  if (cursor.next === ')') return [key, mask];
  do {
    const position = cursor.position;
    const name = cursor.match(/[a-z0-9_]+/y) ?? '';
    if (!Object.hasOwn(members, name)) {
      cursor.fail(`'${name}' is none of ${Object.keys(members).join(', ')}`, position);
    }
    const [at, kind] = members[name];
    cursor.expect('=');
    const [value, valueMask] = takeMasked(cursor, kind);
    key.set(value, at);
    mask.set(valueMask, at);
  } while (cursor.take(','));
  return [key, mask];
}

/** vid, pcp and cfi of a tag; the tag is present (cfi set) unless cfi=0 is written, and that is matched. */
export function takeVlan(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const bits: Record<string, [shift: number, bits: number]> = { vid: [0, 12], pcp: [13, 3], cfi: [12, 1] };
  let key = 0x1000;
  let mask = 0x1000;
  do {
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

/** `label=…,tc=…,ttl=…,bos=…` of one label stack entry: [value, mask]. */
export function takeMplsEntry(cursor: TextCursor): [value: number, mask: number] {
  let value = 0;
  let mask = 0;
  for (const [i, [name, shift, bits]] of MPLS_FIELDS.entries()) {
    if (i > 0) cursor.expect(',');
    cursor.expect(`${name}=`);
    value |= takeSmall(cursor, bits) << shift;
    // OVS prints the masks of tc and bos in hexadecimal without a prefix.
    mask |= (cursor.take('/') ? takeSmall(cursor, bits) : (1 << bits) - 1) << shift;
  }
  return [value, mask];
}

/** One or more label stack entries. */
function takeMpls(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const key: number[] = [];
  const mask: number[] = [];
  do {
    const [value, valueMask] = takeMplsEntry(cursor);
    for (const shift of [24, 16, 8, 0]) {
      key.push((value >>> shift) & 0xff);
      mask.push((valueMask >>> shift) & 0xff);
    }
  } while (cursor.take(','));
  return [Uint8Array.from(key), Uint8Array.from(mask)];
}

const NSH_MEMBERS: Members = {
  flags: [0, 'u8'],
  ttl: [1, 'u8'],
  mdtype: [2, 'u8'],
  np: [3, 'u8'],
  spi: [4, 'be24'],
  si: [7, 'u8'],
  c1: [8, 'be32'],
  c2: [12, 'be32'],
  c3: [16, 'be32'],
  c4: [20, 'be32'],
};

/** Base header and MD type 1 context, each in its attribute. */
export function takeNsh(cursor: TextCursor): [key: Uint8Array, mask: Uint8Array] {
  const wrap = (bytes: Uint8Array) => {
    const out = new ActionsBuffer();
    out.attribute(OVS_NSH_KEY_ATTR_BASE, bytes, 0, 8);
    out.attribute(OVS_NSH_KEY_ATTR_MD1, bytes, 8, 16);
    return out.toBytes();
  };
  const [key, mask] = takeMembers(cursor, NSH_MEMBERS, 24);
  return [wrap(key), wrap(mask)];
}
