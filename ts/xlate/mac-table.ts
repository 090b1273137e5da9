import type { LearnEffect, MacTableView, XBundle } from './types.js';

/** Defaults of ovs-vswitchd.conf.db(5): other_config mac-aging-time and mac-table-size. */
const AGING_MS = 300_000;
const CAPACITY = 8192;
/** An entry is refreshed when it was last this long ago; more often would cost and gain nothing. */
const REFRESH_MS = 1000;
/** How long an address that a gratuitous ARP told stays where it is (OVS: MAC_GRAT_ARP_LOCK_TIME). */
const LOCK_MS = 5000;
const NONE = -1;

export interface MacTableOptions {
  /** Milliseconds after which an address that was not seen is forgotten. Default 300,000. */
  readonly agingMs?: number;
  /** Addresses held at most; then one goes of the port with most, the one not seen longest. Default 8192. */
  readonly capacity?: number;
  /** Called whenever the answer of `lookup` for an address may have changed. `vlan` -1: for any. */
  readonly onChange?: (vlan: number, macHigh: number, macLow: number) => void;
}

/** One learned address, for display. */
export interface MacEntry {
  readonly vlan: number;
  readonly macHigh: number;
  readonly macLow: number;
  readonly bundle: XBundle;
  /** Milliseconds since it was last seen; 0 for a static one. */
  readonly ageMs: number;
  /** Was entered by hand: it neither ages nor moves. */
  readonly isStatic: boolean;
}

/** Counters of a table, all monotonic. */
export interface MacTableCounters {
  /** Addresses entered. */
  learned: number;
  /** Entries whose address showed up on another bundle. */
  moved: number;
  /** Entries that grew too old. */
  expired: number;
  /** Entries that went to make room. */
  evicted: number;
}

/**
 * What a bridge learned about where addresses are (OVS: mac-learning). Keyed by (VLAN, MAC). Time is what the owner says in
 * `advance`: there is no timer and no clock here, so a table behaves the same in every replay. Lookups allocate nothing.
 *
 * Entries live in columns and hang on two lists: the chain of their hash bucket, and, unless they are static, one in order of last
 * sighting.
 */
export class MacTable implements MacTableView {
  readonly counters: MacTableCounters = { learned: 0, moved: 0, expired: 0, evicted: 0 };
  /** Grows by one whenever an answer of `lookup` may have changed. */
  generation = 0;
  private agingMs: number;
  private capacity: number;
  private readonly onChange: MacTableOptions['onChange'] | null;
  private buckets!: Int32Array;
  /** (VLAN, high 16 bits), low 32 bits of each entry. */
  private upper!: Int32Array;
  private lower!: Int32Array;
  private bundles!: (XBundle | null)[];
  /** When each was last seen. */
  private seen!: Float64Array;
  /** Until when gratuitous ARP over bonds is not believed about each. */
  private locked!: Float64Array;
  /** Next in the bucket's chain; also the free list. */
  private chain!: Int32Array;
  /** Neighbours in order of sighting. */
  private older!: Int32Array;
  private newer!: Int32Array;
  private readonly statics = new Set<number>();
  /** Learned entries of each bundle. */
  private readonly shares = new Map<XBundle, number>();
  private flooded: Int32Array | null = null;
  private oldest = NONE;
  private newest = NONE;
  private free = 0;
  private count = 0;
  private now = 0;

  constructor(options: MacTableOptions = {}) {
    this.agingMs = options.agingMs ?? AGING_MS;
    this.capacity = options.capacity ?? CAPACITY;
    this.onChange = options.onChange ?? null;
    this.allocate();
  }

