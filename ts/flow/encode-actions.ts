import * as ovs from '../fields/index.js';
import type { ActionsBuffer } from './actions-buffer.js';
import type { CtArgument, DatapathAction, NatArgument } from './datapath-action.js';
import { joinMaskedNsh } from './masked-nsh.js';
import {
  ACTION_DROP,
  ACTION_LB_OUTPUT,
  ACTION_TUNNEL_POP,
  ACTION_TUNNEL_PUSH,
  PSAMPLE_COOKIE,
  PSAMPLE_GROUP,
  PSAMPLE_NESTED,
  PUSH_HEADER_AT,
} from './userspace-actions.js';

/**
 * Appends actions to `out`, which says with `overflowed` when they do not fit. What decodeActions read comes out as the same
 * bytes where the kernel or OVS made them.
 */
export function encodeActions(actions: readonly DatapathAction[], out: ActionsBuffer): void {
  for (const action of actions) encodeAction(action, out);
}

/** An attribute with these bytes. */
function put(out: ActionsBuffer, type: number, bytes: Uint8Array): void {
  out.attribute(type, bytes, 0, bytes.length);
}

function nested(out: ActionsBuffer, type: number, actions: readonly DatapathAction[]): void {
  const start = out.begin(type);
  encodeActions(actions, out);
  out.end(start);
}

function encodeAction(action: DatapathAction, out: ActionsBuffer): void {
  switch (action.type) {
    case 'output':
      out.output(action.port);
      break;
    case 'userspace': {
      const cookie = action.userdata;
      const start = out.begin(ovs.OVS_ACTION_ATTR_USERSPACE);
      out.u32(ovs.OVS_USERSPACE_ATTR_PID, action.pid);
      if (cookie !== null) put(out, ovs.OVS_USERSPACE_ATTR_USERDATA, cookie);
      if (action.tunnelPort !== null) out.u32(ovs.OVS_USERSPACE_ATTR_EGRESS_TUN_PORT, action.tunnelPort);
      if (action.actions) out.flag(ovs.OVS_USERSPACE_ATTR_ACTIONS);
      out.end(start);
      break;
    }
    case 'set':
      encodeSet(action.attribute, action.value, action.mask, out);
      break;
    case 'push_vlan':
      out.pushVlan(action.tpid, action.tci);
      break;
    case 'pop_vlan':
      out.popVlan();
      break;
    case 'push_mpls':
      out.pushMpls(action.lse, action.ethType);
      break;
    case 'pop_mpls':
      out.popMpls(action.ethType);
      break;
    case 'add_mpls':
      out.addMpls(action.lse, action.ethType, action.flags);
      break;
    case 'push_eth':
      out.pushEth(action.src[0], action.src[1], action.dst[0], action.dst[1]);
      break;
    case 'pop_eth':
      out.popEth();
      break;
    case 'pop_nsh':
      out.popNsh();
      break;
    case 'recirc':
      out.recirc(action.id);
      break;
    case 'hash':
      out.hash(action.algorithm, action.basis);
      break;
    case 'ct_clear':
      out.ctClear();
      break;
    case 'trunc':
      out.trunc(action.maxLen);
      break;
    case 'meter':
      out.meter(action.id);
      break;
    default:
      encodeLarge(action, out);
  }
}

/** The actions that nest, and those that no kernel of ours has. */
function encodeLarge(
  action: Extract<
    DatapathAction,
    {
      type:
        | 'sample'
        | 'clone'
        | 'check_pkt_len'
        | 'dec_ttl'
        | 'ct'
        | 'push_nsh'
        | 'tnl_push'
        | 'tnl_pop'
        | 'drop'
        | 'lb_output'
        | 'psample'
        | 'unknown';
    }
  >,
  out: ActionsBuffer,
): void {
  switch (action.type) {
    case 'sample': {
      const start = out.beginSample(action.probability);
      encodeActions(action.actions, out);
      out.endSample(start);
      break;
    }
    case 'clone':
      nested(out, ovs.OVS_ACTION_ATTR_CLONE, action.actions);
      break;
    case 'check_pkt_len': {
      const start = out.beginCheckPktLen(action.size);
      nested(out, ovs.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER, action.greater);
      nested(out, ovs.OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL, action.lessEqual);
      out.end(start);
      break;
    }
    case 'dec_ttl': {
      const start = out.begin(ovs.OVS_ACTION_ATTR_DEC_TTL);
      nested(out, ovs.OVS_DEC_TTL_ATTR_ACTION, action.exhausted);
      out.end(start);
      break;
    }
    case 'ct': {
      const start = out.begin(ovs.OVS_ACTION_ATTR_CT);
      for (const argument of action.arguments) encodeCt(argument, out);
      out.end(start);
      break;
    }
    case 'push_nsh':
      encodePushNsh(action, out);
      break;
    case 'tnl_push': {
      const content = new Uint8Array(PUSH_HEADER_AT + action.header.length);
      const view = new DataView(content.buffer);
      const { tunnelPort, outPort, header, tunnelType } = action;
      for (const [i, word] of [tunnelPort, outPort, header.length, tunnelType].entries()) {
        view.setUint32(4 * i, word, true);
      }
      content.set(header, PUSH_HEADER_AT);
      put(out, ACTION_TUNNEL_PUSH, content);
      break;
    }
    case 'tnl_pop':
      out.u32(ACTION_TUNNEL_POP, action.port);
      break;
    case 'drop':
      out.u32(ACTION_DROP, action.reason);
      break;
    case 'lb_output':
      out.u32(ACTION_LB_OUTPUT, action.bond);
      break;
    case 'psample': {
      const start = out.begin(PSAMPLE_NESTED);
      out.u32(PSAMPLE_GROUP, action.group);
      if (action.cookie !== null) put(out, PSAMPLE_COOKIE, action.cookie);
      out.end(start);
      break;
    }
    case 'unknown':
      put(out, action.attribute, action.payload);
  }
}

