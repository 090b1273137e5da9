import {
  F_ETH_DST,
  F_ETH_SRC,
  F_ETH_TYPE,
  F_IPV6_DST,
  F_IPV6_LABEL,
  F_IPV6_SRC,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_PACKET_TYPE,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN1_TCI,
  F_VLAN_TCI,
} from '../../fields/index.js';
import type { DatagramWriter } from '../datagram-writer.js';
import {
  EGRESS,
  L3_IPV4,
  L3_IPV6,
  L3_OTHER,
  L4_ICMP,
  L4_OTHER,
  L4_SCTP,
  L4_TCP,
  L4_UDP,
  templateId,
} from './templates.js';
import { type Tunnel, writeTunnel } from './tunnel.js';

const ETH_TYPE_IPV4 = 0x0800;
const ETH_TYPE_IPV6 = 0x86dd;
const IPPROTO_ICMP = 1;
const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_ICMPV6 = 58;
const IPPROTO_SCTP = 132;
const ETHERNET_BYTES = 14;
const TAG_BYTES = 4;
/** Bit of a flow's vlan_tci that says that there is a tag. */
const TAG_PRESENT = 0x1000;

/** What records say of an interface. */
export interface Interface {
  readonly ifindex: number;
  readonly name: Uint8Array;
}

/** Where and how a packet was sampled. */
export interface Observation {
  domain: number;
  point: number;
  /** INGRESS or EGRESS. */
  direction: number;
  input: Interface;
  output: Interface;
  /** Encapsulation that it came or goes with; null for none. */
  tunnel: Tunnel | null;
  /** virtual_obs_id; null for none. */
  virtual: Uint8Array | null;
}

/** The layer 3 that records know of a packet: L3_*. */
export function layer3(keys: Int32Array, base: number): number {
  const ethType = keys[base + F_ETH_TYPE];
  if (ethType === ETH_TYPE_IPV4) return L3_IPV4;
  return ethType === ETH_TYPE_IPV6 ? L3_IPV6 : L3_OTHER;
}

/** Likewise layer 4, of a packet with this layer 3: L4_*. */
export function layer4(keys: Int32Array, base: number, l3: number): number {
  if (l3 === L3_OTHER) return L4_OTHER;
  switch (keys[base + F_NW_PROTO]) {
    case IPPROTO_TCP:
      return L4_TCP;
    case IPPROTO_UDP:
      return L4_UDP;
    case IPPROTO_SCTP:
      return L4_SCTP;
    case IPPROTO_ICMP:
      return l3 === L3_IPV4 ? L4_ICMP : L4_OTHER;
    case IPPROTO_ICMPV6:
      return l3 === L3_IPV6 ? L4_ICMP : L4_OTHER;
    default:
      return L4_OTHER;
  }
}

/** Bytes of Ethernet header and VLAN tags; 0 for a packet that has none. */
export function ethernetBytes(keys: Int32Array, base: number): number {
  if (keys[base + F_PACKET_TYPE] !== 0) return 0;
  if ((keys[base + F_VLAN_TCI] & TAG_PRESENT) === 0) return ETHERNET_BYTES;
  return ETHERNET_BYTES + ((keys[base + F_VLAN1_TCI] & TAG_PRESENT) === 0 ? TAG_BYTES : 2 * TAG_BYTES);
}

/** Bytes of a key before the record: domain and number of the template. */
export const KEY_PREFIX_BYTES = 6;

export function domainOf(key: Uint8Array): number {
  return ((key[0] << 24) | (key[1] << 16) | (key[2] << 8) | key[3]) >>> 0;
}

export function templateOf(key: Uint8Array): number {
  return (key[4] << 8) | key[5];
}

/**
 * Writes what tells flows apart: domain and template, then the record up to the times, in the order of the template. `keys[base …]`: the
 * packet's flow key.
 */
export function writeFlowKey(out: DatagramWriter, keys: Int32Array, base: number, seen: Observation): void {
  const l3 = layer3(keys, base);
  const l4 = layer4(keys, base, l3);
  const tci = keys[base + F_VLAN_TCI];
  const vlan = (tci & TAG_PRESENT) !== 0;
  out.reset();
  out.u32(seen.domain).u16(templateId(vlan, l3, l4, seen.tunnel !== null, seen.direction));
  out.u32(seen.point).u8(seen.direction);
  writeMac(out, keys, base + F_ETH_SRC);
  writeMac(out, keys, base + F_ETH_DST);
  out.u16(keys[base + F_ETH_TYPE]).u8(ethernetBytes(keys, base));
  writeInterface(out, seen.input);
  if (seen.direction === EGRESS) writeInterface(out, seen.output);
  if (vlan) writeVlan(out, tci);
  if (l3 !== L3_OTHER) writeIp(out, keys, base, l3);
  if (l4 === L4_ICMP) out.u8(keys[base + F_TP_SRC]).u8(keys[base + F_TP_DST]);
  else if (l4 !== L4_OTHER) out.u16(keys[base + F_TP_SRC]).u16(keys[base + F_TP_DST]);
  if (seen.tunnel !== null) writeTunnel(out, seen.tunnel);
  if (seen.virtual !== null) writeText(out, seen.virtual);
}

function writeVlan(out: DatagramWriter, tci: number): void {
  const id = tci & 0xfff;
  out
    .u16(id)
    .u16(id)
    .u8((tci >>> 13) & 7);
}

function writeMac(out: DatagramWriter, keys: Int32Array, at: number): void {
  out.u16(keys[at]).u32(keys[at + 1]);
}

/** An element of variable length, at most 254 bytes. */
function writeText(out: DatagramWriter, text: Uint8Array): void {
  out.u8(text.length).bytes(text);
}

/** Neither type (ifType) nor description is known of a device, as in OVS, where only those of DPDK have them. */
function writeInterface(out: DatagramWriter, { ifindex, name }: Interface): void {
  const type = 0;
  const descriptionBytes = 0;
  out.u32(ifindex).u32(type);
  writeText(out, name);
  out.u8(descriptionBytes);
}

function writeIp(out: DatagramWriter, keys: Int32Array, base: number, l3: number): void {
  const tos = keys[base + F_NW_TOS];
  out
    .u8(l3 === L3_IPV4 ? 4 : 6)
    .u8(keys[base + F_NW_TTL])
    .u8(keys[base + F_NW_PROTO])
    .u8(tos >>> 2)
    .u8(tos >>> 5)
    .u8(tos);
  if (l3 === L3_IPV4) {
    out.u32(keys[base + F_NW_SRC]).u32(keys[base + F_NW_DST]);
  } else {
    for (let i = 0; i < 4; i++) out.u32(keys[base + F_IPV6_SRC + i]);
    for (let i = 0; i < 4; i++) out.u32(keys[base + F_IPV6_DST + i]);
    out.u32(keys[base + F_IPV6_LABEL]);
  }
}
