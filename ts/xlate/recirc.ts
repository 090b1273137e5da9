import { sameWords } from '../util/index.js';
import type { FrozenState, RecircIds } from './types.js';

/** States kept at most, by default. */
const CAPACITY = 65536;

interface Entry {
  readonly id: number;
  readonly hash: number;
  readonly state: FrozenState;
}

function mix(hash: number, word: number): number {
  const h = Math.imul(hash ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
}

function hashState(state: FrozenState): number {
  let hash = mix(state.table, state.inPort);
  for (let i = 0; i < 4; i++) hash = mix(hash, state.bridge.uuid[i]);
  hash = mix(mix(hash, state.metadataHigh), state.metadataLow);
  for (let i = 0; i < 16; i++) hash = mix(hash, state.registers[i]);
  if (state.tunnel !== null) for (let i = 0; i < state.tunnel.length; i++) hash = mix(hash, state.tunnel[i]);
  for (let i = 0; i < state.stack.length; i++) hash = mix(hash, state.stack[i]);
  return mix(mix(hash, state.actions.length), (state.actionSet.length << 1) | (state.conntracked ? 1 : 0));
}

/** Whether two values are built alike: numbers, texts, typed arrays, lists and plain objects of them. */
function isAlike(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length) return false;
  return keys.every((key) =>
    isAlike((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]),
  );
}

/** Lists of actions: mostly the very objects that rules hold. */
function sameActions(a: FrozenState['actions'], b: FrozenState['actions']): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i] && !isAlike(a[i], b[i])) return false;
  return true;
}

/** Bridges are told apart by UUID, since every change of the configuration makes new objects of them. */
function sameState(a: FrozenState, b: FrozenState): boolean {
  return (
    sameWords(a.bridge.uuid, b.bridge.uuid) &&
    sameWords(a.registers, b.registers) &&
    a.table === b.table &&
    a.inPort === b.inPort &&
    a.metadataHigh === b.metadataHigh &&
    a.metadataLow === b.metadataLow &&
    a.mirrors === b.mirrors &&
    a.conntracked === b.conntracked &&
    a.isCopy === b.isCopy &&
    a.bond === b.bond &&
    sameWords(a.tunnel, b.tunnel) &&
    sameWords(a.tunnelOptions, b.tunnelOptions) &&
    sameWords(a.stack, b.stack) &&
    sameActions(a.actions, b.actions) &&
    sameActions(a.actionSet, b.actionSet) &&
    isAlike(a.userdata, b.userdata)
  );
}

/** A copy that does not change with the translation it is of. */
function keep(state: FrozenState): FrozenState {
  return {
    ...state,
    registers: state.registers.slice(),
    tunnel: state.tunnel?.slice() ?? null,
    tunnelOptions: state.tunnelOptions?.slice() ?? null,
  };
}

/**
 * Recirculation ids: one for each different pipeline state, unique among 32-bit numbers other than 0, equal for equal states. Holds
 * `capacity` states; then the one that nobody asked for longest goes, and `evicted` counts it. A flow whose id went gets
 * a new one when it is next translated.
 */
export class RecircRegistry implements RecircIds {
  /** In order of last use, oldest first. */
  private readonly byId = new Map<number, Entry>();
  private readonly byHash = new Map<number, Entry[]>();
  private readonly capacity: number;
  private next: number;
  /** The entry at the end of the order. */
  private latest: Entry | null = null;
  /** States dropped to make room, since the registry was made. */
  evicted = 0;
  /** Is told of each state that gets an id, before anybody else knows it. */
  onNew: ((id: number, state: FrozenState) => void) | null = null;

  /** `first`: the first id given out; tests of the wrap-around start near 2^32. */
  constructor(capacity = CAPACITY, first = 1) {
    this.capacity = capacity;
    this.next = first >>> 0;
  }

  get size(): number {
    return this.byId.size;
  }

  /** The id of a state. Its rows are copied when it is new. */
  idFor(state: FrozenState): number {
    const hash = hashState(state);
    const alike = this.byHash.get(hash);
    for (let i = 0; alike !== undefined && i < alike.length; i++) {
      if (!sameState(alike[i].state, state)) continue;
      this.use(alike[i]);
      return alike[i].id;
    }
    if (this.byId.size >= this.capacity) this.evictOldest();
    const entry: Entry = { id: this.takeId(), hash, state: keep(state) };
    this.put(entry);
    this.latest = entry;
    this.onNew?.(entry.id, entry.state);
    return entry.id;
  }

  /** Gives a state the id that it had in an earlier process; false when either is taken. It is kept, not copied. */
  restore(id: number, state: FrozenState): boolean {
    const hash = hashState(state);
    if (id === 0 || this.byId.size >= this.capacity || this.byId.has(id)) return false;
    if (this.byHash.get(hash)?.some((other) => sameState(other.state, state)) === true) return false;
    this.put({ id, hash, state });
    return true;
  }

  /** Ids up to this one are not given out to new states: an earlier process used them. */
  reserve(id: number): void {
    if (id >= this.next) this.next = (id + 1) >>> 0;
  }

  /** All states with their ids, those first that nobody asked for longest. */
  *entries(): Generator<readonly [id: number, state: FrozenState]> {
    for (const { id, state } of this.byId.values()) yield [id, state];
  }

  private put(entry: Entry): void {
    this.byId.set(entry.id, entry);
    const others = this.byHash.get(entry.hash);
    if (others === undefined) this.byHash.set(entry.hash, [entry]);
    else others.push(entry);
  }

  lookup(id: number): FrozenState | undefined {
    const entry = this.byId.get(id >>> 0);
    if (entry === undefined) return undefined;
    this.use(entry);
    return entry.state;
  }

  private use(entry: Entry): void {
    // A train of packets asks for the same one again and again.
    if (entry === this.latest) return;
    this.latest = entry;
    this.byId.delete(entry.id);
    this.byId.set(entry.id, entry);
  }

  private takeId(): number {
    let id = this.next;
    while (id === 0 || this.byId.has(id)) id = (id + 1) >>> 0;
    this.next = (id + 1) >>> 0;
    return id;
  }

  private evictOldest(): void {
    for (const entry of this.byId.values()) {
      this.byId.delete(entry.id);
      const others = this.byHash.get(entry.hash)!.filter((other) => other !== entry);
      if (others.length === 0) this.byHash.delete(entry.hash);
      else this.byHash.set(entry.hash, others);
      this.evicted++;
      return;
    }
  }
}
