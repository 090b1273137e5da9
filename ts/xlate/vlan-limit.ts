import {
  F_CT_NW_SRC,
  F_CT_TP_SRC,
  F_ETH_TYPE,
  F_IPV6_EXTHDRS,
  F_MPLS_LSE0,
  F_ND_OPTIONS_TYPE,
  F_ND_RESERVED,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
} from '../fields/index.js';

/**
 * Makes the second tag of a packet part of its payload where flows tell one tag apart (other_config:vlan-limit, 1 unless it says more; OVS:
 * flow_limit_vlans): its Ethernet type is then that of the tag, and what is behind is out of sight.
 */
export function limitTags(flow: Int32Array, limit: number): void {
  if (limit !== 1 || flow[F_VLAN1_TPID] === 0) return;
  flow[F_ETH_TYPE] = flow[F_VLAN1_TPID];
  flow[F_VLAN1_TPID] = 0;
  flow[F_VLAN1_TCI] = 0;
  // Between the headers stand the addresses of connections, which stay.
  for (let w = F_MPLS_LSE0; w < F_CT_NW_SRC; w++) flow[w] = 0;
  for (let w = F_IPV6_EXTHDRS; w < F_CT_TP_SRC; w++) flow[w] = 0;
  flow[F_ND_RESERVED] = 0;
  flow[F_ND_OPTIONS_TYPE] = 0;
}
