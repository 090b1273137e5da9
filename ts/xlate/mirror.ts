import { F_ETH_DST, F_VLAN_TCI } from '../fields/index.js';
import { inputBundle, isMirrorOutput, NONE_BUNDLE, outputToBundle, type PortOutput } from './bundle-ports.js';
import { reportMirror } from './effects.js';
import { noteRefusedVid, noteUnknownPort } from './notes.js';
import type { Pass } from './pass.js';
import { VLAN_CFI, VLAN_VID_MASK } from './protocols.js';
import { isReserved, markReserved } from './reserved-macs.js';
import type { XBundle, XMirror, XPort } from './types.js';
import {
  bridgeInner,
  bridgeOuter,
  choosesVids,
  includes,
  innerTag,
  outerTag,
  selects,
  takesVid,
  vid,
  withVid,
} from './vlan.js';

/** Mirrors that one bridge may have (OVS: MAX_MIRRORS); they are bits of a word. */
export const MAX_MIRRORS = 32;

function sameOutput(a: XMirror, b: XMirror): boolean {
  return a.outBundle === b.outBundle && (a.outBundle !== null || a.outVlan === b.outVlan);
}

/** Marks the mirrors that send to where `mirror` does: no packet goes to one destination twice. */
function markDone(pass: Pass, mirror: XMirror): void {
  const { mirrors } = pass.bridge;
  for (let i = 0; i < mirrors.length && i < MAX_MIRRORS; i++) {
    if (sameOutput(mirrors[i], mirror)) pass.mirrors |= 1 << i;
  }
}

/** Sends the packet with its tags in the bridge to where the mirror says. */
function send(pass: Pass, mirror: XMirror, outer: number, inner: number, output: PortOutput): void {
  if (mirror.outBundle !== null) {
    if (mirror.outBundle.vlanMode === 'native-untagged') lookAtVid(pass);
    outputToBundle(pass, mirror.outBundle, outer, inner, output);
    return;
  }
  lookAtVid(pass);
  if (vid(outer) === mirror.outVlan) return;
  const { flow, mask, bridge } = pass;
  markReserved(flow, mask);
  if (isReserved(flow[F_ETH_DST], flow[F_ETH_DST + 1])) return;
  const mirrored = withVid(outer, mirror.outVlan);
  for (let i = 0; i < bridge.bundles.length; i++) {
    const bundle = bridge.bundles[i];
    if (includes(bundle, mirrored, inner) && !isMirrorOutput(bridge, bundle)) {
      outputToBundle(pass, bundle, mirrored, inner, output);
    }
  }
}

function lookAtVid(pass: Pass): void {
  pass.mask[F_VLAN_TCI] |= VLAN_CFI | VLAN_VID_MASK;
}

/**
 * Sends the packet to the mirrors of `pass.bridge` in `candidates` (bits) that want it as one of `bundle` and did not get it
 * before (OVS: mirror_packet).
 */
function mirrorTo(pass: Pass, bundle: XBundle, candidates: number, output: PortOutput): void {
  const { flow, bridge } = pass;
  const packetOuter = outerTag(flow);
  const isRefused = bundle !== NONE_BUNDLE && !takesVid(bundle, vid(packetOuter));
  if (isRefused && pass.tracer !== null) noteRefusedVid(pass, bundle, vid(packetOuter));
  if ((candidates & ~pass.mirrors) === 0) return;
  const packetInner = innerTag(flow);
  if (bundle !== NONE_BUNDLE) {
    if (choosesVids(bundle)) lookAtVid(pass);
    if (isRefused) return;
  }
  const outer = bridgeOuter(bundle, packetOuter);
  const inner = bridgeInner(bundle, packetOuter, packetInner);
  for (let i = 0; i < bridge.mirrors.length && i < MAX_MIRRORS; i++) {
    // A copy that was sent may have been mirrored itself meanwhile.
    if ((candidates & ~pass.mirrors & (1 << i)) === 0) continue;
    const mirror = bridge.mirrors[i];
    if (mirror.vlans !== null) lookAtVid(pass);
    if (!selects(mirror.vlans, vid(outer))) continue;
    reportMirror(pass, mirror);
    markDone(pass, mirror);
    pass.mirrorSnaplen = mirror.snaplen;
    send(pass, mirror, outer, inner, output);
    pass.mirrorSnaplen = 0;
  }
}

/** Mirrors a packet that came in, before any action is done on it (OVS: mirror_ingress_packet). */
export function mirrorIngress(pass: Pass, output: PortOutput): void {
  const { mirrors } = pass.bridge;
  if (mirrors.length === 0) return;
  const bundle = inputBundle(pass);
  if (bundle === null && pass.tracer !== null) noteUnknownPort(pass);
  if (bundle === null || bundle === NONE_BUNDLE) return;
  let candidates = 0;
  for (let i = 0; i < mirrors.length && i < MAX_MIRRORS; i++) {
    const { selectSrc } = mirrors[i];
    if (selectSrc === null || selectSrc.has(bundle)) candidates |= 1 << i;
  }
  mirrorTo(pass, bundle, candidates, output);
}

/** Mirrors a packet that was output to `port`, with the tags that it has there. */
export function mirrorEgress(pass: Pass, port: XPort, output: PortOutput): void {
  const { mirrors } = pass.bridge;
  const { bundle } = port;
  if (mirrors.length === 0 || bundle === null) return;
  let candidates = 0;
  for (let i = 0; i < mirrors.length && i < MAX_MIRRORS; i++) {
    const { selectDst } = mirrors[i];
    if (selectDst === null || selectDst.has(bundle)) candidates |= 1 << i;
  }
  mirrorTo(pass, bundle, candidates, output);
}
