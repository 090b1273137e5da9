import type { Action, NatSpec, Rule } from '../openflow/index.js';
import type { FrozenState, XBridge, XBucket } from './types.js';

/** How OVS marks what it says: `->` detail, `>>` warn, `>>>> <<<<` error; plain looks like an action. */
export type NoteLevel = 'detail' | 'warn' | 'error' | 'plain';

/**
 * Told what a translation does, step by step, for `trace`. Translation does not depend on it. What is told between one of
 * `bridge`, `table`, `bucket`, `actionSet` and the `leave` that belongs to it happens inside.
 */
export interface Tracer {
  /** The packet enters a bridge: the first, or one behind a patch port. */
  bridge(bridge: XBridge): void;
  /** The packet goes on from a frozen state. */
  thaw(state: FrozenState): void;
  /** Table `table` was asked; `rule` is what matched, null for a miss, or one of miss.ts. */
  table(table: number, rule: Rule | null): void;
  /** A bucket of a group. */
  bucket(bucket: XBucket): void;
  /** The action set is carried out. */
  actionSet(): void;
  /** The innermost of those that were entered is left. */
  leave(): void;
  /** An action of the innermost list is about to be done. */
  action(action: Action): void;
  /** The address translation of a ct action that is about to be done. */
  nat(nat: NatSpec): void;
  /** An action list without actions was done. */
  drop(): void;
  /** Something worth knowing about the packet: why it is dropped, flooded, not forwarded. */
  note(text: string, level: NoteLevel): void;
  /**
   * The packet is sent to the connection tracker and comes back under recirculation id `id`: `flow` is the packet then (to be copied),
   * apart from what the tracker finds and from address translation; it goes on in `table`. A trace goes on from there (OVS:
   * compose_recirculate_and_fork).
   */
  fork(id: number, table: number, flow: Int32Array, zone: number, nat: NatSpec | null): void;
}
