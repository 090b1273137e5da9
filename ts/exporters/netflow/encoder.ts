import type { FlowCache } from './flow-cache.js';
import { KEY_IN, KEY_PORTS, KEY_PROTO } from './flow-cache.js';

const IPPROTO_ICMP = 1;
const IPPROTO_ICMPV6 = 58;

/** Writes records and sends them in messages of one version of NetFlow. */
export interface NetflowEncoder {
  /** Adds a record of what entry `index` of the cache counted; sends what is full. False when it cannot be told. */
  add(cache: FlowCache, index: number): boolean;
  /** Sends what waits. */
  flush(): void;
}

/** What messages and records say of the exporter itself; may change between two messages. */
export interface ExporterIdentity {
  engineType: number;
  engineId: number;
  /** The 7 upper bits of interfaces are lower bits of the engine id. */
  addIdToInterface: boolean;
  /** Monotonic milliseconds at which the exporter began: times in records count from there. */
  readonly since: number;
  /** Monotonic milliseconds. */
  now(): number;
  /** Wall clock, milliseconds since 1970. */
  wallClock(): number;
  /** A whole message, valid during the call only. */
  send(message: Uint8Array): void;
}

/** Milliseconds since the exporter began (sysUpTime), as its messages have them: they begin anew after 49 days. */
export function uptime(identity: ExporterIdentity, at: number): number {
  return Math.max(0, Math.floor(at - identity.since)) >>> 0;
}

/** An interface as records name it: an OpenFlow port, with add_id_to_interface in 9 bits. */
export function interfaceOf({ addIdToInterface, engineId }: ExporterIdentity, port: number): number {
  return addIdToInterface ? ((engineId & 0x7f) << 9) | (port & 0x1ff) : port & 0xffff;
}

/** Fields that all versions have, of the entry that was read last. */
export class RecordFields {
  ipVersion = 4;
  protocol = 0;
  tos = 0;
  input = 0;
  output = 0;
  sourcePort = 0;
  /** Of ICMP: type and code. */
  destinationPort = 0;
  /** Type and code of ICMP; 0 for other protocols. */
  icmp = 0;

  read(identity: ExporterIdentity, cache: FlowCache, index: number): void {
    const { keys } = cache;
    const at = cache.keyAt(index);
    this.ipVersion = keys[at + KEY_IN] >>> 16;
    this.input = interfaceOf(identity, keys[at + KEY_IN] & 0xffff);
    this.output = interfaceOf(identity, cache.output[index] & 0xffff);
    this.protocol = keys[at + KEY_PROTO] >>> 8;
    this.tos = keys[at + KEY_PROTO] & 0xff;
    this.sourcePort = keys[at + KEY_PORTS] >>> 16;
    this.destinationPort = keys[at + KEY_PORTS] & 0xffff;
    this.icmp = 0;
    if (this.protocol !== (this.ipVersion === 6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP)) return;
    this.icmp = ((this.sourcePort & 0xff) << 8) | (this.destinationPort & 0xff);
    this.sourcePort = 0;
    this.destinationPort = this.icmp;
  }
}
