import {
  F_METADATA,
  F_RECIRC_ID,
  F_NW_TOS,
  F_NW_TTL,
  F_SKB_MARK,
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
  F_TUN_OPTS_LEN,
  F_TUN_SRC,
  F_TUN_TOS,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  F_TUN_TTL,
  FLOW_WORDS,
} from '../fields/index.js';
import { TUN_F_CSUM, TUN_F_DF, TUN_F_KEY, TUN_F_OAM } from '../flow/index.js';
import type { ActionOf, Outcome } from './handler.js';
import { deleteField } from '../openflow/index.js';
import type { Pass } from './pass.js';
import { packOptions } from './tunnel-options.js';
import { isIp } from './protocols.js';
import type { Snapshot, XPort, XTunnel } from './types.js';
import { hasTunnel } from './wildcards.js';

const ECN_MASK = 0x3;
const DSCP_MASK = 0xfc;
const ECN_ECT_0 = 0x2;
const ECN_CE = 0x3;
/** TTL of the outer header when the port's options say nothing (OVS: DEFAULT_TTL). */
const DEFAULT_TTL = 64;

/** The port that the packet with key `keys[base …]` came in by, null when there is none (OVS: xlate_lookup). */
export function findInPort(
  snapshot: Snapshot,
  keys: Int32Array,
  base: number,
  odpPort: number,
): XPort | null {
  const recircId = keys[base + F_RECIRC_ID];
  if (recircId !== 0) {
    // The state that the packet goes on from knows the port, also one that the datapath cannot tell (a patch port).
    const state = snapshot.recirc.lookup(recircId);
    const port = state?.bridge.ports.get(state.inPort);
    if (port !== undefined) return port;
  }
  if (hasTunnel(keys, base) && snapshot.tunnels !== undefined) return snapshot.tunnels.find(keys, base);
  return snapshot.portsByOdp[odpPort] ?? null;
}

/**
 * Carries the congestion mark of the outer header over (RFC 6040, OVS: tnl_process_ecn); false when the packet must drop because
 * it does not know of marks. That is no error, as in OVS.
 */
export function acceptsEcn(pass: Pass): boolean {
  const { flow } = pass;
  if ((flow[F_TUN_TOS] & ECN_MASK) !== ECN_CE || !hasTunnel(flow, 0) || !isIp(flow)) return true;
  if ((flow[F_NW_TOS] & ECN_MASK) === 0) return false;
  pass.touch(F_NW_TOS);
  flow[F_NW_TOS] |= ECN_CE;
  return true;
}

function setAddress(flow: Int32Array, v4: number, v6: number, address: Int32Array | null): void {
  const mapped = address !== null && (address[0] | address[1]) === 0 && address[2] === 0xffff;
  flow[v4] = mapped ? address[3] : 0;
  for (let i = 0; i < 4; i++) flow[v6 + i] = mapped || address === null ? 0 : address[i];
}

/** The outer header's TTL, DSCP and ECN: inherited from the packet or the port's own. ECN always comes from the packet. */
function setTtlAndTos(flow: Int32Array, mask: Int32Array, tunnel: XTunnel): void {
  const ip = isIp(flow);
  if (tunnel.ttlInherit && ip) {
    mask[F_NW_TTL] = 0xff;
    flow[F_TUN_TTL] = flow[F_NW_TTL];
  } else {
    flow[F_TUN_TTL] = tunnel.ttl === 0 ? DEFAULT_TTL : tunnel.ttl;
  }
  if (tunnel.tosInherit && ip) {
    mask[F_NW_TOS] |= DSCP_MASK;
    flow[F_TUN_TOS] = flow[F_NW_TOS] & DSCP_MASK;
  } else {
    flow[F_TUN_TOS] = tunnel.tos;
  }
  if (!ip) return;
  mask[F_NW_TOS] |= ECN_MASK;
  const ecn = flow[F_NW_TOS] & ECN_MASK;
  flow[F_TUN_TOS] |= ecn === ECN_CE ? ECN_ECT_0 : ecn;
}

/** ERSPAN's header; -1 in the options leaves a field to the flow. */
function setErspan(flow: Int32Array, erspan: XTunnel['erspan']): void {
  if (erspan === null) {
    flow[F_TUN_ERSPAN_VER] = 0;
    flow[F_TUN_ERSPAN_IDX] = 0;
    flow[F_TUN_ERSPAN_DIR] = 0;
    flow[F_TUN_ERSPAN_HWID] = 0;
    return;
  }
  if (erspan.version >= 0) flow[F_TUN_ERSPAN_VER] = erspan.version;
  if (erspan.index >= 0) flow[F_TUN_ERSPAN_IDX] = erspan.index;
  if (erspan.direction >= 0) flow[F_TUN_ERSPAN_DIR] = erspan.direction;
  if (erspan.hwid >= 0) flow[F_TUN_ERSPAN_HWID] = erspan.hwid;
}

