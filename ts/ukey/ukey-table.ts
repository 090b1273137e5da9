import { ByteArena } from './arena.js';
import { MaskPool } from './mask-pool.js';
import {
  checkTransition,
  UKEY_CREATED,
  UKEY_DELETED,
  UKEY_FREE,
  UKEY_STATES,
  UKEY_VISIBLE,
} from './states.js';

const EMPTY = -1;

/** What a new ukey is made of; one object is filled in and reused by its owner. */
export interface UkeySource {
  /** Flow id: ufid[ufidAt … ufidAt+4). */
  ufid: Int32Array;
  ufidAt: number;
  /** Key attributes: key[keyOffset … keyOffset+keyLength). Copied. */
  key: Uint8Array;
  keyOffset: number;
  keyLength: number;
  /** Mask row. Shared with other flows of the same mask. */
  mask: Int32Array;
  maskBase: number;
  /** Datapath actions: actions[0 … actionsLength). Copied. */
  actions: Uint8Array;
  actionsLength: number;
  /** Datapath port the flow's packets come from. */
  inPort: number;
  /** SLOW_* bits of the translation. */
  slow: number;
  /** Snapshot generation of the translation. */
  generation: number;
}

/** Follows the life of installed flows. A ukey's columns are valid during the call only. */
export interface FlowWatcher {
  installed(ukey: number): void;
  /** It has other actions now. */
  modified(ukey: number): void;
  /** It has gone, final statistics are in; `reason` is an index of DELETE_REASONS. */
  deleted(ukey: number, reason: number): void;
}

/**
 * One entry ("ukey") for each flow that we have put into the datapath. Columns instead of objects: an entry is an index
 * into typed arrays, its key and actions are blocks of an arena, its mask is shared. Indices are reused after `remove`.
 */
export class UkeyTable {
  readonly masks = new MaskPool();
  readonly arena = new ByteArena();
  /** Is told of flows that come, change and go; null costs nothing. */
  watcher: FlowWatcher | null = null;

  /** UKEY_* state. */
  state = new Uint8Array(0);
  /** Four words each. */
  ufid = new Int32Array(0);
  /** Arena blocks, and their bytes. */
  keyBlock = new Int32Array(0);
  keyLength = new Uint16Array(0);
  actionsBlock = new Int32Array(0);
  actionsLength = new Uint16Array(0);
  /** Id in `masks`. */
  mask = new Int32Array(0);
  /** Datapath port of the key. */
  inPort = new Int32Array(0);
  /** SLOW_* bits of the translation that was installed. */
  slow = new Uint8Array(0);
  /** Statistics as last seen in the datapath. */
  packets = new Float64Array(0);
  bytes = new Float64Array(0);
  tcpFlags = new Uint16Array(0);
  /** Monotonic milliseconds: last hit (creation until the first), and creation. */
  used = new Float64Array(0);
  created = new Float64Array(0);
  /** Snapshot generation that the flow was last found right for. */
  generation = new Int32Array(0);
  /** A change since then may concern the flow: it must be translated again. */
  stale = new Uint8Array(0);
  /** What the slow path keeps with each flow besides: arena blocks, -1 for none (setRecord). */
  record = new Int32Array(0);
  /** Number of the last dump that showed the flow; 0 before the first. */
  dumpSeq = new Int32Array(0);
  /** Dumps in a row that missed it. */
  missed = new Uint8Array(0);

  #capacity = 0;
  #size = 0;
  #live = 0;
  readonly #free: number[] = [];
  readonly #dropRecord: (arena: ByteArena, block: number) => void;
  /** Open addressing over ufid word 0, linear probing; holds indices. */
  #slots = new Int32Array(4096).fill(EMPTY);

  /** `dropRecord` gives records back to the arena when their flows go. */
  constructor(dropRecord: (arena: ByteArena, block: number) => void = () => {}) {
    this.#dropRecord = dropRecord;
    this.#grow(1024);
  }

  /** Ukeys in the table. */
  get count(): number {
    return this.#live;
  }

  /** One more than the largest index in use: loop to it and skip entries in state free. */
  get end(): number {
    return this.#size;
  }

  /** Index of the ukey with the ufid in words[at … at+4), or -1. */
  find(words: Int32Array, at: number): number {
    const slots = this.#slots;
    const wrap = slots.length - 1;
    const w0 = words[at];
    const ufid = this.ufid;
    for (let slot = w0 & wrap; ; slot = (slot + 1) & wrap) {
      const index = slots[slot];
      if (index === EMPTY) return -1;
      const base = index * 4;
      if (
        ufid[base] === w0 &&
        ufid[base + 1] === words[at + 1] &&
        ufid[base + 2] === words[at + 2] &&
        ufid[base + 3] === words[at + 3]
      ) {
        return index;
      }
    }
  }

