import {
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IPV6_DST,
  F_IPV6_SRC,
  F_NW_DST,
  F_NW_FRAG,
  F_NW_PROTO,
  F_NW_SRC,
  F_PACKET_TYPE,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN1_TCI,
  F_VLAN_TCI,
} from '../fields/index.js';
import type { Action, MultipathAlgorithm, MultipathFields } from '../openflow/index.js';
import { hash2Words, hashAdd, hashFinish, jhash, swap, swap16 } from './hash.js';
import { PT_ETHERNET } from './packet-types.js';
import {
  ETH_TYPE_IP,
  ETH_TYPE_IPV6,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  isIp,
  VLAN_CFI,
  VLAN_VID_MASK,
} from './protocols.js';
import { markSubfield, writeBits } from './subfield.js';

type Multipath = Extract<Action, { type: 'multipath' }>;

/** Link counts up to this are decided by highest random weight; above, by iterating (as OVS). */
const HRW_MAX_LINKS = 64;

function addTransport(hash: number, flow: Int32Array, udp: boolean): number {
  const h = hashAdd(hash, flow[F_NW_PROTO]);
  return hashesPorts(flow, udp) ? hashAdd(h, swap16(flow[F_TP_SRC] ^ flow[F_TP_DST])) : h;
}

/** Whether the packet has ports that the symmetric hashes of layers 3 and 4 take in; those of fragments go by the addresses alone. */
function hashesPorts(flow: Int32Array, udp: boolean): boolean {
  if (flow[F_NW_FRAG] !== 0) return false;
  const protocol = flow[F_NW_PROTO];
  return protocol === IPPROTO_TCP || protocol === IPPROTO_SCTP || (udp && protocol === IPPROTO_UDP);
}

/**
 * MAC addresses, Ethernet type and VLANs; the same both ways. 0 for packets without Ethernet. The words are OVS's struct in memory: eth_type,
 * tci and MAC address in network order, two bytes of padding.
 */
function symmetricL2(flow: Int32Array, basis: number): number {
  if (flow[F_PACKET_TYPE] !== PT_ETHERNET) return 0;
  const vlan = (flow[F_VLAN_TCI] ^ flow[F_VLAN1_TCI]) & VLAN_VID_MASK;
  const low = swap(flow[F_ETH_SRC + 1] ^ flow[F_ETH_DST + 1]);
  const high = swap16(flow[F_ETH_SRC] ^ flow[F_ETH_DST]);
  let hash = hashAdd(basis, swap16(flow[F_ETH_TYPE]) | (swap16(vlan) << 16));
  hash = hashAdd(hash, high | (low << 16));
  return hashFinish(hashAdd(hash, low >>> 16), basis);
}

/** Addresses, protocol and ports; the same both ways. Layer 2 for packets that are not IP. */
function symmetricL3L4(flow: Int32Array, basis: number, udp: boolean): number {
  let hash = basis;
  if (flow[F_ETH_TYPE] === ETH_TYPE_IP) {
    hash = hashAdd(hash, swap(flow[F_NW_SRC] ^ flow[F_NW_DST]));
  } else if (flow[F_ETH_TYPE] === ETH_TYPE_IPV6) {
    for (let i = 0; i < 4; i++) hash = hashAdd(hash, swap(flow[F_IPV6_SRC + i] ^ flow[F_IPV6_DST + i]));
  } else {
    return symmetricL2(flow, basis);
  }
  return hashFinish(addTransport(hash, flow, udp), basis);
}

/** Addresses only, the same both ways. The words are OVS's struct in memory: 16 bytes address, eth_type in network order, padding. */
function symmetricL3(flow: Int32Array, basis: number, words: Int32Array): number {
  words.fill(0);
  const ethType = flow[F_ETH_TYPE];
  if (ethType === ETH_TYPE_IP) words[0] = swap(flow[F_NW_SRC] ^ flow[F_NW_DST]);
  else if (ethType === ETH_TYPE_IPV6)
    for (let i = 0; i < 4; i++) words[i] = swap(flow[F_IPV6_SRC + i] ^ flow[F_IPV6_DST + i]);
  words[4] = swap16(ethType);
  return jhash(words, 20, basis);
}

/**
 * MAC addresses, VLAN, IP addresses, protocol and (not UDP's) ports. The words are OVS's struct in memory: 16 bytes address,
 * then eth_type, tci, port and MAC address in network order, the protocol, three bytes of padding.
 */
