// Differences that are meant. Each says why we answer otherwise, and tells itself from others by the two answers.
import { sameEffects } from './effects.mjs';

/** Datapath numbers of a case's tunnel ports, as text. */
export function tunnelPortsOf({ topology }) {
  const ports = topology.bridges.flatMap((bridge) => bridge.ports);
  return new Set(
    ports.filter(({ type }) => /^(vxlan|gre|geneve)$/.test(type)).map(({ odpPort }) => String(odpPort)),
  );
}

/** Actions without ct_clear; none is a drop. */
function withoutClear(actions) {
  return actions.replace(/(^|,)ct_clear(?=,|$)/g, '').replace(/^,/, '') || 'drop';
}

/** Whether each pair of steps passes. */
function everyStep(theirs, ours, test) {
  return (
    ours !== null &&
    ours.steps.length === theirs.steps.length &&
    theirs.steps.every((step, i) => test(step, ours.steps[i]))
  );
}

/** The ports that some actions output to, each once. */
function portsOf(actions) {
  return [...new Set(actions.match(/(?<![^,(])\d+(?=[,)]|$)/g))].sort().join();
}

const OUTPUT = /(?<=^|[,(])\d+(?=[,)]|$)/g;
/** Outputs that no datapath takes at a time. */
const TOO_MANY = 1000;

function isEndless(...steps) {
  return steps.every(({ datapathActions }) => (datapathActions.match(OUTPUT)?.length ?? 0) > TOO_MANY);
}

function samePorts(a, b) {
  const [left, right] = [a, b].map((step) => new Set(step.datapathActions.match(OUTPUT)));
  return left.size === right.size && [...left].every((port) => right.has(port));
}

const hasWord = ({ topology }, start) => topology.vsctl.some((word) => word.startsWith(start));

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
      (verdict === 'actions' || verdict === 'flows') &&
      /ct_state=/.test(theirs.flow) &&
      everyStep(theirs, ours, (a, b) => {
        const [left, right] = [a, b].map((step) => withoutClear(step.datapathActions));
        return (
          left === right || (theirs.compare === 'multiset' && sameEffects(left, right, { flow: a.flow }))
        );
      }),
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
    name: 'loop of floods that is cut off',
    why:
      'Floods that come back through patch ports go on until a limit ends the translation (depth, resubmissions), and where that is depends ' +
      'on the order of ports in each flood. The ports are the same, and there are too many outputs for any datapath.',
    matches: ({ entry, theirs, ours, verdict }) =>
      verdict === 'actions' &&
      theirs.compare === 'multiset' &&
      entry.topology.name === 'patch' &&
      everyStep(
        theirs,
        ours,
        (a, b) => a.datapathActions === b.datapathActions || (isEndless(a, b) && samePorts(a, b)),
      ),
  },
  {
    name: 'tunnel in a flood',
    why:
      'A tunnel leaves its metadata on the packet, and one with egress_pkt_mark that decides against the packet its mark: which outputs come ' +
      'behind it, and which tunnel is the last, is decided by the order of the flood, that of a hash of addresses in memory. All else is the same.',
    matches: ({ entry, theirs, ours, verdict }) =>
      (verdict === 'actions' || verdict === 'flows') &&
      theirs.compare === 'multiset' &&
      entry.topology.name === 'tunnel' &&
      everyStep(theirs, ours, (a, b) =>
        sameEffects(a.datapathActions, b.datapathActions, {
          flow: a.flow,
          tunnelPorts: tunnelPortsOf(entry),
          ignored: new Set(['skb_mark']),
        }),
      ),
  },
  {
    name: 'mirrors of packets that were changed',
    why:
      'Since 3.1.1 ovs-vswitchd mirrors a packet again when its headers changed after the first copy; so do we. 3.1.0, which is asked here, sends ' +
      'one copy.',
    matches: ({ entry, theirs, ours, verdict }) =>
      verdict === 'actions' &&
      hasWord(entry, 'Mirror') &&
      everyStep(theirs, ours, (a, b) => portsOf(a.datapathActions) === portsOf(b.datapathActions)),
  },
  {
    name: 'member of a balanced bond',
    why:
      'ovs-vswitchd gives a hash that it meets for the first time to the next of its members, in an order that addresses in memory decide: ' +
      'it answers differently from run to run. We deal the hashes out in the same way in every process. All else is the same.',
    matches: ({ entry, theirs, ours, verdict }) =>
      verdict === 'actions' &&
      hasWord(entry, 'bond_mode=balance-') &&
      everyStep(theirs, ours, (a, b) => {
        const [left, right] = [a, b].map((step) =>
          step.datapathActions.replace(/(?<=^|[,(])[34](?=[,)]|$)/g, 'bond0'),
        );
        return sameEffects(left, right, { flow: a.flow });
      }),
  },
  {
    name: 'mirrors to a VLAN look at the reserved bits of dl_dst',
    why: 'Reserved addresses are not mirrored to a VLAN; ovs-vswitchd decides that without looking, so its megaflow covers both.',
    matches: ({ entry, ours, verdict }) =>
      verdict === 'wider mask' &&
      hasWord(entry, 'output_vlan=') &&
      ours.steps.some(({ megaflow }) => /dl_dst=/.test(megaflow)),
  },
  {
    name: 'priority tags look at the priority',
    why:
      'A tag without a VLAN is kept when it has a priority and dropped when it has none; ovs-vswitchd does not look at the priority ' +
      'of one that it keeps, so its megaflow covers packets whose tag it would drop.',
    matches: ({ theirs, ours, verdict }) =>
      verdict === 'wider mask' &&
      everyStep(
        theirs,
        ours,
        (a, b) =>
          a.megaflow === b.megaflow ||
          (/dl_vlan=0,dl_vlan_pcp=[1-7]/.test(a.flow) &&
            !/dl_vlan_pcp=/.test(a.megaflow) &&
            /dl_vlan_pcp=/.test(b.megaflow)),
      ),
  },
  {
    name: 'hash of a packet that is not IP',
    why:
      'symmetric_l3l4 hashes the Ethernet header of packets that are not IP; ovs-vswitchd does not match on it, so its megaflow covers ' +
      'packets that it would send elsewhere.',
    matches: ({ entry, ours, verdict }) =>
      verdict === 'wider mask' &&
      entry.flows.concat(entry.flowsOf10).some((flow) => /symmetric_l3l4/.test(flow)) &&
      ours.steps.some(
        ({ flow }) => !/^([^,]+,)*(ip|tcp|udp|icmp|sctp|igmp|ipv6|tcp6|udp6|icmp6|sctp6),/.test(flow),
      ),
  },
];

/** The name of the deliberate difference that this is, or null. */
export function knownDifference(seen) {
  return KNOWN.find(({ matches }) => matches(seen))?.name ?? null;
}
