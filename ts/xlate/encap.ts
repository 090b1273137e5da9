import {
  F_ETH_DST,
  F_ETH_TYPE,
  F_MPLS_LSE0,
  F_NSH_CONTEXT,
  F_NSH_FLAGS,
  F_NSH_MDTYPE,
  F_NSH_NP,
  F_NSH_PATH_HDR,
  F_NSH_TTL,
  F_PACKET_TYPE,
  F_TUN_OPTS_LEN,
  F_VLAN_TCI,
} from '../fields/index.js';
import type { EncapProperty } from '../openflow/index.js';
import { commit } from './commit.js';
import { OFPR_INVALID_TTL, toController, WHOLE_PACKET } from './controller.js';
import type { ActionOf, Outcome } from './handler.js';
import { refuseLabels } from './mpls.js';
import { countLabels, MPLS_LABELS_MAX, popLabel, pushLabel } from './mpls-stack.js';
import { isMplsPacket, PT_ETHERNET, PT_IPV4, PT_IPV6, PT_NSH, PT_USE_NEXT_PROTO } from './packet-types.js';
import { errorNumber, type Pass } from './pass.js';
import { ETH_TYPE_NSH, VLAN_CFI } from './protocols.js';
import { SLOW_ACTION, type XPort } from './types.js';

const ETHERTYPES = 1;
/** Transparent Ethernet bridging: an Ethernet frame follows. */
const ETH_TYPE_TEB = 0x6558;

/** NSH next protocols (RFC 8300). */
const NSH_IPV4 = 1;
const NSH_IPV6 = 2;
const NSH_ETHERNET = 3;
const NSH_NSH = 4;
const NSH_TTL = 63;
/** Service index of a new header, with path 0. */
const NSH_PATH = 255;
/** Bytes of NSH context headers at most. */
const NSH_CONTEXT_MAX = 248;

/** What cannot be done with packets of a type. */
const ETHERNET = 'encap(ethernet) is not supported for';
const NSH = 'encap(nsh) is not supported for';
const DECAP = 'the decap() does not support';

const UNSUPPORTED_PACKET_TYPE = errorNumber('unsupported_packet_type');

function unsupported(pass: Pass, what: string): void {
  const type = pass.flow[F_PACKET_TYPE];
  const text = what === ETHERNET ? 'ethernet.' : `(${type >>> 16},0x${(type & 0xffff).toString(16)})`;
  pass.fail(UNSUPPORTED_PACKET_TYPE, `Dropping packet as ${what} packet type ${text}`, 'plain');
}

/** The packet gets another header in front; which datapath action makes it is found out when the next one is due. */
export function actEncap(pass: Pass, action: ActionOf<'encap'>): Outcome {
  commit(pass);
  pass.touch(F_PACKET_TYPE);
  pass.mask[F_PACKET_TYPE] = -1;
  switch (action.packetType) {
    case PT_ETHERNET:
      encapEthernet(pass);
      break;
    case PT_NSH:
      encapNsh(pass, action.properties);
      break;
    default:
      encapMpls(pass, action.packetType);
  }
  if (pass.error === 0) pass.pendingEncap = true;
  return pass.error === 0 ? 'continue' : 'stop';
}

/**
 * A packet without an Ethernet header that came by a port of such packets gets an empty one, so that all packets look alike to flow
 * tables. The datapath's gets it when it is output.
 */
export function frameLayer3(pass: Pass, port: XPort): void {
  const { flow } = pass;
  if (flow[F_PACKET_TYPE] === PT_ETHERNET || port.tunnel?.packetType !== 'legacy_l3') return;
  pass.touch(F_PACKET_TYPE);
  flow[F_PACKET_TYPE] = PT_ETHERNET;
  for (let w = F_ETH_DST; w < F_ETH_TYPE; w++) flow[w] = 0;
  pass.pendingEncap = true;
}

function encapEthernet(pass: Pass): void {
  const { flow } = pass;
  if (flow[F_PACKET_TYPE] >>> 16 !== ETHERTYPES) {
    unsupported(pass, ETHERNET);
    return;
  }
  const ethType = flow[F_PACKET_TYPE] & 0xffff;
  flow[F_PACKET_TYPE] = PT_ETHERNET;
  for (let w = F_ETH_DST; w < F_ETH_TYPE; w++) flow[w] = 0;
  flow[F_ETH_TYPE] = ethType;
}

function encapMpls(pass: Pass, packetType: number): void {
  const { flow, base, mask } = pass;
  // Labels of an Ethernet packet count, although they are then hidden: OVS counts before it clears them.
  const n = countLabels(flow, mask);
  if (!isMplsPacket(flow[F_PACKET_TYPE])) {
    for (let i = 0; i < MPLS_LABELS_MAX; i++) {
      mask[F_MPLS_LSE0 + i] = 0;
      flow[F_MPLS_LSE0 + i] = 0;
      base[F_MPLS_LSE0 + i] = 0;
    }
  }
  if (n >= MPLS_LABELS_MAX) {
    refuseLabels(pass, 'encap MPLS action', 'would have');
    return;
  }
  flow[F_PACKET_TYPE] = packetType;
  // The Ethernet header is out of sight, but its tags are not (as in OVS).
  for (let w = F_ETH_DST; w < F_ETH_TYPE; w++) flow[w] = 0;
  if (!pass.snapshot.support.addMpls) pass.slow |= SLOW_ACTION;
  pushLabel(flow, n, packetType & 0xffff, mask, true);
}

/** NSH's number of what the packet begins with now, 0 for what NSH cannot carry. */
function nextProtocol(packetType: number): number {
  switch (packetType) {
    case PT_ETHERNET:
      return NSH_ETHERNET;
    case PT_IPV4:
      return NSH_IPV4;
    case PT_IPV6:
      return NSH_IPV6;
    case PT_NSH:
      return NSH_NSH;
    default:
      return 0;
  }
}

