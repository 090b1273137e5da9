import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_IPV6_DST,
  F_IPV6_SRC,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN_TCI,
} from '../fields/index.js';
import { reusable, type Writable } from './effects.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_IP, ETH_TYPE_IPV6, IPPROTO_ICMP, IPPROTO_ICMPV6 } from './protocols.js';
import type { NetflowEffect, NetflowVersion } from './types.js';

const DSCP_MASK = 0xfc;
const VID_MASK = 0xfff;

/** Whether a version counts packets of an Ethernet type. */
function counts(version: NetflowVersion, etherType: number): boolean {
  return etherType === ETH_TYPE_IP || (version === 9 && etherType === ETH_TYPE_IPV6);
}

/** Which bits of the ports a protocol has. */
function portBits(flow: Int32Array): number {
  const icmp = flow[F_ETH_TYPE] === ETH_TYPE_IP ? IPPROTO_ICMP : IPPROTO_ICMPV6;
  return flow[F_NW_PROTO] === icmp ? 0xff : 0xffff;
}

/** Marks what a NetFlow record is made of (OVS: netflow_mask_wc). */
export function markNetflow(version: NetflowVersion, flow: Int32Array, wildcards: Int32Array): void {
  if (!counts(version, flow[F_ETH_TYPE])) return;
  wildcards[F_NW_PROTO] = 0xff;
  if (flow[F_ETH_TYPE] === ETH_TYPE_IP) {
    wildcards[F_NW_SRC] = -1;
    wildcards[F_NW_DST] = -1;
  } else {
    wildcards.fill(-1, F_IPV6_SRC, F_IPV6_SRC + 4);
    wildcards.fill(-1, F_IPV6_DST, F_IPV6_DST + 4);
  }
  const ports = portBits(flow);
  wildcards[F_TP_SRC] |= ports;
  wildcards[F_TP_DST] |= ports;
  wildcards[F_NW_TOS] |= DSCP_MASK;
  if (version === 9) wildcards[F_VLAN_TCI] |= VID_MASK;
}

/**
 * Reports the packet, which came with key `keys[base …]`, to the NetFlow of its bridge. To be called when its outputs are known. The record is of the packet as
 * the pipeline left it, as in OVS: one with labels in front is none of IP.
 */
export function reportNetflow(version: NetflowVersion, pass: Pass, keys: Int32Array, base: number): void {
  const { flow } = pass;
  if (!counts(version, flow[F_ETH_TYPE])) return;
  const effect =
    reusable<NetflowEffect>(pass, 'netflow') ??
    ({ type: 'netflow', src: new Int32Array(4), dst: new Int32Array(4) } as Writable<NetflowEffect>);
  const ports = portBits(flow);
  effect.bridge = pass.bridge;
  effect.inPort = flow[F_IN_PORT] & 0xffff;
  effect.output = pass.netflowOutput;
  effect.ipVersion = flow[F_ETH_TYPE] === ETH_TYPE_IP ? 4 : 6;
  setAddresses(effect, flow);
  effect.nwProto = flow[F_NW_PROTO] & 0xff;
  effect.nwTos = flow[F_NW_TOS] & DSCP_MASK;
  effect.tpSrc = flow[F_TP_SRC] & ports;
  effect.tpDst = flow[F_TP_DST] & ports;
  effect.vlanIn = version === 9 ? keys[base + F_VLAN_TCI] & VID_MASK : 0;
  effect.vlanOut = version === 9 ? flow[F_VLAN_TCI] & VID_MASK : 0;
  pass.effects[pass.effectCount++] = effect;
}

function setAddresses({ ipVersion, src, dst }: NetflowEffect, flow: Int32Array): void {
  for (let w = 0; w < 4; w++) {
    src[w] = ipVersion === 6 ? flow[F_IPV6_SRC + w] : 0;
    dst[w] = ipVersion === 6 ? flow[F_IPV6_DST + w] : 0;
  }
  if (ipVersion === 6) return;
  src[0] = flow[F_NW_SRC];
  dst[0] = flow[F_NW_DST];
}
