import {
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IN_PORT,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_PACKET_TYPE,
  F_VLAN1_TCI,
  F_VLAN_TCI,
} from '../fields/index.js';
import { inputBundle, isMirrorOutput, NONE_BUNDLE, outputToBundle } from './bundle-ports.js';
import { outputToPort } from './output.js';
import { noteRefusedVid, noteUnknownPort } from './notes.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_ARP, isVlanType, VLAN_CFI, VLAN_VID_MASK } from './protocols.js';
import { isReserved } from './reserved-macs.js';
import { mcastNormal } from './mcast-normal.js';
import { macTag } from './trail.js';
import { NETFLOW_FLOOD, type XBundle, type XPort } from './types.js';
import {
  bridgeInner,
  bridgeOuter,
  includes,
  innerTag,
  looksInside,
  outerTag,
  takesVid,
  vid,
} from './vlan.js';

const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const GROUP_BIT = 0x100;

/**
 * An ARP packet to everybody by which a host says where it is now: every reply, or a request for its own address (OVS:
 * is_gratuitous_arp).
 */
function isGratuitousArp(flow: Int32Array, wildcards: Int32Array): boolean {
  if (flow[F_ETH_TYPE] !== ETH_TYPE_ARP) return false;
  // eth_dst is in the mask already.
  if (flow[F_ETH_DST] !== 0xffff || flow[F_ETH_DST + 1] !== -1) return false;
  wildcards[F_NW_PROTO] = 0xff;
  if (flow[F_NW_PROTO] === ARP_REPLY) return true;
  if (flow[F_NW_PROTO] !== ARP_REQUEST) return false;
  wildcards[F_NW_SRC] = -1;
  wildcards[F_NW_DST] = -1;
  return flow[F_NW_SRC] === flow[F_NW_DST];
}

/** Why a packet of this port and VLAN goes no further, or null (OVS: the checks at the head of xlate_normal). */
function refusal(pass: Pass, bundle: XBundle): string | null {
  const { flow, bridge } = pass;
  if (isVlanType(flow[F_ETH_TYPE]) && (flow[F_VLAN_TCI] & VLAN_CFI) === 0)
    return 'partial VLAN tag, dropping';
  if (isMirrorOutput(bridge, bundle)) return 'input port is mirror output port, dropping';
  if (bundle !== NONE_BUNDLE && !takesVid(bundle, vid(outerTag(flow)))) {
    if (pass.tracer !== null) noteRefusedVid(pass, bundle, vid(outerTag(flow)));
    return 'disallowed VLAN VID for this input port, dropping';
  }
  return null;
}

/** Whether a packet that came by `port` of `bundle` is taken (OVS: is_admissible). */
function isAdmissible(pass: Pass, bundle: XBundle, port: XPort, vlan: number): boolean {
  const { flow, mask, bridge } = pass;
  const high = flow[F_ETH_DST];
  if (!bridge.forwardBpdu && isReserved(high, flow[F_ETH_DST + 1])) {
    pass.note('packet has reserved destination MAC, dropping');
    return false;
  }
  if (bundle.bond === null) return true;
  const verdict = bundle.bond.admits(port, high);
  if (verdict === 'accept') return true;
  if (verdict === 'drop') {
    pass.note('bonding refused admissibility, dropping');
    return false;
  }
  const srcHigh = flow[F_ETH_SRC];
  const srcLow = flow[F_ETH_SRC + 1];
  if (pass.trail !== null) pass.trail.tag(macTag(bridge, vlan, srcHigh, srcLow));
  const known = bridge.fdb.lookup(vlan, srcHigh, srcLow);
  if (known === null || known === bundle) return true;
  if (isGratuitousArp(flow, mask) && !bridge.fdb.isGratuitousArpLocked(vlan, srcHigh, srcLow)) return true;
  pass.note('SLB bond thinks this packet looped back, dropping');
  return false;
}

function learnSource(pass: Pass, bundle: XBundle, port: XPort | null, vlan: number): void {
  const { flow, bridge } = pass;
  const gratuitousArp = isGratuitousArp(flow, pass.mask);
  if (port === null || flow[F_PACKET_TYPE] !== 0 || port.tunnel?.packetType === 'legacy_l3') return;
  const high = flow[F_ETH_SRC];
  const low = flow[F_ETH_SRC + 1];
  // Who keeps the translation wants to know of every address that its packets show.
  if (pass.trail !== null || bridge.fdb.wouldLearn(vlan, high, low, bundle, gratuitousArp)) {
    pass.learn(bundle, vlan, high, low, gratuitousArp);
  }
}

