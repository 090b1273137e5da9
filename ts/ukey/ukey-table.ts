import { native, type UkeyRows } from '../native/index.js';
import { ByteArena } from './arena.js';
import { Float64Field, Int32Field, ROW_WORDS, Uint8Field } from './fields.js';
import { MaskPool } from './mask-pool.js';
import {
  BY_HANDLER,
  DELETE_REASONS,
  illegalTransition,
  isLegalTransition,
  UKEY_CREATED,
  UKEY_DELETED,
  UKEY_EVICTED,
  UKEY_FREE,
  UKEY_MOVERS,
  UKEY_STATES,
  UKEY_VISIBLE,
} from './states.js';

/** Ukeys that a table can hold: address space is set aside for all of them, memory comes with them. */
export const UKEY_CAPACITY = 1 << 21;
/** Buckets that a table begins with. */
const FIRST_BUCKETS = 1024;
/** Columns begin on cache lines of their own. */
const ALIGN = 64;
/** The columns that only JavaScript knows, and their bytes a ukey. */
const OWN_COLUMNS = 11;
const OWN_BYTES = 42;

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

/** Whose records a table keeps with its ukeys: blocks of the table's arena. */
export interface RecordKeeper {
  /** Gives a block back to the arena. */
  drop(arena: ByteArena, block: number): void;
  /** Whether it leaves open whom the flow's packets are credited to. */
  isUntold(arena: ByteArena, block: number): boolean;
}

const NO_RECORDS: RecordKeeper = { drop: () => {}, isUntold: () => true };

/** Typed arrays over one piece of reserved memory, one behind the other. */
class ColumnRoom {
  readonly #buffer: ArrayBuffer;
  readonly #capacity: number;
  #used = 0;

  /** Room for `capacity` elements in columns of altogether `bytes` an element. */
  constructor(capacity: number, columns: number, bytes: number) {
    this.#capacity = capacity;
    this.#buffer = native().reserve(capacity * bytes + columns * ALIGN);
  }

  take<T>(Column: {
    new (buffer: ArrayBuffer, offset: number, length: number): T;
    BYTES_PER_ELEMENT: number;
  }): T {
    const at = this.#used;
    const end = at + this.#capacity * Column.BYTES_PER_ELEMENT;
    this.#used = Math.ceil(end / ALIGN) * ALIGN;
    return new Column(this.#buffer, at, this.#capacity);
  }
}

/**
 * One entry ("ukey") for each flow that we have put into the datapath. Columns instead of objects: an entry is an index
 * into typed arrays, its key and actions are blocks of an arena, its mask is shared. Indices are reused after `end`.
 *
 * Nothing is ever copied to make room: columns are set aside for all ukeys that there can be, and the index grows by a bucket with
 * each ukey that comes.
 */
export class UkeyTable {
  readonly masks = new MaskPool();
  readonly arena = new ByteArena();
  /** Is told of flows that come, change and go; null costs nothing. */
  watcher: FlowWatcher | null = null;
  /** Monotonic milliseconds, set by who is about to move ukeys: when each was moved is written down. */
  now = 0;
  /**
   * Number of the round whose dump is under way, 0 for none. What it shows of a flow that is made meanwhile may be older than that: of the flow that had
   * its id before.
   */
  round = 0;
  /** Ukeys that ended, by reason (index of DELETE_REASONS). */
  readonly ends = new Float64Array(DELETE_REASONS.length);
  /** What dumps are matched with; see UkeyRows for what is in them. */
  readonly rows: UkeyRows;
  /** The flow id of a ukey: ufid[ufidAt(ukey) … ufidAt(ukey)+4). */
  readonly ufid: Int32Array;
  readonly packets: Float64Field;
  readonly bytes: Float64Field;
  readonly used: Float64Field;
  readonly tcpFlags: Int32Field;
  readonly generation: Int32Field;
  readonly dumpRound: Int32Field;
  readonly state: Uint8Field;
  readonly stale: Uint8Field;
  readonly untold: Uint8Field;
  readonly missed: Uint8Field;
  /** Monotonic milliseconds of the creation. */
  readonly created: Float64Array;
  /** Who moved it to its state (index of UKEY_MOVERS), and when: monotonic milliseconds. */
  readonly movedBy: Uint8Array;
  readonly movedAt: Float64Array;
  /** Arena blocks, and their bytes. */
  readonly keyBlock: Int32Array;
  readonly keyLength: Uint16Array;
  readonly actionsBlock: Int32Array;
  readonly actionsLength: Uint16Array;
  /** What the slow path keeps with each flow besides: arena blocks, -1 for none (setRecord). */
  readonly record: Int32Array;
  /** Id in `masks`. */
  readonly mask: Int32Array;
  /** Datapath port of the key. */
  readonly inPort: Int32Array;
  /** SLOW_* bits of the translation that was installed. */
  readonly slow: Uint8Array;

