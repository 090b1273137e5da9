import { be16 } from '../util/index.js';
import { checksumAdd, checksumFold } from './checksum.js';
import { type IpHeader, readEthernet, readIpv4, readIpv6 } from './headers.js';
import { ETH_TYPE_IPV4, ETH_TYPE_IPV6, IP_PROTO_ICMPV6, IP_PROTO_IGMP } from './numbers.js';

/** Types of IGMP messages (RFC 1112, 2236, 3376) and of MLD's among ICMPv6's (RFC 2710, 3810). */
export const IGMP_QUERY = 0x11;
export const IGMP_V1_REPORT = 0x12;
export const IGMP_V2_REPORT = 0x16;
export const IGMP_LEAVE = 0x17;
export const IGMP_V3_REPORT = 0x22;
export const MLD_QUERY = 130;
export const MLD_REPORT = 131;
export const MLD_DONE = 132;
export const MLD2_REPORT = 143;

/** Bytes of headers: IGMP, MLDv1 up to its address, and one record of a version 3 or MLDv2 report without its group. */
const IGMP_BYTES = 8;
const MLD_BYTES = 8;
const RECORD_BYTES = 4;
/** Types of records of such reports that say what their sources are. */
const IS_INCLUDE = 1;
const CHANGE_TO_INCLUDE = 3;
const RECORD_TYPES = 6;

/** IPv6 extension headers with a length in units of eight bytes: hop-by-hop, routing, destination options. */
const EXTENSIONS: readonly number[] = [0, 43, 60];

/** Somebody wants a group, or wants it no more. */
export interface GroupRecord {
  readonly leave: boolean;
  /** Four words, IPv4 as ::ffff:a.b.c.d. */
  readonly group: Int32Array;
}

/** An IGMP or MLD message. */
export interface MulticastMessage {
  readonly query: boolean;
  /** Its source address is not all zeros, as a router's. */
  readonly fromRouter: boolean;
  /** What a report or a leave message says; empty for a query. */
  readonly records: readonly GroupRecord[];
}

/** What the bytes at `at` say, up to `end`. */
type Body = (packet: Uint8Array, at: number, end: number) => GroupRecord[] | null;

const u32 = (p: Uint8Array, at: number) => (be16(p, at) << 16) | be16(p, at + 2);
const group4 = (p: Uint8Array, at: number) => Int32Array.of(0, 0, 0xffff, u32(p, at));
const group6 = (p: Uint8Array, at: number) => Int32Array.from([0, 4, 8, 12], (i) => u32(p, at + i));

/** Records of a version 3 report; `bytes`: of a group's address. One that includes no source leaves its group. */
function readRecords(packet: Uint8Array, at: number, end: number, bytes: 4 | 16): GroupRecord[] {
  const records: GroupRecord[] = [];
  const count = be16(packet, at + 6);
  let next = at + IGMP_BYTES;
  for (let i = 0; i < count && next + RECORD_BYTES + bytes <= end; i++) {
    const type = packet[next];
    const sources = be16(packet, next + 2);
    const group = bytes === 4 ? group4(packet, next + RECORD_BYTES) : group6(packet, next + RECORD_BYTES);
    const leave = sources === 0 && (type === IS_INCLUDE || type === CHANGE_TO_INCLUDE);
    if (type >= IS_INCLUDE && type <= RECORD_TYPES) records.push({ leave, group });
    next += RECORD_BYTES + bytes + sources * bytes + packet[next + 1] * 4;
  }
  return records;
}

const readIgmp: Body = (packet, at, end) => {
  switch (packet[at]) {
    case IGMP_V3_REPORT:
      return readRecords(packet, at, end, 4);
    case IGMP_V1_REPORT:
    case IGMP_V2_REPORT:
    case IGMP_LEAVE:
      return [{ leave: packet[at] === IGMP_LEAVE, group: group4(packet, at + 4) }];
    case IGMP_QUERY:
      return [];
    default:
      return null;
  }
};

const readMld: Body = (packet, at, end) => {
  switch (packet[at]) {
    case MLD2_REPORT:
      return readRecords(packet, at, end, 16);
    case MLD_REPORT:
    case MLD_DONE:
      if (at + MLD_BYTES + 16 > end) return null;
      return [{ leave: packet[at] === MLD_DONE, group: group6(packet, at + MLD_BYTES) }];
    case MLD_QUERY:
      return [];
    default:
      return null;
  }
};

/** Where the payload of an IPv6 packet begins behind extension headers, and its protocol; null when they are cut. */
function skipExtensions(packet: Uint8Array, ip: IpHeader): { proto: number; at: number } | null {
  let { proto, payload: at } = ip;
  while (EXTENSIONS.includes(proto)) {
    if (at + 8 > packet.length) return null;
    proto = packet[at];
    at += (packet[at + 1] + 1) * 8;
  }
  return { proto, at };
}

function message(packet: Uint8Array, at: number, fromRouter: boolean, records: GroupRecord[] | null) {
  if (records === null) return null;
  return { query: packet[at] === IGMP_QUERY || packet[at] === MLD_QUERY, fromRouter, records };
}

function readOverIpv4(packet: Uint8Array, start: number): MulticastMessage | null {
  const ip = readIpv4(packet, start);
  if (ip === null || ip.laterFragment || ip.proto !== IP_PROTO_IGMP) return null;
  const at = ip.payload;
  const end = at + ip.payloadLength;
  if (end > packet.length || at + IGMP_BYTES > end) return null;
  if (checksumFold(checksumAdd(packet, at, end - at)) !== 0) return null;
  return message(packet, at, u32(packet, start + 12) !== 0, readIgmp(packet, at, end));
}

function readOverIpv6(packet: Uint8Array, start: number): MulticastMessage | null {
  const ip = readIpv6(packet, start);
  const found = ip === null ? null : skipExtensions(packet, ip);
  if (ip === null || found === null || found.proto !== IP_PROTO_ICMPV6) return null;
  const { at } = found;
  const end = ip.payload + ip.payloadLength;
  if (end > packet.length || at + MLD_BYTES > end) return null;
  const pseudo = checksumAdd(packet, start + 8, 32, IP_PROTO_ICMPV6 + (end - at));
  if (checksumFold(checksumAdd(packet, at, end - at, pseudo)) !== 0) return null;
  const fromRouter = packet.subarray(start + 8, start + 24).some((byte) => byte !== 0);
  return message(packet, at, fromRouter, readMld(packet, at, end));
}

/** Reads an Ethernet frame that is an IGMP or MLD message; null for others, and when it is cut or its checksum is wrong. */
export function readMulticast(packet: Uint8Array): MulticastMessage | null {
  const ethernet = readEthernet(packet);
  if (ethernet === null) return null;
  if (ethernet.type === ETH_TYPE_IPV4) return readOverIpv4(packet, ethernet.payload);
  return ethernet.type === ETH_TYPE_IPV6 ? readOverIpv6(packet, ethernet.payload) : null;
}
