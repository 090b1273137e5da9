import { SlowpathError } from '../errors/index.js';

/** The life of a ukey, as OVS's enum ukey_state. Values are stored in a column of the table. */
export const UKEY_FREE = 0;
/** Made, not yet in the table. */
export const UKEY_CREATED = 1;
/** In the table; the install of its flow is queued or on its way. */
export const UKEY_VISIBLE = 2;
/** The datapath has the flow, as far as we know. */
export const UKEY_OPERATIONAL = 3;
/** The delete of its flow is queued or on its way. */
export const UKEY_EVICTING = 4;
/** The flow is gone from the datapath; final statistics are in. */
export const UKEY_EVICTED = 5;
/** Out of the table; the slot is about to be reused. */
export const UKEY_DELETED = 6;

export const UKEY_STATES = [
  'free',
  'created',
  'visible',
  'operational',
  'evicting',
  'evicted',
  'deleted',
] as const;

/** Legal next states, one bit each. States only ever move forward. */
const NEXT: readonly number[] = [
  1 << UKEY_CREATED,
  (1 << UKEY_VISIBLE) | (1 << UKEY_DELETED),
  (1 << UKEY_OPERATIONAL) | (1 << UKEY_EVICTING) | (1 << UKEY_EVICTED),
  (1 << UKEY_EVICTING) | (1 << UKEY_EVICTED),
  1 << UKEY_EVICTED,
  1 << UKEY_DELETED,
  1 << UKEY_FREE,
];

/** Who moves ukeys from state to state. Index = value of a column of the table. */
export const UKEY_MOVERS = [
  'nobody',
  'handler',
  'install',
  'revalidator',
  'sweep',
  'purge',
  'adoption',
] as const;
/** Puts a flow for a miss. */
export const BY_HANDLER = 1;
/** Sends puts, and hears of those that were refused. */
export const BY_INSTALL = 2;
/** Decided by what a dump or a change said. */
export const BY_REVALIDATOR = 3;
/** Missed it in dumps. */
export const BY_SWEEP = 4;
/** All flows go. */
export const BY_PURGE = 5;
/** Took it over from an earlier process. */
export const BY_ADOPTION = 6;

/** Whether a ukey may go from state `from` to `to`. */
export function isLegalTransition(from: number, to: number): boolean {
  return ((NEXT[from] ?? 0) & (1 << to)) !== 0;
}

/** An illegal move is a mistake of ours, never of the datapath. `last` tells who moved the ukey before. */
export function illegalTransition(from: number, to: number, by: number, last: string): SlowpathError {
  return new SlowpathError(
    'ERR_UKEY_STATE',
    `ukey: illegal transition ${UKEY_STATES[from]} → ${UKEY_STATES[to]} by ${UKEY_MOVERS[by]}; ${last}`,
  );
}

/** Why a flow must be translated again (UkeyTable.stale, 0 when it need not): something that its translation asked for changed. */
export const STALE = 1;
/** Likewise, and that was a rule whose hard timeout had passed. */
export const STALE_BY_TIMEOUT = 2;

/** Why a flow left the datapath. Index = value. */
export const DELETE_REASONS = [
  'none',
  'idle',
  'hard_timeout',
  'flow_limit',
  'over_limit_flush',
  'changed_translation',
  'wider_mask',
  'no_port',
  'bad_key',
  'purge',
  'removed_by_others',
  'too_expensive',
  'failed_install',
  'unknown_flow',
  'unknown_recirc',
  'unsound',
] as const;
export type DeleteReason = (typeof DELETE_REASONS)[number];
