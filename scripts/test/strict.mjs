/** True where nothing may be skipped: on CI. */
export const strict = process.env.CI === 'true';

/** Counts a lane that cannot run here: skipped, in one line that says how to get it; on CI a failure. */
export function skipOrFail(tally, lane, reason) {
  if (strict) tally.fail(lane, reason);
  else tally.skip(lane, reason);
}
