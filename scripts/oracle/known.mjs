// Differences that are meant. Each says why we answer otherwise, and takes what it explains out of our answer. What is left has to agree, so that
// a known difference hides no other.
import { effects, sameEffects } from './effects.mjs';

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

/** Actions without push_eth. */
function withoutPush(actions) {
  const left = actions.replace(/(?<=^|[,(])push_eth\([^)]*\),?/g, '').replace(/,(?=\)|$)/g, '');
  return left || 'drop';
}

/**
 * Our answer with what `change` gives for each step in place of ours; null where it gives nothing for any. `change(theirs, ours)`: members that are explained,
 * with the peer's values, or null.
 */
function explained(theirs, ours, change) {
  if (ours.steps.length !== theirs.steps.length) return null;
  let found = false;
  const steps = ours.steps.map((step, i) => {
    const members = change(theirs.steps[i], step);
    if (members === null) return step;
    found = true;
    return { ...step, ...members };
  });
  return found ? { ...ours, steps } : null;
}

/** A flow without the fields whose names match. */
function withoutFields(flow, names) {
  return flow
    .split(',')
    .filter((field) => !names.test(field.split('=')[0]))
    .join();
}

const lastFlow = ({ flow, finalFlow }) => (finalFlow === 'unchanged' ? flow : finalFlow);

/** The peer's final flow where ours differs in fields of these names alone. */
function explainedFlow(a, b, names) {
  const same = withoutFields(lastFlow(a), names) === withoutFields(lastFlow(b), names);
  return same ? { finalFlow: a.finalFlow } : {};
}

/** `megaflow`, part of ours, in place of ours, where it matches no more than the peer's. `judge`: see knownDifferences. */
function explainedMegaflow(theirs, judge, a, b, megaflow) {
  if (a.megaflow === b.megaflow || megaflow === b.megaflow) return null;
  const steps = theirs.steps.map((step) => (step === a ? { ...step, megaflow } : step));
  return judge({ ...theirs, steps }).verdict === 'agree' ? { megaflow } : null;
}

/** Our megaflow without fields of these names, where it matches no more than the peer's then. */
function explainedMask(theirs, judge, a, b, names) {
  return explainedMegaflow(theirs, judge, a, b, withoutFields(b.megaflow, names));
}

/** A megaflow that matches IP alone in place of one of its protocols. */
function withoutProtocol(megaflow) {
  return withoutFields(megaflow, /^nw_proto$/).replace(
    /(?<=^|,)(?:tcp|udp|sctp|icmp|igmp)(6?)(?=,|$)/,
    (_, six) => (six === '' ? 'ip' : 'ipv6'),
  );
}

const VLAN = /^(dl_vlan|vlan_tci)$/;
const OUTPUT = /(?<=^|[,(])\d+(?=[,)]|$)/g;
/** Outputs that no datapath takes at a time. */
const TOO_MANY = 1000;
/** Length in text of actions that are longer than the 4 MiB which we send in parts. */
const TOO_LONG = 1_000_000;

/** Clones inside each other of a packet that came round until the depth of resubmits ended it: 64, half of them in each bridge. */
const CUT_OFF = 24;

function nestedClones(actions) {
  let depth = 0;
  let deepest = 0;
  for (const [bracket] of actions.matchAll(/[()]/g)) {
    depth += bracket === '(' ? 1 : -1;
    deepest = Math.max(deepest, depth);
  }
  return deepest;
}

/** Whether a packet went round until a limit ended it, by the peer's text or the answers of both; the order of ports decides which of the ways round are clones. */
function isEndless({ text }, a, b) {
  if (text?.includes('over max translation depth')) return true;
  const outputs = [a, b].map(({ datapathActions }) => datapathActions.match(OUTPUT)?.length ?? 0);
  if (Math.min(...outputs) > TOO_MANY) return true;
  const deepest = [a, b].map(({ datapathActions }) => nestedClones(datapathActions));
  return Math.max(...deepest) > CUT_OFF && Math.min(...outputs) > CUT_OFF;
}

/** Whether all ports that one outputs to are among those of the other. */
function samePorts(a, b) {
  const [less, more] = [a, b]
    .map((step) => new Set(step.datapathActions.match(OUTPUT)))
    .sort((one, other) => one.size - other.size);
  return [...less].every((port) => more.has(port));
}

/** Effects of `more` that `less` does not have; null when `less` has others. */
function surplusEffects(more, less, flow) {
  const left = effects(more, { flow });
  for (const effect of effects(less, { flow })) {
    const at = left.indexOf(effect);
    if (at < 0) return null;
    left.splice(at, 1);
  }
  return left;
}

