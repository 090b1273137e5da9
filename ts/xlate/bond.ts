import { F_DP_HASH, F_ETH_SRC, F_VLAN1_TCI, F_VLAN_TCI } from '../fields/index.js';
import type { Rule } from '../openflow/index.js';
import { bondRule } from './bond-rules.js';
import { hashAdd, hashFinish } from './hash.js';
import { hashFields, markHashFields } from './multipath.js';
import { VLAN_CFI, VLAN_VID_MASK } from './protocols.js';
import type { BondEffect, XBond, XPort } from './types.js';

/** Hash entries of a bond; each belongs to one member (OVS: BOND_BUCKETS). */
export const BOND_ENTRIES = 256;
const ENTRY_MASK = BOND_ENTRIES - 1;
const GROUP_BIT = 0x100;
const NEVER = Number.POSITIVE_INFINITY;
const REBALANCE_MS = 10_000;

/** Whether the members' partner speaks LACP: it was not asked to; it was but does not (yet); it does. */
export type LacpStatus = 'off' | 'configured' | 'negotiated';

export interface BondOptions {
  readonly mode: XBond['mode'];
  /** Basis of all hashes (Port other_config:bond-hash-basis). Default 0. */
  readonly hashBasis?: number;
  /** Default off. */
  readonly lacp?: LacpStatus;
  /** Without LACP's success behave as active-backup (Port other_config:lacp-fallback-ab). Default false. */
  readonly lacpFallback?: boolean;
  /** Name of the member that is active whenever it is up (Port other_config:bond-primary); null for none. */
  readonly primary?: string | null;
  /** Milliseconds that a link must be up, or down, until it counts (Port bond_updelay, bond_downdelay). Default 0. */
  readonly upDelayMs?: number;
  readonly downDelayMs?: number;
  /** Milliseconds between two rebalancings (Port other_config:bond-rebalance-interval), 0 for never. Default 10,000. */
  readonly rebalanceMs?: number;
}

/** One member of a bond. */
export interface BondMember {
  readonly port: XPort;
  /** Carries packets. */
  readonly enabled: boolean;
}

interface Member extends BondMember {
  port: XPort;
  enabled: boolean;
  /** When the link's change is to count; infinite while nothing is due. */
  due: number;
}

/**
 * A bond (OVS: bond.c). It has no clock and watches no link: the owner calls `linkChanged` and `advance`, and `account` for the effects
 * of translations. Each hash entry always belongs to an enabled member while there is one: entries go to the enabled members in turn, those
 * of a member that goes down likewise, and come back only by rebalancing. OVS deals them out at random or by the order of traffic; ours come out
 * the same in every process, so that a restart moves no connection.
 */
export class Bond implements XBond {
  mode: XBond['mode'];
  hashBasis: number;
  /** Bytes sent by each entry since the last rebalancing, and half of what was before, and so on. */
  readonly entryBytes = new Float64Array(BOND_ENTRIES);
  /** Grows by one whenever packets may go other ways. */
  generation = 0;
  private lacp: LacpStatus;
  private options: BondOptions;
  private members: Member[] = [];
  private active: Member | null = null;
  private readonly entries = new Array<Member | null>(BOND_ENTRIES).fill(null);
  /** Entries that nobody has asked for since they got their first member: those may be dealt out anew. */
  private readonly fresh = new Uint8Array(BOND_ENTRIES);
  /** Rule of each entry, made when it is first asked for, and the bytes of it that are in `entryBytes`. */
  private readonly rules = new Array<Rule | null>(BOND_ENTRIES).fill(null);
  private readonly ruleBytes = new Float64Array(BOND_ENTRIES);
  /** Scratch of hash functions. */
  private readonly words = new Int32Array(9);
  private now = 0;
  /** When entries are to be rebalanced next; 0 before the time is known. */
  private nextRebalance = 0;

  /** Another member became active, and nobody was told yet. */
  private announce = false;

  /** `ports` in order of name; `isUp`: whether a port's link is up now, which counts at once. */
  constructor(options: BondOptions, ports: readonly XPort[], isUp: (port: XPort) => boolean = () => true) {
    this.options = options;
    this.mode = options.mode;
    this.hashBasis = options.hashBasis ?? 0;
    this.lacp = options.lacp ?? 'off';
    this.members = ports.map((port) => ({ port, enabled: isUp(port), due: NEVER }));
    this.settle();
  }

