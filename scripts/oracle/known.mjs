// Differences that are meant. Each says why we answer otherwise, and tells itself from others by the two answers.

/** The ports that some actions output to, as sorted text; `rename` may give several ports one name. */
function portsOf(actions, rename = (port) => port) {
  const ports = actions.match(/(?<![^,(])\d+(?=[,)]|$)/g) ?? [];
  return [...new Set(ports.map(rename))].sort().join();
}

function allActions(answer) {
  return answer.steps.map(({ datapathActions }) => datapathActions).join();
}

/** A function that gives the members of a bond one name. */
function memberNames({ topology }) {
  const names = new Map();
  topology.vsctl.forEach((word, i) => {
    if (word !== 'add-bond') return;
    const [bond, ...members] = topology.vsctl.slice(i + 2, topology.vsctl.indexOf('--', i));
    for (const member of members.filter((name) => /^p\d+$/.test(name))) names.set(member.slice(1), bond);
  });
  return (port) => names.get(port) ?? port;
}

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
      'at a time. We do so up to 4 MiB and drop beyond: bounded time and memory.',
    matches: ({ theirs, ours }) =>
      /actions too long/.test(ours?.translationError ?? '') &&
      theirs.steps.some(({ datapathActions }) => datapathActions.length > 16_000),
  },
  {
    name: 'order of a flood that patch ports or tunnels make visible',
    why:
      'ovs-vswitchd floods in the order of a hash map. What one output leaves to the next (tunnel metadata, the mark of a tunnel, how deep ' +
      'patch ports nest before the limit, which output is the last one) depends on that order. We flood by port number; the ports are the same.',
    matches: ({ entry, theirs, ours, verdict }) =>
      verdict === 'actions' &&
      theirs.compare === 'multiset' &&
      /patch|tunnel/.test(entry.topology.name) &&
      portsOf(allActions(ours)) === portsOf(allActions(theirs)),
  },
  {
    name: 'member of a bond',
    why:
      'Which member is active, or gets a hash first, is decided by the order in which ovs-vswitchd sees the members come up: it answers ' +
      'differently from run to run. So the same packet leaves by another member, or is dropped since it came by one that is not active.',
    matches: ({ entry, theirs, ours, verdict }) => {
      if (verdict !== 'actions' || entry.topology.name !== 'bonds') return false;
      const name = memberNames(entry);
      const arrival = /in_port=(\d+)/.exec(theirs.flow)?.[1] ?? '';
      return (
        name(arrival) !== arrival || portsOf(allActions(ours), name) === portsOf(allActions(theirs), name)
      );
    },
  },
];

/** The name of the deliberate difference that this is, or null. */
export function knownDifference(seen) {
  return KNOWN.find(({ matches }) => matches(seen))?.name ?? null;
}