function symmetricL4(flow: Int32Array, basis: number, words: Int32Array): number {
  words.fill(0);
  const ethType = flow[F_ETH_TYPE];
  let port = 0;
  let protocol = 0;
  if (ethType === ETH_TYPE_IP || ethType === ETH_TYPE_IPV6) {
    if (ethType === ETH_TYPE_IP) words[0] = swap(flow[F_NW_SRC] ^ flow[F_NW_DST]);
    else for (let i = 0; i < 4; i++) words[i] = swap(flow[F_IPV6_SRC + i] ^ flow[F_IPV6_DST + i]);
    protocol = flow[F_NW_PROTO];
    if (protocol === IPPROTO_TCP || protocol === IPPROTO_SCTP) port = flow[F_TP_SRC] ^ flow[F_TP_DST];
  }
  const vlan = (flow[F_VLAN_TCI] ^ flow[F_VLAN1_TCI]) & VLAN_VID_MASK;
  const low = swap(flow[F_ETH_SRC + 1] ^ flow[F_ETH_DST + 1]);
  words[4] = swap16(ethType) | (swap16(vlan) << 16);
  words[5] = swap16(port) | (swap16(flow[F_ETH_SRC] ^ flow[F_ETH_DST]) << 16);
  words[6] = low;
  words[7] = protocol;
  return jhash(words, 32, basis);
}

function address(flow: Int32Array, v4: number, v6: number, basis: number, words: Int32Array): number {
  words.fill(0);
  if (flow[F_ETH_TYPE] === ETH_TYPE_IP) {
    words[0] = swap(flow[v4]);
    return jhash(words, 4, basis);
  }
  if (flow[F_ETH_TYPE] === ETH_TYPE_IPV6) {
    for (let i = 0; i < 4; i++) words[i] = swap(flow[v6 + i]);
    return jhash(words, 16, basis);
  }
  return basis;
}

function ethSource(flow: Int32Array, basis: number, words: Int32Array): number {
  words.fill(0);
  const low = swap(flow[F_ETH_SRC + 1]);
  words[0] = swap16(flow[F_ETH_SRC]) | (low << 16);
  words[1] = low >>> 16;
  return jhash(words, 6, basis);
}

/** Hash of a flow (row at word 0) over `fields`, equal to OVS's flow_hash_fields. `words`: scratch of 9. Unsigned. */
export function hashFields(
  flow: Int32Array,
  fields: MultipathFields,
  basis: number,
  words: Int32Array,
): number {
  switch (fields) {
    case 'eth_src':
      return ethSource(flow, basis, words);
    case 'symmetric_l4':
      return symmetricL4(flow, basis, words);
    case 'symmetric_l3l4':
      return symmetricL3L4(flow, basis, false);
    case 'symmetric_l3l4+udp':
      return symmetricL3L4(flow, basis, true);
    case 'nw_src':
      return address(flow, F_NW_SRC, F_IPV6_SRC, basis, words);
    case 'nw_dst':
      return address(flow, F_NW_DST, F_IPV6_DST, basis, words);
    case 'symmetric_l3':
      return symmetricL3(flow, basis, words);
  }
}

function markIpv6(wildcards: Int32Array, word: number): void {
  for (let i = 0; i < 4; i++) wildcards[word + i] = -1;
}

function markAddresses(flow: Int32Array, wildcards: Int32Array, source: boolean, target: boolean): void {
  const v6 = flow[F_ETH_TYPE] === ETH_TYPE_IPV6;
  if (!v6 && flow[F_ETH_TYPE] !== ETH_TYPE_IP) return;
  if (source) {
    if (v6) markIpv6(wildcards, F_IPV6_SRC);
    else wildcards[F_NW_SRC] = -1;
  }
  if (target) {
    if (v6) markIpv6(wildcards, F_IPV6_DST);
    else wildcards[F_NW_DST] = -1;
  }
}

function markPorts(wildcards: Int32Array): void {
  wildcards[F_TP_SRC] = 0xffff;
  wildcards[F_TP_DST] = 0xffff;
}

function markMac(wildcards: Int32Array, word: number): void {
  wildcards[word] = 0xffff;
  wildcards[word + 1] = -1;
}

