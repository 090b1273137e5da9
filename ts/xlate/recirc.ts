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
  return hash;
}

/** Bridges are told apart by UUID, since every change of the configuration makes new objects of them. */
function sameState(a: FrozenState, b: FrozenState): boolean {
  for (let i = 0; i < 4; i++) if (a.bridge.uuid[i] !== b.bridge.uuid[i]) return false;
  for (let i = 0; i < 16; i++) if (a.registers[i] !== b.registers[i]) return false;
  return (
    a.table === b.table &&
    a.inPort === b.inPort &&
    a.metadataHigh === b.metadataHigh &&
    a.metadataLow === b.metadataLow
  );
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
  /** States dropped to make room, since the registry was made. */
  evicted = 0;

  /** `first`: the first id given out; tests of the wrap-around start near 2^32. */
  constructor(capacity = CAPACITY, first = 1) {
    this.capacity = capacity;
    this.next = first >>> 0;
  }

  get size(): number {
    return this.byId.size;
  }

  /** The id of a state. The registers are copied when the state is new. */
  idFor(state: FrozenState): number {
    const hash = hashState(state);
    const known = this.byHash.get(hash)?.find((entry) => sameState(entry.state, state));
    if (known !== undefined) {
      this.use(known);
      return known.id;
    }
    if (this.byId.size >= this.capacity) this.evictOldest();
    const entry: Entry = {
      id: this.takeId(),
      hash,
      state: { ...state, registers: state.registers.slice(0, 16) },
    };
    this.byId.set(entry.id, entry);
    const others = this.byHash.get(hash);
    if (others === undefined) this.byHash.set(hash, [entry]);
    else others.push(entry);
    return entry.id;
  }

  lookup(id: number): FrozenState | undefined {
    const entry = this.byId.get(id >>> 0);
    if (entry === undefined) return undefined;
    this.use(entry);
    return entry.state;
  }

  private use(entry: Entry): void {
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