  /** Changes ageing (milliseconds) and size; the addresses stay, but for those that a smaller table has no room for (OVS: mac_learning_set_*). */
  setLimits(agingMs: number, capacity: number): void {
    this.agingMs = agingMs;
    if (capacity === this.capacity) return;
    while (this.count > capacity) if (!this.evict()) break;
    const kept = this.indices().map((at) => ({
      place: [this.upper[at], this.lower[at], this.seen[at], this.locked[at]] as const,
      bundle: this.bundles[at],
      isStatic: this.statics.has(at),
    }));
    this.capacity = Math.max(capacity, kept.length);
    this.allocate();
    for (const { place, bundle, isStatic } of kept) this.put(place, bundle, isStatic);
  }

  /** Makes the columns for `capacity` entries, all free. */
  private allocate(): void {
    const n = this.capacity;
    this.buckets = new Int32Array(1 << (32 - Math.clz32(Math.max(n, 2) - 1))).fill(NONE);
    this.upper = new Int32Array(n);
    this.lower = new Int32Array(n);
    this.bundles = new Array<XBundle | null>(n).fill(null);
    this.seen = new Float64Array(n);
    this.locked = new Float64Array(n);
    this.chain = Int32Array.from({ length: n }, (_, i) => (i + 1 < n ? i + 1 : NONE));
    this.older = new Int32Array(n).fill(NONE);
    this.newer = new Int32Array(n).fill(NONE);
    this.free = n === 0 ? NONE : 0;
    this.statics.clear();
    this.oldest = NONE;
    this.newest = NONE;
  }

  /** Puts back an entry of (upper, lower, seen, locked) that was in the table before; nothing that anybody sees changes. */
  private put(
    [upper, lower, seen, locked]: readonly [number, number, number, number],
    bundle: XBundle | null,
    isStatic: boolean,
  ): void {
    const at = this.free;
    this.free = this.chain[at];
    const bucket = this.bucket(upper, lower);
    this.upper[at] = upper;
    this.lower[at] = lower;
    this.bundles[at] = bundle;
    this.seen[at] = seen;
    this.locked[at] = locked;
    this.chain[at] = this.buckets[bucket];
    this.buckets[bucket] = at;
    if (isStatic) this.statics.add(at);
    else this.append(at);
  }

  /** Addresses in the table. */
  get size(): number {
    return this.count;
  }

  /** Addresses that it has room for, and static ones among those in it. */
  get limit(): number {
    return this.capacity;
  }

  get staticCount(): number {
    return this.statics.size;
  }

  /** VLANs without learning, as a bitmap of 4096 bits (Bridge flood_vlans); null for none. What was learned in them is forgotten. */
  set floodVlans(vlans: Int32Array | null) {
    const old = this.flooded;
    if (old === vlans || (old !== null && vlans !== null && old.every((word, i) => word === vlans[i])))
      return;
    this.flooded = vlans;
    for (const { vlan, macHigh, macLow } of [...this.entries()]) {
      if (this.floods(vlan)) this.remove(this.find(vlan, macHigh, macLow));
    }
    this.changed(NONE);
  }

  lookup(vlan: number, macHigh: number, macLow: number): XBundle | null {
    const at = this.find(vlan, macHigh, macLow);
    return at === NONE || this.floods(vlan) ? null : this.bundles[at];
  }

  wouldLearn(
    vlan: number,
    macHigh: number,
    macLow: number,
    bundle: XBundle,
    gratuitousArp: boolean,
  ): boolean {
    if (!this.mayLearn(vlan, macHigh)) return false;
    const at = this.find(vlan, macHigh, macLow);
    if (this.statics.has(at)) return false;
    if (at === NONE || this.now - this.seen[at] >= REFRESH_MS) return true;
    if (gratuitousArp) {
      if (bundle.bond === null) return true;
      if (this.now < this.locked[at]) return false;
    }
    return this.bundles[at]!.name !== bundle.name;
  }

  isGratuitousArpLocked(vlan: number, macHigh: number, macLow: number): boolean {
    const at = this.find(vlan, macHigh, macLow);
    return at !== NONE && this.now < this.locked[at];
  }

