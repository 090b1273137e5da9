import { parseIpv4, parseIpv6, parseMac } from '../util/index.js';
import { checksumAdd, checksumFold } from './checksum.js';
import {
  ETH_TYPE_ARP,
  ETH_TYPE_IPV4,
  ETH_TYPE_IPV6,
  ETH_TYPE_VLAN,
  IP_PROTO_ICMP,
  IP_PROTO_ICMPV6,
  IP_PROTO_TCP,
  IP_PROTO_UDP,
} from './numbers.js';

/** Addresses and tags of a frame. */
export interface FrameOptions {
  /** Default 02:00:00:00:00:01. */
  readonly src?: string;
  /** Default 02:00:00:00:00:02. */
  readonly dst?: string;
  /** Tags from the outermost inwards; tpid defaults to 0x8100, pcp to 0. */
  readonly vlans?: readonly { readonly vid: number; readonly pcp?: number; readonly tpid?: number }[];
}

/** Addresses and header fields of an IP packet; both addresses are IPv4 or both IPv6, which decides the version. */
export interface IpOptions extends FrameOptions {
  readonly ipSrc: string;
  readonly ipDst: string;
  /** DSCP and ECN, default 0. */
  readonly tos?: number;
  /** Default 64. */
  readonly ttl?: number;
  /** IPv6 flow label, default 0. */
  readonly label?: number;
}

/** Payload of a transport packet; a number means that many bytes 0, 1, 2, … */
export type Payload = Uint8Array | number;

export interface PortOptions extends IpOptions {
  readonly srcPort: number;
  readonly dstPort: number;
  readonly payload?: Payload;
}

export interface TcpOptions extends PortOptions {
  readonly seq?: number;
  readonly ack?: number;
  /** FIN is bit 0; default SYN. */
  readonly flags?: number;
  readonly window?: number;
}

export interface IcmpOptions extends IpOptions {
  readonly type: number;
  readonly code?: number;
  /** Bytes 4 to 7 as two numbers: identifier and sequence number of an echo. */
  readonly id?: number;
  readonly sequence?: number;
  readonly payload?: Payload;
}

export interface ArpOptions extends FrameOptions {
  /** 1 request (default), 2 reply. */
  readonly op?: number;
  /** Default: the frame's source. */
  readonly senderMac?: string;
  readonly senderIp: string;
  /** Default 00:00:00:00:00:00. */
  readonly targetMac?: string;
  readonly targetIp: string;
}

const MIN_UDP_CHECKSUM = 0xffff;

/** An Ethernet frame with any payload. Throws a RangeError for an address that is none, as all builders do. */
export function buildFrame(options: FrameOptions, ethType: number, payload: Uint8Array): Uint8Array {
  const tags = (options.vlans ?? []).flatMap((tag) => [
    ...be16(tag.tpid ?? ETH_TYPE_VLAN),
    ...be16(((tag.pcp ?? 0) << 13) | (tag.vid & 0xfff)),
  ]);
  return Uint8Array.from([
    ...macBytes(options.dst ?? '02:00:00:00:00:02'),
    ...macBytes(options.src ?? '02:00:00:00:00:01'),
    ...tags,
    ...be16(ethType),
    ...payload,
  ]);
}

export function buildArp(options: ArpOptions): Uint8Array {
  const request = options.op === undefined || options.op === 1;
  const frame = { dst: request ? 'ff:ff:ff:ff:ff:ff' : '02:00:00:00:00:02', ...options };
  const payload = [
    ...be16(1),
    ...be16(ETH_TYPE_IPV4),
    6,
    4,
    ...be16(options.op ?? 1),
    ...macBytes(options.senderMac ?? options.src ?? '02:00:00:00:00:01'),
    ...ipv4Bytes(options.senderIp),
    ...macBytes(options.targetMac ?? '00:00:00:00:00:00'),
    ...ipv4Bytes(options.targetIp),
  ];
  return buildFrame(frame, ETH_TYPE_ARP, Uint8Array.from(payload));
}

export function buildUdp(options: PortOptions): Uint8Array {
  const payload = payloadBytes(options.payload);
  const segment = Uint8Array.from([
    ...be16(options.srcPort),
    ...be16(options.dstPort),
    ...be16(8 + payload.length),
    0,
    0,
    ...payload,
  ]);
  // A computed 0 is sent as all ones, because 0 says that there is no checksum (RFC 768).
  setBe16(segment, 6, transportChecksum(options, IP_PROTO_UDP, segment) || MIN_UDP_CHECKSUM);
  return buildIp(options, IP_PROTO_UDP, segment);
}