/** Context headers of metadata type 2 as they are on the wire: class, type, length, data filled up to four bytes. */
function contextHeaders(properties: readonly EncapProperty[]): Uint8Array | null {
  const bytes: number[] = [];
  for (const property of properties) {
    if (property.type !== 'tlv') continue;
    const { data } = property;
    bytes.push(property.class >>> 8, property.class & 0xff, property.tlvType, data.length, ...data);
    while ((bytes.length & 3) !== 0) bytes.push(0);
  }
  return bytes.length === 0 || bytes.length > NSH_CONTEXT_MAX ? null : Uint8Array.from(bytes);
}

function encapNsh(pass: Pass, properties: readonly EncapProperty[]): void {
  const { flow } = pass;
  const protocol = nextProtocol(flow[F_PACKET_TYPE]);
  if (protocol === 0) {
    unsupported(pass, NSH);
    return;
  }
  let mdType: number = 1;
  for (const property of properties) if (property.type === 'md_type') mdType = property.mdType;
  for (let w = F_ETH_DST; w < F_TUN_OPTS_LEN; w++) flow[w] = 0;
  flow[F_PACKET_TYPE] = PT_NSH;
  flow[F_ETH_TYPE] = ETH_TYPE_NSH;
  flow[F_NSH_FLAGS] = 0;
  flow[F_NSH_TTL] = NSH_TTL;
  flow[F_NSH_MDTYPE] = mdType;
  flow[F_NSH_NP] = protocol;
  flow[F_NSH_PATH_HDR] = NSH_PATH;
  for (let i = 0; i < 4; i++) flow[F_NSH_CONTEXT + i] = 0;
  pass.encapData = mdType === 2 ? contextHeaders(properties) : null;
}

/** The packet loses its outermost header. What is behind NSH and the last label only the datapath can tell. */
export function actDecap(pass: Pass, action: ActionOf<'decap'>): Outcome {
  commit(pass);
  pass.touch(F_PACKET_TYPE);
  const { flow } = pass;
  const type = flow[F_PACKET_TYPE];
  if (type === PT_ETHERNET) return decapEthernet(pass);
  if (type === PT_NSH) return decapNsh(pass);
  if (isMplsPacket(type)) return decapMpls(pass, action.packetType);
  unsupported(pass, DECAP);
  return 'stop';
}

function decapEthernet(pass: Pass): Outcome {
  const { flow } = pass;
  if ((flow[F_VLAN_TCI] & VLAN_CFI) !== 0) {
    pass.fail(UNSUPPORTED_PACKET_TYPE, 'Dropping packet, cannot decap Ethernet if VLAN is present.', 'plain');
    return 'stop';
  }
  flow[F_PACKET_TYPE] = (ETHERTYPES << 16) | flow[F_ETH_TYPE];
  pass.mask[F_ETH_TYPE] = 0xffff;
  for (let w = F_ETH_DST; w < F_ETH_TYPE; w++) flow[w] = 0;
  return 'continue';
}

function decapNsh(pass: Pass): Outcome {
  const { flow } = pass;
  switch (flow[F_NSH_NP]) {
    case NSH_ETHERNET:
      flow[F_PACKET_TYPE] = PT_ETHERNET;
      break;
    case NSH_IPV4:
      flow[F_PACKET_TYPE] = PT_IPV4;
      break;
    case NSH_IPV6:
      flow[F_PACKET_TYPE] = PT_IPV6;
      break;
    case NSH_NSH:
      break;
    default:
      pass.fail(
        UNSUPPORTED_PACKET_TYPE,
        `Dropping packet as NSH next protocol ${flow[F_NSH_NP]} is not supported`,
        'plain',
      );
      return 'stop';
  }
  pass.mask[F_NSH_NP] = 0xff;
  return decapped(pass);
}

function decapMpls(pass: Pass, packetType: number | null): Outcome {
  const { flow, mask } = pass;
  flow[F_PACKET_TYPE] = packetType ?? PT_USE_NEXT_PROTO;
  const n = countLabels(flow, mask);
  const { [F_PACKET_TYPE]: type } = flow;
  const isPopped = popLabel(flow, n, type === PT_ETHERNET ? ETH_TYPE_TEB : type & 0xffff, mask);
  if (!isPopped && n >= MPLS_LABELS_MAX) {
    refuseLabels(pass, 'MPLS decap', 'has');
    return 'stop';
  }
  if (!pass.snapshot.support.addMpls) pass.slow |= SLOW_ACTION;
  if (n === 1) return decapped(pass);
  pass.pendingDecap = true;
  return 'continue';
}

/** The packet comes back with the headers that were uncovered. */
function decapped(pass: Pass): Outcome {
  pass.pendingDecap = true;
  pass.freeze();
  return 'frozen';
}

/** A TTL of 0 or 1 cannot be lowered: the packet goes to the controller and its rule ends. So it does without NSH. */
export function actDecNshTtl(pass: Pass): Outcome {
  const { flow } = pass;
  if (flow[F_PACKET_TYPE] === PT_NSH || flow[F_ETH_TYPE] === ETH_TYPE_NSH) {
    pass.mask[F_NSH_TTL] = 0xff;
    if (flow[F_NSH_TTL] > 1) {
      pass.touch(F_NSH_TTL);
      flow[F_NSH_TTL]--;
      return 'continue';
    }
    toController(pass, WHOLE_PACKET, OFPR_INVALID_TTL, 0, null, -1);
  }
  pass.note('NSH decrement TTL exception', 'warn');
  return 'stop';
}
