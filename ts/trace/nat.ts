import { F_IPV6_DST, F_IPV6_SRC, F_NW_DST, F_NW_SRC, F_TP_DST, F_TP_SRC } from '../fields/index.js';
import type { NatSpec } from '../openflow/index.js';
import { parseIpv4, parseIpv6 } from '../util/index.js';

/**
 * Gives a packet the first address and port of the range that it is translated to, so that later tables see a packet as it
 * may be then (OVS: ofproto_trace_recirc_node). A translation without a range changes nothing.
 */
export function applyNat(flow: Int32Array, nat: NatSpec): void {
  if (nat.type === null || nat.addressMin === null) return;
  const isSource = nat.type === 'src';
  const ipv4 = parseIpv4(nat.addressMin);
  if (ipv4 !== null) flow[isSource ? F_NW_SRC : F_NW_DST] = ipv4;
  else parseIpv6(nat.addressMin, flow, isSource ? F_IPV6_SRC : F_IPV6_DST);
  if (nat.portMin !== 0) flow[isSource ? F_TP_SRC : F_TP_DST] = nat.portMin;
}
