import type { Bridge } from '../bridge/index.js';
import { type Bond, type Effect, rebalance, type XBridge } from '../xlate/index.js';
import type { BridgeTables } from './bridge-tables.js';

/** What packets an effect is of, and when. */
export interface Applied {
  /** Monotonic milliseconds. */
  readonly now: number;
  readonly packets: number;
  readonly bytes: number;
  /** Flags of TCP in them, ORed. */
  readonly tcpFlags: number;
}

/** Applies one effect of a translation. True when other packets may be translated otherwise now. Effects on bridges that are gone do nothing. */
export function applyEffect(
  tables: ReadonlyMap<XBridge, BridgeTables>,
  effect: Effect,
  { now, packets, bytes, tcpFlags }: Applied,
): boolean {
  switch (effect.type) {
    case 'bond':
      (effect.bond as Bond).account(effect, bytes);
      return false;
    case 'mirror':
      for (const one of tables.values()) {
        if (one.bridge.mirrors.includes(effect.mirror))
          one.mirrorCounters.credit(effect.mirror.name, packets, bytes);
      }
      return false;
    case 'learn': {
      const bridge = tables.get(effect.bridge)?.bridge;
      if (bridge === undefined) return false;
      bridge.fdb.advance(now);
      return bridge.fdb.apply(effect);
    }
    case 'mcast': {
      const bridge = tables.get(effect.bridge)?.bridge;
      if (!bridge?.mcast) return false;
      bridge.mcast.advance(now);
      return bridge.mcast.apply(effect);
    }
    case 'bucket':
      tables.get(effect.bridge)?.bucketCounters.credit(effect.bucket, packets, bytes);
      return false;
    case 'learn_flow':
      return tables.get(effect.bridge)?.learn(effect, now) ?? false;
    case 'fin_timeout':
      tables.get(effect.bridge)?.finTimeout(effect, tcpFlags, now);
      return false;
  }
}

/** Lets time pass for what a bridge learned and for its bonds. True when packets may be translated otherwise now. */
export function advanceBridge(bridge: Bridge, now: number): boolean {
  const before = generation(bridge);
  bridge.fdb.advance(now);
  bridge.mcast?.advance(now);
  for (const { bond } of bridge.bundles) {
    bond?.advance(now);
    if (bond?.rebalanceDue()) rebalance(bond);
  }
  return generation(bridge) !== before;
}

/** Grows with each change of what was learned and of bonds. */
function generation(bridge: Bridge): number {
  let sum = bridge.fdb.generation + (bridge.mcast?.generation ?? 0);
  for (const { bond } of bridge.bundles) sum += bond?.generation ?? 0;
  return sum;
}
