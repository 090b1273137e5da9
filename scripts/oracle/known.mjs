// Differences that are meant. Each says why we answer otherwise, and tells itself from others by the two answers.

/** @type {{ name: string, why: string, matches: (seen: { entry: object, theirs: object, ours: object | null, verdict: string }) => boolean }[]} */
export const KNOWN = [];

/** The name of the deliberate difference that this is, or null. */
export function knownDifference(seen) {
  return KNOWN.find(({ matches }) => matches(seen))?.name ?? null;
}
