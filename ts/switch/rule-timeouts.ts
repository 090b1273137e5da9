import type { Rule } from '../openflow/index.js';

/** What is known of the age of one rule with a timeout. Milliseconds. */
interface Age {
  readonly created: number;
  /** When its packet count was last seen to grow. */
  used: number;
  /** Packet count then. */
  packets: number;
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
    this.#ages.set(rule, { created: now, used: now, packets: rule.packets });
  }

  forget(rule: Rule): void {
    this.#ages.delete(rule);
  }

  /** The rules that are due at `now`; they are watched no longer. */
  expired(now: number): Rule[] {
    const due: Rule[] = [];
    for (const [rule, age] of this.#ages) {
      if (rule.packets !== age.packets) {
        age.packets = rule.packets;
        age.used = now;
      }
      const hard = rule.hardTimeout > 0 && now - age.created >= rule.hardTimeout * 1000;
      const idle = rule.idleTimeout > 0 && now - age.used >= rule.idleTimeout * 1000;
      if (hard || idle) due.push(rule);
    }
    for (const rule of due) this.#ages.delete(rule);
    return due;
  }
}
