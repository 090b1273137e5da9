import { MATCHED_FIRST, MATCHED_STALE, MATCHED_UNTOLD } from '../native/index.js';
import { DELETE_REASONS, type DeleteReason } from '../ukey/index.js';

/** Options of revalidation with OVS's names and defaults (ovs-vswitchd.conf.db(5), other_config). Milliseconds. */
export interface RevalidatePolicy {
  /** Unused flows go after this long. */
  readonly maxIdle: number;
  /** Longest pause between the starts of two rounds, unless maxIdle is less. */
  readonly maxRevalidator: number;
  /** Packets a second below which a flow is not worth a translation when rounds are slow. */
  readonly minRevalidatePps: number;
}

export const DEFAULT_POLICY: RevalidatePolicy = { maxIdle: 10_000, maxRevalidator: 500, minRevalidatePps: 5 };

/** Longest time from the start of a round to that of the next: flows that are idle are to be found in time, too (OVS: udpif_revalidator). */
export function pauseOf({ maxIdle, maxRevalidator }: RevalidatePolicy): number {
  return Math.min(Math.max(maxIdle, LEAST_PAUSE_MS), maxRevalidator);
}

/** Idle time while there are more flows than the limit. */
const CROWDED_IDLE_MS = 100;
/** An idle time below this does not make rounds more frequent. */
const LEAST_PAUSE_MS = 100;
/** A round this short can afford to translate everything. */
const CHEAP_DUMP_MS = 200;

/** What a round decides by: fixed when it starts. */
export interface RoundTerms {
  /** Unused flows older than this go. */
  readonly maxIdle: number;
  /** Those older than this would go if there were fewer flows, too. */
  readonly usualIdle: number;
  /** More than twice the limit: every flow goes. */
  readonly flush: boolean;
  /** The last round was short, so translating again is always worth it. */
  readonly cheap: boolean;
  /** Otherwise milliseconds between two packets of a flow from which on it is not worth it. */
  readonly dearGap: number;
}

export function termsOf(
  policy: RevalidatePolicy,
  flows: number,
  limit: number,
  lastDumpMs: number,
): RoundTerms {
  return {
    maxIdle: flows > limit ? Math.min(CROWDED_IDLE_MS, policy.maxIdle) : policy.maxIdle,
    usualIdle: policy.maxIdle,
    flush: flows > 2 * limit,
    cheap: lastDumpMs < CHEAP_DUMP_MS,
    dearGap: 1000 / policy.minRevalidatePps,
  };
}

/** The columns of dumped flows that verdicts follow from; see MatchedColumns. */
export interface DumpedFlows {
  readonly flags: Uint8Array;
  readonly packets: Float64Array;
  readonly used: Float64Array;
  readonly usedBefore: Float64Array;
}

/** Verdicts: the flow stays as it is. */
export const KEEP = 0;
/** It must be translated again, which says what becomes of it. */
export const TRANSLATE = 1;
/** From here on: it goes, for the reason with this number plus that of the reason. */
export const DELETE = 2;

export const deleteVerdict = (reason: DeleteReason): number => DELETE + DELETE_REASONS.indexOf(reason);

const FLUSH = deleteVerdict('over_limit_flush');
const IDLE = deleteVerdict('idle');
const FLOW_LIMIT = deleteVerdict('flow_limit');
const TOO_EXPENSIVE = deleteVerdict('too_expensive');

/**
 * OVS's policy for a batch of dumped flows: writes the verdict of each of the first `count` into `verdicts`; how many are kept as they are. `now` is
 * the time of the dump, monotonic milliseconds. A flow must be translated again when something changed, or when packets came of which nothing
 * else tells whom they are credited to.
 */
export function judge(
  terms: RoundTerms,
  flows: DumpedFlows,
  count: number,
  now: number,
  verdicts: Uint8Array,
): number {
  if (terms.flush) {
    verdicts.fill(FLUSH, 0, count);
    return 0;
  }
  const { flags, packets, used, usedBefore } = flows;
  const longAgo = now - terms.maxIdle;
  const idleAnyway = now - terms.usualIdle;
  let kept = 0;
  for (let i = 0; i < count; i++) {
    if (used[i] < longAgo) {
      verdicts[i] = used[i] < idleAnyway ? IDLE : FLOW_LIMIT;
    } else if ((flags[i] & MATCHED_STALE) === 0 && ((flags[i] & MATCHED_UNTOLD) === 0 || packets[i] === 0)) {
      verdicts[i] = KEEP;
      kept++;
    } else if (terms.cheap || (flags[i] & MATCHED_FIRST) !== 0) {
      verdicts[i] = TRANSLATE;
    } else {
      // OVS's should_revalidate: worth it when its packets come often enough.
      const busy = packets[i] > 0 && now - usedBefore[i] < packets[i] * terms.dearGap;
      verdicts[i] = busy ? TRANSLATE : TOO_EXPENSIVE;
    }
  }
  return kept;
}