export function buildTcp(options: TcpOptions): Uint8Array {
  const segment = Uint8Array.from([
    ...be16(options.srcPort),
    ...be16(options.dstPort),
    ...be32(options.seq ?? 0),
    ...be32(options.ack ?? 0),
    ...be16(0x5000 | ((options.flags ?? 0x002) & 0xfff)),
    ...be16(options.window ?? 65535),
    0,
    0,
    0,
    0,
    ...payloadBytes(options.payload),
  ]);
  setBe16(segment, 16, transportChecksum(options, IP_PROTO_TCP, segment));
  return buildIp(options, IP_PROTO_TCP, segment);
}

/** ICMP between IPv4 addresses, ICMPv6 between IPv6 ones. */
export function buildIcmp(options: IcmpOptions): Uint8Array {
  const message = Uint8Array.from([
    options.type,
    options.code ?? 0,
    0,
    0,
    ...be16(options.id ?? 0),
    ...be16(options.sequence ?? 0),
    ...payloadBytes(options.payload),
  ]);
  const six = isIpv6(options);
  const checksum = six
    ? transportChecksum(options, IP_PROTO_ICMPV6, message)
    : checksumFold(checksumAdd(message, 0, message.length));
  setBe16(message, 2, checksum);
  return buildIp(options, six ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, message);
}

/** An IP packet with any payload, in its frame. */
export function buildIp(options: IpOptions, proto: number, payload: Uint8Array): Uint8Array {
  return isIpv6(options)
    ? buildFrame(options, ETH_TYPE_IPV6, ipv6Packet(options, proto, payload))
    : buildFrame(options, ETH_TYPE_IPV4, ipv4Packet(options, proto, payload));
}

function ipv4Packet(options: IpOptions, proto: number, payload: Uint8Array): Uint8Array {
  const header = Uint8Array.from([
    0x45,
    options.tos ?? 0,
    ...be16(20 + payload.length),
    0,
    0,
    0x40,
    0,
    options.ttl ?? 64,
    proto,
    0,
    0,
    ...ipv4Bytes(options.ipSrc),
    ...ipv4Bytes(options.ipDst),
  ]);
  setBe16(header, 10, checksumFold(checksumAdd(header, 0, header.length)));
  return Uint8Array.from([...header, ...payload]);
}

function ipv6Packet(options: IpOptions, proto: number, payload: Uint8Array): Uint8Array {
  const first = (6 << 28) | ((options.tos ?? 0) << 20) | ((options.label ?? 0) & 0xfffff);
  return Uint8Array.from([
    ...be32(first),
    ...be16(payload.length),
    proto,
    options.ttl ?? 64,
    ...ipv6Bytes(options.ipSrc),
    ...ipv6Bytes(options.ipDst),
    ...payload,
  ]);
}

/** Checksum over pseudo-header and segment (RFC 9293, RFC 8200 8.1). */
function transportChecksum(options: IpOptions, proto: number, segment: Uint8Array): number {
  const bytes = isIpv6(options) ? ipv6Bytes : ipv4Bytes;
  const addresses = Uint8Array.from([...bytes(options.ipSrc), ...bytes(options.ipDst)]);
  const pseudo = checksumAdd(addresses, 0, addresses.length, proto + segment.length);
  return checksumFold(checksumAdd(segment, 0, segment.length, pseudo));
}

function isIpv6(options: IpOptions): boolean {
  return options.ipSrc.includes(':');
}

function payloadBytes(payload: Payload | undefined): Uint8Array {
  if (typeof payload !== 'number') return payload ?? new Uint8Array();
  return Uint8Array.from({ length: payload }, (_, i) => i);
}

const be16 = (value: number) => [(value >>> 8) & 0xff, value & 0xff];
const be32 = (value: number) => [...be16(value >>> 16), ...be16(value)];

function setBe16(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}

function macBytes(text: string): number[] {
  const words = new Int32Array(2);
  if (!parseMac(text, words, 0)) throw new RangeError(`'${text}' is not a MAC address`);
  return [...be16(words[0]), ...be32(words[1])];
}

function ipv4Bytes(text: string): number[] {
  const word = parseIpv4(text);
  if (word === null) throw new RangeError(`'${text}' is not an IPv4 address`);
  return be32(word);
}

function ipv6Bytes(text: string): number[] {
  const words = new Int32Array(4);
  if (!parseIpv6(text, words, 0)) throw new RangeError(`'${text}' is not an IPv6 address`);
  return [...words].flatMap(be32);
}
