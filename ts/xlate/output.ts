import { F_ETH_TYPE, F_IN_PORT, F_NW_TOS, F_PACKET_TYPE, F_SKB_PRIORITY } from '../fields/index.js';
import { bondRecircId } from './bond-recirc.js';
import { commit } from './commit.js';
import { reportPort } from './effects.js';
import { mirrorEgress } from './mirror.js';
import { patchOutput } from './patch.js';
import type { Pass } from './pass.js';
import { isIp } from './protocols.js';
import { isBetweenProtected } from './protected.js';
import { sampleEgress } from './sample.js';
import { tunnelSend } from './tunnel.js';
import { NETFLOW_FLOOD, SLOW_ACTION, type XBond, type XPort } from './types.js';

/** The datapath hashes the five-tuple (OVS_HASH_ALG_L4). */
const OVS_HASH_ALG_L4 = 0;
const DSCP_MASK = 0xfc;
/** Namespace of packet types that are Ethernet types. */
const ETHERTYPES = 1;
/** Snap lengths from here on cut nothing off. */
const SNAPLEN_MAX = 0xffff;

/** Whether the packet may go to `port` at all (OVS: check_output_prerequisites). */
function mayOutput(pass: Pass, port: XPort): boolean {
  if (port.noFwd) {
    pass.note('OFPPC_NO_FWD set, skipping output');
  } else if (pass.mirrorSnaplen !== 0 && port.peer !== null) {
    pass.note('Mirror truncate to ODPP_NONE, skipping output', 'warn');
  } else if (isBetweenProtected(pass, port)) {
    pass.note('Flow is between protected ports, skipping output.', 'warn');
  } else if (pass.flow[F_PACKET_TYPE] !== 0 && takesOnlyEthernet(port)) {
    pass.note('Trying to send non-Ethernet packet through legacy L2 port. Dropping packet.', 'warn');
  } else {
    return true;
  }
  return false;
}

/** Patch ports hand everything on. */
function takesOnlyEthernet(port: XPort): boolean {
  return port.peer === null && (port.tunnel?.packetType ?? 'legacy_l2') === 'legacy_l2';
}

/** A port of packets without Ethernet headers: the packet's type becomes that of its payload, and its header goes. */
function unframe(pass: Pass): void {
  const { flow } = pass;
  if (flow[F_PACKET_TYPE] !== 0) return;
  pass.touch(F_PACKET_TYPE);
  flow[F_PACKET_TYPE] = (ETHERTYPES << 16) | flow[F_ETH_TYPE];
}

/** Ports whose queues have a DSCP mark packets by the queue they are in. */
function markQueue(pass: Pass, queues: ReadonlyMap<number, number>): void {
  const { flow, mask } = pass;
  mask[F_SKB_PRIORITY] = -1;
  const dscp = queues.get(flow[F_SKB_PRIORITY]);
  if (dscp === undefined || !isIp(flow)) return;
  mask[F_NW_TOS] |= DSCP_MASK;
  pass.touch(F_NW_TOS);
  flow[F_NW_TOS] = (flow[F_NW_TOS] & ~DSCP_MASK) | dscp;
}

/** The packet leaves by `port` as it stands: brings the datapath's packet up to date first. */
function leave(pass: Pass, port: XPort, odpPort: number, bond: XBond | null): void {
  commit(pass);
  if (bond === null) sampleEgress(pass, port, odpPort);
  if (bond === null && pass.mirrorSnaplen > 0 && pass.mirrorSnaplen < SNAPLEN_MAX) {
    pass.writer.trunc(pass.mirrorSnaplen);
    if (!pass.snapshot.support.truncate) pass.slow |= SLOW_ACTION;
  }
  if (bond === null) {
    pass.writer.output(odpPort);
  } else {
    pass.writer.hash(OVS_HASH_ALG_L4, bond.hashBasis);
    pass.writer.recirc(bondRecircId(pass, bond));
  }
  pass.netflowOutput = port.ofport;
  pass.outputIfindex = port.ifindex ?? 0;
  pass.outputCount++;
  if (pass.bridge.mirrors.length !== 0) mirrorEgress(pass, port, outputToPort);
}

/**
 * Outputs to one port, whatever port the packet came from (OVS: compose_output_action). The flow is as before afterwards. For a bond that
 * is given the datapath chooses the member by a hash, after recirculation.
 */
export function outputToPort(pass: Pass, port: XPort, bond: XBond | null = null): void {
  if (!mayOutput(pass, port)) return;
  if (port.peer !== null) {
    reportPort(pass, port, false);
    reportPort(pass, port.peer, true);
    patchOutput(pass, port, port.peer);
    return;
  }
  const { flow } = pass;
  if (port.queues === null && port.tunnel === null) {
    leave(pass, port, port.odpPort, bond);
    return;
  }
  const tos = flow[F_NW_TOS];
  if (port.queues !== null) markQueue(pass, port.queues);
  if (port.tunnel === null) {
    leave(pass, port, port.odpPort, bond);
  } else {
    const type = flow[F_PACKET_TYPE];
    if (port.tunnel.packetType === 'legacy_l3') unframe(pass);
    const odpPort = tunnelSend(pass, port, port.tunnel);
    if (odpPort !== -1) {
      reportPort(pass, port, false);
      leave(pass, port, odpPort, bond);
    }
    flow[F_PACKET_TYPE] = type;
  }
  flow[F_NW_TOS] = tos;
}

/** Outputs to the port with an OpenFlow number, if there is one. */
export function outputToNumber(pass: Pass, ofport: number): void {
  const port = pass.bridge.ports.get(ofport);
  if (port === undefined) pass.note('Nonexistent output port', 'warn');
  else outputToPort(pass, port);
}

/** Outputs to all ports but the one the packet came from; with `all` false also not to those that are not to be flooded. */
export function flood(pass: Pass, all: boolean): void {
  const { portList } = pass.bridge;
  const inPort = pass.flow[F_IN_PORT];
  for (let i = 0; i < portList.length; i++) {
    const port = portList[i];
    if (port.ofport !== inPort && (all || !port.noFlood)) outputToPort(pass, port);
  }
  pass.netflowOutput = NETFLOW_FLOOD;
}
