import {
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_SRC,
  F_TUN_TP_DST,
  F_TUN_TP_SRC,
  OVS_TUNNEL_KEY_ATTR_ID,
  OVS_TUNNEL_KEY_ATTR_IPV4_DST,
  OVS_TUNNEL_KEY_ATTR_IPV4_SRC,
  OVS_TUNNEL_KEY_ATTR_TP_DST,
  OVS_TUNNEL_KEY_ATTR_TP_SRC,
} from '../../fields/index.js';
import type { DatagramWriter } from '../datagram-writer.js';

const IPPROTO_TCP = 6;
const IPPROTO_UDP = 17;
const IPPROTO_GRE = 47;
/** Bytes of an attribute's header. */
const HEADER_BYTES = 4;
const TYPE_MASK = 0x3fff;

/** How records tell of a type of tunnel. */
interface TunnelType {
  /** tunnelType. */
  readonly type: number;
  /** Bytes of its key. */
  readonly keyBytes: number;
  /** IP protocol of its packets. */
  readonly protocol: number;
}

/** By type of the Interface record; others have no element of ovs-vswitchd.conf.db(5). OVS 3.1 gives no protocol for Geneve. */
const TYPES: ReadonlyMap<string, TunnelType> = new Map([
  ['vxlan', { type: 1, keyBytes: 3, protocol: IPPROTO_UDP }],
  ['gre', { type: 2, keyBytes: 4, protocol: IPPROTO_GRE }],
  ['lisp', { type: 3, keyBytes: 3, protocol: IPPROTO_UDP }],
  ['stt', { type: 4, keyBytes: 8, protocol: IPPROTO_TCP }],
  ['geneve', { type: 7, keyBytes: 3, protocol: IPPROTO_UDP }],
]);

/** An encapsulation over IPv4, as records tell of it; one object is used again and again. */
export class Tunnel {
  source = 0;
  destination = 0;
  sourcePort = 0;
  destinationPort = 0;
  keyHigh = 0;
  keyLow = 0;
  type: TunnelType = TYPES.get('vxlan')!;

  /** Takes over what a packet came in, from its flow key; false when it came in nothing that records tell of. */
  fromFlow(type: string, keys: Int32Array, base: number): boolean {
    this.source = keys[base + F_TUN_SRC];
    this.destination = keys[base + F_TUN_DST];
    this.sourcePort = keys[base + F_TUN_TP_SRC];
    this.destinationPort = keys[base + F_TUN_TP_DST];
    this.keyHigh = keys[base + F_TUN_ID];
    this.keyLow = keys[base + F_TUN_ID + 1];
    return this.#isOf(type);
  }

  /**
   * Takes over what a packet will leave in: OVS_TUNNEL_KEY_ATTR_* at bytes[offset … offset + length). False for what records do not tell of, and
   * for attributes that make no sense.
   */
  fromAttributes(type: string, bytes: Uint8Array, offset: number, length: number): boolean {
    this.source = 0;
    this.destination = 0;
    this.sourcePort = 0;
    this.destinationPort = 0;
    this.keyHigh = 0;
    this.keyLow = 0;
    const end = offset + length;
    for (let at = offset; at + HEADER_BYTES <= end; ) {
      const size = bytes[at] | (bytes[at + 1] << 8);
      if (size < HEADER_BYTES || at + size > end) return false;
      this.#attribute(
        (bytes[at + 2] | (bytes[at + 3] << 8)) & TYPE_MASK,
        bytes,
        at + HEADER_BYTES,
        size - HEADER_BYTES,
      );
      at += (size + 3) & ~3;
    }
    return this.#isOf(type);
  }

  #attribute(attribute: number, bytes: Uint8Array, at: number, size: number): void {
    if (attribute === OVS_TUNNEL_KEY_ATTR_ID && size === 8) {
      this.keyHigh = be32(bytes, at);
      this.keyLow = be32(bytes, at + 4);
    } else if (attribute === OVS_TUNNEL_KEY_ATTR_IPV4_SRC && size === 4) {
      this.source = be32(bytes, at);
    } else if (attribute === OVS_TUNNEL_KEY_ATTR_IPV4_DST && size === 4) {
      this.destination = be32(bytes, at);
    } else if (attribute === OVS_TUNNEL_KEY_ATTR_TP_SRC && size === 2) {
      this.sourcePort = (bytes[at] << 8) | bytes[at + 1];
    } else if (attribute === OVS_TUNNEL_KEY_ATTR_TP_DST && size === 2) {
      this.destinationPort = (bytes[at] << 8) | bytes[at + 1];
    }
  }

  #isOf(type: string): boolean {
    const known = TYPES.get(type);
    if (known === undefined || this.destination === 0) return false;
    this.type = known;
    return true;
  }
}

function be32(bytes: Uint8Array, at: number): number {
  return (bytes[at] << 24) | (bytes[at + 1] << 16) | (bytes[at + 2] << 8) | bytes[at + 3];
}

/** Writes the elements of a tunnel. */
export function writeTunnel(out: DatagramWriter, tunnel: Tunnel): void {
  const { type, keyBytes, protocol } = tunnel.type;
  out.u32(tunnel.source).u32(tunnel.destination).u8(protocol);
  out.u16(tunnel.sourcePort).u16(tunnel.destinationPort).u8(type).u8(keyBytes);
  for (let byte = keyBytes - 1; byte >= 0; byte--)
    out.u8(byte >= 4 ? tunnel.keyHigh >>> (8 * (byte - 4)) : tunnel.keyLow >>> (8 * byte));
}