  /** Applies a learn effect: enters, moves or refreshes. Returns whether an answer of `lookup` changed. */
  apply(effect: LearnEffect): boolean {
    const { vlan, macHigh, macLow, bundle } = effect;
    if (!this.mayLearn(vlan, macHigh)) return false;
    let at = this.find(vlan, macHigh, macLow);
    if (this.statics.has(at)) return false;
    const known = at !== NONE;
    if (!known) {
      at = this.enter(vlan, macHigh, macLow, bundle);
      if (at === NONE) return false;
      this.append(at);
      this.share(bundle, 1);
      this.counters.learned++;
    } else {
      this.unlink(at);
      this.append(at);
    }
    this.seen[at] = this.now;
    if (effect.gratuitousArp && !this.trusts(at, bundle)) return !known;
    return this.move(at, bundle) || !known;
  }

  /** Enters an address that stays until it is removed, wherever it shows up (OVS: fdb/add). False when the table is full. */
  addStatic(vlan: number, macHigh: number, macLow: number, bundle: XBundle): boolean {
    this.delete(vlan, macHigh, macLow);
    const at = this.enter(vlan, macHigh, macLow, bundle);
    if (at === NONE) return false;
    this.statics.add(at);
    return true;
  }

  /** Forgets one address; false when it was not there. */
  delete(vlan: number, macHigh: number, macLow: number): boolean {
    const at = this.find(vlan, macHigh, macLow);
    if (at === NONE) return false;
    this.remove(at);
    return true;
  }

  private floods(vlan: number): boolean {
    const { flooded } = this;
    return flooded !== null && (flooded[vlan >> 5] & (1 << (vlan & 31))) !== 0;
  }

  /** Nobody sends from a group address in earnest. */
  private mayLearn(vlan: number, macHigh: number): boolean {
    return (macHigh & 0x100) === 0 && !this.floods(vlan);
  }

  /**
   * A gratuitous ARP over a port that is no bond may come back over a bond's other member, so it locks the entry against those
   * that bonds bring. Whether this one may move the entry.
   */
  private trusts(at: number, bundle: XBundle): boolean {
    if (bundle.bond !== null) return this.now >= this.locked[at];
    this.locked[at] = this.now + LOCK_MS;
    return true;
  }

  private move(at: number, bundle: XBundle): boolean {
    const before = this.bundles[at]!;
    this.bundles[at] = bundle;
    if (before.name === bundle.name) return false;
    this.share(before, -1);
    this.share(bundle, 1);
    this.counters.moved++;
    this.changed(at);
    return true;
  }

  /** Sets the time (milliseconds, any origin, never backwards) and forgets what is too old by then. */
  advance(nowMs: number): void {
    this.now = Math.max(nowMs, this.now);
    while (this.oldest !== NONE && this.now - this.seen[this.oldest] >= this.agingMs) {
      this.remove(this.oldest);
      this.counters.expired++;
    }
  }

  /** Milliseconds until the next entry is too old, or null for an empty table: when to call `advance` at the latest. */
  nextExpiryMs(): number | null {
    return this.oldest === NONE ? null : this.seen[this.oldest] + this.agingMs - this.now;
  }

  /** Forgets all addresses, or those of one bundle; static ones too. */
  flush(bundle?: XBundle): void {
    this.replaceBundles((other) => (bundle === undefined || other.name === bundle.name ? undefined : other));
  }

  /**
   * Points the entries at the bundles of a new configuration: `find` gives the bundle that an old one became, or undefined when it is
   * gone, and its addresses with it.
   */
  replaceBundles(find: (bundle: XBundle) => XBundle | undefined): void {
    for (const at of this.indices()) {
      const old = this.bundles[at]!;
      const bundle = find(old);
      if (bundle === undefined) {
        this.remove(at);
      } else if (bundle !== old) {
        this.bundles[at] = bundle;
        if (this.statics.has(at)) continue;
        this.share(old, -1);
        this.share(bundle, 1);
      }
    }
  }

