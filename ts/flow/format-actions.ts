import {
  OVS_ACTION_ATTR_ADD_MPLS,
  OVS_ACTION_ATTR_CHECK_PKT_LEN,
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_CT,
  OVS_ACTION_ATTR_CT_CLEAR,
  OVS_ACTION_ATTR_DEC_TTL,
  OVS_ACTION_ATTR_HASH,
  OVS_ACTION_ATTR_METER,
  OVS_ACTION_ATTR_OUTPUT,
  OVS_ACTION_ATTR_POP_ETH,
  OVS_ACTION_ATTR_POP_MPLS,
  OVS_ACTION_ATTR_POP_NSH,
  OVS_ACTION_ATTR_POP_VLAN,
  OVS_ACTION_ATTR_PUSH_ETH,
  OVS_ACTION_ATTR_PUSH_MPLS,
  OVS_ACTION_ATTR_PUSH_NSH,
  OVS_ACTION_ATTR_PUSH_VLAN,
  OVS_ACTION_ATTR_RECIRC,
  OVS_ACTION_ATTR_SAMPLE,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_ACTION_ATTR_TRUNC,
  OVS_ACTION_ATTR_USERSPACE,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
  OVS_CHECK_PKT_LEN_ATTR_PKT_LEN,
  OVS_DEC_TTL_ATTR_ACTION,
  OVS_KEY_ATTR_NSH,
  OVS_SAMPLE_ATTR_ACTIONS,
  OVS_SAMPLE_ATTR_PROBABILITY,
} from '../fields/index.js';
import { alternateHex, hex32, toHex } from '../util/index.js';
import {
  attributeMap,
  findAttribute,
  hostU16,
  hostU32,
  netU16,
  netU32,
  readAttributes,
} from './attributes.js';
import { formatCt } from './format-ct.js';
import { FieldText, genericHex } from './format-fields.js';
import {
  formatKeyAttribute,
  formatMplsEntry,
  formatVlan,
  leftoverText,
  type PortNames,
} from './format-key.js';
import { formatNsh, formatPushNsh } from './format-nsh.js';
import { formatTunnelPush, isTunnelPush } from './format-push.js';
import { formatUserspace } from './format-userspace.js';
import { splitMaskedNsh } from './masked-nsh.js';
import {
  ACTION_DROP,
  ACTION_LB_OUTPUT,
  ACTION_PSAMPLE,
  ACTION_TUNNEL_POP,
  PSAMPLE_COOKIE,
  PSAMPLE_GROUP,
} from './userspace-actions.js';

const ETH_TYPE_VLAN = 0x8100;
const HASH_NAMES = ['l4', 'sym_l4'];

/** Content sizes of actions that have one. */
const SIZES = new Map([
  [OVS_ACTION_ATTR_OUTPUT, 4],
  [OVS_ACTION_ATTR_PUSH_VLAN, 4],
  [OVS_ACTION_ATTR_POP_VLAN, 0],
  [OVS_ACTION_ATTR_RECIRC, 4],
  [OVS_ACTION_ATTR_HASH, 8],
  [OVS_ACTION_ATTR_PUSH_MPLS, 8],
  [OVS_ACTION_ATTR_POP_MPLS, 2],
  [OVS_ACTION_ATTR_TRUNC, 4],
  [OVS_ACTION_ATTR_PUSH_ETH, 12],
  [OVS_ACTION_ATTR_POP_ETH, 0],
  [OVS_ACTION_ATTR_CT_CLEAR, 0],
  [OVS_ACTION_ATTR_POP_NSH, 0],
  [OVS_ACTION_ATTR_METER, 4],
  [OVS_ACTION_ATTR_ADD_MPLS, 8],
]);

/** Actions nested deeper are shown as bytes: kernels take 16 levels, OVS reads 32. */
const MAX_DEPTH = 64;

/** Where a list of actions stands. */
interface Place {
  /** Names of ports. */
  readonly ports: PortNames | undefined;
  /** Actions that it is in. */
  readonly depth: number;
}

