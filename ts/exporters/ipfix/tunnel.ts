import type { DatagramWriter } from '../datagram-writer.js';
import { TunnelHeader, tunnelProtocol } from '../tunnel-header.js';

/** How records tell of a type of tunnel. */
interface TunnelType {
  /** tunnelType. */
  readonly type: number;
  /** Bytes of its key. */
  readonly keyBytes: number;
  /** IP protocol of its packets; OVS 3.1 gives none for Geneve. */
  readonly protocol: number;
}

const tunnelType = (name: string, type: number, keyBytes: number): [string, TunnelType] => [
  name,
  { type, keyBytes, protocol: tunnelProtocol(name) },
];

/** By type of the Interface record; others have no element of ovs-vswitchd.conf.db(5). */
const TYPES: ReadonlyMap<string, TunnelType> = new Map([
  tunnelType('vxlan', 1, 3),
  tunnelType('gre', 2, 4),
  tunnelType('lisp', 3, 3),
  tunnelType('stt', 4, 8),
  tunnelType('geneve', 7, 3),
]);

/** An encapsulation over IPv4, as records tell of it; one object is used again and again. */
export class Tunnel {
  readonly header = new TunnelHeader();
  type: TunnelType = TYPES.get('vxlan')!;

  /** Takes over what a packet came in, from its flow key; false when it came in nothing that records tell of. */
  fromFlow(type: string, keys: Int32Array, base: number): boolean {
    this.header.readFlow(keys, base);
    return this.#isOf(type);
  }

  /**
   * Takes over what a packet will leave in: OVS_TUNNEL_KEY_ATTR_* at bytes[offset … offset + length). False for what records do not tell of, and
   * for attributes that make no sense.
   */
  fromAttributes(type: string, bytes: Uint8Array, offset: number, length: number): boolean {
    return this.header.readAttributes(bytes, offset, offset + length) && this.#isOf(type);
  }

  #isOf(type: string): boolean {
    const known = TYPES.get(type);
    if (known === undefined || this.header.dst === 0) return false;
    this.type = known;
    return true;
  }
}

/** Writes the elements of a tunnel. */
export function writeTunnel(
  out: DatagramWriter,
  { header, type: { type, keyBytes, protocol } }: Tunnel,
): void {
  out.u32(header.src).u32(header.dst).u8(protocol);
  out.u16(header.srcPort).u16(header.dstPort).u8(type).u8(keyBytes);
  for (let byte = keyBytes - 1; byte >= 0; byte--)
    out.u8(byte >= 4 ? header.idHigh >>> (8 * (byte - 4)) : header.idLow >>> (8 * byte));
}
