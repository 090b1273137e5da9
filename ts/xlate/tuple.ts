import {
  F_CT_IPV6_DST,
  F_CT_IPV6_SRC,
  F_CT_NW_DST,
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_CT_STATE,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_ETH_TYPE,
  F_IPV6_DST,
  F_IPV6_SRC,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_TP_DST,
  F_TP_SRC,
} from '../fields/index.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_IP, isIp } from './protocols.js';

function swapWords(row: Int32Array, a: number, b: number, words: number): void {
  for (let i = 0; i < words; i++) {
    const kept = row[a + i];
    row[a + i] = row[b + i];
    row[b + i] = kept;
  }
}

function swapRow(row: Int32Array, ipv4: boolean): void {
  swapWords(row, F_NW_PROTO, F_CT_NW_PROTO, 1);
  swapWords(row, F_TP_SRC, F_CT_TP_SRC, 1);
  swapWords(row, F_TP_DST, F_CT_TP_DST, 1);
  if (ipv4) {
    swapWords(row, F_NW_SRC, F_CT_NW_SRC, 1);
    swapWords(row, F_NW_DST, F_CT_NW_DST, 1);
  } else {
    swapWords(row, F_IPV6_SRC, F_CT_IPV6_SRC, 4);
    swapWords(row, F_IPV6_DST, F_CT_IPV6_DST, 4);
  }
}

/** ct_state bits of which a packet with a connection has one: new, established, reply direction. */
const CT_VALID = 0xb;

/** Whether the packet is part of a connection whose first addresses are known; the mask gets what tells. */
export function hasTuple(pass: Pass): boolean {
  const { flow, mask } = pass;
  if (flow[F_CT_NW_PROTO] !== 0 && isIp(flow)) return true;
  if (isIp(flow)) mask[F_CT_STATE] |= CT_VALID;
  pass.note('resubmit(ct) with non-tracked or non-IP packet!', 'error');
  return false;
}

/**
 * Exchanges the packet's addresses, protocol and ports with those its connection began with, in the flow and in the mask (OVS:
 * tuple_swap). Called again it undoes itself.
 */
export function swapTuple(pass: Pass): void {
  const { flow, mask } = pass;
  const ipv4 = flow[F_ETH_TYPE] === ETH_TYPE_IP;
  swapRow(flow, ipv4);
  swapRow(mask, ipv4);
}
