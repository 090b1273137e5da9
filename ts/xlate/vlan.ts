import { F_VLAN_TCI, F_VLAN_TPID } from '../fields/index.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_VLAN, isVlanType, VLAN_CFI, VLAN_PCP_MASK, VLAN_VID_MASK } from './protocols.js';
import type { XBundle } from './types.js';

/*
 * The tags of a packet in NORMAL, in `Pass.tags`: (TPID, VID, PCP in place) for the outer and the inner tag, three times:
 * words 0 to 5 as it came in, 6 to 11 inside the bridge (VID is the packet's VLAN), 12 to 17 as it leaves by a port.
 */
const BRIDGE = 6;
const OUT = 12;
/** Words of one packet's tags. */
const TAG_WORDS = 6;

/** Whether a port that is no access port carries a VLAN. Ports with a native VLAN always carry it, and never VLAN 0. */
export function carries(bundle: XBundle, vid: number): boolean {
  if (bundle.vlanMode !== 'trunk' && bundle.tag !== 0) {
    if (vid === bundle.tag) return true;
    if (vid === 0) return false;
  }
  const { trunks } = bundle;
  return trunks === null || (trunks[vid >> 5] & (1 << (vid & 31))) !== 0;
}

/** The packet's own tags. */
export function readTags(flow: Int32Array, tags: Int32Array): void {
  tags.fill(0, 0, TAG_WORDS);
  for (let i = 0; i < 2; i++) {
    const tpid = flow[F_VLAN_TPID + 2 * i];
    const tci = flow[F_VLAN_TCI + 2 * i];
    if (!isVlanType(tpid) || (tci & VLAN_CFI) === 0) break;
    tags[3 * i] = tpid;
    tags[3 * i + 1] = tci & VLAN_VID_MASK;
    tags[3 * i + 2] = tci & VLAN_PCP_MASK;
  }
}

/** Tags inside the bridge of a packet that came in by `port` (OVS: xvlan_input_translate). */
export function bridgeTags(bundle: XBundle, tags: Int32Array): void {
  if (bundle.vlanMode === 'access') {
    tags[BRIDGE] = tags[0] === 0 ? ETH_TYPE_VLAN : tags[0];
    tags[BRIDGE + 1] = bundle.tag;
    tags[BRIDGE + 2] = tags[2];
    tags.fill(0, BRIDGE + 3, OUT);
    return;
  }
  for (let i = 0; i < TAG_WORDS; i++) tags[BRIDGE + i] = tags[i];
  if (bundle.vlanMode !== 'trunk' && tags[1] === 0) tags[BRIDGE + 1] = bundle.tag;
}

/** Tags on the wire behind `port` (OVS: xvlan_output_translate). */
function leaveTags(bundle: XBundle, tags: Int32Array): void {
  tags.fill(0, OUT, OUT + TAG_WORDS);
  if (bundle.vlanMode === 'access') return;
  const native = bundle.vlanMode === 'native-untagged' && tags[BRIDGE + 1] === bundle.tag;
  const from = native ? BRIDGE + 3 : BRIDGE;
  for (let i = 0; i < BRIDGE + TAG_WORDS - from; i++) tags[OUT + i] = tags[from + i];
}

/** Gives the flow the tags that packets leaving by `port` carry. The caller restores the flow's own. */
export function putTags(pass: Pass, bundle: XBundle): void {
  const { flow, mask, tags } = pass;
  leaveTags(bundle, tags);
  // A priority tag leaves trunks as it came when it carries a priority, and is taken off when that is 0.
  if (tags[0] !== 0 && tags[1] === 0 && bundle.vlanMode !== 'access') mask[F_VLAN_TCI] |= VLAN_PCP_MASK;
  for (let i = 0; i < 2; i++) {
    const bits = tags[OUT + 3 * i + 1] | tags[OUT + 3 * i + 2];
    const tci = bits === 0 ? 0 : bits | VLAN_CFI;
    const tpid = bits === 0 ? flow[F_VLAN_TPID + 2 * i] : tags[OUT + 3 * i] || ETH_TYPE_VLAN;
    if (tci === flow[F_VLAN_TCI + 2 * i] && tpid === flow[F_VLAN_TPID + 2 * i]) continue;
    pass.touch(F_VLAN_TPID);
    flow[F_VLAN_TPID + 2 * i] = tpid;
    flow[F_VLAN_TCI + 2 * i] = tci;
  }
}
