import { F_VLAN_TCI, F_VLAN_TPID, F_VLAN1_TCI, F_VLAN1_TPID } from '../fields/index.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_VLAN, isVlanType, VLAN_CFI, VLAN_PCP_MASK, VLAN_VID_MASK } from './protocols.js';
import type { XBundle } from './types.js';

/*
 * A VLAN tag as NORMAL and mirrors hold it is one word: TPID in the high half, PCP and VID in their places in the low half, 0 for
 * none. A packet has an outer and an inner one: on the port it came in by, in the bridge (where the VID of the outer one is the
 * packet's VLAN, 0 included), and on the port it leaves by.
 */

const TCI_MASK = VLAN_VID_MASK | VLAN_PCP_MASK;

/** VLAN id of a tag. */
export function vid(tag: number): number {
  return tag & VLAN_VID_MASK;
}

/** The tag with another VLAN id. */
export function withVid(tag: number, id: number): number {
  return (tag & ~VLAN_VID_MASK) | id;
}

function has(bitmap: Int32Array, id: number): boolean {
  return (bitmap[id >> 5] & (1 << (id & 31))) !== 0;
}

/** Whether a bitmap of 4096 bits has a VLAN; null has all. */
export function selects(bitmap: Int32Array | null, id: number): boolean {
  return bitmap === null || has(bitmap, id);
}

/** Whether a trunk carries a VLAN. Ports with a native VLAN always carry it, and never VLAN 0. */
function carries(bundle: XBundle, id: number): boolean {
  if (bundle.vlanMode !== 'trunk' && bundle.tag !== 0) {
    if (id === bundle.tag) return true;
    if (id === 0) return false;
  }
  return selects(bundle.trunks, id);
}

/** Whether packets with VLAN id `id` (0: untagged or priority-tagged) may come in by the bundle (OVS: input_vid_is_valid). */
export function takesVid(bundle: XBundle, id: number): boolean {
  switch (bundle.vlanMode) {
    case 'access':
      return id === 0;
    case 'trunk':
      return carries(bundle, id);
    case 'dot1q-tunnel':
      return selects(bundle.cvlans, id);
    default:
      return id === 0 || carries(bundle, id);
  }
}

/** Whether `takesVid` looks at the VLAN id of tagged packets at all. */
export function choosesVids(bundle: XBundle): boolean {
  if (bundle.vlanMode === 'access') return true;
  return bundle.vlanMode === 'dot1q-tunnel' ? bundle.cvlans !== null : bundle.trunks !== null;
}

/** Whether packets with these tags in the bridge belong on the bundle (OVS: xbundle_includes_vlan). */
export function includes(bundle: XBundle, outer: number, inner: number): boolean {
  switch (bundle.vlanMode) {
    case 'access':
      return vid(outer) === bundle.tag && vid(inner) === 0;
    case 'dot1q-tunnel':
      return vid(outer) === bundle.tag && selects(bundle.cvlans, vid(inner));
    default:
      return carries(bundle, vid(outer));
  }
}

/** Whether `includes` looks at the inner tag of packets with this outer one. */
export function looksInside(bundle: XBundle, outer: number): boolean {
  if (vid(outer) !== bundle.tag) return false;
  return bundle.vlanMode === 'access' || (bundle.vlanMode === 'dot1q-tunnel' && bundle.cvlans !== null);
}

function readTag(flow: Int32Array, tpidWord: number, tciWord: number): number {
  const tpid = flow[tpidWord];
  const tci = flow[tciWord];
  return isVlanType(tpid) && (tci & VLAN_CFI) !== 0 ? (tpid << 16) | (tci & TCI_MASK) : 0;
}

/** The packet's own outer tag. */
export function outerTag(flow: Int32Array): number {
  return readTag(flow, F_VLAN_TPID, F_VLAN_TCI);
}

/** The packet's own inner tag. */
export function innerTag(flow: Int32Array): number {
  return outerTag(flow) === 0 ? 0 : readTag(flow, F_VLAN1_TPID, F_VLAN1_TCI);
}

/** The packet's own priority with the VLAN of the bundle. */
function nativeTag(bundle: XBundle, outer: number): number {
  const tpid = outer === 0 ? ETH_TYPE_VLAN << 16 : outer & ~0xffff;
  return tpid | bundle.tag | (outer & VLAN_PCP_MASK);
}

/** Outer tag inside the bridge of a packet that came in by `bundle` with these tags (OVS: xvlan_input_translate). */
export function bridgeOuter(bundle: XBundle, outer: number): number {
  switch (bundle.vlanMode) {
    case 'access':
      return nativeTag(bundle, outer);
    case 'trunk':
      return outer;
    case 'dot1q-tunnel':
      return (bundle.qinqTpid << 16) | bundle.tag;
    default:
      return vid(outer) === 0 ? nativeTag(bundle, outer) : outer;
  }
}

