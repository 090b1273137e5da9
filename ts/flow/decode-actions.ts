import * as ovs from '../fields/index.js';
import {
  type Attribute,
  attributeMap,
  hostU16,
  hostU32,
  netU16,
  netU32,
  readAttributes,
} from './attributes.js';
import type { CtArgument, DatapathAction, NatArgument } from './datapath-action.js';
import { isTunnelPush } from './format-push.js';
import { splitMaskedNsh } from './masked-nsh.js';
import {
  ACTION_DROP,
  ACTION_LB_OUTPUT,
  ACTION_PSAMPLE,
  ACTION_TUNNEL_POP,
  PSAMPLE_COOKIE,
  PSAMPLE_GROUP,
  PUSH_HEADER_AT,
} from './userspace-actions.js';

/** Deeper actions stay bytes. */
const MAX_DEPTH = 32;

/**
 * Datapath actions (content of OVS_FLOW_ATTR_ACTIONS) as data; never throws. An attribute that is no action of ours, or whose
 * content is not what that action has, becomes `unknown` with its bytes. Bytes behind the last whole attribute are not kept.
 * Payloads are views of `bytes`.
 */
export function decodeActions(bytes: Uint8Array): DatapathAction[] {
  return decodeList(bytes, 0);
}

function decodeList(bytes: Uint8Array, depth: number): DatapathAction[] {
  return readAttributes(bytes).attributes.map(
    (attribute) =>
      (depth > MAX_DEPTH ? null : decodeAction(attribute, depth)) ?? {
        type: 'unknown',
        attribute: attribute.type,
        payload: attribute.payload,
      },
  );
}

/** Actions whose content has one size: size and reader. */
const FIXED: ReadonlyMap<number, readonly [size: number, read: (b: Uint8Array) => DatapathAction]> = new Map<
  number,
  readonly [size: number, read: (b: Uint8Array) => DatapathAction]
>([
  [ovs.OVS_ACTION_ATTR_OUTPUT, [4, (b) => ({ type: 'output', port: hostU32(b) })]],
  [ovs.OVS_ACTION_ATTR_PUSH_VLAN, [4, (b) => ({ type: 'push_vlan', tpid: netU16(b), tci: netU16(b, 2) })]],
  [ovs.OVS_ACTION_ATTR_POP_VLAN, [0, () => ({ type: 'pop_vlan' })]],
  [ovs.OVS_ACTION_ATTR_RECIRC, [4, (b) => ({ type: 'recirc', id: hostU32(b) })]],
  [ovs.OVS_ACTION_ATTR_HASH, [8, (b) => ({ type: 'hash', algorithm: hostU32(b), basis: hostU32(b, 4) })]],
  [ovs.OVS_ACTION_ATTR_PUSH_MPLS, [8, (b) => ({ type: 'push_mpls', lse: netU32(b), ethType: netU16(b, 4) })]],
  [ovs.OVS_ACTION_ATTR_POP_MPLS, [2, (b) => ({ type: 'pop_mpls', ethType: netU16(b) })]],
  [
    ovs.OVS_ACTION_ATTR_ADD_MPLS,
    [8, (b) => ({ type: 'add_mpls', lse: netU32(b), ethType: netU16(b, 4), flags: hostU16(b, 6) })],
  ],
  [ovs.OVS_ACTION_ATTR_TRUNC, [4, (b) => ({ type: 'trunc', maxLen: hostU32(b) })]],
  [
    ovs.OVS_ACTION_ATTR_PUSH_ETH,
    [12, (b) => ({ type: 'push_eth', src: [netU16(b), netU32(b, 2)], dst: [netU16(b, 6), netU32(b, 8)] })],
  ],
  [ovs.OVS_ACTION_ATTR_POP_ETH, [0, () => ({ type: 'pop_eth' })]],
  [ovs.OVS_ACTION_ATTR_CT_CLEAR, [0, () => ({ type: 'ct_clear' })]],
  [ovs.OVS_ACTION_ATTR_POP_NSH, [0, () => ({ type: 'pop_nsh' })]],
  [ovs.OVS_ACTION_ATTR_METER, [4, (b) => ({ type: 'meter', id: hostU32(b) })]],
  [ACTION_TUNNEL_POP, [4, (b) => ({ type: 'tnl_pop', port: hostU32(b) })]],
  [ACTION_DROP, [4, (b) => ({ type: 'drop', reason: hostU32(b) })]],
  [ACTION_LB_OUTPUT, [4, (b) => ({ type: 'lb_output', bond: hostU32(b) })]],
]);

