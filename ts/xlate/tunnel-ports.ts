import {
  F_IN_PORT,
  F_PACKET_TYPE,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_IPV6_SRC,
  F_TUN_SRC,
} from '../fields/index.js';
import type { TunnelLookup, XPort, XTunnel } from './types.js';

/** A port's local address is compared, is not configured, or is the flow table's business. */
const SOURCE_FIXED = 0;
const SOURCE_ANY = 1;
const SOURCE_FLOW = 2;
const SOURCES = 3;
const ETHERTYPE_NAMESPACE = 1;

/** Which group of ports a port is in; packets try groups from the most specific on. */
function groupOf(tunnel: XTunnel): number {
  const source = tunnel.localFromFlow ? SOURCE_FLOW : tunnel.localIp !== null ? SOURCE_FIXED : SOURCE_ANY;
  return (tunnel.inKeyFromFlow ? 2 * SOURCES : 0) + (tunnel.remoteFromFlow ? SOURCES : 0) + source;
}

function isAddress(address: Int32Array | null, row: Int32Array, v4: number, v6: number): boolean {
  if (address === null) return false;
  const mapped = (address[0] | address[1]) === 0 && address[2] === 0xffff;
  if (row[v4] !== 0) return mapped && address[3] === row[v4];
  for (let i = 0; i < 4; i++) if (address[i] !== row[v6 + i]) return false;
  return true;
}

/** Whether the port takes a packet. Source and destination are the other way round for packets that come in. */
function takes(tunnel: XTunnel, keys: Int32Array, base: number, packetType: XTunnel['packetType']): boolean {
  if (tunnel.packetType !== packetType) return false;
  const id = base + F_TUN_ID;
  if (!tunnel.inKeyFromFlow && (tunnel.inKeyHigh !== keys[id] || tunnel.inKeyLow !== keys[id + 1]))
    return false;
  const fixed = !tunnel.localFromFlow && tunnel.localIp !== null;
  if (fixed && !isAddress(tunnel.localIp, keys, base + F_TUN_DST, base + F_TUN_IPV6_DST)) return false;
  return tunnel.remoteFromFlow || isAddress(tunnel.remoteIp, keys, base + F_TUN_SRC, base + F_TUN_IPV6_SRC);
}

/**
 * The tunnel ports of all bridges by datapath port: finds the one that a decapsulated packet came in by (OVS: tnl_find). Ports that
 * match the key come before those that leave it to the flow table, then those that match the remote, then those that match
 * the local address.
 */
export class TunnelPorts implements TunnelLookup {
  /** By datapath port: the groups, each in order of creation. */
  private readonly byOdp = new Map<number, XPort[][]>();

  constructor(ports: Iterable<XPort>) {
    for (const port of ports) if (port.tunnel !== null) this.add(port, port.tunnel);
  }

  private add(port: XPort, tunnel: XTunnel): void {
    let groups = this.byOdp.get(port.odpPort);
    if (groups === undefined) {
      groups = Array.from({ length: 4 * SOURCES }, () => []);
      this.byOdp.set(port.odpPort, groups);
    }
    groups[groupOf(tunnel)].push(port);
  }

  find(keys: Int32Array, base: number): XPort | null {
    const groups = this.byOdp.get(keys[base + F_IN_PORT]);
    if (groups === undefined) return null;
    const layer3 = keys[base + F_PACKET_TYPE] >>> 16 === ETHERTYPE_NAMESPACE;
    for (const group of groups) {
      const port =
        findIn(group, keys, base, layer3 ? 'legacy_l3' : 'legacy_l2') ?? findIn(group, keys, base, 'ptap');
      if (port !== null) return port;
    }
    return null;
  }
}

function findIn(
  group: readonly XPort[],
  keys: Int32Array,
  base: number,
  packetType: XTunnel['packetType'],
): XPort | null {
  for (const port of group) if (takes(port.tunnel!, keys, base, packetType)) return port;
  return null;
}
