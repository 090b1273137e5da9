import {
  F_CT_STATE,
  F_ETH_TYPE,
  F_NW_FRAG,
  F_NW_PROTO,
  F_PACKET_TYPE,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN_TCI,
} from '../fields/index.js';
import type { Prerequisite } from '../openflow/index.js';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  ETH_TYPE_NSH,
  ETH_TYPE_RARP,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isIp,
  isMpls,
  NW_FRAG_LATER,
  VLAN_CFI,
} from './protocols.js';

const ND_SOLICIT = 135;
const ND_ADVERT = 136;
/** ct_state bits of which a valid connection has one: new, established, reply direction. */
const CT_VALID = 0xb;

/**
 * Whether a packet has the field that asks for `prerequisite` (OVS: mf_are_prereqs_ok). What is looked at to tell goes into
 * `wildcards`; eth_type and nw_frag are always there. Rows start at word 0.
 */
export function prerequisiteHolds(
  prerequisite: Prerequisite,
  flow: Int32Array,
  wildcards: Int32Array,
): boolean {
  const ethType = flow[F_ETH_TYPE];
  switch (prerequisite) {
    case 'none':
      return true;
    case 'ethernet':
      return flow[F_PACKET_TYPE] === 0;
    case 'vlan':
      wildcards[F_VLAN_TCI] |= VLAN_CFI;
      return flow[F_PACKET_TYPE] === 0 && (flow[F_VLAN_TCI] & VLAN_CFI) !== 0;
    case 'ipv4':
      return ethType === ETH_TYPE_IP;
    case 'ipv6':
      return ethType === ETH_TYPE_IPV6;
    case 'ip':
      return isIp(flow);
    case 'arp':
      return ethType === ETH_TYPE_ARP || ethType === ETH_TYPE_RARP;
    case 'mpls':
      return isMpls(ethType);
    case 'nsh':
      return ethType === ETH_TYPE_NSH;
    case 'tcp':
      return isIp(flow) && isTransport(flow, wildcards, IPPROTO_TCP);
    case 'udp':
      return isIp(flow) && isTransport(flow, wildcards, IPPROTO_UDP);
    case 'sctp':
      return isIp(flow) && isTransport(flow, wildcards, IPPROTO_SCTP);
    case 'icmpv4':
      return ethType === ETH_TYPE_IP && isTransport(flow, wildcards, IPPROTO_ICMP);
    case 'icmpv6':
      return ethType === ETH_TYPE_IPV6 && isTransport(flow, wildcards, IPPROTO_ICMPV6);
    case 'nd':
      return isNd(flow, wildcards);
    case 'nd_solicit':
      return isNd(flow, wildcards) && flow[F_TP_SRC] === ND_SOLICIT;
    case 'nd_advert':
      return isNd(flow, wildcards) && flow[F_TP_SRC] === ND_ADVERT;
    case 'ct':
      wildcards[F_CT_STATE] |= CT_VALID;
      return (flow[F_CT_STATE] & CT_VALID) !== 0;
  }
}

function isTransport(flow: Int32Array, wildcards: Int32Array, protocol: number): boolean {
  wildcards[F_NW_PROTO] = 0xff;
  return flow[F_NW_PROTO] === protocol && (flow[F_NW_FRAG] & NW_FRAG_LATER) === 0;
}

/** A neighbour solicitation or advertisement (RFC 4861 sections 4.3 and 4.4: code 0). */
function isNd(flow: Int32Array, wildcards: Int32Array): boolean {
  if (flow[F_ETH_TYPE] !== ETH_TYPE_IPV6 || !isTransport(flow, wildcards, IPPROTO_ICMPV6)) return false;
  wildcards[F_TP_DST] = 0xffff;
  if (flow[F_TP_DST] !== 0) return false;
  wildcards[F_TP_SRC] = 0xffff;
  return flow[F_TP_SRC] === ND_SOLICIT || flow[F_TP_SRC] === ND_ADVERT;
}
