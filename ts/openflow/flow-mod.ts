import type { Action, FlowMatch } from './types.js';

/** What is asked of a flow table (OpenFlow 1.5, 7.3.4.2: OFPFC_*). */
export type FlowCommand = 'add' | 'modify' | 'modify_strict' | 'delete' | 'delete_strict';

/** Table number that means: every table; for additions the first. */
export const TABLE_ALL = 255;

/** One change of the flow tables of a switch. 64-bit numbers as high and low word. */
export interface FlowMod {
  readonly command: FlowCommand;
  /** 0 to 254, or TABLE_ALL. */
  readonly table: number;
  /** Counts for additions and the strict commands. */
  readonly priority: number;
  readonly match: FlowMatch;
  /** Nothing for deletions. */
  readonly actions: readonly Action[];
  /** Cookie of added flows, and of modified ones if setsCookie. */
  readonly cookieHigh: number;
  readonly cookieLow: number;
  /** Modifications: the cookie changes too. Only OpenFlow 1.0 can say so. */
  readonly setsCookie: boolean;
  /** Only flows whose cookie has these bits; a mask of 0 takes all. */
  readonly cookieMatchHigh: number;
  readonly cookieMatchLow: number;
  readonly cookieMaskHigh: number;
  readonly cookieMaskLow: number;
  /** Deletions: only flows that output to this port; OFPP_NONE for all. */
  readonly outPort: number;
  /** Deletions: only flows that output to this group; GROUP_ANY for all. */
  readonly outGroup: number;
  /** Seconds; 0 for never. Of added flows only, as the members that follow. */
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  /** FLOW_* bits. */
  readonly flags: number;
  /** A modification that finds no flow adds one: OpenFlow 1.0 says so, later versions do not. */
  readonly mayAdd: boolean;
}