  /** How many are in each state; of those that are free it says nothing. */
  readonly #byState = new Int32Array(UKEY_STATES.length);
  #size = 0;
  #live = 0;
  /** Indices that are free again, chained over the column `next`: the first + 1, 0 for none. */
  #free = 0;
  /** A power of two, less one: buckets are numbered by so many bits of a flow id, or by one less. */
  #wrap: number;
  readonly #buckets: Int32Array;
  readonly #next: Int32Field;
  readonly #bucketCount: Int32Array;
  readonly #records: RecordKeeper;

  constructor(records: RecordKeeper = NO_RECORDS, capacity = UKEY_CAPACITY) {
    this.#records = records;
    const rows = native().createUkeyRows(capacity);
    this.rows = rows;
    this.ufid = rows.ufid;
    this.packets = new Float64Field(rows.packets);
    this.bytes = new Float64Field(rows.bytes);
    this.used = new Float64Field(rows.used);
    this.tcpFlags = new Int32Field(rows.tcpFlags);
    this.generation = new Int32Field(rows.generation);
    this.dumpRound = new Int32Field(rows.dumpRound);
    this.state = new Uint8Field(rows.state);
    this.stale = new Uint8Field(rows.stale);
    this.untold = new Uint8Field(rows.untold);
    this.missed = new Uint8Field(rows.missed);
    this.#next = new Int32Field(rows.next);
    this.#buckets = rows.buckets;
    this.#bucketCount = rows.bucketCount;
    const room = new ColumnRoom(capacity, OWN_COLUMNS, OWN_BYTES);
    this.created = room.take(Float64Array);
    this.movedAt = room.take(Float64Array);
    this.keyBlock = room.take(Int32Array);
    this.actionsBlock = room.take(Int32Array);
    this.record = room.take(Int32Array);
    this.mask = room.take(Int32Array);
    this.inPort = room.take(Int32Array);
    this.keyLength = room.take(Uint16Array);
    this.actionsLength = room.take(Uint16Array);
    this.slow = room.take(Uint8Array);
    this.movedBy = room.take(Uint8Array);
    this.#bucketCount[0] = Math.min(FIRST_BUCKETS, capacity);
    this.#wrap = wrapOf(this.#bucketCount[0]);
  }

  /** Ukeys in the table. */
  get count(): number {
    return this.#live;
  }

  /** Whether `add` has no room for another. */
  get full(): boolean {
    return this.#live === this.rows.capacity;
  }

  /** One more than the largest index in use: loop to it and skip entries in state free. */
  get end(): number {
    return this.#size;
  }

  /** Where in `ufid` the flow id of a ukey begins. */
  ufidAt(index: number): number {
    return index * ROW_WORDS;
  }

  /** Index of the ukey with the ufid in words[at … at+4), or -1. */
  find(words: Int32Array, at: number): number {
    const w0 = words[at];
    const { ufid } = this;
    const next = this.#next;
    for (let link = this.#buckets[this.#bucketOf(w0)]; link !== 0; link = next.get(link - 1)) {
      const base = (link - 1) * ROW_WORDS;
      if (
        ufid[base] === w0 &&
        ufid[base + 1] === words[at + 1] &&
        ufid[base + 2] === words[at + 2] &&
        ufid[base + 3] === words[at + 3]
      ) {
        return link - 1;
      }
    }
    return -1;
  }

  /**
   * Adds a ukey in state visible and returns its index. The caller, `by`, has made sure that its ufid is not in the table, and that it is
   * not full.
   */
  add(source: UkeySource, now: number, by = BY_HANDLER): number {
    const index = this.#take();
    this.now = now;
    this.#move(index, UKEY_CREATED, by);
    for (let i = 0; i < 4; i++) this.ufid[index * ROW_WORDS + i] = source.ufid[source.ufidAt + i];
    this.keyBlock[index] = this.arena.store(source.key, source.keyOffset, source.keyLength);
    this.keyLength[index] = source.keyLength;
    this.actionsBlock[index] = this.arena.store(source.actions, 0, source.actionsLength);
    this.actionsLength[index] = source.actionsLength;
    this.mask[index] = this.masks.acquire(source.mask, source.maskBase);
    this.inPort[index] = source.inPort;
    this.slow[index] = source.slow;
    this.generation.set(index, source.generation);
    this.packets.set(index, 0);
    this.bytes.set(index, 0);
    this.tcpFlags.set(index, 0);
    this.used.set(index, now);
    this.created[index] = now;
    this.stale.set(index, 0);
    this.record[index] = -1;
    this.untold.set(index, 1);
    this.dumpRound.set(index, -this.round);
    this.missed.set(index, 0);
    this.#link(index);
    this.#move(index, UKEY_VISIBLE, by);
    return index;
  }

