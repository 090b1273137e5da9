// One case: a whole switch configuration and packets.
import { Random } from '../random.mjs';
import { makeInstructions } from './actions.mjs';
import { makeGroups } from './groups.mjs';
import { makeMatch } from './match.mjs';
import { makePacket } from './packet.mjs';
import { makeTopology } from './topology.mjs';
import * as v from './values.mjs';
import { TLV_MAP, wideGroup } from './wide.mjs';

const METERS = [
  'meter=1,kbps,burst,bands=type=drop,rate=1000,burst_size=100',
  'meter=2,pktps,bands=type=drop,rate=10',
];
/** Flows of the second bridge, where there is one. */
const BR1 = [
  'priority=10,in_port=5,ip actions=dec_ttl,output:11',
  'priority=9,in_port=5 actions=NORMAL',
  'priority=10,in_port=6,tcp actions=mod_vlan_vid:30,output:12,output:6',
  'priority=5 actions=output:5',
];
const PACKETS = 3;

function makeFlow(random, table, priority, scope) {
  const { text, ...known } = priority === 0 ? { text: '', protocol: 'any' } : makeMatch(random, scope.wide);
  const cookie = random.oneIn(6) ? `,cookie=0x${random.between(1, 255).toString(16)}` : '';
  const match = text === '' ? '' : `,${text}`;
  const actions = random.oneIn(30) ? 'drop' : makeInstructions(random, { ...scope, ...known, table });
  return `table=${table},priority=${priority}${cookie}${match} actions=${actions}`;
}

/** Three flows that make one conjunctive match of two dimensions, in `table`. */
function makeConjunction(random, table, scope) {
  scope.features.add('conjunction');
  const id = random.between(1, 9);
  const priority = random.between(50, 220);
  const first = random.sample([1, 2, 3, 4, 5, 6], 2).map((port) => `in_port=${port}`);
  const second = random.sample(v.L4_PORTS, 2).map((port) => `tcp,tcp_dst=${port}`);
  const clause = (match, n) =>
    `table=${table},priority=${priority},${match} actions=conjunction(${id},${n}/2)`;
  const then = makeInstructions(random, { ...scope, protocol: 'any', table });
  return [
    ...first.map((match) => clause(match, 1)),
    ...second.map((match) => clause(match, 2)),
    `table=${table},priority=${priority},conj_id=${id} actions=${then}`,
  ];
}

function makeFlows(random, scope) {
  const flows = [];
  for (const table of v.TABLES) {
    if (table === 0 || random.oneIn(2)) flows.push(makeFlow(random, table, 0, scope));
    for (let i = random.between(table === 0 ? 2 : 0, 4); i > 0; i--)
      flows.push(makeFlow(random, table, random.between(100, 200) + i, scope));
    if (random.oneIn(12)) flows.push(...makeConjunction(random, table, scope));
  }
  return flows;
}

const addresses = (random, topology) =>
  random.oneIn(3)
    ? random.some(random.between(1, 4), () => [
        topology === 'bonds' ? random.pick(['p1', 'p2', 'bond0', 'bond1']) : `p${random.between(1, 4)}`,
        random.pick([0, 0, ...v.VLANS]),
        v.mac(random),
      ])
    : [];

/** Case number `index` of the sequence that `seed` begins, without answers. `wide`: with what the recorded cases do not have. */
export function makeCase(seed, index, wide = false) {
  const random = new Random(seed, index);
  const features = new Set();
  const topology = makeTopology(random, wide);
  const groups = random.oneIn(2) ? makeGroups(random, features) : { texts: [], ids: [] };
  if (wide && groups.ids.length > 0) {
    groups.texts.push(wideGroup(random));
    groups.ids.push(20, 20);
  }
  const scope = { features, groups: groups.ids, meters: true, depth: 0, wide };
  const flows = makeFlows(random, scope);
  return {
    schema: 'xlate/1',
    id: `${wide ? 'w' : 's'}${seed}-${String(index).padStart(5, '0')}`,
    features: [...features].sort(),
    topology: { name: topology.name, vsctl: topology.vsctl, appctl: topology.appctl, bridges: [] },
    ...(wide ? { tlvMap: TLV_MAP } : {}),
    meters: METERS,
    groups: groups.texts,
    flows,
    flowsOf10: random.oneIn(6)
      ? [makeFlow(random, 3, 101, { ...scope, groups: [], meters: false, of10: true })]
      : [],
    bridgeFlows: topology.name === 'patch' ? { br1: BR1 } : {},
    fdb: addresses(random, topology.name),
    dumpFlows: [],
    traces: random.some(PACKETS, () => makePacket(random, topology.name, wide)),
  };
}
