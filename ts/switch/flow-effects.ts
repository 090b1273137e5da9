import { finTimeouts, type FinTimeoutEffect, type LearnFlowEffect } from '../xlate/index.js';
import type { Bridge } from './bridge.js';

/** Puts a learned flow into its table. Whether translations may come out differently now. `now`: monotonic milliseconds. */
export function applyLearnedFlow(effect: LearnFlowEffect, now: number): boolean {
  const { flowTables, timeouts } = effect.bridge as Bridge;
  const result = flowTables.learn(effect.flow, effect.limit);
  if (result.outcome === 'full') return false;
  if (result.outcome === 'replaced') timeouts.forget(result.old);
  timeouts.watch(result.rule, now);
  return result.outcome !== 'refreshed';
}

/**
 * Lowers the timeouts of a rule whose connection has ended: `tcpFlags` are those of the packets, ORed. The rule is another object
 * then, with the same counters. True when it is.
 */
export function applyFinTimeout(effect: FinTimeoutEffect, tcpFlags: number, now: number): boolean {
  const lowered = finTimeouts(effect, tcpFlags);
  if (lowered === null) return false;
  const { flowTables, timeouts } = effect.bridge as Bridge;
  const rule = flowTables.setTimeouts(effect.rule, lowered.idleTimeout, lowered.hardTimeout);
  if (rule === null) return false;
  timeouts.forget(effect.rule);
  timeouts.watch(rule, now);
  return true;
}
