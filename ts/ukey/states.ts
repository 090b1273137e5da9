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

/** Throws when a ukey may not go from `from` to `to`: that is a mistake of ours, never of the datapath. */
export function checkTransition(from: number, to: number): void {
  if (((NEXT[from] ?? 0) & (1 << to)) === 0) {
    throw new SlowpathError(
      'ERR_UKEY_STATE',
      `ukey: illegal transition ${UKEY_STATES[from]} → ${UKEY_STATES[to]}`,
    );
  }
}

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
] as const;
export type DeleteReason = (typeof DELETE_REASONS)[number];
