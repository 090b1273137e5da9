import type { Bridge, BridgePort } from '../bridge/index.js';
import type { UkeyTable } from '../ukey/index.js';
import { native } from '../native/index.js';
import type { Rule } from '../openflow/index.js';
import {
  type Bond,
  type CreditSink,
  type Effect,
  type FlowRecords,
  type FlowStatsSink,
  rebalance,
  type Translation,
  type XBridge,
} from '../xlate/index.js';
import type { BridgeTables } from './bridge-tables.js';

/**
 * Applies what translations report: credits rules, buckets and mirrors with packets, and lets bridges learn. What packets it is about is set
 * first, by `of`. Effects on bridges that are gone do nothing. Changes of what is learned are told by the bridges' watcher.
 */
export class EffectApplier implements CreditSink {
  readonly #tables: ReadonlyMap<XBridge, BridgeTables>;
  #packets = 0;
  #bytes = 0;
  #tcpFlags = 0;
  #now = 0;
  #used = 0;
  /** Follows the flows of bridges with NetFlow; null for nobody. */
  flowStats: FlowStatsSink | null = null;

  constructor(tables: ReadonlyMap<XBridge, BridgeTables>) {
    this.#tables = tables;
  }

  /**
   * The next effects are of `packets` packets with `bytes` bytes, the last of which came at `used` (monotonic milliseconds); `tcpFlags` are their
   * flags of TCP, ORed.
   */
  readonly of = (packets: number, bytes: number, tcpFlags: number, used: number): this => {
    this.#packets = packets;
    this.#bytes = bytes;
    this.#tcpFlags = tcpFlags;
    this.#now = native().monotonicMs();
    this.#used = used;
    return this;
  };

  /** Applies all that a translation reports, for such packets. */
  readonly apply = (
    translation: Translation,
    packets: number,
    bytes: number,
    tcpFlags: number,
    used: number,
  ): void => {
    this.of(packets, bytes, tcpFlags, used);
    for (let i = 0; i < translation.ruleCount; i++) this.rule(translation.rules[i]);
    for (let i = 0; i < translation.effectCount; i++) this.effect(translation.effects[i]);
  };

  rule(rule: Rule): void {
    let heir = rule;
    while (heir.heir !== undefined) heir = heir.heir;
    heir.packets += this.#packets;
    heir.bytes += this.#bytes;
    if (this.#packets === 0) return;
    heir.used = Math.max(heir.used ?? 0, this.#used);
    if (heir.counter !== undefined) heir.counter.matched += this.#packets;
  }

  /** A flow left the datapath. */
  readonly ended = (ukeys: UkeyTable, ukey: number, records: FlowRecords): void => {
    if (this.flowStats !== null) records.end(ukeys, ukey, this.flowStats);
  };

  effect(effect: Effect): void {
    switch (effect.type) {
      case 'bond':
        (effect.bond as Bond).account(effect, this.#bytes);
        break;
      case 'mirror':
        for (const one of this.#tables.values()) {
          if (one.bridge.mirrors.includes(effect.mirror))
            one.mirrorCounters.credit(effect.mirror.name, this.#packets, this.#bytes);
        }
        break;
      case 'learn': {
        const bridge = this.#tables.get(effect.bridge)?.bridge;
        bridge?.fdb.advance(this.#now);
        bridge?.fdb.apply(effect);
        break;
      }
      case 'mcast': {
        const mcast = this.#tables.get(effect.bridge)?.bridge.mcast;
        mcast?.advance(this.#now);
        mcast?.apply(effect);
        break;
      }
      case 'state':
        effect.table.apply(effect);
        break;
      case 'lacp':
        (effect.port as BridgePort).bundle.lacp?.receive(effect.port, effect.frame);
        break;
      case 'bucket':
        this.#tables.get(effect.bridge)?.countBucket(effect, this.#packets, this.#bytes);
        break;
      case 'learn_flow':
        this.#tables.get(effect.bridge)?.learn(effect, this.#now);
        break;
      case 'fin_timeout':
        this.#tables.get(effect.bridge)?.finTimeout(effect, this.#tcpFlags, this.#now);
        break;
      case 'port':
        (effect.port as BridgePort).count(effect.received, this.#packets, this.#bytes);
        break;
      case 'table':
        this.#tables.get(effect.bridge)?.countTable(effect, this.#packets);
        break;
      case 'netflow':
        if (this.#packets > 0)
          this.flowStats?.counted(effect, this.#packets, this.#bytes, this.#tcpFlags, this.#used);
        break;
    }
  }
}

/** Lets time pass for what a bridge learned and for its bonds. True when bonds changed, and with them what any packet may meet. */
export function advanceBridge(bridge: Bridge, now: number): boolean {
  bridge.fdb.advance(now);
  bridge.mcast?.advance(now);
  for (const policy of bridge.policies?.values() ?? []) policy.advance();
  let changed = false;
  for (const bundle of bridge.bundles) {
    const { bond } = bundle;
    const generation = bond?.generation;
    bundle.advance(now);
    if (bond === null) continue;
    if (bond.rebalanceDue()) rebalance(bond);
    if (bond.generation !== generation) changed = true;
  }
  return changed;
}