/** OVS marks nothing of packets that are not IP, so that its megaflow covers packets that hash otherwise. */
function markL3L4(flow: Int32Array, wildcards: Int32Array, udp: boolean): void {
  if (!isIp(flow)) {
    markL2(flow, wildcards);
    return;
  }
  markAddresses(flow, wildcards, true, true);
  wildcards[F_NW_PROTO] = 0xff;
  if (hashesPorts(flow, udp)) markPorts(wildcards);
}

function markL2(flow: Int32Array, wildcards: Int32Array): void {
  if (flow[F_PACKET_TYPE] !== PT_ETHERNET) return;
  markMac(wildcards, F_ETH_SRC);
  markMac(wildcards, F_ETH_DST);
  markVlans(wildcards);
}

function markVlans(wildcards: Int32Array): void {
  wildcards[F_VLAN_TCI] |= VLAN_VID_MASK | VLAN_CFI;
  wildcards[F_VLAN1_TCI] |= VLAN_VID_MASK | VLAN_CFI;
}

/** Marks what `hashFields` looks at (OVS: flow_mask_hash_fields). */
export function markHashFields(flow: Int32Array, fields: MultipathFields, wildcards: Int32Array): void {
  switch (fields) {
    case 'eth_src':
      markMac(wildcards, F_ETH_SRC);
      break;
    case 'symmetric_l4':
      markL2(flow, wildcards);
      // Tags stay hidden behind a header that was put on.
      markVlans(wildcards);
      markAddresses(flow, wildcards, true, true);
      if (isIp(flow)) {
        wildcards[F_NW_PROTO] = 0xff;
        if (flow[F_NW_PROTO] !== IPPROTO_UDP) markPorts(wildcards);
      }
      break;
    case 'symmetric_l3l4':
      markL3L4(flow, wildcards, false);
      break;
    case 'symmetric_l3l4+udp':
      markL3L4(flow, wildcards, true);
      break;
    case 'nw_src':
      markAddresses(flow, wildcards, true, false);
      break;
    case 'nw_dst':
      markAddresses(flow, wildcards, false, true);
      break;
    case 'symmetric_l3':
      markAddresses(flow, wildcards, true, true);
      break;
  }
}

/** Highest random weight: each link draws a number, the highest wins; a link that goes moves only its own flows. */
function highestWeight(hash: number, links: number): number {
  let best = 0;
  let bestWeight = hash2Words(hash, 0);
  for (let link = 1; link < links; link++) {
    const weight = hash2Words(hash, link);
    if (weight > bestWeight) {
      best = link;
      bestWeight = weight;
    }
  }
  return best;
}

/** Draws below `modulo` until the draw is a link. `modulo` is replaced by a power of two when it does not fit. */
function iterate(hash: number, links: number, modulo: number): number {
  let m = modulo;
  if (m < links || m >>> 1 > links) {
    m = 1;
    while (m < links) m *= 2;
  }
  for (let i = 0; ; i++) {
    const link = hash2Words(hash, i) % m;
    if (link < links) return link;
  }
}

/** The link, 0 … links-1, that a hash (unsigned) falls on. */
export function chooseLink(hash: number, algorithm: MultipathAlgorithm, links: number, arg: number): number {
  switch (algorithm) {
    case 'modulo_n':
      return hash % links;
    case 'hash_threshold':
      return links === 1 ? 0 : Math.floor(hash / (Math.floor(0xffffffff / links) + 1));
    case 'hrw':
      return links <= HRW_MAX_LINKS ? highestWeight(hash, links) : iterate(hash, links, arg);
    case 'iter_hash':
      return iterate(hash, links, arg);
  }
}

/** Writes the link that the packet falls on into the action's target. `words`: scratch of 9. */
export function applyMultipath(
  action: Multipath,
  flow: Int32Array,
  wildcards: Int32Array,
  words: Int32Array,
): void {
  const hash = hashFields(flow, action.fields, action.basis, words);
  const link = chooseLink(hash, action.algorithm, action.links, action.arg);
  markHashFields(flow, action.fields, wildcards);
  markSubfield(wildcards, action.target);
  const { bits } = action.target;
  writeBits(flow, action.target, 0, Math.min(bits, 32), link);
  for (let from = 32; from < bits; from += 32) {
    writeBits(flow, action.target, from, Math.min(32, bits - from), 0);
  }
}