  /**
   * Takes over other settings and members, as the constructor (OVS: bond_reconfigure). Members that stay keep their state, the active one stays
   * active, entries stay with their members; those of members that go are dealt out anew. A partner of LACP that was found stays found.
   */
  reconfigure(options: BondOptions, ports: readonly XPort[], isUp: (port: XPort) => boolean): void {
    const before = this.members;
    this.options = options;
    this.mode = options.mode;
    this.hashBasis = options.hashBasis ?? 0;
    const lacp = options.lacp ?? 'off';
    if (lacp === 'off' || this.lacp === 'off') this.lacp = lacp;
    this.members = ports.map(
      (port) => before.find((member) => member.port === port) ?? { port, enabled: isUp(port), due: NEVER },
    );
    for (const member of before) if (!this.members.includes(member)) member.enabled = false;
    this.settle();
  }

  /** The members, for display and for rebalancing. */
  get memberList(): readonly BondMember[] {
    return this.members;
  }

  /** The member that carries everything, or what has no one receiver; null when none is enabled. */
  get activePort(): XPort | null {
    return this.active?.port ?? null;
  }

  /** Member that a hash entry belongs to, or null. */
  entryPort(entry: number): XPort | null {
    return this.entries[entry]?.port ?? null;
  }

  /** Gives an entry to another member; what rebalancing does. */
  moveEntry(entry: number, port: XPort): void {
    const member = this.members.find((other) => other.port === port);
    if (member === undefined || this.entries[entry] === member) return;
    this.setEntry(entry, member);
    this.generation++;
  }

  private setEntry(entry: number, member: Member | null): void {
    this.fresh[entry] = this.entries[entry] === null ? 1 : 0;
    this.entries[entry] = member;
    this.accountRule(entry);
    this.rules[entry] = null;
    this.ruleBytes[entry] = 0;
  }

  private accountRule(entry: number): void {
    const rule = this.rules[entry];
    if (rule === null) return;
    this.entryBytes[entry] += rule.bytes - this.ruleBytes[entry];
    this.ruleBytes[entry] = rule.bytes;
  }

  /**
   * Whether another member became the active one since this was asked last: switches beyond must then learn by which member the addresses behind this
   * one are reached now (OVS: bond_should_send_learning_packets).
   */
  takeAnnouncement(): boolean {
    const due = this.announce;
    this.announce = false;
    return due;
  }

  /** Adds what rules of the internal table forwarded to the load of their entries; rebalancing does it first. */
  accountRules(): void {
    for (let entry = 0; entry < BOND_ENTRIES; entry++) this.accountRule(entry);
  }

  /** The partner began or stopped to speak LACP. */
  set lacpStatus(status: LacpStatus) {
    if (status === this.lacp) return;
    this.lacp = status;
    this.generation++;
  }

  /** The link of a member came up or went down. Counts after bond_updelay or bond_downdelay; with LACP at once when it comes up. */
  linkChanged(port: XPort, up: boolean): void {
    const member = this.members.find((other) => other.port === port);
    if (member === undefined) return;
    if (up === member.enabled) {
      member.due = NEVER;
      return;
    }
    if (member.due !== NEVER) return;
    const upDelay = this.lacp === 'off' ? (this.options.upDelayMs ?? 0) : 0;
    member.due = this.now + (up ? upDelay : (this.options.downDelayMs ?? 0));
    this.advance(this.now);
  }

  /** Sets the time (milliseconds, any origin, never backwards) and lets changes of links count that are due by then. */
  advance(nowMs: number): void {
    this.now = Math.max(nowMs, this.now);
    let changed = false;
    for (const member of this.members) {
      if (this.now < member.due) continue;
      member.enabled = !member.enabled;
      member.due = NEVER;
      changed = true;
    }
    if (changed || this.mayEndWaiting()) this.settle();
  }

  /** Whether it is time for `rebalance`; true once in each interval, and never where entries do not count. */
  rebalanceDue(): boolean {
    const interval = this.options.rebalanceMs ?? REBALANCE_MS;
    if (interval === 0 || this.mode === 'active-backup' || this.now < this.nextRebalance) return false;
    const first = this.nextRebalance === 0;
    this.nextRebalance = this.now + interval;
    return !first;
  }

  /** With no member enabled, one that waits for its updelay need not wait any longer: the one that would come first. */
  private mayEndWaiting(): boolean {
    if (this.members.some((member) => member.enabled)) return false;
    let first: Member | null = null;
    for (const member of this.members) {
      if (member.due !== NEVER && (first === null || member.due < first.due)) first = member;
    }
    if (first === null) return false;
    first.enabled = true;
    first.due = NEVER;
    return true;
  }

