import { F_ETH_TYPE } from '../fields/index.js';

/** Ethernet types and IP protocols that translation tells apart (IANA numbers). */
export const ETH_TYPE_IP = 0x0800;
export const ETH_TYPE_ARP = 0x0806;
export const ETH_TYPE_RARP = 0x8035;
export const ETH_TYPE_VLAN = 0x8100;
export const ETH_TYPE_QINQ = 0x88a8;
export const ETH_TYPE_IPV6 = 0x86dd;
export const ETH_TYPE_NSH = 0x894f;
export const IPPROTO_ICMP = 1;
export const IPPROTO_IGMP = 2;
export const IPPROTO_TCP = 6;
export const IPPROTO_UDP = 17;
export const IPPROTO_ICMPV6 = 58;
export const IPPROTO_SCTP = 132;

/** Bits of nw_frag: any fragment; a fragment that is not the first. */
export const NW_FRAG_ANY = 1;
export const NW_FRAG_LATER = 2;

/** Parts of a TCI in flow keys; the CFI bit says that the tag is there. */
export const VLAN_VID_MASK = 0x0fff;
export const VLAN_CFI = 0x1000;
export const VLAN_PCP_MASK = 0xe000;
export const VLAN_PCP_SHIFT = 13;

/** IPv4 or IPv6, of the row that starts at word 0. */
export function isIp(flow: Int32Array): boolean {
  const type = flow[F_ETH_TYPE];
  return type === ETH_TYPE_IP || type === ETH_TYPE_IPV6;
}

export function isMpls(ethType: number): boolean {
  return ethType === 0x8847 || ethType === 0x8848;
}

export function isVlanType(ethType: number): boolean {
  return ethType === ETH_TYPE_VLAN || ethType === ETH_TYPE_QINQ;
}