/** Outputs to all bundles of the VLAN but the one that the packet came by (OVS: xlate_normal_flood). */
function floodVlan(pass: Pass, from: XBundle, outer: number, inner: number): void {
  const { bridge } = pass;
  const { bundles } = bridge;
  for (let i = 0; i < bundles.length; i++) {
    const bundle = bundles[i];
    if (bundle === from || !bundle.floodable) continue;
    // A second tag of the packet's own decides on some ports; one that the bridge put there is in the mask already.
    if (inner !== 0 && looksInside(bundle, outer)) pass.mask[F_VLAN1_TCI] |= VLAN_VID_MASK | VLAN_CFI;
    if (!includes(bundle, outer, inner) || isMirrorOutput(bridge, bundle)) continue;
    outputToBundle(pass, bundle, outer, inner, outputToPort);
  }
  pass.netflowOutput = NETFLOW_FLOOD;
}

function forward(pass: Pass, from: XBundle, outer: number, inner: number): void {
  const { flow, bridge } = pass;
  const high = flow[F_ETH_DST];
  const low = flow[F_ETH_DST + 1];
  if (pass.trail !== null) pass.trail.tag(macTag(bridge, vid(outer), high, low));
  const to = (high & GROUP_BIT) !== 0 ? null : bridge.fdb.lookup(vid(outer), high, low);
  if (to === null) {
    pass.note('no learned MAC for destination, flooding');
    floodVlan(pass, from, outer, inner);
  } else if (to === from) {
    pass.note('learned port is input port, dropping');
  } else if (isMirrorOutput(bridge, to)) {
    pass.note('learned port is a mirror port, dropping');
  } else {
    pass.note('forwarding to learned port');
    outputToBundle(pass, to, outer, inner, outputToPort);
  }
}

/**
 * Tags of a packet that a service tag pushes inwards are compared, on the way out, with those that stood there: what has to be popped and
 * pushed depends on whether they are the same. One without VLAN id stays when it has a priority.
 */
function lookAtMovedTags(pass: Pass, packetOuter: number, service: number): void {
  const { flow, mask } = pass;
  if (packetOuter === 0) return;
  if (innerTag(flow) !== 0) {
    mask[F_VLAN_TCI] = 0xffff;
    mask[F_VLAN1_TCI] = 0xffff;
  } else if (vid(packetOuter) === vid(service) || vid(packetOuter) === 0) {
    mask[F_VLAN_TCI] = 0xffff;
  }
}

/**
 * The NORMAL action: what a learning switch does (OVS: xlate_normal). Looks at the MAC addresses and the VLAN id of the
 * packet; for broadcast ARP also at its operation and addresses; with multicast snooping at the group.
 */
export function normal(pass: Pass): void {
  const { flow, mask, bridge } = pass;
  mask[F_ETH_SRC] = 0xffff;
  mask[F_ETH_SRC + 1] = -1;
  mask[F_ETH_DST] = 0xffff;
  mask[F_ETH_DST + 1] = -1;
  mask[F_VLAN_TCI] |= VLAN_VID_MASK | VLAN_CFI;
  const bundle = inputBundle(pass);
  if (bundle === null) {
    if (pass.tracer !== null) noteUnknownPort(pass);
    pass.note('no input bundle, dropping', 'warn');
    return;
  }
  const reason = refusal(pass, bundle);
  if (reason !== null) {
    pass.note(reason, 'warn');
    return;
  }
  const packetOuter = outerTag(flow);
  const outer = bridgeOuter(bundle, packetOuter);
  const inner = bridgeInner(bundle, packetOuter, innerTag(flow));
  if (bundle.vlanMode === 'dot1q-tunnel') lookAtMovedTags(pass, packetOuter, outer);
  const port = bridge.ports.get(flow[F_IN_PORT]) ?? null;
  if (port !== null && !isAdmissible(pass, bundle, port, vid(outer))) return;
  learnSource(pass, bundle, port, vid(outer));
  switch (mcastNormal(pass, bundle, outer, inner)) {
    case 'unicast':
      forward(pass, bundle, outer, inner);
      break;
    case 'flood':
      floodVlan(pass, bundle, outer, inner);
      break;
    case 'done':
      break;
  }
}
