import type { Bridge } from '../bridge/index.js';
import { ALL_TABLES } from '../classifier/index.js';
import type { DatapathMeters } from '../datapath/index.js';
import { native } from '../native/index.js';
import {
  emptyMatch,
  type FlowChange,
  type FlowMod,
  FlowModder,
  type FlowRemovedReason,
  type FlowSpec,
  type GroupMod,
  GroupTable,
  type MeterMod,
  MeterTable,
  type Rule,
  usesMeter,
} from '../openflow/index.js';
import {
  type BucketEffect,
  checkDatapathCanDo,
  type DatapathSupport,
  type FinTimeoutEffect,
  finTimeouts,
  groupTag,
  type LearnFlowEffect,
  makeGroup,
  type TableEffect,
  type XBucket,
  type XMirror,
} from '../xlate/index.js';
import { type Counter, CounterMap } from './counter.js';
import type { FlowRemovals } from './flow-removed.js';
import { RuleTimeouts } from './rule-timeouts.js';

/** What `ovs-ofctl meter-stats` shows of a meter. */
export interface MeterStatistics extends Counter {
  readonly meterId: number;
  /** Flows that use it. */
  readonly flows: number;
  /** Packets and bytes that came to it. */
  readonly packets: number;
  readonly bytes: number;
  /** Milliseconds since it was made or changed. */
  readonly durationMs: number;
  /** Packets and bytes that each band dropped. */
  readonly bands: readonly Readonly<Counter>[];
}

/** The OpenFlow side of one bridge: changes of its flows, groups and meters, timeouts, and what counts their packets. */
export class BridgeTables {
  readonly bridge: Bridge;
  readonly groups = new GroupTable();
  readonly meters: MeterTable;
  readonly timeouts = new RuleTimeouts();
  readonly bucketCounters = new CounterMap<XBucket>();
  /** By name: a change of the configuration makes new mirrors. */
  readonly mirrorCounters = new CounterMap<XMirror['name']>();
  /** Is told of rules that went, but for those that another took the place of; null for nobody. */
  removals: Pick<FlowRemovals, 'note'> | null = null;
  readonly #modder: FlowModder;
  readonly #support: DatapathSupport;
  readonly #datapathMeters: DatapathMeters | null;
  /** When each meter was made or changed last, monotonic milliseconds. */
  readonly #meterAges = new Map<number, number>();

  constructor(bridge: Bridge, support: DatapathSupport, datapathMeters: DatapathMeters | null) {
    this.bridge = bridge;
    this.#support = support;
    this.#datapathMeters = datapathMeters;
    bridge.flowTables.expiry = (rule) => this.timeouts.expiryOf(rule);
    bridge.flowTables.onEvicted = (rule) => this.#removed([rule], 'eviction', native().monotonicMs());
    // Without meters in the datapath their rules let everything pass, as if there were none.
    this.meters = new MeterTable(datapathMeters?.features);
    this.#modder = new FlowModder(bridge.flowTables, this.groups, this.meters);
  }

