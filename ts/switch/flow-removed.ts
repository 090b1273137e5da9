import type { Bridge } from '../bridge/index.js';
import {
  FLOW_SEND_REMOVED,
  type FlowRemovedReason,
  formatFlowRemoved,
  formatRuleMatch,
  type Rule,
} from '../openflow/index.js';
import { hex64 } from './packet-in.js';

/** A rule with send_flow_rem that went (OpenFlow's flow-removed message). */
export interface FlowRemoved {
  readonly bridge: string;
  /** OFPRR_* in lower case. */
  readonly reason: FlowRemovedReason;
  readonly table: number;
  readonly priority: number;
  /** As 16 hexadecimal digits. */
  readonly cookie: string;
  /** What it matched, as ovs-ofctl writes it, with its priority when that is not 32768. */
  readonly match: string;
  /** Seconds, 0 for never. */
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  /** Milliseconds from when it was added until it went. */
  readonly durationMs: number;
  /** All that were credited to it, those too that flows of the datapath had counted for it when it went. */
  readonly packets: number;
  readonly bytes: number;
  /** As `ovs-ofctl monitor` prints it. */
  readonly text: string;
}

/** A rule that went, whose last packets may still be counted somewhere. */
interface Waiting {
  readonly bridge: Bridge;
  readonly rule: Rule;
  readonly reason: FlowRemovedReason;
  readonly durationMs: number;
  /** Snapshot generation that knows that it went. */
  readonly generation: number;
}

/** Rules that may wait for their last packets; with more, the first are told with what is known of them. */
const MAX_WAITING = 65_536;

/**
 * Tells of rules that went, once a revalidation round that knew it is through: by then all that flows of the datapath had counted for them has
 * been credited. Rules of a bridge that goes are not told of, as in OVS.
 */
export class FlowRemovals {
  readonly #generation: () => number;
  readonly #callbacks = new Set<(removed: FlowRemoved) => void>();
  #waiting: Waiting[] = [];

  /** `generation`: that of the snapshot of now. */
  constructor(generation: () => number) {
    this.#generation = generation;
  }

  /** Tells `callback` of rules that go from now on, until the returned function is called. */
  follow(callback: (removed: FlowRemoved) => void): () => void {
    const own = (removed: FlowRemoved): void => callback(removed);
    this.#callbacks.add(own);
    return () => {
      this.#callbacks.delete(own);
      if (this.#callbacks.size === 0) this.#waiting = [];
    };
  }

  /** A rule has been taken out of its table. */
  note(bridge: Bridge, rule: Rule, reason: FlowRemovedReason, now: number): void {
    if (this.#callbacks.size === 0 || ((rule.flags ?? 0) & FLOW_SEND_REMOVED) === 0) return;
    const durationMs = now - (rule.created ?? now);
    this.#waiting.push({ bridge, rule, reason, durationMs, generation: this.#generation() });
    if (this.#waiting.length > MAX_WAITING) this.#tell(this.#waiting.splice(0, MAX_WAITING / 2));
  }

  /** All flows are right for `generation`, and what they counted has been credited. */
  settled(generation: number): void {
    if (this.#waiting.length === 0) return;
    const due = this.#waiting.filter((waiting) => waiting.generation <= generation);
    this.#waiting = this.#waiting.filter((waiting) => waiting.generation > generation);
    this.#tell(due);
  }

  #tell(due: readonly Waiting[]): void {
    for (const waiting of due) {
      const removed = describe(waiting);
      for (const callback of this.#callbacks) callback(removed);
    }
  }
}

function describe({ bridge, rule, reason, durationMs }: Waiting): FlowRemoved {
  return {
    bridge: bridge.name,
    reason,
    table: rule.table,
    priority: rule.priority,
    cookie: hex64(rule.cookieHigh, rule.cookieLow),
    match: formatRuleMatch(rule, bridge.tlvMap),
    idleTimeout: rule.idleTimeout,
    hardTimeout: rule.hardTimeout,
    durationMs,
    packets: rule.packets,
    bytes: rule.bytes,
    text: formatFlowRemoved(rule, reason, durationMs, bridge.tlvMap),
  };
}