const hasWord = ({ topology }, start) => topology.vsctl.some((word) => word.startsWith(start));

/** Datapath numbers of the members of each of a case's bonds. */
function bonds({ topology }) {
  const { vsctl } = topology;
  const ports = topology.bridges.flatMap((bridge) => bridge.ports);
  const numbers = new Map(ports.map(({ name, odpPort }) => [name, odpPort]));
  return vsctl.flatMap((word, i) => {
    if (word !== 'add-bond') return [];
    const rest = vsctl.slice(i + 3);
    const end = rest.findIndex((name) => name === '--' || name.includes('='));
    return [rest.slice(0, end).map((name) => numbers.get(name))];
  });
}

/** Actions with the names of bonds in place of their members. */
function withoutMembers(actions, entry) {
  const toBond = (text, members, i) =>
    text.replace(new RegExp(`(?<=^|[,(])(${members.join('|')})(?=[,)]|$)`, 'g'), `bond${i}`);
  return bonds(entry).reduce(toBond, actions);
}

/** Ports that the mirrors of a case send to: one, or all of the bridge for those that send to a VLAN. */
function mirrorPorts({ topology }) {
  const { vsctl } = topology;
  const ports = topology.bridges.flatMap((bridge) => bridge.ports);
  if (hasWord({ topology }, 'output_vlan=')) return new Set(ports.map(({ odpPort }) => String(odpPort)));
  const names = vsctl
    .filter((word) => word.startsWith('output_port=@'))
    .map((word) => vsctl[vsctl.indexOf(`--id=${word.slice('output_port='.length)}`) + 3]);
  return new Set(ports.filter(({ name }) => names.includes(name)).map(({ odpPort }) => String(odpPort)));
}

/**
 * `open`: nothing to agree with, as the peer does not answer twice alike or a later release answers as we do. `mask`: what happens is the same, our
 * megaflow matches more.
 *
 * @type {{ name: string, open?: boolean, mask?: boolean, why: string, explain: (seen: { entry: object, theirs: object, ours: object, judge: (ours: object) => object }) => object | null }[]}
 */