  /** Adds a ukey in state visible and returns its index. The caller has made sure that its ufid is not in the table. */
  add(source: UkeySource, now: number): number {
    const index = this.#take();
    this.state[index] = UKEY_CREATED;
    for (let i = 0; i < 4; i++) this.ufid[index * 4 + i] = source.ufid[source.ufidAt + i];
    this.keyBlock[index] = this.arena.store(source.key, source.keyOffset, source.keyLength);
    this.keyLength[index] = source.keyLength;
    this.actionsBlock[index] = this.arena.store(source.actions, 0, source.actionsLength);
    this.actionsLength[index] = source.actionsLength;
    this.mask[index] = this.masks.acquire(source.mask, source.maskBase);
    this.inPort[index] = source.inPort;
    this.slow[index] = source.slow;
    this.generation[index] = source.generation;
    this.packets[index] = 0;
    this.bytes[index] = 0;
    this.tcpFlags[index] = 0;
    this.used[index] = now;
    this.created[index] = now;
    this.stale[index] = 0;
    this.record[index] = -1;
    this.dumpSeq[index] = 0;
    this.missed[index] = 0;
    this.#link(index);
    this.transition(index, UKEY_VISIBLE);
    return index;
  }

  /** Moves a ukey to another state; an illegal move throws. */
  transition(index: number, to: number): void {
    checkTransition(this.state[index], to);
    this.state[index] = to;
  }

  /** Replaces the actions of a flow that was modified in the datapath. */
  setActions(index: number, actions: Uint8Array, length: number): void {
    this.arena.release(this.actionsBlock[index], this.actionsLength[index]);
    this.actionsBlock[index] = this.arena.store(actions, 0, length);
    this.actionsLength[index] = length;
  }

  /** Keeps an arena block with the flow, in place of the one before. */
  setRecord(index: number, block: number): void {
    if (this.record[index] >= 0) this.#dropRecord(this.arena, this.record[index]);
    this.record[index] = block;
  }

  /** Takes an evicted ukey out and frees its slot. */
  remove(index: number): void {
    this.transition(index, UKEY_DELETED);
    this.#unlink(index);
    this.arena.release(this.keyBlock[index], this.keyLength[index]);
    this.arena.release(this.actionsBlock[index], this.actionsLength[index]);
    this.setRecord(index, -1);
    this.masks.release(this.mask[index]);
    this.transition(index, UKEY_FREE);
    this.#free.push(index);
    this.#live--;
  }

  /** Ukeys by state, for show and tests. */
  countByState(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (let i = 0; i < this.#size; i++) {
      const name = UKEY_STATES[this.state[i]];
      if (name !== 'free') counts[name] = (counts[name] ?? 0) + 1;
    }
    return counts;
  }

  #take(): number {
    const reused = this.#free.pop();
    if (reused === undefined && this.#size === this.#capacity) this.#grow(this.#capacity * 2);
    this.#live++;
    if (this.#live * 2 > this.#slots.length) this.#rehash(this.#slots.length * 2);
    return reused ?? this.#size++;
  }

  #link(index: number): void {
    const wrap = this.#slots.length - 1;
    let slot = this.ufid[index * 4] & wrap;
    while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & wrap;
    this.#slots[slot] = index;
  }

  /** Removes the slot and moves later entries of the run up, so that no tombstones build up. */
  #unlink(index: number): void {
    const slots = this.#slots;
    const wrap = slots.length - 1;
    let hole = this.ufid[index * 4] & wrap;
    while (slots[hole] !== index) hole = (hole + 1) & wrap;
    for (let slot = (hole + 1) & wrap; slots[slot] !== EMPTY; slot = (slot + 1) & wrap) {
      const home = this.ufid[slots[slot] * 4] & wrap;
      if (((slot - home) & wrap) >= ((slot - hole) & wrap)) {
        slots[hole] = slots[slot];
        hole = slot;
      }
    }
    slots[hole] = EMPTY;
  }

  #rehash(length: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(length).fill(EMPTY);
    for (let i = 0; i < old.length; i++) if (old[i] !== EMPTY) this.#link(old[i]);
  }

  #grow(n: number): void {
    this.#capacity = n;
    this.state = grown(this.state, new Uint8Array(n));
    this.ufid = grown(this.ufid, new Int32Array(n * 4));
    this.keyBlock = grown(this.keyBlock, new Int32Array(n));
    this.keyLength = grown(this.keyLength, new Uint16Array(n));
    this.actionsBlock = grown(this.actionsBlock, new Int32Array(n));
    this.actionsLength = grown(this.actionsLength, new Uint16Array(n));
    this.mask = grown(this.mask, new Int32Array(n));
    this.inPort = grown(this.inPort, new Int32Array(n));
    this.slow = grown(this.slow, new Uint8Array(n));
    this.packets = grown(this.packets, new Float64Array(n));
    this.bytes = grown(this.bytes, new Float64Array(n));
    this.tcpFlags = grown(this.tcpFlags, new Uint16Array(n));
    this.used = grown(this.used, new Float64Array(n));
    this.created = grown(this.created, new Float64Array(n));
    this.generation = grown(this.generation, new Int32Array(n));
    this.stale = grown(this.stale, new Uint8Array(n));
    this.record = grown(this.record, new Int32Array(n));
    this.dumpSeq = grown(this.dumpSeq, new Int32Array(n));
    this.missed = grown(this.missed, new Uint8Array(n));
  }
}

function grown<T extends Uint8Array | Uint16Array | Int32Array | Float64Array>(from: T, to: T): T {
  to.set(from);
  return to;
}
