import { be16, formatIpv4, formatIpv6, formatMac } from '../util/index.js';
import { checksumAdd, checksumFold } from './checksum.js';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IPV4,
  ETH_TYPE_IPV6,
  ETH_TYPE_QINQ,
  ETH_TYPE_VLAN,
  IP_PROTO_ICMP,
  IP_PROTO_ICMPV6,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
} from './numbers.js';

/** Bytes of headers without options. */
const ETHERNET_BYTES = 14;
const ARP_BYTES = 28;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
const UDP_BYTES = 8;
const ICMP_BYTES = 4;

export interface VlanTag {
  readonly tpid: number;
  readonly vid: number;
  readonly pcp: number;
}

export interface EthernetHeader {
  readonly dst: string;
  readonly src: string;
  /** Tags from the outermost inwards. */
  readonly vlans: readonly VlanTag[];
  /** EtherType behind the tags. */
  readonly type: number;
  /** Offset of what follows. */
  readonly payload: number;
}

export interface ArpPacket {
  /** 1 request, 2 reply. */
  readonly op: number;
  readonly senderMac: string;
  readonly senderIp: string;
  readonly targetMac: string;
  readonly targetIp: string;
}

export interface IpHeader {
  readonly version: 4 | 6;
  readonly src: string;
  readonly dst: string;
  /** Protocol of the payload; of IPv6 the first next-header value. */
  readonly proto: number;
  /** DSCP and ECN. */
  readonly tos: number;
  readonly ttl: number;
  /** Not the first fragment: no transport header follows. */
  readonly laterFragment: boolean;
  /** Offset of what follows, and its bytes as the header says (the packet may hold fewer). */
  readonly payload: number;
  readonly payloadLength: number;
}

export interface TcpHeader {
  readonly src: number;
  readonly dst: number;
  readonly seq: number;
  readonly ack: number;
  /** 12 bits, FIN is bit 0. */
  readonly flags: number;
  readonly payload: number;
}

export interface UdpHeader {
  readonly src: number;
  readonly dst: number;
  readonly payload: number;
}

export interface IcmpHeader {
  readonly type: number;
  readonly code: number;
  /** Identifier and sequence number of an echo; the same bytes of other types. */
  readonly id: number;
  readonly sequence: number;
  readonly payload: number;
}

const u32 = (p: Uint8Array, at: number) => ((be16(p, at) << 16) | be16(p, at + 2)) >>> 0;
const mac = (p: Uint8Array, at: number) => formatMac(be16(p, at), u32(p, at + 2));
const ipv4 = (p: Uint8Array, at: number) => formatIpv4(u32(p, at));
const ipv6 = (p: Uint8Array, at: number) => formatIpv6([0, 4, 8, 12].map((i) => u32(p, at + i)));

/*
 * Readers of packet bytes. Each takes the packet and the offset of its header and returns what the header says, or null when
 * the bytes end before it does. They are for callbacks and tests; the hot path reads flow keys instead.
 */

/** The Ethernet header at `at` with all its VLAN tags. */
export function readEthernet(packet: Uint8Array, at = 0): EthernetHeader | null {
  if (packet.length < at + ETHERNET_BYTES) return null;
  const vlans: VlanTag[] = [];
  let payload = at + ETHERNET_BYTES;
  let type = be16(packet, payload - 2);
  while (type === ETH_TYPE_VLAN || type === ETH_TYPE_QINQ) {
    if (packet.length < payload + 4) return null;
    const tci = be16(packet, payload);
    vlans.push({ tpid: type, vid: tci & 0xfff, pcp: tci >>> 13 });
    type = be16(packet, payload + 2);
    payload += 4;
  }
  return { dst: mac(packet, at), src: mac(packet, at + 6), vlans, type, payload };
}

/** ARP for IPv4 over Ethernet; null for other kinds. */
export function readArp(packet: Uint8Array, at: number): ArpPacket | null {
  if (packet.length < at + ARP_BYTES) return null;
  if (u32(packet, at) !== 0x00010800 || be16(packet, at + 4) !== 0x0604) return null;
  return {
    op: be16(packet, at + 6),
    senderMac: mac(packet, at + 8),
    senderIp: ipv4(packet, at + 14),
    targetMac: mac(packet, at + 18),
    targetIp: ipv4(packet, at + 24),
  };
}

export function readIpv4(packet: Uint8Array, at: number): IpHeader | null {
  if (packet.length < at + IPV4_BYTES || packet[at] >>> 4 !== 4) return null;
  const headerLength = (packet[at] & 0x0f) * 4;
  const total = be16(packet, at + 2);
  if (headerLength < IPV4_BYTES || packet.length < at + headerLength || total < headerLength) return null;
  return {
    version: 4,
    src: ipv4(packet, at + 12),
    dst: ipv4(packet, at + 16),
    proto: packet[at + 9],
    tos: packet[at + 1],
    ttl: packet[at + 8],
    laterFragment: (be16(packet, at + 6) & 0x1fff) !== 0,
    payload: at + headerLength,
    payloadLength: total - headerLength,
  };
}