/** set(…), masked when there is a mask. */
function encodeSet(attribute: number, value: Uint8Array, mask: Uint8Array | null, out: ActionsBuffer): void {
  const start = out.begin(mask === null ? ovs.OVS_ACTION_ATTR_SET : ovs.OVS_ACTION_ATTR_SET_MASKED);
  if (mask === null) put(out, attribute, value);
  else if (attribute === ovs.OVS_KEY_ATTR_NSH) put(out, attribute, joinMaskedNsh(value, mask));
  else put(out, attribute, Uint8Array.of(...value, ...mask));
  out.end(start);
}

function encodePushNsh(action: Extract<DatapathAction, { type: 'push_nsh' }>, out: ActionsBuffer): void {
  const { flags, ttl, mdType, np, path } = action;
  const base = Uint8Array.of(flags, ttl, mdType, np, path >>> 24, path >>> 16, path >>> 8, path);
  const start = out.begin(ovs.OVS_ACTION_ATTR_PUSH_NSH);
  const nsh = out.begin(ovs.OVS_KEY_ATTR_NSH);
  put(out, ovs.OVS_NSH_KEY_ATTR_BASE, base);
  if (action.context !== null) put(out, ovs.OVS_NSH_KEY_ATTR_MD1, action.context);
  if (action.metadata !== null) put(out, ovs.OVS_NSH_KEY_ATTR_MD2, action.metadata);
  out.end(nsh);
  out.end(start);
}

/** A name with its terminating zero. */
const nameBytes = (name: string) => Uint8Array.of(...Buffer.from(name, 'latin1'), 0);

function encodeCt(argument: CtArgument, out: ActionsBuffer): void {
  switch (argument.type) {
    case 'commit':
      out.flag(ovs.OVS_CT_ATTR_COMMIT);
      break;
    case 'force_commit':
      out.flag(ovs.OVS_CT_ATTR_FORCE_COMMIT);
      break;
    case 'zone':
      out.u16(ovs.OVS_CT_ATTR_ZONE, argument.zone);
      break;
    case 'mark': {
      const bytes = new Uint8Array(8);
      new DataView(bytes.buffer).setUint32(0, argument.value, true);
      new DataView(bytes.buffer).setUint32(4, argument.mask, true);
      put(out, ovs.OVS_CT_ATTR_MARK, bytes);
      break;
    }
    case 'labels':
      put(out, ovs.OVS_CT_ATTR_LABELS, Uint8Array.of(...argument.value, ...argument.mask));
      break;
    case 'helper':
      put(out, ovs.OVS_CT_ATTR_HELPER, nameBytes(argument.name));
      break;
    case 'timeout':
      put(out, ovs.OVS_CT_ATTR_TIMEOUT, nameBytes(argument.name));
      break;
    case 'eventmask':
      out.u32(ovs.OVS_CT_ATTR_EVENTMASK, argument.mask);
      break;
    case 'nat': {
      const start = out.begin(ovs.OVS_CT_ATTR_NAT);
      for (const one of argument.nat) encodeNat(one, out);
      out.end(start);
    }
  }
}

const NAT_TYPES = {
  src: ovs.OVS_NAT_ATTR_SRC,
  dst: ovs.OVS_NAT_ATTR_DST,
  persistent: ovs.OVS_NAT_ATTR_PERSISTENT,
  proto_hash: ovs.OVS_NAT_ATTR_PROTO_HASH,
  proto_random: ovs.OVS_NAT_ATTR_PROTO_RANDOM,
  ip_min: ovs.OVS_NAT_ATTR_IP_MIN,
  ip_max: ovs.OVS_NAT_ATTR_IP_MAX,
  proto_min: ovs.OVS_NAT_ATTR_PROTO_MIN,
  proto_max: ovs.OVS_NAT_ATTR_PROTO_MAX,
} as const;

function encodeNat(argument: NatArgument, out: ActionsBuffer): void {
  const type = NAT_TYPES[argument.type];
  if ('address' in argument) put(out, type, argument.address);
  else if ('port' in argument) out.u16(type, argument.port);
  else out.flag(type);
}
