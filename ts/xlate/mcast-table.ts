import type { McastEffect, McastView, XBundle } from './types.js';

/** Defaults of ovs-vswitchd.conf.db(5): other_config mcast-snooping-aging-time and mcast-snooping-table-size. */
const AGING_MS = 300_000;
const CAPACITY = 2048;
/** How long a port is a router's after its last query (OVS: MCAST_MROUTER_PORT_IDLE_TIME). */
const ROUTER_MS = 180_000;
const NONE: readonly XBundle[] = [];

export interface McastOptions {
  /** Milliseconds after which a member that does not report again is forgotten. Default 300,000. */
  readonly agingMs?: number;
  /** Groups held at most; then the one that nobody reported for longest goes. Default 2048. */
  readonly capacity?: number;
  /** Groups that nobody joined are flooded. Default true. */
  readonly floodUnregistered?: boolean;
  /** Called whenever an answer may have changed. */
  readonly onChange?: () => void;
}

/** Counters of a table, all monotonic. */
export interface McastCounters {
  /** Groups and routers entered. */
  learned: number;
  /** Members, groups and routers that grew too old. */
  expired: number;
  /** Groups that went to make room. */
  evicted: number;
}

/** One group in one VLAN, for display. */
export interface McastGroup {
  readonly vlan: number;
  /** Four words, IPv4 as ::ffff:a.b.c.d. */
  readonly group: Int32Array;
  /** Bundles with members, the one that reported longest ago first. */
  readonly members: readonly XBundle[];
  /** Until when each counts. */
  readonly expires: readonly number[];
}

interface Group extends McastGroup {
  members: XBundle[];
  expires: number[];
}

interface Router {
  readonly vlan: number;
  bundle: XBundle;
  expires: number;
}

/**
 * What a bridge learned about who wants which multicast group (OVS: mcast-snooping). As MacTable it has no clock: time is what the owner says
 * in `advance`. Changes come by mcast effects. Lookups allocate nothing.
 */
export class McastTable implements McastView {
  readonly counters: McastCounters = { learned: 0, expired: 0, evicted: 0 };
  /** Grows by one whenever an answer may have changed. */
  generation = 0;
  floodUnregistered: boolean;
  reportPorts: readonly XBundle[] = NONE;
  floodPorts: readonly XBundle[] = NONE;
  private agingMs: number;
  private capacity: number;
  private readonly onChange: (() => void) | null;
  /** By a hash of VLAN and address; in each bucket those reported longest ago first. */
  private readonly buckets = new Map<number, Group[]>();
  /** All groups, the one reported longest ago first. */
  private readonly order = new Set<Group>();
  private routerList: Router[] = [];
  /** Routers' bundles by VLAN. */
  private readonly routersOf = new Map<number, readonly XBundle[]>();
  private now = 0;

  constructor(options: McastOptions = {}) {
    this.agingMs = options.agingMs ?? AGING_MS;
    this.capacity = Math.max(options.capacity ?? CAPACITY, 1);
    this.floodUnregistered = options.floodUnregistered ?? true;
    this.onChange = options.onChange ?? null;
  }

  /** Changes ageing (milliseconds) and size; members live on by as much longer or shorter (OVS: mcast_snooping_set_*). */
  setLimits(agingMs: number, capacity: number): void {
    const delta = agingMs - this.agingMs;
    this.agingMs = agingMs;
    this.capacity = Math.max(capacity, 1);
    for (const group of this.order)
      if (delta !== 0) group.expires = group.expires.map((time) => time + delta);
    const size = this.order.size;
    for (const group of this.order) {
      if (this.order.size <= this.capacity) break;
      this.removeGroup(group);
      this.counters.evicted++;
    }
    if (this.order.size !== size) this.changed();
  }

  /** Groups in the table. */
  get size(): number {
    return this.order.size;
  }

  lookup4(vlan: number, group: number): readonly XBundle[] | null {
    return this.find(vlan, 0, 0, 0xffff, group)?.members ?? null;
  }

  lookup6(vlan: number, words: Int32Array, at: number): readonly XBundle[] | null {
    return this.find(vlan, words[at], words[at + 1], words[at + 2], words[at + 3])?.members ?? null;
  }

  routers(vlan: number): readonly XBundle[] {
    return this.routersOf.get(vlan) ?? NONE;
  }

  /** Sets which bundles get all reports, and which all multicast. */
  setPorts(reportPorts: readonly XBundle[], floodPorts: readonly XBundle[]): void {
    if (same(reportPorts, this.reportPorts) && same(floodPorts, this.floodPorts)) return;
    this.reportPorts = reportPorts;
    this.floodPorts = floodPorts;
    this.changed();
  }

  /** Applies an mcast effect. Returns whether an answer changed. */
  apply(effect: McastEffect): boolean {
    const { vlan, bundle, group } = effect;
    // What a flood port gets in any case needs no entry.
    if (this.floodPorts.includes(bundle)) return false;
    switch (effect.change) {
      case 'router':
        return this.addRouter(vlan, bundle);
      case 'join':
        return this.join(vlan, bundle, group);
      case 'leave':
        return this.leave(vlan, bundle, group);
    }
  }

  /** Sets the time (milliseconds, any origin, never backwards) and forgets what is too old by then. */
  advance(nowMs: number): void {
    this.now = Math.max(nowMs, this.now);
    let expired = 0;
    for (const group of this.order) {
      const gone = this.expire(group);
      if (gone === 0) break;
      expired += gone;
    }
    const routers = this.routerList.filter((router) => this.now < router.expires);
    expired += this.routerList.length - routers.length;
    if (expired === 0) return;
    this.counters.expired += expired;
    this.setRouters(routers);
    this.changed();
  }

