import {
  F_ETH_TYPE,
  F_ND_RESERVED,
  F_NW_PROTO,
  F_TP_DST,
  F_TP_SRC,
  FLOW_WORDS,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
} from '../fields/index.js';
import { KEY_FORM, native, type UpcallBatch } from '../native/index.js';

const ETH_TYPE_IPV4 = 0x0800;
const IPPROTO_IGMP = 2;

const scratch = new Int32Array(FLOW_WORDS);

/**
 * Fills in what the packet of a row says and the datapath's keys have no attribute for: type, code and group of IGMP, which multicast
 * snooping goes by. OVS takes the whole flow from the packet instead (recv_upcalls); here all other fields are the datapath's.
 */
export function completeKey(batch: UpcallBatch, row: number): void {
  const { keys, rows, slab } = batch;
  const at = row * FLOW_WORDS;
  if (keys[at + F_NW_PROTO] !== IPPROTO_IGMP || keys[at + F_ETH_TYPE] !== ETH_TYPE_IPV4) return;
  const base = row * UPCALL_ROW_WORDS;
  const offset = rows[base + UPCALL_PACKET_OFF];
  scratch.fill(0);
  native().extractPacket(
    slab.subarray(offset, offset + rows[base + UPCALL_PACKET_LEN]),
    scratch,
    0,
    KEY_FORM.full,
  );
  keys[at + F_TP_SRC] = scratch[F_TP_SRC];
  keys[at + F_TP_DST] = scratch[F_TP_DST];
  // The word of the group, too (native/wire/extract.cc).
  keys[at + F_ND_RESERVED] = scratch[F_ND_RESERVED];
}
