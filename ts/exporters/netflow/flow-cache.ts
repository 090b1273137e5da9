import type { NetflowEffect } from '../../xlate/index.js';

const EMPTY = -1;
/** Words of a key: ports and IP version, protocol and ToS, ports of layer 4, VLAN, source, destination. */
const KEY_WORDS = 12;
export const KEY_IN = 0;
export const KEY_PROTO = 1;
export const KEY_PORTS = 2;
export const KEY_VLAN = 3;
/** Four words each; an IPv4 address is in the first. */
export const KEY_SRC = 4;
export const KEY_DST = 8;

/**
 * Flows that NetFlow counts: what was counted since the last record of each. Columns instead of objects, as flows come and go with every upcall: an entry is an
 * index into typed arrays, found by its key in an open-addressing table. Indices are reused.
 */
export class FlowCache {
  /** Where entries are. */
  live = new Uint8Array(0);
  /** KEY_* words of entry i from `keyAt(i)` on. */
  keys = new Int32Array(0);
  /** OpenFlow port or NETFLOW_*, and above it the VLAN that the packet left with. */
  output = new Int32Array(0);
  /** Since the last record. */
  packets = new Float64Array(0);
  bytes = new Float64Array(0);
  tcpFlags = new Uint8Array(0);
  /** Monotonic milliseconds: of the first and of the last packet of the record to come; when an active timeout last began. */
  first = new Float64Array(0);
  last = new Float64Array(0);
  timerSince = new Float64Array(0);

  #capacity = 0;
  #size = 0;
  #count = 0;
  readonly #free: number[] = [];
  #hashes = new Int32Array(0);
  #slots = new Int32Array(1024).fill(EMPTY);
  readonly #key = new Int32Array(KEY_WORDS);

  constructor() {
    this.#grow(256);
  }

  /** Entries there are. */
  get count(): number {
    return this.#count;
  }

  /** One more than the largest index in use: loop to it and skip what is not live. */
  get end(): number {
    return this.#size;
  }

  keyAt(index: number): number {
    return index * KEY_WORDS;
  }

  /** The entry of a flow, whatever its output; -1 for none. */
  find(flow: NetflowEffect): number {
    const hash = this.#load(flow);
    const wrap = this.#slots.length - 1;
    for (let slot = hash & wrap; ; slot = (slot + 1) & wrap) {
      const index = this.#slots[slot];
      if (index === EMPTY || (this.#hashes[index] === hash && this.#equals(index))) return index;
    }
  }

  /** A new entry with nothing counted, for a flow that is not there; its timer begins at `now`. */
  add(flow: NetflowEffect, now: number): number {
    const hash = this.#load(flow);
    const index = this.#free.pop() ?? this.#next();
    this.#count++;
    if (this.#count * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2);
    this.keys.set(this.#key, index * KEY_WORDS);
    this.#hashes[index] = hash;
    this.live[index] = 1;
    this.packets[index] = 0;
    this.bytes[index] = 0;
    this.tcpFlags[index] = 0;
    this.first[index] = now;
    this.last[index] = now;
    this.timerSince[index] = now;
    this.#link(index);
    return index;
  }

  remove(index: number): void {
    this.#unlink(index);
    this.live[index] = 0;
    this.#free.push(index);
    this.#count--;
  }

  /** Makes the key of a flow; its hash. */
  #load(flow: NetflowEffect): number {
    const key = this.#key;
    key[KEY_IN] = (flow.ipVersion << 16) | flow.inPort;
    key[KEY_PROTO] = (flow.nwProto << 8) | flow.nwTos;
    key[KEY_PORTS] = (flow.tpSrc << 16) | flow.tpDst;
    key[KEY_VLAN] = flow.vlanIn;
    for (let w = 0; w < 4; w++) {
      key[KEY_SRC + w] = flow.src[w];
      key[KEY_DST + w] = flow.dst[w];
    }
    let hash = 0;
    for (let w = 0; w < KEY_WORDS; w++) {
      hash = Math.imul(hash ^ key[w], 0x9e3779b1);
      hash ^= hash >>> 15;
    }
    return hash;
  }

  #equals(index: number): boolean {
    const at = index * KEY_WORDS;
    for (let w = 0; w < KEY_WORDS; w++) if (this.keys[at + w] !== this.#key[w]) return false;
    return true;
  }

  #next(): number {
    if (this.#size === this.#capacity) this.#grow(this.#capacity * 2);
    return this.#size++;
  }

  #link(index: number): void {
    const wrap = this.#slots.length - 1;
    let slot = this.#hashes[index] & wrap;
    while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & wrap;
    this.#slots[slot] = index;
  }

  /** Removes the slot and moves later entries of the run up, so that no tombstones build up. */
  #unlink(index: number): void {
    const slots = this.#slots;
    const wrap = slots.length - 1;
    let hole = this.#hashes[index] & wrap;
    while (slots[hole] !== index) hole = (hole + 1) & wrap;
    for (let slot = (hole + 1) & wrap; slots[slot] !== EMPTY; slot = (slot + 1) & wrap) {
      const home = this.#hashes[slots[slot]] & wrap;
      if (((slot - home) & wrap) >= ((slot - hole) & wrap)) {
        slots[hole] = slots[slot];
        hole = slot;
      }
    }
    slots[hole] = EMPTY;
  }

  #rehash(length: number): void {
    this.#slots = new Int32Array(length).fill(EMPTY);
    for (let i = 0; i < this.#size; i++) if (this.live[i] !== 0) this.#link(i);
  }

  #grow(n: number): void {
    this.#capacity = n;
    this.live = grown(this.live, new Uint8Array(n));
    this.keys = grown(this.keys, new Int32Array(n * KEY_WORDS));
    this.output = grown(this.output, new Int32Array(n));
    this.packets = grown(this.packets, new Float64Array(n));
    this.bytes = grown(this.bytes, new Float64Array(n));
    this.tcpFlags = grown(this.tcpFlags, new Uint8Array(n));
    this.first = grown(this.first, new Float64Array(n));
    this.last = grown(this.last, new Float64Array(n));
    this.timerSince = grown(this.timerSince, new Float64Array(n));
    this.#hashes = grown(this.#hashes, new Int32Array(n));
  }
}

function grown<T extends Uint8Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
