import {
  F_CT_IPV6_DST,
  F_CT_LABEL,
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_CT_STATE,
  F_CT_TP_DST,
  F_CT_TP_SRC,
} from '../fields/index.js';
import type { Pass } from './pass.js';

/** The packet is no longer tracked: nothing is known of its connection (OVS: clear_conntrack). */
export function clearConntrack(pass: Pass): void {
  const { flow } = pass;
  pass.conntracked = false;
  // State, zone, mark and label lie together, and so do the addresses.
  for (let w = F_CT_STATE; w < F_CT_LABEL + 4; w++) flow[w] = 0;
  for (let w = F_CT_NW_SRC; w < F_CT_IPV6_DST + 4; w++) flow[w] = 0;
  flow[F_CT_NW_PROTO] = 0;
  flow[F_CT_TP_SRC] = 0;
  flow[F_CT_TP_DST] = 0;
}
