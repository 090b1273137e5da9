// Differences that are meant. Each says why we answer otherwise, and tells itself from others by the two answers.

/**
 * @type {{ name: string, why: string,
 *   matches: (seen: { entry: object, theirs: object, ours: object | null, verdict: string }) => boolean }[]}
 */
export const KNOWN = [
  {
    name: 'ct_clear of a packet that arrives tracked',
    why:
      'ovs-vswitchd clears the state of a packet that comes with one although nothing recirculated it, without matching on ct_state: its ' +
      'megaflow covers packets that it would treat otherwise. We clear what we tracked.',
    matches: ({ theirs, ours, verdict }) =>
      verdict === 'actions' &&
      /ct_state=/.test(theirs.flow) &&
      ours?.datapathActions === theirs.datapathActions.replace(/^ct_clear,|,ct_clear\b/, ''),
  },
  {
    name: 'actions longer than a netlink attribute',
    why:
      'ovs-vswitchd composes lists of many megabytes, which no datapath takes, and sends such packets through the slow path one output ' +
      'at a time. We stop at 64 KiB and drop: bounded time and memory.',
    matches: ({ theirs, ours }) =>
      /actions too long/.test(ours?.translationError ?? '') &&
      theirs.steps.some(({ datapathActions }) => datapathActions.length > 16_000),
  },
];

/** The name of the deliberate difference that this is, or null. */
export function knownDifference(seen) {
  return KNOWN.find(({ matches }) => matches(seen))?.name ?? null;
}
