import { F_ETH_DST, F_ETH_SRC, F_PACKET_TYPE, F_TUN_OPTS_LEN } from '../fields/index.js';
import { commitMpls } from './commit-mpls.js';
import { isMplsPacket, PT_ETHERNET, PT_NSH } from './packet-types.js';
import type { Pass } from './pass.js';
import { writePushNsh } from './nsh-actions.js';

const ETHERTYPES = 1;

/** Puts an Ethernet header with the flow's addresses on the datapath's packet. */
function pushEthernet({ flow, base, writer }: Pass): void {
  writer.pushEth(flow[F_ETH_SRC], flow[F_ETH_SRC + 1], flow[F_ETH_DST], flow[F_ETH_DST + 1]);
  base[F_PACKET_TYPE] = PT_ETHERNET;
  for (let i = 0; i < 2; i++) {
    base[F_ETH_SRC + i] = flow[F_ETH_SRC + i];
    base[F_ETH_DST + i] = flow[F_ETH_DST + i];
  }
}

/**
 * Puts back the Ethernet header that an output to a port of packets without one took off. (OVS 3.1 aborts here.) The header is made
 * anew, so all of it counts.
 */
function reframe(pass: Pass): void {
  const { mask } = pass;
  for (const word of [F_ETH_SRC, F_ETH_DST]) {
    mask[word] = 0xffff;
    mask[word + 1] = -1;
  }
  pushEthernet(pass);
}

/** Puts the header of a pending encap on the datapath's packet. */
function commitPush(pass: Pass): void {
  const { flow, base, writer } = pass;
  if (flow[F_PACKET_TYPE] === PT_ETHERNET) {
    pushEthernet(pass);
  } else if (flow[F_PACKET_TYPE] === PT_NSH) {
    writePushNsh(writer, flow, pass.encapData);
    pass.behindNsh.set(base);
    base[F_PACKET_TYPE] = PT_NSH;
    for (let w = F_ETH_DST; w < F_TUN_OPTS_LEN; w++) base[w] = flow[w];
  } else {
    commitMpls(pass);
  }
}

/** Takes the outermost header off the datapath's packet: what decap asked for, or what an output port cannot take. */
function commitPop(pass: Pass): void {
  const { flow, base, writer } = pass;
  if (flow[F_PACKET_TYPE] >>> 16 === ETHERTYPES && base[F_PACKET_TYPE] === PT_ETHERNET) {
    writer.popEth();
    base[F_PACKET_TYPE] = flow[F_PACKET_TYPE];
    for (let i = 0; i < 2; i++) {
      base[F_ETH_SRC + i] = 0;
      base[F_ETH_DST + i] = 0;
    }
  } else if (base[F_PACKET_TYPE] === PT_NSH) {
    writer.popNsh();
    // After a decap the packet is recirculated, and base need not know what comes into sight.
    if (pass.pendingDecap) return;
    base[F_PACKET_TYPE] = pass.behindNsh[F_PACKET_TYPE];
    for (let w = F_ETH_DST; w < F_TUN_OPTS_LEN; w++) base[w] = pass.behindNsh[w];
  } else if (isMplsPacket(base[F_PACKET_TYPE])) {
    commitMpls(pass);
  }
}

/** Whether the datapath's packet has lost the Ethernet header of the flow's, rather than got another in front of it. */
function lacksEthernet({ flow, base }: Pass): boolean {
  const type = base[F_PACKET_TYPE];
  return flow[F_PACKET_TYPE] === PT_ETHERNET && type !== PT_ETHERNET && type !== PT_NSH;
}

/** Headers in front of the packet as encap and decap left them (OVS: commit_encap_decap_action). */
export function commitEncap(pass: Pass): void {
  if (pass.pendingEncap) {
    commitPush(pass);
  } else if (!pass.pendingDecap && lacksEthernet(pass)) {
    reframe(pass);
  } else if (pass.pendingDecap || pass.flow[F_PACKET_TYPE] !== pass.base[F_PACKET_TYPE]) {
    commitPop(pass);
  }
}
