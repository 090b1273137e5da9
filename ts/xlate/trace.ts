import type { Action, NatSpec, Rule } from '../openflow/index.js';

/**
 * Told what a translation does, step by step, for `trace`. Translation does not depend on it. `depth` counts the rules that
 * are being worked on: 0 for the first.
 */
export interface Tracer {
  /** Table `table` was asked; `rule` is what matched, null for a miss. */
  lookup(table: number, rule: Rule | null, depth: number): void;
  /** An action of the current rule is about to be done. */
  action(action: Action, depth: number): void;
  /** Something worth knowing about the packet: why it is dropped, flooded, not forwarded. */
  note(text: string): void;
  /**
   * The packet is sent to the connection tracker and comes back under recirculation id `id`: `flow` is the packet then (to be copied),
   * apart from what the tracker finds and from address translation. A trace goes on from there (OVS: compose_recirculate_and_fork).
   */
  fork(id: number, flow: Int32Array, zone: number, nat: NatSpec | null): void;
}
