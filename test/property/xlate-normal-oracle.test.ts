import { expect } from 'chai';
import fc from 'fast-check';
import {
  F_ETH_DST,
  F_ETH_SRC,
  F_NW_DST,
  F_NW_PROTO,
  F_NW_SRC,
  F_TP_DST,
  F_TP_SRC,
  F_VLAN1_TCI,
  F_VLAN1_TPID,
  F_VLAN_TCI,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { Bond, McastTable, Translator, type Translation } from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type MirrorSetup, type PortSetup, type TestSwitch } from '../support/xlate.js';

const one = <T>(...items: T[]): fc.Arbitrary<T> => fc.constantFrom(...items);
const vlan = one(0, 10, 20, 100);
const vlans = fc.uniqueArray(vlan, { minLength: 1, maxLength: 3 });
const optional = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });

/** A port's VLAN settings, whatever they may be together. */
const settings = fc.record({
  vlanMode: one('access', 'trunk', 'native-tagged', 'native-untagged', 'dot1q-tunnel'),
  tag: vlan,
  trunks: optional(vlans),
  cvlans: optional(vlans),
  qinqTpid: one(0x8100, 0x88a8),
  priorityTags: one('never', 'never', 'if-nonzero', 'always'),
  protected: one(false, false, true),
  noFlood: one(false, false, true),
});
const names = fc.uniqueArray(one('p1', 'p2', 'p3', 'bond0'), { maxLength: 2 });
const mirror = fc.record({
  selectAll: fc.boolean(),
  src: names,
  dst: names,
  vlans: optional(vlans),
  outPort: optional(one('p1', 'p3')),
  outVlan: vlan,
  snaplen: one(0, 100),
});
const bondMode = one<'active-backup' | 'balance-slb' | 'balance-tcp'>(
  'active-backup',
  'balance-slb',
  'balance-tcp',
);
const setup = fc.record({
  ports: fc.array(settings, { minLength: 5, maxLength: 5 }),
  mirrors: fc.array(mirror, { maxLength: 2 }),
  bondMode,
  snoops: fc.boolean(),
  floodUnregistered: fc.boolean(),
  forwardBpdu: fc.boolean(),
  flows: one(
    ['actions=NORMAL'],
    ['actions=mod_vlan_vid:20,NORMAL'],
    ['actions=strip_vlan,NORMAL,output:2'],
    ['actions=push_vlan:0x8100,NORMAL'],
    ['actions=output:2,NORMAL', 'priority=40000,dl_vlan=10 actions=output:3'],
  ),
});

const tcis = one(0, 0x1000, 0x3000, 0x100a, 0x700a, 0x1014, 0x1064);
const packet = fc.record({
  port: fc.integer({ min: 1, max: 5 }),
  text: one(
    'dl_dst=50:54:00:00:00:02,dl_type=0x1234',
    'dl_dst=01:80:c2:00:00:00,dl_type=0x1234',
    'dl_dst=01:00:5e:01:01:01,dl_type=0x1234',
    'udp,dl_dst=01:00:5e:01:01:01,nw_src=10.0.0.1,nw_dst=239.1.1.1,nw_ttl=9,udp_src=1,udp_dst=2',
    'udp,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=9,udp_src=1,udp_dst=2',
    'arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.1',
    'arp,dl_dst=ff:ff:ff:ff:ff:ff,arp_op=2,arp_spa=10.0.0.1,arp_tpa=10.0.0.2',
  ),
  outer: tcis,
  inner: tcis,
});

type Setup = typeof setup extends fc.Arbitrary<infer T> ? T : never;