/** Inner tag likewise. The service tag of a dot1q-tunnel port takes the place of a second tag, which is lost, as in OVS. */
export function bridgeInner(bundle: XBundle, outer: number, inner: number): number {
  if (bundle.vlanMode === 'access') return 0;
  return bundle.vlanMode === 'dot1q-tunnel' ? outer : inner;
}

/** Whether the bundle takes the outer tag off packets of this VLAN. */
function strips(bundle: XBundle, outer: number): boolean {
  if (bundle.vlanMode === 'dot1q-tunnel') return true;
  return bundle.vlanMode === 'native-untagged' && vid(outer) === bundle.tag;
}

/** Outer tag on the wire behind `bundle` of a packet with these tags in the bridge (OVS: xvlan_output_translate). */
function leavingOuter(bundle: XBundle, outer: number, inner: number): number {
  if (bundle.vlanMode === 'access') return 0;
  return strips(bundle, outer) ? inner : outer;
}

/** Inner tag likewise. */
function leavingInner(bundle: XBundle, outer: number, inner: number): number {
  return bundle.vlanMode === 'access' || strips(bundle, outer) ? 0 : inner;
}

/** VLAN id that packets with these tags in the bridge have behind `bundle`, 0 for none. */
export function leavingVid(bundle: XBundle, outer: number, inner: number): number {
  return vid(leavingOuter(bundle, outer, inner));
}

/** The outer tag with the priority that the packet has now, for bundles with priority tags. */
function withPriority(pass: Pass, outer: number): number {
  pass.mask[F_VLAN_TCI] |= VLAN_PCP_MASK;
  return (outer & ~VLAN_PCP_MASK) | (pass.flow[F_VLAN_TCI] & VLAN_PCP_MASK);
}

/**
 * An inner tag stays when it has a VLAN id or a priority and goes when it has neither, so as much of it is looked at as tells: bit by bit up
 * to one that is set.
 */
function lookInside(pass: Pass): void {
  const tci = pass.flow[F_VLAN1_TCI];
  if ((tci & VLAN_CFI) === 0 || (tci & TCI_MASK & pass.mask[F_VLAN1_TCI]) !== 0) return;
  const bits = tci & TCI_MASK;
  // All up to and with the lowest that is set; all when none is.
  pass.mask[F_VLAN1_TCI] |= VLAN_CFI | ((bits ^ (bits - 1)) & TCI_MASK);
}

/** Gives the flow the tags that packets with these tags in the bridge have behind `bundle`. The caller restores the flow's own. */
export function putTags(pass: Pass, bundle: XBundle, outer: number, inner: number): void {
  const { flow } = pass;
  const { priorityTags } = bundle;
  const always = priorityTags === 'always';
  const second = leavingInner(bundle, outer, inner);
  let first = leavingOuter(bundle, outer, inner);
  if (priorityTags !== 'never') first = withPriority(pass, first);
  // A priority tag stays when it carries a priority and goes when that is 0, so the priority is looked at.
  else if (first !== 0 && vid(first) === 0) pass.mask[F_VLAN_TCI] |= VLAN_PCP_MASK;
  if (bundle.vlanMode !== 'access') lookInside(pass);
  // The inner tag moves to where the outer one was, and needs no action when it is the same.
  if (strips(bundle, outer) && (flow[F_VLAN1_TCI] & VLAN_CFI) !== 0) {
    pass.mask[F_VLAN_TCI] = 0xffff;
    pass.mask[F_VLAN1_TCI] = 0xffff;
  }
  putTag(pass, flow, first, F_VLAN_TPID, F_VLAN_TCI, always);
  putTag(pass, flow, second, F_VLAN1_TPID, F_VLAN1_TCI, always);
}

/** One tag (OVS: xvlan_put). One with neither VLAN id nor priority goes, unless it was there and `always`. */
function putTag(
  pass: Pass,
  flow: Int32Array,
  tag: number,
  tpidWord: number,
  tciWord: number,
  always: boolean,
): void {
  const bits = tag & TCI_MASK;
  const kept = bits !== 0 || (always && tag !== 0);
  const tci = kept ? bits | VLAN_CFI : 0;
  const tpid = kept ? tag >>> 16 || ETH_TYPE_VLAN : flow[tpidWord];
  if (tci === flow[tciWord] && tpid === flow[tpidWord]) return;
  pass.touch(F_VLAN_TPID);
  flow[tpidWord] = tpid;
  flow[tciWord] = tci;
  // A tag that was taken off and is put on again needs no action while all of it is the same.
  if (tci === pass.base[tciWord] && tpid === pass.base[tpidWord]) pass.mask[tciWord] = 0xffff;
}