function decodeAction({ type, payload }: Attribute, depth: number): DatapathAction | null {
  const [size, read] = FIXED.get(type) ?? [-1];
  if (read !== undefined && payload.length === size) return read(payload);
  switch (type) {
    case ovs.OVS_ACTION_ATTR_USERSPACE:
      return decodeUserspace(payload);
    case ovs.OVS_ACTION_ATTR_SET:
    case ovs.OVS_ACTION_ATTR_SET_MASKED:
      return decodeSet(payload, type === ovs.OVS_ACTION_ATTR_SET_MASKED);
    case ovs.OVS_ACTION_ATTR_PUSH_NSH:
      return decodePushNsh(payload);
    case ovs.OVS_ACTION_ATTR_CT:
      return decodeCt(payload);
    case ovs.OVS_ACTION_ATTR_CLONE:
      return { type: 'clone', actions: decodeList(payload, depth + 1) };
    case ovs.OVS_ACTION_ATTR_SAMPLE:
    case ovs.OVS_ACTION_ATTR_CHECK_PKT_LEN:
    case ovs.OVS_ACTION_ATTR_DEC_TTL:
      return type === ovs.OVS_ACTION_ATTR_DEC_TTL && isTunnelPush(payload)
        ? decodeTunnelPush(payload)
        : decodeBranches(type, payload, depth);
    case ACTION_PSAMPLE: {
      const attributes = attributeMap(payload);
      const group = attributes.get(PSAMPLE_GROUP);
      if (group?.length !== 4) return null;
      return { type: 'psample', group: hostU32(group), cookie: attributes.get(PSAMPLE_COOKIE) ?? null };
    }
    default:
      return null;
  }
}

function decodeBranches(type: number, payload: Uint8Array, depth: number): DatapathAction | null {
  const attributes = attributeMap(payload);
  const branch = (attribute: number) => decodeList(attributes.get(attribute) ?? new Uint8Array(), depth + 1);
  if (type === ovs.OVS_ACTION_ATTR_SAMPLE) {
    const probability = attributes.get(ovs.OVS_SAMPLE_ATTR_PROBABILITY);
    if (probability?.length !== 4) return null;
    const actions = branch(ovs.OVS_SAMPLE_ATTR_ACTIONS);
    return { type: 'sample', probability: hostU32(probability), actions };
  }
  if (type === ovs.OVS_ACTION_ATTR_CHECK_PKT_LEN) {
    const size = attributes.get(ovs.OVS_CHECK_PKT_LEN_ATTR_PKT_LEN);
    if (size?.length !== 2) return null;
    return {
      type: 'check_pkt_len',
      size: hostU16(size),
      greater: branch(ovs.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER),
      lessEqual: branch(ovs.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL),
    };
  }
  if (!attributes.has(ovs.OVS_DEC_TTL_ATTR_ACTION)) return null;
  return { type: 'dec_ttl', exhausted: branch(ovs.OVS_DEC_TTL_ATTR_ACTION) };
}

function decodeTunnelPush(payload: Uint8Array): DatapathAction {
  return {
    type: 'tnl_push',
    tunnelPort: hostU32(payload),
    outPort: hostU32(payload, 4),
    tunnelType: hostU32(payload, 12),
    header: payload.subarray(PUSH_HEADER_AT),
  };
}

function decodeUserspace(payload: Uint8Array): DatapathAction | null {
  const attributes = attributeMap(payload);
  const pid = attributes.get(ovs.OVS_USERSPACE_ATTR_PID);
  const tunnel = attributes.get(ovs.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT);
  if (pid?.length !== 4 || (tunnel !== undefined && tunnel.length !== 4)) return null;
  return {
    type: 'userspace',
    pid: hostU32(pid),
    userdata: attributes.get(ovs.OVS_USERSPACE_ATTR_USERDATA) ?? null,
    tunnelPort: tunnel === undefined ? null : hostU32(tunnel),
    actions: attributes.has(ovs.OVS_USERSPACE_ATTR_ACTIONS),
  };
}