function build(about: Setup): TestSwitch {
  const mcast = about.snoops ? new McastTable({ floodUnregistered: about.floodUnregistered }) : null;
  const ports = about.ports.map((port, i): PortSetup => {
    const given = Object.fromEntries(Object.entries(port).filter(([, value]) => value !== undefined));
    return { ...(given as Omit<PortSetup, 'ofport'>), ofport: i + 1, ...(i > 2 ? { bond: 'bond0' } : {}) };
  });
  const sw = makeSwitch({
    ports,
    flows: about.flows,
    failMode: 'secure',
    mirrors: about.mirrors as MirrorSetup[],
    bonds: {
      bond0: (members) =>
        new Bond(
          { mode: about.bondMode, lacp: about.bondMode === 'balance-tcp' ? 'negotiated' : 'off' },
          members,
        ),
    },
    mcast,
    forwardBpdu: about.forwardBpdu,
    fdb: [
      [1, 10, 0x5054, 2],
      [2, 20, 0x5054, 1],
      [3, 0, 0x5054, 2],
    ],
  });
  const group = Int32Array.of(0, 0, 0xffff, 0xef010101 | 0);
  mcast?.apply({
    type: 'mcast',
    bridge: sw.bridge,
    bundle: sw.bridge.bundles[1],
    vlan: 10,
    change: 'join',
    group,
  });
  return sw;
}

const BITS: readonly (readonly [word: number, bits: number])[] = [
  [F_ETH_SRC, 16],
  [F_ETH_SRC + 1, 32],
  [F_ETH_DST, 16],
  [F_ETH_DST + 1, 32],
  [F_NW_SRC, 32],
  [F_NW_DST, 32],
  [F_TP_SRC, 16],
  [F_TP_DST, 16],
];

/** Bits that may differ between packets of one kind. Presence bits of tags stay: without them the packet is of another kind. */
function flips(key: Int32Array): (readonly [word: number, bit: number])[] {
  const fields = [...BITS];
  if (key[F_VLAN_TCI] !== 0) fields.push([F_VLAN_TCI, 16]);
  if (key[F_VLAN1_TCI] !== 0) fields.push([F_VLAN1_TCI, 16]);
  if (key[F_TP_SRC] === 0) fields.push([F_NW_PROTO, 8]);
  return fields.flatMap(([word, bits]) =>
    Array.from({ length: bits }, (_, bit) => [word, bit] as const).filter(
      ([w, bit]) => bit !== 12 || (w !== F_VLAN_TCI && w !== F_VLAN1_TCI),
    ),
  );
}

/** Actions, effects but learning, which goes by what is in the table. */
function outcome(result: Translation): string {
  const effects = result.effects.slice(0, result.effectCount).map((effect) => {
    if (effect.type === 'mirror') return `mirror ${effect.mirror.name}`;
    return effect.type === 'bond' ? `bond ${effect.port.name}` : '';
  });
  return `${formatActions(result.actions.subarray(0, result.actionsLength))} ${effects.join(' ')} ${result.slow}`;
}

describe('xlate: the mask of NORMAL', () => {
  it('has every bit that matters, for all VLAN modes, mirrors, bonds and multicast snooping', function () {
    this.timeout(120_000);
    const property = fc.property(setup, packet, (about, { port, text, outer, inner }) => {
      const { snapshot } = build(about);
      const key = makeKey(`in_port=${port},dl_src=50:54:00:00:00:01,${text}`);
      if (outer !== 0) {
        key[F_VLAN_TCI] = outer;
        key[F_VLAN_TCI - 1] = 0x8100;
        if (inner !== 0) {
          key[F_VLAN1_TCI] = inner;
          key[F_VLAN1_TPID] = 0x8100;
        }
      }
      const translator = new Translator();
      const first = translator.translate(snapshot, key, 0);
      const mask = first.mask.slice();
      const expected = outcome(first);
      for (const [word, bit] of flips(key)) {
        if ((mask[word] & (1 << bit)) !== 0) continue;
        key[word] ^= 1 << bit;
        const again = translator.translate(snapshot, key, 0);
        const context = `word ${word} bit ${bit} key ${(key[word] >>> 0).toString(16)}`;
        expect(outcome(again), context).to.equal(expected);
        for (let w = 0; w < FLOW_WORDS; w++)
          if (again.mask[w] !== mask[w]) expect.fail(`${context}: mask word ${w} differs`);
        key[word] ^= 1 << bit;
      }
    });
    fc.assert(property, { numRuns: Number(process.env.FC_RUNS ?? 400) });
  });
});