/** The fixed IPv6 header; extension headers are the payload. */
export function readIpv6(packet: Uint8Array, at: number): IpHeader | null {
  if (packet.length < at + IPV6_BYTES || packet[at] >>> 4 !== 6) return null;
  return {
    version: 6,
    src: ipv6(packet, at + 8),
    dst: ipv6(packet, at + 24),
    proto: packet[at + 6],
    tos: (be16(packet, at) >>> 4) & 0xff,
    ttl: packet[at + 7],
    laterFragment: false,
    payload: at + IPV6_BYTES,
    payloadLength: be16(packet, at + 4),
  };
}

export function readTcp(packet: Uint8Array, at: number): TcpHeader | null {
  if (packet.length < at + TCP_BYTES) return null;
  const headerLength = (packet[at + 12] >>> 4) * 4;
  if (headerLength < TCP_BYTES || packet.length < at + headerLength) return null;
  return {
    src: be16(packet, at),
    dst: be16(packet, at + 2),
    seq: u32(packet, at + 4),
    ack: u32(packet, at + 8),
    flags: be16(packet, at + 12) & 0xfff,
    payload: at + headerLength,
  };
}

export function readUdp(packet: Uint8Array, at: number): UdpHeader | null {
  if (packet.length < at + UDP_BYTES) return null;
  return { src: be16(packet, at), dst: be16(packet, at + 2), payload: at + UDP_BYTES };
}

/** ICMP and ICMPv6 alike. Messages shorter than eight bytes have 0 for identifier and sequence number. */
export function readIcmp(packet: Uint8Array, at: number): IcmpHeader | null {
  if (packet.length < at + ICMP_BYTES) return null;
  const long = packet.length >= at + 8;
  return {
    type: packet[at],
    code: packet[at + 1],
    id: long ? be16(packet, at + 4) : 0,
    sequence: long ? be16(packet, at + 6) : 0,
    payload: Math.min(at + 8, packet.length),
  };
}

/** All headers of a packet that could be read; those behind an unknown or cut one are absent. */
export interface PacketHeaders {
  readonly ethernet?: EthernetHeader;
  readonly arp?: ArpPacket;
  readonly ip?: IpHeader;
  readonly tcp?: TcpHeader;
  readonly udp?: UdpHeader;
  readonly icmp?: IcmpHeader;
}

/** Reads an Ethernet frame from its beginning as far as its headers are known. */
export function readPacket(packet: Uint8Array): PacketHeaders {
  const ethernet = readEthernet(packet);
  if (ethernet === null) return {};
  if (ethernet.type === ETH_TYPE_ARP) return present({ ethernet, arp: readArp(packet, ethernet.payload) });
  const ip =
    ethernet.type === ETH_TYPE_IPV4
      ? readIpv4(packet, ethernet.payload)
      : ethernet.type === ETH_TYPE_IPV6
        ? readIpv6(packet, ethernet.payload)
        : null;
  if (ip === null || ip.laterFragment) return present({ ethernet, ip });
  switch (ip.proto) {
    case IP_PROTO_TCP:
      return present({ ethernet, ip, tcp: readTcp(packet, ip.payload) });
    case IP_PROTO_UDP:
      return present({ ethernet, ip, udp: readUdp(packet, ip.payload) });
    case IP_PROTO_ICMP:
    case IP_PROTO_ICMPV6:
      return present({ ethernet, ip, icmp: readIcmp(packet, ip.payload) });
    default:
      return { ethernet, ip };
  }
}

/** Without the members that are null. */
function present(headers: { [Name in keyof PacketHeaders]: PacketHeaders[Name] | null }): PacketHeaders {
  return Object.fromEntries(Object.entries(headers).filter(([, header]) => header !== null));
}

/**
 * Whether the IPv4 header checksum and the TCP, UDP, ICMP or ICMPv6 checksum of a frame are right. A UDP checksum of 0 over
 * IPv4 means "none" and is right. Frames without checksums are right; a cut payload is wrong.
 */
export function checksumsRight(packet: Uint8Array): boolean {
  const { ethernet, ip, tcp, udp, icmp } = readPacket(packet);
  if (ethernet === undefined || ip === undefined) return true;
  const start = ethernet.payload;
  if (ip.version === 4 && checksumFold(checksumAdd(packet, start, ip.payload - start)) !== 0) return false;
  if (tcp === undefined && udp === undefined && icmp === undefined) return true;
  if (ip.payload + ip.payloadLength > packet.length) return false;
  if (udp !== undefined && ip.version === 4 && be16(packet, ip.payload + 6) === 0) return true;
  let sum = 0;
  if (ip.version === 6 || icmp === undefined) {
    const addresses = ip.version === 4 ? start + 12 : start + 8;
    sum = checksumAdd(packet, addresses, ip.version === 4 ? 8 : 32, ip.proto + ip.payloadLength);
  }
  return checksumFold(checksumAdd(packet, ip.payload, ip.payloadLength, sum)) === 0;
}
