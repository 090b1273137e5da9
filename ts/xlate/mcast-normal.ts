import { F_ETH_DST, F_ETH_TYPE, F_IPV6_DST, F_NW_DST, F_NW_PROTO, F_TP_SRC } from '../fields/index.js';
import {
  IGMP_LEAVE,
  IGMP_QUERY,
  IGMP_V1_REPORT,
  IGMP_V2_REPORT,
  IGMP_V3_REPORT,
  MLD2_REPORT,
  MLD_DONE,
  MLD_QUERY,
  MLD_REPORT,
} from '../packet/index.js';
import { outputToBundle } from './bundle-ports.js';
import { outputToPort } from './output.js';
import { snoop } from './mcast-snoop.js';
import type { Pass } from './pass.js';
import { mcastTag } from './trail.js';
import { ETH_TYPE_IP, IPPROTO_ICMPV6, IPPROTO_IGMP, isIp } from './protocols.js';
import { SLOW_ACTION, type McastView, type XBundle } from './types.js';
import { vid } from './vlan.js';

/** What NORMAL does then: forwards by address, floods, or nothing more. */
export type McastOutcome = 'unicast' | 'flood' | 'done';

const GROUP_BIT = 0x100;
/** First word of ff02::1. */
const IPV6_ALL_NODES = 0xff020000 | 0;

function isMembership(type: number): boolean {
  return type === IGMP_V1_REPORT || type === IGMP_V2_REPORT || type === IGMP_V3_REPORT || type === IGMP_LEAVE;
}

function isMld(type: number): boolean {
  return type === MLD_QUERY || type === MLD_REPORT || type === MLD_DONE || type === MLD2_REPORT;
}

/** What a tracer is told of a bundle that gets the packet, and of one that would but gave it. */
type Words = readonly [sent: string, back: string];
const GROUP: Words = ['forwarding to mcast group port', 'mcast group port is input port, dropping'];
const ROUTER: Words = ['forwarding to mcast router port', 'mcast router port is input port, dropping'];
const FLOOD: Words = ['forwarding to mcast flood port', 'mcast flood port is input port, dropping'];
const REPORT: Words = [
  'forwarding report to mcast flagged port',
  'mcast port is input port, dropping the Report',
];

/** To one of the bundles, each once, but not back. */
function sendTo(
  pass: Pass,
  bundles: readonly XBundle[],
  words: Words,
  from: XBundle,
  outer: number,
  inner: number,
): void {
  for (let i = 0; i < bundles.length; i++) {
    const isBack = bundles[i] === from;
    pass.note(words[isBack ? 1 : 0]);
    if (!isBack) outputToBundle(pass, bundles[i], outer, inner, outputToPort);
  }
}

/** Reports go to routers, and to ports that are told to get them (RFC 4541, 2.1.1, item 1). */
function forwardReport(pass: Pass, mcast: McastView, from: XBundle, outer: number, inner: number): void {
  sendTo(pass, mcast.routers(vid(outer)), ROUTER, from, outer, inner);
  sendTo(pass, mcast.reportPorts, REPORT, from, outer, inner);
}

function igmp(pass: Pass, mcast: McastView, from: XBundle, outer: number, inner: number): McastOutcome {
  // Each one changes the table of groups, so each one comes to userspace.
  pass.slow |= SLOW_ACTION;
  pass.mask[F_TP_SRC] = 0xffff;
  const type = pass.flow[F_TP_SRC];
  if (isMembership(type) || type === IGMP_QUERY) snoop(pass, from, vid(outer));
  if (!isMembership(type)) {
    pass.note('multicast traffic, flooding');
    return 'flood';
  }
  forwardReport(pass, mcast, from, outer, inner);
  return 'done';
}

function mld(pass: Pass, mcast: McastView, from: XBundle, outer: number, inner: number): McastOutcome {
  pass.slow |= SLOW_ACTION;
  snoop(pass, from, vid(outer));
  if (pass.flow[F_TP_SRC] === MLD_QUERY) {
    pass.note('MLD query, flooding');
    return 'flood';
  }
  forwardReport(pass, mcast, from, outer, inner);
  return 'done';
}

/** To everybody on the link, whoever joined: 224.0.0.0/24 and ff02::1 (RFC 4541, 2.1.2, item 2). */
function isLinkLocal(pass: Pass): boolean {
  const { flow, mask } = pass;
  if (flow[F_ETH_TYPE] === ETH_TYPE_IP) {
    mask[F_NW_DST] = -1;
    return flow[F_NW_DST] >>> 8 === 0xe00000;
  }
  for (let i = 0; i < 4; i++) mask[F_IPV6_DST + i] = -1;
  return (
    flow[F_IPV6_DST] === IPV6_ALL_NODES &&
    (flow[F_IPV6_DST + 1] | flow[F_IPV6_DST + 2]) === 0 &&
    flow[F_IPV6_DST + 3] === 1
  );
}

/** To those who joined the group, and to routers. */
function forwardGroup(
  pass: Pass,
  mcast: McastView,
  from: XBundle,
  outer: number,
  inner: number,
): McastOutcome {
  const { flow } = pass;
  const members =
    flow[F_ETH_TYPE] === ETH_TYPE_IP
      ? mcast.lookup4(vid(outer), flow[F_NW_DST])
      : mcast.lookup6(vid(outer), flow, F_IPV6_DST);
  if (members !== null) {
    sendTo(pass, members, GROUP, from, outer, inner);
    sendTo(pass, mcast.floodPorts, FLOOD, from, outer, inner);
    sendTo(pass, mcast.routers(vid(outer)), ROUTER, from, outer, inner);
    return 'done';
  }
  if (mcast.floodUnregistered) {
    pass.note('unregistered multicast, flooding');
    return 'flood';
  }
  sendTo(pass, mcast.routers(vid(outer)), ROUTER, from, outer, inner);
  sendTo(pass, mcast.floodPorts, FLOOD, from, outer, inner);
  return 'done';
}

/**
 * What multicast snooping makes of a packet that came by `from` and has these tags in the bridge (OVS: the multicast half of
 * xlate_normal). IGMP and MLD messages are left to the owner of the table as effects.
 */
export function mcastNormal(pass: Pass, from: XBundle, outer: number, inner: number): McastOutcome {
  const { flow, mask } = pass;
  const { mcast } = pass.bridge;
  if (mcast === null) return 'unicast';
  const high = flow[F_ETH_DST];
  if ((high & GROUP_BIT) === 0 || (high === 0xffff && flow[F_ETH_DST + 1] === -1) || !isIp(flow))
    return 'unicast';
  if (pass.trail !== null) pass.trail.tag(mcastTag(pass.bridge));
  mask[F_NW_PROTO] = 0xff;
  if (flow[F_ETH_TYPE] === ETH_TYPE_IP) {
    if (flow[F_NW_PROTO] === IPPROTO_IGMP) return igmp(pass, mcast, from, outer, inner);
  } else if (flow[F_NW_PROTO] === IPPROTO_ICMPV6) {
    mask[F_TP_SRC] = 0xffff;
    if (isMld(flow[F_TP_SRC])) return mld(pass, mcast, from, outer, inner);
  }
  if (isLinkLocal(pass)) {
    pass.note('RFC4541: section 2.1.2, item 2, flooding');
    return 'flood';
  }
  return forwardGroup(pass, mcast, from, outer, inner);
}
