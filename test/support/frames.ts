import { be16 } from './attributes.js';

/** MAC addresses of the hosts in tests. */
export const MAC_A = '02:00:00:00:00:0a';
export const MAC_B = '02:00:00:00:00:0b';

export function mac(value: string): Buffer {
  return Buffer.from(value.replaceAll(':', ''), 'hex');
}

export function ipv4(value: string): Buffer {
  return Buffer.from(value.split('.').map(Number));
}

/** One's complement sum of 16-bit words, folded (RFC 1071); 0 over bytes that hold their own right checksum. */
export function checksum(...parts: readonly Uint8Array[]): number {
  const bytes = Buffer.concat(parts);
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i] << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

/** Ethernet header and payload, `tags` (TPID, TCI) between them, padded to 60 bytes as on the wire. */
export function ethernet(options: {
  readonly src?: string;
  readonly dst?: string;
  readonly type: number;
  readonly tags?: readonly (readonly [number, number])[];
  readonly payload: Uint8Array;
}): Buffer {
  const { src = MAC_A, dst = MAC_B, type, tags = [], payload } = options;
  const header = [mac(dst), mac(src), ...tags.map(([tpid, tci]) => be16(tpid, tci)), be16(type)];
  const frame = Buffer.concat([...header, payload]);
  return Buffer.concat([frame, Buffer.alloc(Math.max(0, 60 - frame.length))]);
}

/** What IPv4 packets of tests say, unless they say otherwise. */
export interface Ipv4Options {
  readonly src?: string;
  readonly dst?: string;
  readonly tos?: number;
  readonly ttl?: number;
}

function pseudoHeader(src: Buffer, dst: Buffer, protocol: number, length: number): Buffer {
  return Buffer.concat([src, dst, be16(protocol, length)]);
}

/** IPv4 packet around `payload`, whose own checksum (if `checksumAt` is not -1) is filled in. */
export function ipv4Packet(
  protocol: number,
  payload: Buffer,
  checksumAt: number,
  { src = '10.0.0.1', dst = '10.0.0.2', tos = 0, ttl = 64 }: Ipv4Options = {},
): Buffer {
  const header = Buffer.concat([
    Buffer.from([0x45, tos]),
    be16(20 + payload.length, 0, 0x4000),
    Buffer.from([ttl, protocol, 0, 0]),
    ipv4(src),
    ipv4(dst),
  ]);
  header.writeUInt16BE(checksum(header), 10);
  const body = Buffer.from(payload);
  if (checksumAt >= 0) {
    const sum = checksum(pseudoHeader(ipv4(src), ipv4(dst), protocol, body.length), body);
    body.writeUInt16BE(sum || 0xffff, checksumAt);
  }
  return Buffer.concat([header, body]);
}

/** UDP over IPv4, both checksums right. */
export function udpPacket(srcPort: number, dstPort: number, data: Uint8Array, ip: Ipv4Options = {}): Buffer {
  const udp = Buffer.concat([be16(srcPort, dstPort, 8 + data.length, 0), data]);
  return ipv4Packet(17, udp, 6, ip);
}

/** TCP over IPv4 without options, both checksums right. */
export function tcpPacket(
  srcPort: number,
  dstPort: number,
  flags: number,
  data: Uint8Array,
  ip: Ipv4Options = {},
): Buffer {
  const fixed = Buffer.alloc(12);
  fixed.writeUInt16BE(0x5000 | flags, 8);
  fixed.writeUInt16BE(0xffff, 10);
  const tcp = Buffer.concat([be16(srcPort, dstPort), fixed, Buffer.alloc(4), data]);
  return ipv4Packet(6, tcp, 16, ip);
}

/** A whole frame with UDP in it. */
export function udpFrame(
  srcPort = 1000,
  dstPort = 2000,
  ip: Ipv4Options = {},
  data = Buffer.alloc(32, 0x5a),
): Buffer {
  return ethernet({ type: 0x0800, payload: udpPacket(srcPort, dstPort, data, ip) });
}

/** ARP request. */
export function arpFrame(sha: string, spa: string, tpa: string): Buffer {
  const payload = Buffer.concat([
    be16(1, 0x0800),
    Buffer.from([6, 4]),
    be16(1),
    mac(sha),
    ipv4(spa),
    Buffer.alloc(6),
    ipv4(tpa),
  ]);
  return ethernet({ src: sha, dst: 'ff:ff:ff:ff:ff:ff', type: 0x0806, payload });
}

/** True when the IPv4 header checksum and the TCP or UDP checksum of an untagged frame are both right. */
export function checksumsHold(frame: Buffer): boolean {
  const length = frame.readUInt16BE(16);
  const header = frame.subarray(14, 34);
  const body = frame.subarray(34, 14 + length);
  const pseudo = pseudoHeader(header.subarray(12, 16), header.subarray(16, 20), header[9], body.length);
  return checksum(header) === 0 && checksum(pseudo, body) === 0;
}