/** Sets the flow's tunnel fields to what packets sent by the port are encapsulated with (OVS: tnl_port_send). */
export function encapsulate(pass: Pass, tunnel: XTunnel): void {
  const { flow, mask } = pass;
  if (!tunnel.localFromFlow) setAddress(flow, F_TUN_SRC, F_TUN_IPV6_SRC, tunnel.localIp);
  if (!tunnel.remoteFromFlow) setAddress(flow, F_TUN_DST, F_TUN_IPV6_DST, tunnel.remoteIp);
  // The source port of a tunnel that the packet came by is not that of the next; the datapath chooses one.
  flow[F_TUN_TP_SRC] = 0;
  flow[F_TUN_TP_DST] = tunnel.dstPort;
  if (!tunnel.outKeyFromFlow) {
    flow[F_TUN_ID] = tunnel.outKeyHigh;
    flow[F_TUN_ID + 1] = tunnel.outKeyLow;
  }
  setTtlAndTos(flow, mask, tunnel);
  flow[F_TUN_FLAGS] =
    (flow[F_TUN_FLAGS] & TUN_F_OAM) |
    (tunnel.dontFragment ? TUN_F_DF : 0) |
    (tunnel.csum ? TUN_F_CSUM : 0) |
    (tunnel.outKeyPresent ? TUN_F_KEY : 0);
  if (tunnel.egressMark !== undefined) {
    pass.touch(F_SKB_MARK);
    flow[F_SKB_MARK] = tunnel.egressMark;
    mask[F_SKB_MARK] = -1;
  }
  setErspan(flow, tunnel.erspan);
}

/** Whether the tunnel fields of `a` and `b` are the same. */
function sameTunnel(a: Int32Array, b: Int32Array): boolean {
  for (let w = F_TUN_ID; w < F_METADATA; w++) if (a[w] !== b[w]) return false;
  if (a[F_TUN_OPTS_LEN] !== b[F_TUN_OPTS_LEN]) return false;
  if (a[F_TUN_OPTS_LEN] === 0) return true;
  for (let w = F_TUN_OPTS_LEN; w < FLOW_WORDS; w++) if (a[w] !== b[w]) return false;
  return true;
}

function copyTunnel(from: Int32Array, to: Int32Array): void {
  for (let w = F_TUN_ID; w < F_METADATA; w++) to[w] = from[w];
  if ((from[F_TUN_OPTS_LEN] | to[F_TUN_OPTS_LEN]) === 0) return;
  for (let w = F_TUN_OPTS_LEN; w < FLOW_WORDS; w++) to[w] = from[w];
}

/** Writes set(tunnel(…)), unless the encapsulation that was set last is the same (OVS: commit_odp_tunnel_action). */
export function commitTunnel(pass: Pass, type: XTunnel['type']): void {
  const { flow, base, mask, setMask, writer } = pass;
  if (!hasTunnel(flow, 0)) return;
  copyTunnel(flow, setMask);
  // Options are compared as on the wire: another bridge may have other fields for them.
  if (setMask[F_TUN_OPTS_LEN] !== 0) {
    // Whether they are those of an encapsulation before is known: which there are always is, and actions that write them look at what was there.
    packOptions(setMask, type === 'geneve' ? mask : null, pass.bridge);
  }
  if (pass.tunnelCommitted && sameTunnel(setMask, base)) return;
  copyTunnel(setMask, base);
  pass.tunnelCommitted = true;
  // Options of other types of tunnels are left out: the datapath would refuse them.
  if (type !== 'vxlan') {
    setMask[F_TUN_GBP_ID] = 0;
    setMask[F_TUN_GBP_FLAGS] = 0;
  }
  if (type !== 'geneve') setMask[F_TUN_OPTS_LEN] = 0;
  if (type !== 'erspan' && type !== 'ip6erspan') setMask[F_TUN_ERSPAN_VER] = 0;
  writer.setTunnel(setMask, 0);
}

/** Whether the packet would go back to where it came from: its outer destination is ours. */
function isOwnAddress(pass: Pass): boolean {
  const { flow, arrivedAt } = pass;
  if (flow[F_TUN_DST] !== arrivedAt[0]) return false;
  if (flow[F_TUN_DST] !== 0) return true;
  for (let i = 0; i < 4; i++) if (flow[F_TUN_IPV6_DST + i] !== arrivedAt[1 + i]) return false;
  return true;
}

/** Tunnel fields before an output, words from tun_id on. */
const saved = new Int32Array(F_METADATA - F_TUN_ID);

/**
 * Writes the set(tunnel(…)) that an output by `port` takes. The datapath port, or -1 when the packet must not go out there. The
 * flow's tunnel fields are as before afterwards; only a packet that would go to our own address keeps those of the port, as in
 * OVS, and what comes after sees them.
 */
export function tunnelSend(pass: Pass, port: XPort, tunnel: XTunnel): number {
  const { flow } = pass;
  for (let i = 0; i < saved.length; i++) saved[i] = flow[F_TUN_ID + i];
  encapsulate(pass, tunnel);
  if (isOwnAddress(pass)) {
    pass.note('Not tunneling to our own address', 'warn');
    return -1;
  }
  pass.note('output to kernel tunnel');
  commitTunnel(pass, tunnel.type);
  for (let i = 0; i < saved.length; i++) flow[F_TUN_ID + i] = saved[i];
  return port.odpPort;
}

export function actSetTunnel(pass: Pass, action: ActionOf<'set_tunnel'>): Outcome {
  pass.flow[F_TUN_ID] = action.idHigh;
  pass.flow[F_TUN_ID + 1] = action.idLow;
  return 'continue';
}

/** Takes a field of tunnel metadata away. */
export function actDeleteField(pass: Pass, action: ActionOf<'delete_field'>): Outcome {
  deleteField(pass.flow, action.field);
  if (pass.tracer !== null) pass.note(`delete ${action.field.name}`);
  return 'continue';
}
