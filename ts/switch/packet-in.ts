import {
  F_IN_PORT,
  FLOW_WORDS,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_USERDATA_LEN,
  UPCALL_USERDATA_OFF,
  UPCALL_WIRE_LEN,
} from '../fields/index.js';
import { decodeCookie } from '../flow/index.js';
import type { UpcallBatch } from '../native/index.js';
import type { PacketInSink } from '../upcall/index.js';
import type { Snapshot } from '../xlate/index.js';

/** A packet that a controller action sent up (OpenFlow's packet-in). */
export interface PacketIn {
  readonly bridge: string;
  /** OpenFlow port the packet came in by. */
  readonly inPort: number;
  /** OFPR_*: 0 no match, 1 action, 2 invalid TTL. */
  readonly reason: number;
  /** Table of the rule that sent it. */
  readonly table: number;
  /** Cookie of that rule, as 16 hexadecimal digits. */
  readonly cookie: string;
  readonly controllerId: number;
  /** The frame's first bytes, at most what the action asked for; a copy. */
  readonly packet: Uint8Array;
  /** Bytes of the whole frame. */
  readonly totalLength: number;
  /** OpenFlow metadata as 16 hexadecimal digits, and reg0 to reg15, as they stood when the action was carried out. */
  readonly metadata: string;
  readonly registers: Int32Array;
}

/** Decodes controller upcalls and gives them to who follows. Not on the hot path: each is an object of its own. */
export class PacketInDelivery implements PacketInSink {
  readonly #callbacks = new Set<(packetIn: PacketIn) => void>();

  /** `callback`: who follows from the start. */
  constructor(callback?: (packetIn: PacketIn) => void) {
    if (callback !== undefined) this.#callbacks.add(callback);
  }

  /** Gives packet-ins to `callback` until the returned function is called. */
  follow(callback: (packetIn: PacketIn) => void): () => void {
    const own = (packetIn: PacketIn): void => callback(packetIn);
    this.#callbacks.add(own);
    return () => this.#callbacks.delete(own);
  }

  deliver(snapshot: Snapshot, batch: UpcallBatch, row: number): boolean {
    const { rows, slab } = batch;
    const base = row * UPCALL_ROW_WORDS;
    const cookie = decodeCookie(slab, rows[base + UPCALL_USERDATA_OFF], rows[base + UPCALL_USERDATA_LEN]);
    if (cookie === null || cookie.type !== 'controller') return false;
    const state = snapshot.recirc.lookup(cookie.recircId);
    if (state === undefined) return false;
    if (cookie.dontSend || this.#callbacks.size === 0) return true;
    const offset = rows[base + UPCALL_PACKET_OFF];
    const length = Math.min(rows[base + UPCALL_PACKET_LEN], cookie.maxLen);
    const packetIn: PacketIn = {
      bridge: state.bridge.name,
      inPort: state.inPort || (snapshot.portsByOdp[batch.keys[row * FLOW_WORDS + F_IN_PORT]]?.ofport ?? 0),
      reason: cookie.reason,
      table: state.table,
      cookie: hex64(cookie.ruleCookieHigh, cookie.ruleCookieLow),
      controllerId: cookie.controllerId,
      packet: slab.slice(offset, offset + length),
      totalLength: rows[base + UPCALL_WIRE_LEN],
      metadata: hex64(state.metadataHigh, state.metadataLow),
      registers: state.registers.slice(),
    };
    for (const callback of this.#callbacks) callback(packetIn);
    return true;
  }
}

/** The 64-bit number of two words, as 16 hexadecimal digits. */
export function hex64(high: number, low: number): string {
  const word = (value: number) => (value >>> 0).toString(16).padStart(8, '0');
  return word(high) + word(low);
}