  /** All entries: static ones, then the others, those seen longest ago first. */
  *entries(): IterableIterator<MacEntry> {
    for (const at of this.indices()) {
      const isStatic = this.statics.has(at);
      yield {
        vlan: this.upper[at] >>> 16,
        macHigh: this.upper[at] & 0xffff,
        macLow: this.lower[at],
        bundle: this.bundles[at]!,
        ageMs: isStatic ? 0 : this.now - this.seen[at],
        isStatic,
      };
    }
  }

  /** Places of all entries, in that order. */
  private indices(): number[] {
    const list = [...this.statics];
    for (let at = this.oldest; at !== NONE; at = this.newer[at]) list.push(at);
    return list;
  }

  private share(bundle: XBundle, change: 1 | -1): void {
    const share = (this.shares.get(bundle) ?? 0) + change;
    if (share === 0) this.shares.delete(bundle);
    else this.shares.set(bundle, share);
  }

  /** Makes room: a port with few addresses loses none to one with many (OVS: evict_mac_entry_fairly). */
  private evict(): boolean {
    let most = 0;
    for (const share of this.shares.values()) most = Math.max(most, share);
    for (let at = this.oldest; at !== NONE; at = this.newer[at]) {
      if (this.shares.get(this.bundles[at]!) !== most) continue;
      this.remove(at);
      this.counters.evicted++;
      return true;
    }
    return false;
  }

  /** The answer for the address of an entry is another now; NONE: for any address. */
  private changed(at: number): void {
    this.generation++;
    if (at === NONE) this.onChange?.(-1, 0, 0);
    else this.onChange?.(this.upper[at] >>> 16, this.upper[at] & 0xffff, this.lower[at]);
  }

  private bucket(upper: number, lower: number): number {
    let h = Math.imul(upper, 0x9e3779b1) ^ lower;
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    return (h ^ (h >>> 13)) & (this.buckets.length - 1);
  }

  private find(vlan: number, macHigh: number, macLow: number): number {
    const upper = (vlan << 16) | macHigh;
    const lower = macLow | 0;
    let at = this.buckets[this.bucket(upper, lower)];
    while (at !== NONE && (this.upper[at] !== upper || this.lower[at] !== lower)) at = this.chain[at];
    return at;
  }

  private enter(vlan: number, macHigh: number, macLow: number, bundle: XBundle): number {
    if (this.free === NONE && !this.evict()) return NONE;
    const at = this.free;
    this.free = this.chain[at];
    const upper = (vlan << 16) | macHigh;
    const lower = macLow | 0;
    const bucket = this.bucket(upper, lower);
    this.upper[at] = upper;
    this.lower[at] = lower;
    this.bundles[at] = bundle;
    this.seen[at] = this.now;
    this.locked[at] = 0;
    this.chain[at] = this.buckets[bucket];
    this.buckets[bucket] = at;
    this.count++;
    this.changed(at);
    return at;
  }

  private remove(at: number): void {
    this.changed(at);
    const bucket = this.bucket(this.upper[at], this.lower[at]);
    let before = NONE;
    for (let i = this.buckets[bucket]; i !== at; i = this.chain[i]) before = i;
    if (before === NONE) this.buckets[bucket] = this.chain[at];
    else this.chain[before] = this.chain[at];
    if (!this.statics.delete(at)) {
      this.unlink(at);
      this.share(this.bundles[at]!, -1);
    }
    this.bundles[at] = null;
    this.chain[at] = this.free;
    this.free = at;
    this.count--;
  }

  private append(at: number): void {
    this.older[at] = this.newest;
    this.newer[at] = NONE;
    if (this.newest === NONE) this.oldest = at;
    else this.newer[this.newest] = at;
    this.newest = at;
  }

  private unlink(at: number): void {
    const older = this.older[at];
    const newer = this.newer[at];
    if (older === NONE) this.oldest = newer;
    else this.newer[older] = newer;
    if (newer === NONE) this.newest = older;
    else this.older[newer] = older;
  }
}