  /** Chooses the active member and deals out the entries that belong to no enabled member. */
  private settle(): void {
    this.mayEndWaiting();
    const enabled = this.members.filter((member) => member.enabled);
    const before = this.active;
    // OVS takes the first of a hash table: most often the one that was added last.
    const primary = enabled.find((member) => member.port.name === this.options.primary);
    if (primary !== undefined) this.active = primary;
    else if (this.active === null || !this.active.enabled) this.active = enabled.at(-1) ?? null;
    if (this.active !== before && this.active !== null) this.announce = true;
    for (let i = 0; i < BOND_ENTRIES; i++) {
      const member = enabled.length === 0 ? null : enabled[i % enabled.length];
      const old = this.entries[i];
      if (old?.enabled !== true) this.setEntry(i, member);
      // Members that come up one after the other, as LACP has it, share what nobody has used.
      else if (this.fresh[i] === 1 && old !== member) this.entries[i] = member;
    }
    this.generation++;
  }

  /** How the bond behaves now; null: it sends nothing (OVS: choose_output_member). */
  private balance(): XBond['mode'] | null {
    if (this.lacp === 'configured') return this.options.lacpFallback === true ? 'active-backup' : null;
    return this.mode === 'balance-tcp' && this.lacp !== 'negotiated' ? null : this.mode;
  }

  /** Not of a bond that falls back to active-backup: ovs-vswitchd 3.1 outputs to its active member then. */
  get hashedByDatapath(): boolean {
    return this.balance() === 'balance-tcp';
  }

  chooseOutput(flow: Int32Array, mask: Int32Array | null, vlan: number): XPort | null {
    const balance = this.balance();
    if (balance === null) return null;
    if (balance === 'active-backup') return this.activePort;
    if (mask !== null) this.mark(flow, mask);
    const entry = this.hash(flow, vlan);
    this.fresh[entry] = 0;
    return this.entryPort(entry);
  }

  entryOf(flow: Int32Array, vlan: number): number {
    const balance = this.balance();
    return balance === null || balance === 'active-backup' ? -1 : this.hash(flow, vlan);
  }

  /** The rule for packets with this dp_hash, of which only the bits are looked at that tell the entry. */
  lookup(flow: Int32Array, base: number, wildcards: Int32Array, wildcardsBase: number): Rule | null {
    wildcards[wildcardsBase + F_DP_HASH] |= ENTRY_MASK;
    const entry = flow[base + F_DP_HASH] & ENTRY_MASK;
    const member = this.entries[entry];
    if (member === null) return null;
    this.fresh[entry] = 0;
    this.rules[entry] ??= bondRule(entry, BOND_ENTRIES, member.port);
    return this.rules[entry];
  }

  private mark(flow: Int32Array, mask: Int32Array): void {
    if (this.mode === 'balance-slb') {
      markHashFields(flow, 'eth_src', mask);
      return;
    }
    markHashFields(flow, 'symmetric_l3l4+udp', mask);
    // The hash has an inner VLAN too; addresses and outer VLAN are in the mask of NORMAL.
    if (flow[F_VLAN1_TCI] !== 0) mask[F_VLAN1_TCI] |= VLAN_VID_MASK | VLAN_CFI;
  }

  private hash(flow: Int32Array, vlan: number): number {
    if (this.mode === 'balance-slb') {
      const low = hashAdd(this.hashBasis, flow[F_ETH_SRC + 1]);
      return hashFinish(hashAdd(low, (vlan << 16) | flow[F_ETH_SRC]), 8) & ENTRY_MASK;
    }
    const tci = flow[F_VLAN_TCI];
    flow[F_VLAN_TCI] = vlan;
    const hash = hashFields(flow, 'symmetric_l4', this.hashBasis, this.words);
    flow[F_VLAN_TCI] = tci;
    return hash & ENTRY_MASK;
  }

  admits(port: XPort, ethDstHigh: number): 'accept' | 'drop' | 'drop_if_moved' {
    const member = this.members.find((other) => other.port === port);
    if (member === undefined) return 'drop';
    const fallback = this.options.lacpFallback === true;
    if (this.lacp === 'negotiated') return member.enabled ? 'accept' : 'drop';
    if (this.lacp === 'configured' && !fallback) return 'drop';
    if (this.lacp === 'off' && this.mode === 'balance-tcp') return 'drop';
    if ((ethDstHigh & GROUP_BIT) !== 0 && member !== this.active) return 'drop';
    // What went out by one member may come back by another, from a switch that knows nothing of the bond.
    if (this.mode === 'balance-slb') return 'drop_if_moved';
    return member === this.active ? 'accept' : 'drop';
  }

  /** Applies a bond effect: adds to the load of its entry. */
  account(effect: BondEffect, bytes: number): void {
    this.entryBytes[effect.entry] += bytes;
  }

  /** Milliseconds until `advance` has something to do, or null. */
  nextChangeMs(): number | null {
    const due = Math.min(...this.members.map((member) => member.due));
    return due === NEVER ? null : Math.max(0, due - this.now);
  }
}