function decodeSet(payload: Uint8Array, masked: boolean): DatapathAction | null {
  const { attributes } = readAttributes(payload);
  if (attributes.length !== 1) return null;
  const [{ type, payload: content }] = attributes;
  if (!masked) return { type: 'set', attribute: type, value: content, mask: null };
  if (type === ovs.OVS_KEY_ATTR_NSH) {
    const [value, mask] = splitMaskedNsh(content);
    return { type: 'set', attribute: type, value, mask };
  }
  if (content.length % 2 !== 0) return null;
  const half = content.length / 2;
  return { type: 'set', attribute: type, value: content.subarray(0, half), mask: content.subarray(half) };
}

function decodePushNsh(payload: Uint8Array): DatapathAction | null {
  const nsh = attributeMap(payload).get(ovs.OVS_KEY_ATTR_NSH);
  const attributes = attributeMap(nsh ?? new Uint8Array());
  const base = attributes.get(ovs.OVS_NSH_KEY_ATTR_BASE);
  if (base?.length !== 8) return null;
  return {
    type: 'push_nsh',
    flags: base[0],
    ttl: base[1],
    mdType: base[2],
    np: base[3],
    path: netU32(base, 4),
    context: attributes.get(ovs.OVS_NSH_KEY_ATTR_MD1) ?? null,
    metadata: attributes.get(ovs.OVS_NSH_KEY_ATTR_MD2) ?? null,
  };
}

/** Every attribute through `read`; null when one is none of its. */
function mapAll<T>(bytes: Uint8Array, read: (attribute: Attribute) => T | null): T[] | null {
  const all = readAttributes(bytes).attributes.map(read);
  return all.some((one) => one === null) ? null : (all as T[]);
}

function decodeCt(payload: Uint8Array): DatapathAction | null {
  const all = mapAll(payload, ctArgument);
  return all === null ? null : { type: 'ct', arguments: all };
}

/** A zero-terminated string. */
function text(payload: Uint8Array): string {
  const end = payload.indexOf(0);
  return String.fromCharCode(...payload.subarray(0, end < 0 ? payload.length : end));
}

function ctArgument({ type, payload }: Attribute): CtArgument | null {
  switch (type) {
    case ovs.OVS_CT_ATTR_COMMIT:
      return { type: 'commit' };
    case ovs.OVS_CT_ATTR_FORCE_COMMIT:
      return { type: 'force_commit' };
    case ovs.OVS_CT_ATTR_ZONE:
      return payload.length === 2 ? { type: 'zone', zone: hostU16(payload) } : null;
    case ovs.OVS_CT_ATTR_MARK:
      return payload.length === 8
        ? { type: 'mark', value: hostU32(payload), mask: hostU32(payload, 4) }
        : null;
    case ovs.OVS_CT_ATTR_LABELS:
      return payload.length === 32
        ? { type: 'labels', value: payload.subarray(0, 16), mask: payload.subarray(16) }
        : null;
    case ovs.OVS_CT_ATTR_HELPER:
      return { type: 'helper', name: text(payload) };
    case ovs.OVS_CT_ATTR_TIMEOUT:
      return { type: 'timeout', name: text(payload) };
    case ovs.OVS_CT_ATTR_EVENTMASK:
      return payload.length === 4 ? { type: 'eventmask', mask: hostU32(payload) } : null;
    case ovs.OVS_CT_ATTR_NAT: {
      const nat = mapAll(payload, natArgument);
      return nat === null ? null : { type: 'nat', nat };
    }
    default:
      return null;
  }
}

function natArgument({ type, payload }: Attribute): NatArgument | null {
  switch (type) {
    case ovs.OVS_NAT_ATTR_SRC:
      return { type: 'src' };
    case ovs.OVS_NAT_ATTR_DST:
      return { type: 'dst' };
    case ovs.OVS_NAT_ATTR_PERSISTENT:
      return { type: 'persistent' };
    case ovs.OVS_NAT_ATTR_PROTO_HASH:
      return { type: 'proto_hash' };
    case ovs.OVS_NAT_ATTR_PROTO_RANDOM:
      return { type: 'proto_random' };
    case ovs.OVS_NAT_ATTR_IP_MIN:
      return { type: 'ip_min', address: payload };
    case ovs.OVS_NAT_ATTR_IP_MAX:
      return { type: 'ip_max', address: payload };
    case ovs.OVS_NAT_ATTR_PROTO_MIN:
      return payload.length === 2 ? { type: 'proto_min', port: hostU16(payload) } : null;
    case ovs.OVS_NAT_ATTR_PROTO_MAX:
      return payload.length === 2 ? { type: 'proto_max', port: hostU16(payload) } : null;
    default:
      return null;
  }
}