  /** Milliseconds until something is too old, or null: when to call `advance` at the latest. */
  nextExpiryMs(): number | null {
    const [oldest] = this.order;
    const times = this.routerList.map((router) => router.expires);
    if (oldest !== undefined) times.push(oldest.expires[0] ?? this.now);
    return times.length === 0 ? null : Math.max(0, Math.min(...times) - this.now);
  }

  /** Forgets everything, or what was learned of one bundle. */
  flush(bundle?: XBundle): void {
    for (const group of [...this.order]) {
      if (bundle !== undefined) this.removeMember(group, bundle);
      if (bundle === undefined || group.members.length === 0) this.removeGroup(group);
    }
    this.setRouters(this.routerList.filter((router) => bundle !== undefined && router.bundle !== bundle));
    this.changed();
  }

  /** All groups, the one reported longest ago first. */
  groups(): IterableIterator<McastGroup> {
    return this.order.values();
  }

  private changed(): void {
    this.generation++;
    this.onChange?.();
  }

  private find(vlan: number, a: number, b: number, c: number, d: number): Group | null {
    const bucket = this.buckets.get(hash(vlan, a, b, c, d));
    if (bucket === undefined) return null;
    for (const entry of bucket) {
      const { group } = entry;
      if (entry.vlan !== vlan || group[3] !== (d | 0) || group[2] !== (c | 0)) continue;
      if (group[1] === (b | 0) && group[0] === (a | 0)) return entry;
    }
    return null;
  }

  private join(vlan: number, bundle: XBundle, address: Int32Array): boolean {
    // A router gets the group in any case, and would get it twice.
    if (this.routers(vlan).includes(bundle)) return false;
    let group = this.find(vlan, address[0], address[1], address[2], address[3]);
    let news = group === null;
    if (group === null) {
      group = this.addGroup(vlan, address);
    } else {
      this.order.delete(group);
      this.order.add(group);
    }
    news = !this.removeMember(group, bundle) || news;
    group.members.push(bundle);
    group.expires.push(this.now + this.agingMs);
    if (news) this.changed();
    return news;
  }

  /** Ports that get all reports have more than one host behind them, so one that leaves says nothing of the others. */
  private leave(vlan: number, bundle: XBundle, address: Int32Array): boolean {
    if (this.reportPorts.includes(bundle)) return false;
    const group = this.find(vlan, address[0], address[1], address[2], address[3]);
    if (group === null || !this.removeMember(group, bundle)) return false;
    this.changed();
    return true;
  }

  private addRouter(vlan: number, bundle: XBundle): boolean {
    const known = this.routerList.find((router) => router.vlan === vlan && router.bundle === bundle);
    const others = this.routerList.filter((router) => router !== known);
    this.setRouters([...others, { vlan, bundle, expires: this.now + ROUTER_MS }]);
    if (known !== undefined) return false;
    this.counters.learned++;
    this.changed();
    return true;
  }

  private setRouters(routers: Router[]): void {
    this.routerList = routers;
    this.routersOf.clear();
    for (const { vlan, bundle } of routers) this.routersOf.set(vlan, [...this.routers(vlan), bundle]);
  }

  private addGroup(vlan: number, address: Int32Array): Group {
    if (this.order.size >= this.capacity) {
      const [oldest] = this.order;
      this.removeGroup(oldest);
      this.counters.evicted++;
    }
    const group: Group = { vlan, group: address.slice(), members: [], expires: [] };
    const key = hash(vlan, address[0], address[1], address[2], address[3]);
    const bucket = this.buckets.get(key);
    if (bucket === undefined) this.buckets.set(key, [group]);
    else bucket.push(group);
    this.order.add(group);
    this.counters.learned++;
    return group;
  }

  private removeGroup(group: Group): void {
    const [a, b, c, d] = group.group;
    const key = hash(group.vlan, a, b, c, d);
    const bucket = this.buckets.get(key)!.filter((other) => other !== group);
    if (bucket.length === 0) this.buckets.delete(key);
    else this.buckets.set(key, bucket);
    this.order.delete(group);
  }

  /** Members are replaced, not changed: translation may be reading the list. */
  private removeMember(group: Group, bundle: XBundle): boolean {
    const at = group.members.indexOf(bundle);
    if (at === -1) return false;
    group.members = group.members.toSpliced(at, 1);
    group.expires = group.expires.toSpliced(at, 1);
    return true;
  }

  /** Forgets members that are too old, and the group when none is left. How many things went. */
  private expire(group: Group): number {
    let gone = group.expires.findIndex((time) => time > this.now);
    if (gone === -1) gone = group.members.length;
    group.members = group.members.slice(gone);
    group.expires = group.expires.slice(gone);
    if (group.members.length > 0) return gone;
    this.removeGroup(group);
    return gone + 1;
  }
}

function same(a: readonly XBundle[], b: readonly XBundle[]): boolean {
  return a.length === b.length && a.every((bundle, i) => bundle === b[i]);
}

function hash(vlan: number, a: number, b: number, c: number, d: number): number {
  let h = Math.imul(vlan ^ Math.imul(a, 31) ^ Math.imul(b, 37) ^ Math.imul(c, 41), 0x9e3779b1) ^ d;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h ^ (h >>> 13)) | 0;
}