/**
 * Datapath actions (content of OVS_FLOW_ATTR_ACTIONS) as `ovs-dpctl dump-flows` prints them; `drop` for none. Ports are
 * named by `ports` where it knows them. Unknown actions come out as `actionN(…)`; nothing is thrown.
 */
export function formatActions(actions: Uint8Array, ports?: PortNames): string {
  return listText(actions, { ports, depth: 0 });
}

function listText(actions: Uint8Array, place: Place): string {
  if (actions.length === 0) return 'drop';
  if (place.depth > MAX_DEPTH) return genericHex(actions);
  const { attributes, leftover } = readAttributes(actions);
  const text = attributes.map(({ type, payload }) => actionText(type, payload, place)).join(',');
  return leftover.length === 0 ? text : text + leftoverText(leftover, actions.length);
}

function actionText(type: number, payload: Uint8Array, place: Place): string {
  const size = SIZES.get(type);
  if (size !== undefined && payload.length !== size) {
    return `bad length ${payload.length}, expected ${size} for: ${genericText(type, payload)}`;
  }
  switch (type) {
    case OVS_ACTION_ATTR_OUTPUT:
      return portText(hostU32(payload), place.ports);
    case OVS_ACTION_ATTR_USERSPACE:
      return formatUserspace(payload, place.ports);
    case OVS_ACTION_ATTR_SET:
    case OVS_ACTION_ATTR_SET_MASKED:
      return `set(${setText(payload, type === OVS_ACTION_ATTR_SET_MASKED)})`;
    case OVS_ACTION_ATTR_PUSH_VLAN:
      return pushVlanText(netU16(payload), netU16(payload, 2));
    case OVS_ACTION_ATTR_POP_VLAN:
      return 'pop_vlan';
    case OVS_ACTION_ATTR_RECIRC:
      return `recirc(${alternateHex(hostU32(payload))})`;
    case OVS_ACTION_ATTR_HASH:
      return `hash(${hashText(hostU32(payload), hostU32(payload, 4))})`;
    case OVS_ACTION_ATTR_PUSH_MPLS:
    case OVS_ACTION_ATTR_ADD_MPLS: {
      const name = type === OVS_ACTION_ATTR_PUSH_MPLS ? 'push_mpls' : 'add_mpls';
      return `${name}(${formatMplsEntry(netU32(payload))},eth_type=${hex32(netU16(payload, 4))})`;
    }
    case OVS_ACTION_ATTR_POP_MPLS:
      return `pop_mpls(eth_type=${hex32(netU16(payload))})`;
    case OVS_ACTION_ATTR_TRUNC:
      return `trunc(${hostU32(payload)})`;
    case OVS_ACTION_ATTR_PUSH_ETH:
      return `push_eth(${new FieldText(payload, undefined, true).mac('src', 0).mac('dst', 6)})`;
    case OVS_ACTION_ATTR_POP_ETH:
      return 'pop_eth';
    case OVS_ACTION_ATTR_CT_CLEAR:
      return 'ct_clear';
    case OVS_ACTION_ATTR_PUSH_NSH:
      return `push_nsh(${formatPushNsh(findAttribute(payload, OVS_KEY_ATTR_NSH) ?? payload)})`;
    case OVS_ACTION_ATTR_POP_NSH:
      return 'pop_nsh()';
    case OVS_ACTION_ATTR_METER:
      return `meter(${hostU32(payload)})`;
    default:
      return nestedText(type, payload, place);
  }
}

