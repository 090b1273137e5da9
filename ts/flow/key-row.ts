import {
  F_ARP_SHA,
  F_ARP_THA,
  F_CT_IPV6_DST,
  F_CT_IPV6_SRC,
  F_CT_LABEL,
  F_CT_MARK,
  F_CT_NW_DST,
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_CT_STATE,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_CT_ZONE,
  F_DP_HASH,
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IN_PORT,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_MPLS_LSE0,
  F_ND_OPTIONS_TYPE,
  F_ND_RESERVED,
  F_ND_TARGET,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_ERSPAN_DIR,
  F_TUN_ERSPAN_HWID,
  F_TUN_ERSPAN_IDX,
  F_TUN_ERSPAN_VER,
  F_TUN_FLAGS,
  F_TUN_GBP_FLAGS,
  F_TUN_GBP_ID,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_OPTS,
  F_TUN_OPTS_LEN,
  F_TUN_SRC,
  F_TUN_TOS,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  F_TUN_TTL,
  F_VLAN_TCI,
  F_VLAN_TPID,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
  FLOW_WORDS,
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
import {
  attributeMap,
  findAttribute,
  hostU16,
  hostU32,
  netU16,
  netU32,
  readAttributes,
} from './attributes.js';
import { KEY_ATTRIBUTES } from './key-names.js';
import { TUN_F_CSUM, TUN_F_DF, TUN_F_KEY, TUN_F_OAM, VXLAN_EXT_GBP } from './tunnel-key.js';

/** Where the members of a structure go: [offset, kind, flow word]. */
type Member = readonly [
  at: number,
  kind: 'u8' | 'be16' | 'be32' | 'h16' | 'h32' | 'mac' | 'words',
  word: number,
];

const words = (at: number, word: number): Member => [at, 'words', word];

/** Attributes that are one structure. */
const STRUCTURES: ReadonlyMap<number, readonly Member[]> = new Map<number, readonly Member[]>([
  [OVS_KEY_ATTR_PRIORITY, [[0, 'h32', F_SKB_PRIORITY]]],
  [OVS_KEY_ATTR_SKB_MARK, [[0, 'h32', F_SKB_MARK]]],
  [OVS_KEY_ATTR_DP_HASH, [[0, 'h32', F_DP_HASH]]],
  [OVS_KEY_ATTR_RECIRC_ID, [[0, 'h32', F_RECIRC_ID]]],
  [OVS_KEY_ATTR_IN_PORT, [[0, 'h32', F_IN_PORT]]],
  [OVS_KEY_ATTR_CT_STATE, [[0, 'h32', F_CT_STATE]]],
  [OVS_KEY_ATTR_CT_ZONE, [[0, 'h16', F_CT_ZONE]]],
  [OVS_KEY_ATTR_CT_MARK, [[0, 'h32', F_CT_MARK]]],
  [
    OVS_KEY_ATTR_CT_LABELS,
    [
      [12, 'h32', F_CT_LABEL],
      [8, 'h32', F_CT_LABEL + 1],
      [4, 'h32', F_CT_LABEL + 2],
      [0, 'h32', F_CT_LABEL + 3],
    ],
  ],
  [
    OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV4,
    [
      [0, 'be32', F_CT_NW_SRC],
      [4, 'be32', F_CT_NW_DST],
      [8, 'be16', F_CT_TP_SRC],
      [10, 'be16', F_CT_TP_DST],
      [12, 'u8', F_CT_NW_PROTO],
    ],
  ],
  [
    OVS_KEY_ATTR_CT_ORIG_TUPLE_IPV6,
    [
      words(0, F_CT_IPV6_SRC),
      words(16, F_CT_IPV6_DST),
      [32, 'be16', F_CT_TP_SRC],
      [34, 'be16', F_CT_TP_DST],
      [36, 'u8', F_CT_NW_PROTO],
    ],
  ],
  [OVS_KEY_ATTR_PACKET_TYPE, [[0, 'be32', F_PACKET_TYPE]]],
  [
    OVS_KEY_ATTR_ETHERNET,
    [
      [0, 'mac', F_ETH_SRC],
      [6, 'mac', F_ETH_DST],
    ],
  ],
  [
    OVS_KEY_ATTR_IPV4,
    [
      [0, 'be32', F_NW_SRC],
      [4, 'be32', F_NW_DST],
      [8, 'u8', F_NW_PROTO],
      [9, 'u8', F_NW_TOS],
      [10, 'u8', F_NW_TTL],
      [11, 'u8', F_NW_FRAG],
    ],
  ],
  [
    OVS_KEY_ATTR_IPV6,
    [
      words(0, F_IPV6_SRC),
      words(16, F_IPV6_DST),
      [32, 'be32', F_IPV6_LABEL],
      [36, 'u8', F_NW_PROTO],
      [37, 'u8', F_NW_TOS],
      [38, 'u8', F_NW_TTL],
      [39, 'u8', F_NW_FRAG],
    ],
  ],
  ...[OVS_KEY_ATTR_TCP, OVS_KEY_ATTR_UDP, OVS_KEY_ATTR_SCTP].map((type): [number, Member[]] => [
    type,
    [
      [0, 'be16', F_TP_SRC],
      [2, 'be16', F_TP_DST],
    ],
  ]),
  ...[OVS_KEY_ATTR_ICMP, OVS_KEY_ATTR_ICMPV6].map((type): [number, Member[]] => [
    type,
    [
      [0, 'u8', F_TP_SRC],
      [1, 'u8', F_TP_DST],
    ],
  ]),
  [OVS_KEY_ATTR_TCP_FLAGS, [[0, 'be16', F_TCP_FLAGS]]],
  [
    OVS_KEY_ATTR_ARP,
    [
      [0, 'be32', F_NW_SRC],
      [4, 'be32', F_NW_DST],
      [9, 'u8', F_NW_PROTO],
      [10, 'mac', F_ARP_SHA],
      [16, 'mac', F_ARP_THA],
    ],
  ],
  [OVS_KEY_ATTR_ND, [words(0, F_ND_TARGET), [16, 'mac', F_ARP_SHA], [22, 'mac', F_ARP_THA]]],
  [
    OVS_KEY_ATTR_ND_EXTENSIONS,
    [
      [0, 'be32', F_ND_RESERVED],
      [4, 'u8', F_ND_OPTIONS_TYPE],
    ],
  ],
]);

/** ovs_frag_type → nw_frag bits: no, first, later. */
const FRAG_BITS = [0, 1, 3];
const NO_ETHERTYPE = 0x05ff;

/**
 * Key attributes → a row of flow words, for text and tools; the slow path decodes in C++ (`Addon.decodeKey`), which also
 * judges fitness. Attributes of a wrong size and unknown ones are passed over. With `isMask` the attributes are a mask:
 * values are taken as they are and nothing is concluded from what is absent.
 */
export function readKeyRow(attributes: Uint8Array, row: Int32Array, base: number, isMask = false): void {
  row.fill(0, base, base + FLOW_WORDS);
  const all = attributeMap(attributes);
  readLayers(attributes, row, base, 0);
  if (isMask) {
    if (row[base + F_NW_FRAG] !== 0) row[base + F_NW_FRAG] = 3;
    return;
  }
  row[base + F_NW_FRAG] = FRAG_BITS[row[base + F_NW_FRAG]] ?? 0;
  if (all.has(OVS_KEY_ATTR_ETHERNET) && row[base + F_ETH_TYPE] === 0) row[base + F_ETH_TYPE] = NO_ETHERTYPE;
}

/** One level of attributes; encap nests the next. */
function readLayers(attributes: Uint8Array, row: Int32Array, base: number, depth: number): void {
  const inner = findAttribute(attributes, OVS_KEY_ATTR_ENCAP);
  for (const { type, payload } of readAttributes(attributes).attributes) {
    const members = STRUCTURES.get(type);
    if (members !== undefined) {
      if (payload.length === KEY_ATTRIBUTES.get(type)?.size) readMembers(members, payload, row, base);
    } else if (type === OVS_KEY_ATTR_TUNNEL) {
      readTunnel(payload, row, base);
    } else if (type === OVS_KEY_ATTR_MPLS) {
      for (let i = 0; i < 3 && 4 * i + 4 <= payload.length; i++)
        row[base + F_MPLS_LSE0 + i] = netU32(payload, 4 * i);
    } else if (type === OVS_KEY_ATTR_VLAN && payload.length === 2 && depth < 2) {
      row[base + (depth === 0 ? F_VLAN_TCI : F_VLAN1_TCI)] = netU16(payload);
    } else if (type === OVS_KEY_ATTR_ETHERTYPE && payload.length === 2) {
      const word = inner === undefined || depth >= 2 ? F_ETH_TYPE : depth === 0 ? F_VLAN_TPID : F_VLAN1_TPID;
      row[base + word] = netU16(payload);
    }
  }
  if (inner !== undefined && depth < 2) readLayers(inner, row, base, depth + 1);
}

function readMembers(members: readonly Member[], bytes: Uint8Array, row: Int32Array, base: number): void {
  for (const [at, kind, word] of members) {
    const to = base + word;
    switch (kind) {
      case 'u8':
        row[to] = bytes[at];
        break;
      case 'be16':
        row[to] = netU16(bytes, at);
        break;
      case 'h16':
        row[to] = hostU16(bytes, at);
        break;
      case 'be32':
        row[to] = netU32(bytes, at);
        break;
      case 'h32':
        row[to] = hostU32(bytes, at);
        break;
      case 'mac':
        row[to] = netU16(bytes, at);
        row[to + 1] = netU32(bytes, at + 2);
        break;
      case 'words':
        for (let i = 0; i < 4; i++) row[to + i] = netU32(bytes, at + 4 * i);
    }
  }
}

const TUNNEL_MEMBERS: ReadonlyMap<number, readonly [size: number, ...members: Member[]]> = new Map<
  number,
  readonly [size: number, ...members: Member[]]
>([
  [OVS_TUNNEL_KEY_ATTR_ID, [8, [0, 'be32', F_TUN_ID], [4, 'be32', F_TUN_ID + 1]]],
  [OVS_TUNNEL_KEY_ATTR_IPV4_SRC, [4, [0, 'be32', F_TUN_SRC]]],
  [OVS_TUNNEL_KEY_ATTR_IPV4_DST, [4, [0, 'be32', F_TUN_DST]]],
  [OVS_TUNNEL_KEY_ATTR_IPV6_SRC, [16, words(0, F_TUN_IPV6_SRC)]],
  [OVS_TUNNEL_KEY_ATTR_IPV6_DST, [16, words(0, F_TUN_IPV6_DST)]],
  [OVS_TUNNEL_KEY_ATTR_TOS, [1, [0, 'u8', F_TUN_TOS]]],
  [OVS_TUNNEL_KEY_ATTR_TTL, [1, [0, 'u8', F_TUN_TTL]]],
  [OVS_TUNNEL_KEY_ATTR_TP_SRC, [2, [0, 'be16', F_TUN_TP_SRC]]],
  [OVS_TUNNEL_KEY_ATTR_TP_DST, [2, [0, 'be16', F_TUN_TP_DST]]],
]);

const TUNNEL_FLAG_BITS = new Map([
  [OVS_TUNNEL_KEY_ATTR_ID, TUN_F_KEY],
  [OVS_TUNNEL_KEY_ATTR_DONT_FRAGMENT, TUN_F_DF],
  [OVS_TUNNEL_KEY_ATTR_CSUM, TUN_F_CSUM],
  [OVS_TUNNEL_KEY_ATTR_OAM, TUN_F_OAM],
]);

function readTunnel(attributes: Uint8Array, row: Int32Array, base: number): void {
  for (const { type, payload } of readAttributes(attributes).attributes) {
    row[base + F_TUN_FLAGS] |= TUNNEL_FLAG_BITS.get(type) ?? 0;
    const [size, ...members] = TUNNEL_MEMBERS.get(type) ?? [-1];
    if (payload.length === size) readMembers(members, payload, row, base);
    else if (type === OVS_TUNNEL_KEY_ATTR_VXLAN_OPTS) readGbp(payload, row, base);
    else if (type === OVS_TUNNEL_KEY_ATTR_ERSPAN_OPTS) readErspan(payload, row, base);
    else if (type === OVS_TUNNEL_KEY_ATTR_GENEVE_OPTS && payload.length <= 255) {
      row[base + F_TUN_OPTS_LEN] = payload.length;
      for (let i = 0; i + 4 <= payload.length; i += 4) row[base + F_TUN_OPTS + (i >> 2)] = netU32(payload, i);
    }
  }
}

function readGbp(options: Uint8Array, row: Int32Array, base: number): void {
  const gbp = findAttribute(options, VXLAN_EXT_GBP);
  if (gbp?.length !== 4) return;
  row[base + F_TUN_GBP_ID] = hostU16(gbp);
  row[base + F_TUN_GBP_FLAGS] = gbp[2];
}

function readErspan(options: Uint8Array, row: Int32Array, base: number): void {
  if (options.length < 12) return;
  row[base + F_TUN_ERSPAN_VER] = options[0];
  if (options[0] !== 2) row[base + F_TUN_ERSPAN_IDX] = netU32(options, 4);
  if (options[0] === 1) return;
  row[base + F_TUN_ERSPAN_DIR] = (options[11] >>> 3) & 1;
  row[base + F_TUN_ERSPAN_HWID] = ((options[10] & 0x03) << 4) | (options[11] >>> 4);
}