export const KNOWN = [
  {
    name: 'ct_clear of a packet that arrives tracked',
    why:
      'ovs-vswitchd clears the state of a packet that comes with one although nothing recirculated it, without matching on ct_state: its ' +
      'megaflow covers packets that it would treat otherwise. We clear what we tracked.',
    explain: ({ theirs, ours }) =>
      /ct_state=/.test(theirs.flow)
        ? explained(theirs, ours, (a, b) => {
            const [left, right] = [a, b].map((step) => withoutClear(step.datapathActions));
            if (a.datapathActions === b.datapathActions) return null;
            if (
              left !== right &&
              !(theirs.compare === 'multiset' && sameEffects(left, right, { flow: a.flow }))
            )
              return null;
            return { datapathActions: a.datapathActions, ...explainedFlow(a, b, /^ct_/) };
          })
        : null,
  },
  {
    name: 'actions longer than a netlink attribute',
    why:
      'ovs-vswitchd composes lists of many megabytes, which no datapath takes, and sends such packets through the slow path one output ' +
      'at a time. We do so up to 4 MiB and drop beyond: bounded time and memory.',
    explain: ({ theirs, ours }) =>
      /actions too long/.test(ours.translationError ?? '') &&
      theirs.steps.some(({ datapathActions }) => datapathActions.length > TOO_LONG)
        ? theirs
        : null,
  },
  {
    name: 'loop of floods that is cut off',
    open: true,
    why:
      'Floods that come back through patch ports go on until a limit ends the translation (depth, resubmissions), and where that is depends ' +
      'on the order of ports in each flood, which hangs on addresses in memory; so what is looked at does. The ports are the same up to there.',
    explain: ({ entry, theirs, ours }) =>
      theirs.compare === 'multiset' && entry.topology.name === 'patch'
        ? explained(theirs, ours, (a, b) =>
            a.datapathActions !== b.datapathActions && isEndless(theirs, a, b) && samePorts(a, b)
              ? { datapathActions: a.datapathActions, megaflow: a.megaflow }
              : null,
          )
        : null,
  },
  {
    name: 'tunnel in a flood',
    open: true,
    why:
      'A tunnel leaves its metadata on the packet, and one with egress_pkt_mark that decides against the packet its mark: which outputs come ' +
      'behind it, and which tunnel is the last, is decided by the order of the flood, that of a hash of addresses in memory. All else is the same.',
    explain: ({ entry, theirs, ours }) =>
      theirs.compare === 'multiset' && tunnelPortsOf(entry).size > 0
        ? explained(theirs, ours, (a, b) => {
            const about = {
              flow: a.flow,
              tunnelPorts: tunnelPortsOf(entry),
              ignored: new Set(['skb_mark']),
            };
            // Nor is a key that a tunnel takes from the packet, where another tunnel of the flood has one of its own.
            const [left, right] = [a, b].map((step) =>
              step.datapathActions.replace(/tun_id=0x[0-9a-f]+/g, 'tun_id'),
            );
            const same = sameEffects(left, right, about);
            const flow = explainedFlow(a, b, /^(tun_\w+|pkt_mark)$/);
            if (!same || (a.datapathActions === b.datapathActions && a.finalFlow === b.finalFlow))
              return null;
            return { datapathActions: a.datapathActions, ...flow };
          })
        : null,
  },
  {
    name: 'mirrors of packets that were changed',
    open: true,
    why:
      'Since 3.1.1 ovs-vswitchd mirrors a packet again when its headers changed after the first copy; so do we. 3.1.0, which is asked here, sends ' +
      'one copy.',
    explain: ({ entry, theirs, ours }) =>
      hasWord(entry, 'Mirror')
        ? explained(theirs, ours, (a, b) => {
            if (a.datapathActions === b.datapathActions) return null;
            // What was mirrored is part of a frozen state.
            const [more, less] = [b, a].map((step) =>
              step.datapathActions.replace(/recirc_id=R\d+/g, 'recirc_id'),
            );
            const surplus = surplusEffects(more, less, a.flow);
            const ports = mirrorPorts(entry);
            const isCopy = (effect) => ports.has(/\d+$/.exec(effect)?.[0]);
            // Whether there is one may hang on the VLAN that a mirror selects.
            const megaflow = a.megaflow === withoutFields(b.megaflow, VLAN) ? a.megaflow : b.megaflow;
            return surplus?.every(isCopy) ? { datapathActions: a.datapathActions, megaflow } : null;
          })
        : null,
  },
  {
    name: 'member of a bond',
    open: true,
    why:
      'ovs-vswitchd gives a hash that it meets for the first time to the next of its members, and makes one of those that come up active, in an order that ' +
      'addresses in memory decide: it answers differently from run to run. We choose in the same way in every process. All else is the same.',
    explain: ({ entry, theirs, ours }) =>
      entry.topology.vsctl.includes('add-bond')
        ? explained(theirs, ours, (a, b) => {
            if (a.datapathActions === b.datapathActions) return null;
            const [left, right] = [a, b].map((step) => withoutMembers(step.datapathActions, entry));
            return sameEffects(left, right, { flow: a.flow }) ? { datapathActions: a.datapathActions } : null;
          })
        : null,
  },
  {
    name: 'Ethernet header that an encap left behind',
    why:
      'What follows a clone or a bucket with encap, or is the other branch of a check_pkt_larger, is not encapsulated; ovs-vswitchd gives the packet an ' +
      'Ethernet header there, though it has its own still: Linux refuses such actions (push_eth on a packet that has one). We leave it alone.',
    explain: ({ theirs, ours }) =>
      explained(theirs, ours, (a, b) => {
        const without = withoutPush(a.datapathActions);
        // Where the address was another by then, it is set back by the way.
        const set = a.datapathActions.replace(/(?<=^|[,(])push_eth\(([^)]*)\)/g, 'set(eth($1))');
        if (without === a.datapathActions) return null;
        const isThat =
          theirs.compare === 'multiset'
            ? sameEffects(without, b.datapathActions, { flow: a.flow })
            : without === b.datapathActions;
        const isSet = sameEffects(set, b.datapathActions, { flow: a.flow });
        return isThat || isSet ? { datapathActions: a.datapathActions } : null;
      }),
  },
  {
    name: 'mirrors to a VLAN look at dl_dst and the VLAN',
    mask: true,
    why:
      'Reserved addresses are not mirrored to a VLAN, nor what is in it already; ovs-vswitchd decides that without looking, so its megaflow covers ' +
      'packets that it would treat otherwise.',
    explain: ({ entry, theirs, ours, judge }) =>
      hasWord(entry, 'output_vlan=')
        ? explained(theirs, ours, (a, b) => {
            const mask = explainedMask(theirs, judge, a, b, /^(dl_dst|dl_vlan|vlan_tci)$/);
            // Where the address is set, what was looked at of it is set with the rest, to what it is.
            const isSame = a.datapathActions === b.datapathActions || theirs.compare !== 'multiset';
            if (isSame || !sameEffects(a.datapathActions, b.datapathActions, { flow: a.flow })) return mask;
            return { datapathActions: a.datapathActions, ...mask };
          })
        : null,
  },
  {
    name: 'mirrors look at the VLAN that a port refuses',
    mask: true,
    why:
      'What comes by a port that is not in its VLAN is not mirrored; ovs-vswitchd finds that out without looking, so its megaflow covers packets that it ' +
      'would mirror.',
    explain: ({ entry, theirs, ours, judge }) =>
      hasWord(entry, 'Mirror')
        ? explained(theirs, ours, (a, b) => explainedMask(theirs, judge, a, b, VLAN))
        : null,
  },
  {
    name: 'tunnel options that are sent on',
    mask: true,
    why:
      'Options that a packet brought go into its next encapsulation; ovs-vswitchd does not match on them, so its megaflow gives the options of the first ' +
      'packet to all.',
    explain: ({ entry, theirs, ours, judge }) =>
      entry.tlvMap === undefined
        ? null
        : explained(theirs, ours, (a, b) =>
            /geneve\(/.test(b.datapathActions)
              ? explainedMask(theirs, judge, a, b, /^tun_metadata\d+$/)
              : null,
          ),
  },
  {
    name: 'IP headers that change look at the protocol',
    mask: true,
    why:
      'Datapaths change no IP header of protocol 0, so a change that is due depends on the protocol; ovs-vswitchd finds that out without looking, so its ' +
      'megaflow changes packets that it would leave alone.',
    explain: ({ theirs, ours, judge }) =>
      explained(theirs, ours, (a, b) =>
        /set\(ipv[46]\(/.test(b.datapathActions)
          ? explainedMegaflow(theirs, judge, a, b, withoutProtocol(b.megaflow))
          : null,
      ),
  },
  {
    name: 'priority tags look at the priority',
    mask: true,
    why:
      'A tag without a VLAN is kept when it has a priority and dropped when it has none; ovs-vswitchd does not look at the priority ' +
      'of one that it keeps, so its megaflow covers packets whose tag it would drop.',
    explain: ({ theirs, ours, judge }) =>
      explained(theirs, ours, (a, b) =>
        /dl_vlan=0,dl_vlan_pcp=[1-7]/.test(a.flow) &&
        !/dl_vlan_pcp=/.test(a.megaflow) &&
        /dl_vlan_pcp=/.test(b.megaflow)
          ? explainedMask(theirs, judge, a, b, /^(dl_vlan_pcp|vlan_tci)$/)
          : null,
      ),
  },
  {
    name: 'tags that are on already',
    mask: true,
    why:
      'A tag that NORMAL puts on a packet needs no action where the packet has the same one. ovs-vswitchd finds that out without looking; we look at ' +
      'the tag, also where the one that is there was put on by us.',
    explain: ({ theirs, ours, judge }) =>
      explained(theirs, ours, (a, b) =>
        /dl_vlan=/.test(a.flow) ? explainedMask(theirs, judge, a, b, /^(dl_vlan_pcp|vlan_tci)$/) : null,
      ),
  },
  {
    name: 'presence of the tag where the translation failed',
    mask: true,
    why:
      'Datapaths match on a VLAN only together with the presence of a tag. ovs-vswitchd adds it when a translation is complete, not when one ' +
      'failed (recursion too deep, say); we add it always.',
    explain: ({ theirs, ours, judge }) =>
      theirs.translationError
        ? explained(theirs, ours, (a, b) => explainedMask(theirs, judge, a, b, /^(dl_vlan|vlan_tci)$/))
        : null,
  },
  {
    name: 'hash of a packet that is not IP',
    mask: true,
    why:
      'symmetric_l3l4 hashes the Ethernet header of packets that are not IP; ovs-vswitchd does not match on it, so its megaflow covers ' +
      'packets that it would send elsewhere.',
    explain: ({ entry, theirs, ours, judge }) =>
      entry.flows.concat(entry.flowsOf10).some((flow) => /symmetric_l3l4/.test(flow))
        ? explained(theirs, ours, (a, b) =>
            /^([^,]+,)*(ip|tcp|udp|icmp|sctp|igmp|ipv6|tcp6|udp6|icmp6|sctp6),/.test(b.flow)
              ? null
              : explainedMask(theirs, judge, a, b, /^(dl_(src|dst|vlan)|vlan_tci)$/),
          )
        : null,
  },
];

/**
 * The known differences that explain everything in which two answers to a trace differ, or null. `judge(ours)` compares an answer with the
 * peer's.
 */
export function knownDifferences({ entry, theirs, ours }, judge) {
  const used = [];
  let rest = ours;
  for (const known of KNOWN) {
    const next = known.explain({ entry, theirs, ours: rest, judge });
    if (next === null) continue;
    used.push(known);
    rest = next;
    if (judge(rest).verdict === 'agree') return used;
  }
  return null;
}
