import type { Rule } from '../openflow/index.js';

/** What is known of the age of one rule with a timeout. Milliseconds, but for the timeouts. */
interface Age {
  /** When it was added, or a learn action added it again: what the hard timeout counts from. */
  modified: number;
  /** When its packet count was last seen to grow. */
  used: number;
  /** Packet count then. */
  packets: number;
  /** Seconds, 0 for never; the rule's own until fin_timeout lowers them. */
  idle: number;
  hard: number;
}

/** The lower of two timeouts, of which 0 is none. */
function lower(own: number, other: number): number {
  if (own === 0 || other === 0) return own === 0 ? other : own;
  return Math.min(own, other);
}

/** A rule whose time is up, and which of its timeouts says so. */
export interface ExpiredRule {
  readonly rule: Rule;
  readonly reason: 'idle_timeout' | 'hard_timeout';
}

/**
 * Finds rules whose idle or hard timeout has passed. Use is seen in the packet count, which revalidation brings up to date,
 * so an idle timeout is right to within one revalidation round, as in OVS.
 */
export class RuleTimeouts {
  readonly #ages = new Map<Rule, Age>();

  /** Begins to watch a rule if it has a timeout. */
  watch(rule: Rule, now: number): void {
    if (rule.idleTimeout === 0 && rule.hardTimeout === 0) return;
    this.#ages.set(rule, age(rule, now));
  }

  forget(rule: Rule): void {
    this.#ages.delete(rule);
  }

  /** A learn action wants the rule as it is: its hard timeout begins anew. */
  renew(rule: Rule, now: number): void {
    const known = this.#ages.get(rule);
    if (known !== undefined) known.modified = now;
  }

  /** Lowers the timeouts of a rule to these seconds, 0 for as they are (fin_timeout). */
  lower(rule: Rule, idle: number, hard: number, now: number): void {
    if (idle === 0 && hard === 0) return;
    const known = this.#ages.get(rule) ?? age(rule, now);
    known.idle = lower(known.idle, idle);
    known.hard = lower(known.hard, hard);
    this.#ages.set(rule, known);
  }

  /** When a rule will time out if no packet comes, in monotonic milliseconds; null for never. */
  expiryOf(rule: Rule): number | null {
    const known = this.#ages.get(rule);
    if (known === undefined) return null;
    const hard = known.hard > 0 ? known.modified + known.hard * 1000 : Number.POSITIVE_INFINITY;
    const idle = known.idle > 0 ? known.used + known.idle * 1000 : Number.POSITIVE_INFINITY;
    return Math.min(hard, idle);
  }

  /** The rules that are due at `now`; they are watched no longer. */
  expired(now: number): ExpiredRule[] {
    const due: ExpiredRule[] = [];
    for (const [rule, known] of this.#ages) {
      if (rule.packets !== known.packets) {
        known.packets = rule.packets;
        known.used = now;
      }
      const hard = known.hard > 0 && now - known.modified >= known.hard * 1000;
      const idle = known.idle > 0 && now - known.used >= known.idle * 1000;
      if (hard || idle) due.push({ rule, reason: hard ? 'hard_timeout' : 'idle_timeout' });
    }
    for (const { rule } of due) this.#ages.delete(rule);
    return due;
  }
}

function age(rule: Rule, now: number): Age {
  return { modified: now, used: now, packets: rule.packets, idle: rule.idleTimeout, hard: rule.hardTimeout };
}
