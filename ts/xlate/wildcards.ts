import {
  F_ACTSET_OUTPUT,
  F_CONJ_ID,
  F_ETH_DST,
  F_ETH_TYPE,
  F_IN_PORT,
  F_METADATA,
  F_MPLS_LSE0,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_TOS,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  F_REG0,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_FLAGS,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_SRC,
  F_TUN_TOS,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
  F_VLAN_TCI,
  F_VLAN_TPID,
} from '../fields/index.js';
import {
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_TCP,
  isIp,
  isMpls,
  NW_FRAG_LATER,
  VLAN_CFI,
} from './protocols.js';

/** Don't fragment, checksum and key present: the tunnel flags that tell packets of a tunnel apart. */
const TUNNEL_FLAGS = 0xe;
const NW_FRAG_MASK = 0x3;
const ECN_MASK = 0x3;

/** Whether the packet came out of a tunnel: an outer destination is set. */
export function hasTunnel(flow: Int32Array, base: number): boolean {
  const at = base + F_TUN_IPV6_DST;
  return (flow[base + F_TUN_DST] | flow[at] | flow[at + 1] | flow[at + 2] | flow[at + 3]) !== 0;
}

/**
 * Begins the mask of a translation: what OVS always looks at (ofproto-dpif-xlate, xlate_wc_init) is exact, everything else
 * free. `wildcards` is one row.
 */
export function beginWildcards(flow: Int32Array, wildcards: Int32Array, recirc: boolean): void {
  wildcards.fill(0);
  wildcards[F_PACKET_TYPE] = -1;
  wildcards[F_IN_PORT] = -1;
  wildcards[F_ETH_TYPE] = 0xffff;
  if (isIp(flow)) wildcards[F_NW_FRAG] = NW_FRAG_MASK;
  if (recirc) wildcards[F_RECIRC_ID] = -1;
  if (hasTunnel(flow, 0)) beginTunnel(flow, wildcards);
}

function beginTunnel(flow: Int32Array, wildcards: Int32Array): void {
  wildcards[F_TUN_ID] = -1;
  wildcards[F_TUN_ID + 1] = -1;
  if (flow[F_TUN_DST] !== 0) {
    wildcards[F_TUN_SRC] = -1;
    wildcards[F_TUN_DST] = -1;
  } else {
    for (let i = 0; i < 4; i++) {
      wildcards[F_TUN_IPV6_SRC + i] = -1;
      wildcards[F_TUN_IPV6_DST + i] = -1;
    }
  }
  wildcards[F_TUN_FLAGS] = TUNNEL_FLAGS;
  wildcards[F_TUN_TOS] = 0xff;
  // A congestion mark on the outer header is carried into the packet, so the packet's own counts then.
  if (isIp(flow) && (flow[F_TUN_TOS] & ECN_MASK) === ECN_MASK) wildcards[F_NW_TOS] |= ECN_MASK;
}

/**
 * Ends the mask (OVS: xlate_wc_finish): drops what is no part of the packet that came in, the key at `keys[base …]`, and
 * gives the rest a form that the datapath's attributes can express, so that a mask read back from it is the same.
 */
export function finishWildcards(keys: Int32Array, base: number, wildcards: Int32Array): void {
  wildcards[F_METADATA] = 0;
  wildcards[F_METADATA + 1] = 0;
  wildcards.fill(0, F_REG0, F_REG0 + 16);
  wildcards[F_ACTSET_OUTPUT] = 0;
  wildcards[F_CONJ_ID] = 0;
  if (!hasTunnel(keys, base)) wildcards.fill(0, F_TUN_ID, F_METADATA);
  if (keys[base + F_PACKET_TYPE] !== 0) for (let w = F_ETH_DST; w < F_ETH_TYPE; w++) wildcards[w] = 0;
  const ethType = keys[base + F_ETH_TYPE];
  if (!isMpls(ethType)) for (let i = 0; i < 3; i++) wildcards[F_MPLS_LSE0 + i] = 0;
  finishVlan(keys[base + F_VLAN_TPID], wildcards, F_VLAN_TPID, F_VLAN_TCI);
  finishVlan(keys[base + F_VLAN1_TPID], wildcards, F_VLAN1_TPID, F_VLAN1_TCI);
  const protocol = keys[base + F_NW_PROTO];
  // Rules may ask for TCP flags without asking for TCP; other packets have none.
  if (protocol !== IPPROTO_TCP) wildcards[F_TCP_FLAGS] = 0;
  if (
    (ethType === ETH_TYPE_IP && protocol === IPPROTO_ICMP) ||
    (ethType === ETH_TYPE_IPV6 && protocol === IPPROTO_ICMPV6)
  ) {
    wildcards[F_TP_SRC] &= 0xff;
    wildcards[F_TP_DST] &= 0xff;
  }
  // Datapaths do not look into IGMP: they cannot tell its types apart, and each of its packets that matters takes the slow path.
  const isIgmp = ethType === ETH_TYPE_IP && protocol === IPPROTO_IGMP;
  if (isIgmp || (keys[base + F_NW_FRAG] & NW_FRAG_LATER) !== 0) {
    wildcards[F_TP_SRC] = 0;
    wildcards[F_TP_DST] = 0;
  }
}

/**
 * One tag: the datapath tells tagged packets from untagged ones by their Ethernet type, so a tag that is not there needs no
 * bit; of one that is there, the presence bit goes with any other.
 */
function finishVlan(tpid: number, wildcards: Int32Array, tpidWord: number, tciWord: number): void {
  if (tpid === 0) {
    wildcards[tpidWord] = 0;
    wildcards[tciWord] = 0;
  } else if (wildcards[tciWord] !== 0) {
    wildcards[tciWord] |= VLAN_CFI;
  }
}
