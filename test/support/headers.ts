import { be16 } from './attributes.js';
import { checksum, type Ipv4Options, ipv4Packet } from './frames.js';

/** What IPv6 packets of tests say, unless they say otherwise. */
export interface Ipv6Options {
  readonly src?: string;
  readonly dst?: string;
  /** DSCP and ECN. */
  readonly trafficClass?: number;
  readonly label?: number;
  readonly hopLimit?: number;
}

/** An IPv6 address that is written with at most one "::" and no dots. */
export function ipv6(value: string): Buffer {
  const [head, tail = ''] = value.split('::');
  const words = (text: string) =>
    text === '' ? [] : text.split(':').map((word) => Number.parseInt(word, 16));
  const zeros = 8 - words(head).length - words(tail).length;
  return be16(...words(head), ...new Array<number>(zeros).fill(0), ...words(tail));
}

/** IPv6 packet around `payload`, whose own checksum (if `checksumAt` is not -1) is filled in. */
export function ipv6Packet(
  nextHeader: number,
  payload: Buffer,
  checksumAt: number,
  { src = 'fd00::1', dst = 'fd00::2', trafficClass = 0, label = 0, hopLimit = 64 }: Ipv6Options = {},
): Buffer {
  const first = Buffer.alloc(4);
  first.writeUInt32BE(0x60000000 + trafficClass * 0x100000 + label);
  const addresses = [ipv6(src), ipv6(dst)];
  const header = [first, be16(payload.length), Buffer.from([nextHeader, hopLimit]), ...addresses];
  const body = Buffer.from(payload);
  if (checksumAt >= 0) {
    const sum = checksum(...addresses, be16(0, payload.length, 0, nextHeader), body);
    body.writeUInt16BE(sum || 0xffff, checksumAt);
  }
  return Buffer.concat([...header, body]);
}

/** UDP over IPv6. */
export function udp6Packet(srcPort: number, dstPort: number, data: Uint8Array, ip: Ipv6Options = {}): Buffer {
  return ipv6Packet(17, Buffer.concat([be16(srcPort, dstPort, 8 + data.length, 0), data]), 6, ip);
}

/** TCP over IPv6 without options. */
export function tcp6Packet(
  srcPort: number,
  dstPort: number,
  flags: number,
  data: Uint8Array,
  ip: Ipv6Options = {},
): Buffer {
  const fixed = be16(0, 0, 0, 0, 0x5000 | flags, 0xffff, 0, 0);
  return ipv6Packet(6, Buffer.concat([be16(srcPort, dstPort), fixed, data]), 16, ip);
}

/** ICMPv4 message with everything after its checksum in `rest`. */
export function icmpPacket(type: number, code: number, rest: Uint8Array, ip: Ipv4Options = {}): Buffer {
  const message = Buffer.concat([Buffer.from([type, code, 0, 0]), rest]);
  message.writeUInt16BE(checksum(message), 2);
  return ipv4Packet(1, message, -1, ip);
}

/** ICMPv6 message with everything after its checksum in `rest`. */
export function icmp6Packet(type: number, code: number, rest: Uint8Array, ip: Ipv6Options = {}): Buffer {
  return ipv6Packet(58, Buffer.concat([Buffer.from([type, code, 0, 0]), rest]), 2, ip);
}

/** CRC32c, bit by bit, as SCTP writes it: least significant byte first. */
function crc32c(bytes: Uint8Array): Buffer {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  const out = Buffer.alloc(4);
  out.writeUInt32LE(~crc >>> 0);
  return out;
}

/** SCTP over IPv4 with one chunk of data, its checksum right. */
export function sctpPacket(srcPort: number, dstPort: number, data: Uint8Array, ip: Ipv4Options = {}): Buffer {
  const message = Buffer.concat([
    be16(srcPort, dstPort, 0, 7, 0, 0, 0x0003, 16 + data.length, 0, 1, 0, 0, 0, 0),
    data,
  ]);
  crc32c(message).copy(message, 8);
  return ipv4Packet(132, message, -1, ip);
}

/** One entry of an MPLS label stack. */
export function mplsEntry(label: number, trafficClass: number, bottom: boolean, ttl: number): Buffer {
  const entry = Buffer.alloc(4);
  entry.writeUInt32BE((label * 0x1000 + trafficClass * 0x200 + (bottom ? 0x100 : 0) + ttl) >>> 0);
  return entry;
}

/** What an NSH header of type 1 says. */
export interface NshOptions {
  readonly ttl?: number;
  /** 1 IPv4, 2 IPv6, 3 Ethernet, 4 NSH. */
  readonly nextProtocol?: number;
  readonly spi?: number;
  readonly si?: number;
  readonly contexts?: readonly [number, number, number, number];
}

/** NSH header with metadata of type 1, 24 bytes (RFC 8300). */
export function nshHeader(options: NshOptions = {}): Buffer {
  const { ttl = 63, nextProtocol = 3, spi = 0, si = 255, contexts = [0, 0, 0, 0] } = options;
  const header = Buffer.alloc(24);
  header.writeUInt16BE((ttl << 6) | 6, 0);
  header[2] = 1;
  header[3] = nextProtocol;
  header.writeUInt32BE(spi * 0x100 + si, 4);
  contexts.forEach((context, i) => {
    header.writeUInt32BE(context >>> 0, 8 + 4 * i);
  });
  return header;
}