/** Actions that hold other actions. */
function nestedText(type: number, payload: Uint8Array, place: Place): string {
  const inside = { ...place, depth: place.depth + 1 };
  switch (type) {
    case OVS_ACTION_ATTR_CT:
      return formatCt(payload);
    case OVS_ACTION_ATTR_CLONE:
      return `clone(${listText(payload, inside)})`;
    case OVS_ACTION_ATTR_SAMPLE:
      return sampleText(payload, place);
    case OVS_ACTION_ATTR_CHECK_PKT_LEN: {
      const attributes = attributeMap(payload);
      const size = attributes.get(OVS_CHECK_PKT_LEN_ATTR_PKT_LEN);
      const branch = (attribute: number) => listText(attributes.get(attribute) ?? new Uint8Array(), inside);
      const greater = branch(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER);
      const lessEqual = branch(OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL);
      return `check_pkt_len(size=${size?.length === 2 ? hostU16(size) : 0},gt(${greater}),le(${lessEqual}))`;
    }
    case OVS_ACTION_ATTR_DEC_TTL: {
      if (isTunnelPush(payload)) return formatTunnelPush(payload, (port) => portText(port, place.ports));
      const exhausted = attributeMap(payload).get(OVS_DEC_TTL_ATTR_ACTION) ?? new Uint8Array();
      return `dec_ttl(le_1(${listText(exhausted, inside)}))`;
    }
    default:
      return userspaceText(type, payload, place.ports);
  }
}

/** Actions of OVS's userspace datapath and of later kernels. */
function userspaceText(type: number, payload: Uint8Array, ports: PortNames | undefined): string {
  const word = payload.length === 4 ? hostU32(payload) : null;
  if (word !== null && type === ACTION_TUNNEL_POP) return `tnl_pop(${portText(word, ports)})`;
  if (word !== null && type === ACTION_DROP) return 'drop';
  if (word !== null && type === ACTION_LB_OUTPUT) return `lb_output(${word})`;
  if (type === ACTION_PSAMPLE) {
    const attributes = attributeMap(payload);
    const group = attributes.get(PSAMPLE_GROUP);
    const cookie = attributes.get(PSAMPLE_COOKIE);
    if (group?.length === 4) {
      return `psample(group=${hostU32(group)}${cookie === undefined ? '' : `,cookie=0x${toHex(cookie)}`})`;
    }
  }
  return genericText(type, payload);
}

function portText(port: number, ports: PortNames | undefined): string {
  return ports?.get(port) ?? `${port}`;
}

function genericText(type: number, payload: Uint8Array): string {
  return payload.length === 0 ? `action${type}` : `action${type}(${genericHex(payload)})`;
}

/** The argument of set(…): one key attribute, followed by a mask of the same size when masked. */
function setText(payload: Uint8Array, masked: boolean): string {
  const inner = readAttributes(payload).attributes[0];
  if (inner === undefined) return genericHex(payload);
  const { type, payload: value } = inner;
  if (!masked) return formatKeyAttribute(type, value, undefined, { verbose: true });
  if (type === OVS_KEY_ATTR_NSH) return `nsh(${formatNsh(...splitMaskedNsh(value))})`;
  const half = value.length >> 1;
  return formatKeyAttribute(type, value.subarray(0, half), value.subarray(half), { verbose: false });
}

function pushVlanText(tpid: number, tci: number): string {
  const prefix = tpid === ETH_TYPE_VLAN ? '' : `tpid=${hex32(tpid, 4)},`;
  return `push_vlan(${prefix}${formatVlan(tci, 0xffff, false)})`;
}

function hashText(algorithm: number, basis: number): string {
  const name = HASH_NAMES[algorithm];
  return name === undefined ? `Unknown hash algorithm(${algorithm})` : `${name}(${basis})`;
}

function sampleText(payload: Uint8Array, place: Place): string {
  const attributes = attributeMap(payload);
  const probability = attributes.get(OVS_SAMPLE_ATTR_PROBABILITY);
  if (probability?.length !== 4) return 'sample(error)';
  const percent = ((100 * hostU32(probability)) / 0xffffffff).toFixed(1);
  const nested = attributes.get(OVS_SAMPLE_ATTR_ACTIONS) ?? new Uint8Array();
  return `sample(sample=${percent}%,actions(${listText(nested, { ...place, depth: place.depth + 1 })}))`;
}