  /** Moves a ukey to another state; `by` is one of BY_*. An illegal move throws. */
  transition(index: number, to: number, by: number): void {
    if (!isLegalTransition(this.state.get(index), to)) {
      const last = `${UKEY_MOVERS[this.movedBy[index]]} had moved it ${this.now - this.movedAt[index]} ms before`;
      throw illegalTransition(this.state.get(index), to, by, last);
    }
    this.#move(index, to, by);
  }

  #move(index: number, to: number, by: number): void {
    this.#byState[this.state.get(index)]--;
    this.#byState[to]++;
    this.state.set(index, to);
    this.movedBy[index] = by;
    this.movedAt[index] = this.now;
  }

  /** Replaces the actions of a flow that was modified in the datapath. */
  setActions(index: number, actions: Uint8Array, length: number): void {
    this.arena.release(this.actionsBlock[index], this.actionsLength[index]);
    this.actionsBlock[index] = this.arena.store(actions, 0, length);
    this.actionsLength[index] = length;
  }

  /** Keeps an arena block with the flow, in place of the one before. */
  setRecord(index: number, block: number): void {
    if (this.record[index] >= 0) this.#records.drop(this.arena, this.record[index]);
    this.record[index] = block;
    this.untold.set(index, block < 0 || this.#records.isUntold(this.arena, block) ? 1 : 0);
  }

  /**
   * The life of a ukey ends: the datapath does not have its flow, or not any more, and final statistics are in. `reason` is an
   * index of DELETE_REASONS, `by` one of BY_*.
   */
  close(index: number, reason: number, by: number): void {
    const wasInstalled = this.state.get(index) !== UKEY_VISIBLE;
    this.transition(index, UKEY_EVICTED, by);
    this.ends[reason]++;
    if (wasInstalled) this.watcher?.deleted(index, reason);
    this.transition(index, UKEY_DELETED, by);
    this.#unlink(index);
    this.arena.release(this.keyBlock[index], this.keyLength[index]);
    this.arena.release(this.actionsBlock[index], this.actionsLength[index]);
    this.setRecord(index, -1);
    this.masks.release(this.mask[index]);
    this.transition(index, UKEY_FREE, by);
    this.#next.set(index, this.#free);
    this.#free = index + 1;
    this.#live--;
  }

  /** Ukeys by state, for show and tests. */
  countByState(): Record<string, number> {
    const counts: Record<string, number> = {};
    for (const [state, name] of UKEY_STATES.entries()) {
      if (state !== UKEY_FREE && this.#byState[state] > 0) counts[name] = this.#byState[state];
    }
    return counts;
  }

  #take(): number {
    this.#live++;
    if (this.#live > this.#bucketCount[0]) this.#split();
    if (this.#free === 0) return this.#size++;
    const index = this.#free - 1;
    this.#free = this.#next.get(index);
    return index;
  }

  /** The bucket of flow ids that begin with this word, which is as good as random. */
  #bucketOf(word: number): number {
    const bucket = word & this.#wrap;
    return bucket < this.#bucketCount[0] ? bucket : bucket & (this.#wrap >>> 1);
  }

  #link(index: number): void {
    const bucket = this.#bucketOf(this.ufid[index * ROW_WORDS]);
    this.#next.set(index, this.#buckets[bucket]);
    this.#buckets[bucket] = index + 1;
  }

  #unlink(index: number): void {
    const next = this.#next;
    const bucket = this.#bucketOf(this.ufid[index * ROW_WORDS]);
    let link = this.#buckets[bucket];
    if (link === index + 1) {
      this.#buckets[bucket] = next.get(index);
      return;
    }
    while (next.get(link - 1) !== index + 1) link = next.get(link - 1);
    next.set(link - 1, next.get(index));
  }

  /** One bucket more: takes those of an older one that belong into it now. */
  #split(): void {
    const added = this.#bucketCount[0];
    if (added === this.rows.capacity) return;
    const from = added & (wrapOf(added + 1) >>> 1);
    let link = this.#buckets[from];
    this.#bucketCount[0] = added + 1;
    this.#wrap = wrapOf(added + 1);
    this.#buckets[from] = 0;
    while (link !== 0) {
      const index = link - 1;
      link = this.#next.get(index);
      this.#link(index);
    }
  }
}

/** The smallest power of two that is not less than `count`, less one. */
function wrapOf(count: number): number {
  return count > 1 ? 2 ** (32 - Math.clz32(count - 1)) - 1 : 0;
}
