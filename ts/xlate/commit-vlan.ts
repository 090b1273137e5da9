import { F_VLAN_TCI, F_VLAN_TPID } from '../fields/index.js';
import type { Pass } from './pass.js';
import { VLAN_CFI } from './protocols.js';

/** Tags that a flow key has room for; each takes two words, TPID and TCI. */
const TAGS = 2;

/** Tags that are there, counted from outside. */
function countTags(row: Int32Array): number {
  let n = 0;
  while (n < TAGS && (row[F_VLAN_TCI + 2 * n] & VLAN_CFI) !== 0) n++;
  return n;
}

/**
 * Takes the outer tag off `row`, as OVS's flow_pop_vlan: an inner tag comes into sight and so is looked at; whether there was
 * an outer one the datapath knows by the Ethernet type.
 */
export function popTag(row: Int32Array, wildcards: Int32Array): void {
  const n = countTags(row);
  if (n === 0) return;
  for (let i = 1; i < n; i++) {
    wildcards[F_VLAN_TPID + 2 * i] = 0xffff;
    wildcards[F_VLAN_TCI + 2 * i] = 0xffff;
    row[F_VLAN_TPID + 2 * (i - 1)] = row[F_VLAN_TPID + 2 * i];
    row[F_VLAN_TCI + 2 * (i - 1)] = row[F_VLAN_TCI + 2 * i];
  }
  row[F_VLAN_TPID + 2 * (n - 1)] = 0;
  row[F_VLAN_TCI + 2 * (n - 1)] = 0;
}

/** Puts an empty tag on `row` (VID and PCP 0); the tags that move inwards are looked at. */
export function pushTag(row: Int32Array, wildcards: Int32Array, tpid: number): void {
  const n = countTags(row);
  for (let i = 0; i < n; i++) {
    wildcards[F_VLAN_TPID + 2 * i] = 0xffff;
    wildcards[F_VLAN_TCI + 2 * i] = 0xffff;
  }
  row[F_VLAN_TPID + 2] = row[F_VLAN_TPID];
  row[F_VLAN_TCI + 2] = row[F_VLAN_TCI];
  row[F_VLAN_TPID] = tpid;
  row[F_VLAN_TCI] = VLAN_CFI;
}

/** Pops the tags of base down to what it shares with flow (from the inside out), then pushes the rest of flow's. */
export function commitVlan(pass: Pass): void {
  const { flow, base, mask, writer } = pass;
  let have = countTags(base);
  let want = countTags(flow);
  while (have > 0 && want > 0) {
    const a = 2 * (have - 1);
    const b = 2 * (want - 1);
    if (base[F_VLAN_TPID + a] !== flow[F_VLAN_TPID + b] || base[F_VLAN_TCI + a] !== flow[F_VLAN_TCI + b])
      break;
    have--;
    want--;
  }
  // What is pushed may be made of what is popped, so the packet's own tag counts with all its bits, as in OVS. An untagged
  // packet has none; the end of the translation takes the bits away again.
  if (have > 0) mask[F_VLAN_TCI] = 0xffff;
  for (; have > 0; have--) {
    popTag(base, mask);
    writer.popVlan();
  }
  for (; want > 0; want--) {
    const at = 2 * (want - 1);
    writer.pushVlan(flow[F_VLAN_TPID + at], flow[F_VLAN_TCI + at]);
  }
  for (let i = 0; i < 2 * TAGS; i++) base[F_VLAN_TPID + i] = flow[F_VLAN_TPID + i];
}
