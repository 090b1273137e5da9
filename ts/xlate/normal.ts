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
import { outputToPort } from './output.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_ARP, isVlanType, VLAN_CFI, VLAN_VID_MASK } from './protocols.js';
import { isReserved } from './reserved-macs.js';
import type { XBundle } from './types.js';
import { bridgeTags, carries, putTags, readTags } from './vlan.js';

const ARP_REQUEST = 1;
const ARP_REPLY = 2;

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

/** Whether `port` lets packets with this VLAN id in (0: untagged or priority-tagged). */
function admits(pass: Pass, port: XBundle, vid: number): boolean {
  if (port.vlanMode === 'access') {
    if (vid === 0) return true;
    pass.note(`VLAN ${vid} packet on access port ${port.name}, dropping`);
    return false;
  }
  if ((vid === 0 && port.vlanMode !== 'trunk') || carries(port, vid)) return true;
  pass.note(`VLAN ${vid} is not carried by port ${port.name}, dropping`);
  return false;
}

/** Outputs with the tags that the port wants; the flow is as before afterwards. */
function outputTagged(pass: Pass, bundle: XBundle): void {
  const port = bundle.ports[0];
  const { flow } = pass;
  const tpid = flow[F_VLAN_TCI - 1];
  const tci = flow[F_VLAN_TCI];
  const innerTpid = flow[F_VLAN_TCI + 1];
  const innerTci = flow[F_VLAN_TCI + 2];
  if (!port.mayForward) return;
  putTags(pass, bundle);
  outputToPort(pass, port);
  flow[F_VLAN_TCI - 1] = tpid;
  flow[F_VLAN_TCI] = tci;
  flow[F_VLAN_TCI + 1] = innerTpid;
  flow[F_VLAN_TCI + 2] = innerTci;
}

function floodVlan(pass: Pass, from: XBundle): void {
  const { bundles } = pass.bridge;
  const outer = pass.tags[7];
  const inner = pass.tags[10];
  // Access ports are no way out for packets with a second tag that counts.
  if (pass.tags[9] !== 0) pass.mask[F_VLAN1_TCI] |= VLAN_VID_MASK | VLAN_CFI;
  for (let i = 0; i < bundles.length; i++) {
    const port = bundles[i];
    if (port === from || !port.floodable) continue;
    const wanted = port.vlanMode === 'access' ? outer === port.tag && inner === 0 : carries(port, outer);
    if (wanted) outputTagged(pass, port);
  }
}

function learnSource(pass: Pass, port: XBundle, vlan: number, gratuitousArp: boolean): void {
  const { flow, bridge } = pass;
  const high = flow[F_ETH_SRC];
  const low = flow[F_ETH_SRC + 1];
  if (flow[F_PACKET_TYPE] !== 0 || (high & 0x100) !== 0) return;
  if (bridge.fdb.wouldLearn(vlan, high, low, port, gratuitousArp)) {
    pass.learn(port, vlan, high, low, gratuitousArp);
  }
}

function forward(pass: Pass, from: XBundle, vlan: number): void {
  const { flow, bridge } = pass;
  const high = flow[F_ETH_DST];
  const port = (high & 0x100) !== 0 ? null : bridge.fdb.lookup(vlan, high, flow[F_ETH_DST + 1]);
  if (port === null) {
    pass.note('no learned MAC for destination, flooding');
    floodVlan(pass, from);
  } else if (port === from) {
    pass.note('learned port is input port, dropping');
  } else {
    pass.note('forwarding to learned port');
    outputTagged(pass, port);
  }
}

/**
 * The NORMAL action: what a learning switch does (OVS: xlate_normal). Looks at the MAC addresses and the VLAN id of the
 * packet; for broadcast ARP also at its operation and addresses.
 */
export function normal(pass: Pass): void {
  const { flow, mask, tags } = pass;
  mask[F_ETH_SRC] = 0xffff;
  mask[F_ETH_SRC + 1] = -1;
  mask[F_ETH_DST] = 0xffff;
  mask[F_ETH_DST + 1] = -1;
  mask[F_VLAN_TCI] |= VLAN_VID_MASK | VLAN_CFI;
  const port = pass.bridge.ports.get(flow[F_IN_PORT])?.bundle ?? null;
  if (port === null) {
    pass.note('no input port, dropping');
    return;
  }
  if (isVlanType(flow[F_ETH_TYPE]) && (flow[F_VLAN_TCI] & VLAN_CFI) === 0) {
    pass.note('partial VLAN tag, dropping');
    return;
  }
  readTags(flow, tags);
  if (!admits(pass, port, tags[1])) return;
  bridgeTags(port, tags);
  if (isReserved(flow[F_ETH_DST], flow[F_ETH_DST + 1])) {
    pass.note('reserved destination MAC, dropping');
    return;
  }
  const vlan = tags[7];
  learnSource(pass, port, vlan, isGratuitousArp(flow, mask));
  forward(pass, port, vlan);
}
