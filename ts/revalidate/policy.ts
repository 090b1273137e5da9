/** Options of revalidation with OVS's names and defaults (ovs-vswitchd.conf.db(5), other_config). Milliseconds. */
export interface RevalidatePolicy {
  /** Unused flows go after this long. */
  readonly maxIdle: number;
  /** Longest pause between the starts of two rounds. */
  readonly maxRevalidator: number;
  /** Packets a second below which a flow is not worth a translation when rounds are slow. */
  readonly minRevalidatePps: number;
}

export const DEFAULT_POLICY: RevalidatePolicy = { maxIdle: 10_000, maxRevalidator: 500, minRevalidatePps: 5 };

/** Idle time while there are more flows than the limit. */
const CROWDED_IDLE_MS = 100;
/** A round this short can afford to translate everything. */
const CHEAP_DUMP_MS = 200;

/** What a round decides by: fixed when it starts. */
export interface RoundTerms {
  /** Unused flows older than this go. */
  readonly maxIdle: number;
  /** More than twice the limit: every flow goes. */
  readonly flush: boolean;
  /** The last round was short, so translating again is always worth it. */
  readonly cheap: boolean;
}

export function termsOf(
  policy: RevalidatePolicy,
  flows: number,
  limit: number,
  lastDumpMs: number,
): RoundTerms {
  return {
    maxIdle: flows > limit ? Math.min(CROWDED_IDLE_MS, policy.maxIdle) : policy.maxIdle,
    flush: flows > 2 * limit,
    cheap: lastDumpMs < CHEAP_DUMP_MS,
  };
}

/**
 * Whether a flow that must be translated again is worth it (OVS's should_revalidate): always in cheap rounds and for a flow
 * seen for the first time, else when its packets come often enough. `packets` came since `usedBefore`.
 */
export function worthTranslating(
  terms: RoundTerms,
  policy: RevalidatePolicy,
  packets: number,
  usedBefore: number,
  firstDump: boolean,
  now: number,
): boolean {
  if (terms.cheap || firstDump) return true;
  return packets > 0 && (now - usedBefore) / packets < 1000 / policy.minRevalidatePps;
}