  /** Adds, modifies or deletes flows. Throws TableError, and then nothing has changed. */
  changeFlows(mod: FlowMod, now: number): FlowChange {
    if (!isDeletion(mod)) checkDatapathCanDo(mod, this.#support);
    const change = this.#modder.apply(mod);
    this.#note(mod, change, now);
    return change;
  }

  /** As changeFlows, but in steps of one flow, between which others may have their turn. `clock` tells monotonic milliseconds. */
  *changeFlowsInSteps(mod: FlowMod, clock: () => number): Iterable<void> {
    if (!isDeletion(mod)) checkDatapathCanDo(mod, this.#support);
    for (const change of this.#modder.steps(mod)) {
      this.#note(mod, change, clock());
      yield;
    }
  }

  #note(mod: FlowMod, change: FlowChange, now: number): void {
    if (isDeletion(mod)) this.#removed(change.removed, 'delete', now);
    else this.#watch(change, now);
  }

  /**
   * Adds a flow; one with the same match and priority is replaced. False when check_overlap refuses it. Throws TableError when the datapath
   * cannot do it.
   */
  addFlow(flow: FlowSpec, now: number): boolean {
    checkDatapathCanDo(flow, this.#support);
    const result = this.bridge.flowTables.add(flow);
    if (result.outcome === 'overlap') return false;
    this.#watch({ added: [result.rule], removed: result.outcome === 'replaced' ? [result.old] : [] }, now);
    return true;
  }

  /** Changes groups; flows that send packets to a group that is gone go, too. Throws TableError. */
  changeGroups(mod: GroupMod, now: number): void {
    const gone = this.groups.apply(mod);
    for (const id of gone) {
      this.#removed(this.#modder.deleteByGroup(id, emptyMatch()), 'group_delete', now);
      this.#forgetBuckets(id);
      this.bridge.groups.delete(id);
      this.bridge.watcher?.tag(groupTag(this.bridge, id));
    }
    const spec = this.groups.get(mod.group.groupId);
    if (spec === undefined) return;
    // A group that is changed counts anew, as in OVS.
    this.#forgetBuckets(spec.groupId);
    this.bridge.groups.set(spec.groupId, makeGroup(spec, this.#support));
    this.bridge.watcher?.tag(groupTag(this.bridge, spec.groupId));
  }

  /** A packet went through a bucket; those of groups that were changed or deleted since do not count any more. */
  countBucket({ group, bucket }: BucketEffect, packets: number, bytes: number): void {
    if (this.bridge.groups.get(group.id) === group) this.bucketCounters.credit(bucket, packets, bytes);
  }

  #forgetBuckets(groupId: number): void {
    for (const bucket of this.bridge.groups.get(groupId)?.buckets ?? []) this.bucketCounters.delete(bucket);
  }

  /** Changes meters, in the datapath too; flows that use a meter that is gone go. Throws TableError, NetlinkError. */
  changeMeters(mod: MeterMod, now: number): void {
    const { bridge } = this;
    const before = mod.command === 'delete' ? undefined : this.meters.get(mod.meter.meterId);
    for (const id of this.meters.apply(mod)) {
      this.#removed(this.#modder.deleteByMeter(id, emptyMatch()), 'meter_delete', now);
      const number = bridge.meters.get(id);
      if (number !== undefined) this.#datapathMeters?.remove(number);
      bridge.meters.delete(id);
      this.#meterAges.delete(id);
    }
    if (mod.command === 'delete' || this.#datapathMeters === null) return;
    const number = bridge.meters.get(mod.meter.meterId);
    try {
      bridge.meters.set(mod.meter.meterId, this.#datapathMeters.set(mod.meter, number));
      this.#meterAges.set(mod.meter.meterId, now);
    } catch (error) {
      this.meters.apply(
        before === undefined
          ? { command: 'delete', meterId: mod.meter.meterId }
          : { command: 'modify', meter: before },
      );
      throw error;
    }
  }

  /** Statistics of a meter as OpenFlow has them; undefined when there is none. Throws NetlinkError. */
  meterStats(meterId: number, now: number): MeterStatistics | undefined {
    const meter = this.meters.get(meterId);
    if (meter === undefined) return undefined;
    const number = this.bridge.meters.get(meterId);
    const counted = number === undefined ? null : (this.#datapathMeters?.stats(number) ?? null);
    const rules = this.bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() });
    return {
      meterId,
      flows: rules.filter((rule) => usesMeter(rule.actions, meterId)).length,
      packets: counted?.packets ?? 0,
      bytes: counted?.bytes ?? 0,
      durationMs: now - (this.#meterAges.get(meterId) ?? now),
      bands: meter.bands.map((_, i) => counted?.bands[i] ?? { packets: 0, bytes: 0 }),
    };
  }

  /** Applies a learn action: adds the flow, or makes the one that there is last longer. */
  learn({ flow, limit }: LearnFlowEffect, now: number): void {
    const learned = this.bridge.flowTables.learn(flow, limit);
    switch (learned.outcome) {
      case 'full':
        break;
      case 'refreshed':
        learned.rule.modified = now;
        this.timeouts.renew(learned.rule, now);
        break;
      case 'replaced':
        this.timeouts.forget(learned.old);
        this.#begin(learned.rule, now);
        break;
      case 'added':
        this.#begin(learned.rule, now);
        break;
    }
  }

  /** Applies fin_timeout to packets whose TCP flags, ORed, are these. */
  finTimeout(effect: FinTimeoutEffect, tcpFlags: number, now: number): void {
    const lowered = finTimeouts(effect, tcpFlags);
    if (lowered !== null) this.timeouts.lower(effect.rule, lowered.idleTimeout, lowered.hardTimeout, now);
  }

  /** Packets were looked up in a table, and no rule of it was found. */
  countTable({ table, matched }: TableEffect, packets: number): void {
    const counter = this.bridge.flowTables.counter(table);
    if (matched) counter.matched += packets;
    else counter.missed += packets;
  }

  /** Removes what timed out. */
  expire(now: number): void {
    for (const { rule, reason } of this.timeouts.expired(now)) {
      rule.timedOut = reason === 'hard_timeout';
      if (this.bridge.flowTables.remove(rule)) this.#removed([rule], reason, now);
    }
  }

  /** The bridge goes: its meters leave the datapath. */
  close(): void {
    for (const number of this.bridge.meters.values()) this.#datapathMeters?.remove(number);
    this.bridge.meters.clear();
  }

  #watch(change: FlowChange, now: number): void {
    this.#forget(change.removed);
    for (const rule of change.added) this.#begin(rule, now);
  }

  /** A rule is new, or other than it was: from when its ages count. */
  #begin(rule: Rule, now: number): void {
    rule.created ??= now;
    rule.modified = now;
    rule.used ??= now;
    this.timeouts.watch(rule, now);
  }

  /** Rules have left their tables for good. */
  #removed(rules: readonly Rule[], reason: FlowRemovedReason, now: number): void {
    this.#forget(rules);
    for (const rule of rules) this.removals?.note(this.bridge, rule, reason, now);
  }

  #forget(rules: readonly Rule[]): void {
    for (const rule of rules) this.timeouts.forget(rule);
  }
}

const isDeletion = ({ command }: FlowMod) => command === 'delete' || command === 'delete_strict';
