import { expect } from 'chai';
import { F_DP_HASH, F_ETH_SRC, F_RECIRC_ID } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import {
  Bond,
  BOND_ENTRIES,
  type BondOptions,
  type Effect,
  planRebalance,
  rebalance,
  Translator,
  type XPort,
} from '../../ts/xlate/index.js';
import { makeKey, makeSwitch, type PortSetup, type TestSwitch } from '../support/xlate.js';

const PORTS: PortSetup[] = [
  { ofport: 1 },
  { ofport: 2, bond: 'bond0' },
  { ofport: 3, bond: 'bond0' },
  { ofport: 4 },
];

interface Rig extends TestSwitch {
  readonly bond: Bond;
  readonly p2: XPort;
  readonly p3: XPort;
}

function rig(options: BondOptions, flow = 'NORMAL'): Rig {
  let bond: Bond | null = null;
  const sw = makeSwitch({
    ports: PORTS,
    flows: [`actions=${flow}`],
    bonds: { bond0: (members) => (bond = new Bond(options, members)) },
  });
  return { ...sw, bond: bond!, p2: sw.bridge.ports.get(2)!, p3: sw.bridge.ports.get(3)! };
}

function ask({ snapshot }: TestSwitch, packet: string, change: (key: Int32Array) => void = () => {}) {
  const key = makeKey(packet);
  change(key);
  const result = new Translator().translate(snapshot, key, 0);
  return {
    text: formatActions(result.actions.subarray(0, result.actionsLength)),
    mask: result.mask.slice(),
    effects: result.effects.slice(0, result.effectCount) as Effect[],
  };
}

const frame = (port: number, src = 1, dst = '50:54:00:00:00:ff') =>
  `in_port=${port},dl_src=50:54:00:00:00:${src.toString(16).padStart(2, '0')},dl_dst=${dst},dl_type=0x1234`;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

describe('xlate: bonds, sending', () => {
  it('active-backup: everything by the active member, to the other when it goes down', () => {
    const r = rig({ mode: 'active-backup' });
    expect(ask(r, frame(1)).text).to.equal('3,4');
    r.bond.linkChanged(r.p3, false);
    expect(ask(r, frame(1)).text).to.equal('2,4');
    r.bond.linkChanged(r.p3, true);
    expect(ask(r, frame(1)).text, 'no way back without need').to.equal('2,4');
    r.bond.linkChanged(r.p2, false);
    r.bond.linkChanged(r.p3, false);
    expect(ask(r, frame(1)).text).to.equal('4');
  });

  it('the primary member is active whenever it is up', () => {
    const r = rig({ mode: 'active-backup', primary: 'p3' });
    expect(r.bond.activePort).to.equal(r.p3);
    r.bond.linkChanged(r.p3, false);
    expect(r.bond.activePort).to.equal(r.p2);
    r.bond.linkChanged(r.p3, true);
    expect(r.bond.activePort).to.equal(r.p3);
  });

  it('links count after their delay; the first to come up does not wait', () => {
    const r = rig({ mode: 'active-backup', upDelayMs: 100, downDelayMs: 50 });
    r.bond.linkChanged(r.p3, false);
    expect([r.bond.activePort, r.bond.nextChangeMs()]).to.deep.equal([r.p3, 50]);
    r.bond.linkChanged(r.p3, true);
    r.bond.advance(60);
    expect(r.bond.activePort, 'cancelled').to.equal(r.p3);
    r.bond.linkChanged(r.p3, false);
    r.bond.advance(110);
    expect(r.bond.activePort).to.equal(r.p2);
    r.bond.linkChanged(r.p2, false);
    r.bond.advance(160);
    expect(r.bond.activePort).to.equal(null);
    r.bond.linkChanged(r.p3, true);
    expect(r.bond.activePort).to.equal(r.p3);
  });

  it('balance-slb: by source address and VLAN, with OVS’s hash, and looks at the address', () => {
    const r = rig({ mode: 'balance-slb' });
    const entry = (src: string, vlan: number, basis = 0) => {
      const key = makeKey(`dl_src=${src},dl_type=0x1234`);
      return new Bond({ mode: 'balance-slb', hashBasis: basis }, [r.p2]).entryOf(key, vlan);
    };
    // As `ovs-appctl bond/hash` of 3.1.0 answers.
    expect([entry('50:54:00:00:00:01', 0), entry('50:54:00:00:00:01', 0, 77)]).to.deep.equal([144, 98]);
    expect([entry('50:54:00:00:00:01', 10), entry('50:54:00:00:00:01', 10, 77)]).to.deep.equal([60, 4]);
    expect([entry('aa:bb:cc:dd:ee:ff', 4095), entry('aa:bb:cc:dd:ee:ff', 4095, 77)]).to.deep.equal([11, 57]);
    const used = new Set(Array.from({ length: 50 }, (_, i) => ask(r, frame(1, i)).text));
    expect([...used].sort()).to.deep.equal(['2,4', '3,4']);
    const answer = ask(r, frame(1));
    expect(answer.mask[F_ETH_SRC + 1]).to.equal(-1);
    const [effect] = answer.effects.filter(({ type }) => type === 'bond');
    expect(effect.type === 'bond' && [effect.entry, effect.port]).to.deep.equal([144, r.bond.entryPort(144)]);
  });

  it('entries of a member that goes down move, the others stay; nothing comes back by itself', () => {
    const r = rig({ mode: 'balance-slb' });
    const before = Array.from({ length: BOND_ENTRIES }, (_, i) => r.bond.entryPort(i));
    expect(before.filter((port) => port === r.p2)).to.have.length(128);
    r.bond.linkChanged(r.p2, false);
    expect(before.every((_, i) => r.bond.entryPort(i) === r.p3)).to.equal(true);
    r.bond.linkChanged(r.p2, true);
    expect(before.every((_, i) => r.bond.entryPort(i) === r.p3)).to.equal(true);
  });

  it('members that come up one after the other share the entries that nobody has used', () => {
    const r = rig({ mode: 'balance-slb' });
    const owners = () => new Set(Array.from({ length: BOND_ENTRIES }, (_, i) => r.bond.entryPort(i)?.name));
    r.bond.linkChanged(r.p2, false);
    r.bond.linkChanged(r.p3, false);
    expect([...owners()]).to.deep.equal([undefined]);
    r.bond.linkChanged(r.p2, true);
    const used = ask(r, frame(1)).effects.flatMap((effect) => (effect.type === 'bond' ? [effect.entry] : []));
    r.bond.linkChanged(r.p3, true);
    expect(owners().size).to.equal(2);
    expect(used.map((entry) => r.bond.entryPort(entry))).to.deep.equal([r.p2]);
  });

  it('balance-tcp: hash and recirculation, then by the hash’s entry', () => {
    const r = rig({ mode: 'balance-tcp', lacp: 'negotiated', hashBasis: 9 });
    const udp = 'udp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=1.2.3.4,nw_ttl=64';
    const first = ask(r, udp).text;
    expect(first).to.match(/^hash\(l4\(9\)\),recirc\(0x1\),4$/);
    const second = ask(r, udp, (key) => {
      key[F_RECIRC_ID] = 1;
      key[F_DP_HASH] = 0x12345603;
    });
    expect([second.text, second.mask[F_DP_HASH]]).to.deep.equal(['3', 0xff]);
    r.bond.linkChanged(r.p3, false);
    const moved = ask(r, udp, (key) => {
      key[F_RECIRC_ID] = 1;
      key[F_DP_HASH] = 3;
    });
    expect(moved.text).to.equal('2');
  });

  it('balance-tcp sends nothing without LACP, or as active-backup where that is allowed', () => {
    const r = rig({ mode: 'balance-tcp', lacp: 'configured' });
    expect(ask(r, frame(1)).text).to.equal('4');
    r.bond.lacpStatus = 'off';
    expect(ask(r, frame(1)).text).to.equal('4');
    const slb = rig({ mode: 'balance-slb', lacp: 'configured', lacpFallback: true });
    expect(new Set(Array.from({ length: 20 }, (_, i) => ask(slb, frame(1, i)).text))).to.deep.equal(
      new Set(['3,4']),
    );
    // As ovs-vswitchd 3.1: the active member, and no recirculation.
    const tcp = rig({ mode: 'balance-tcp', lacp: 'configured', lacpFallback: true });
    expect(new Set(Array.from({ length: 20 }, (_, i) => ask(tcp, frame(1, i)).text))).to.deep.equal(
      new Set(['3,4']),
    );
  });
});

describe('xlate: bonds, receiving', () => {
  it('active-backup: only by the active member', () => {
    const r = rig({ mode: 'active-backup' });
    expect([ask(r, frame(3)).text, ask(r, frame(2)).text]).to.deep.equal(['1,4', 'drop']);
  });

  it('balance-slb: multicast by the active member; what we sent and got back is dropped', () => {
    const r = rig({ mode: 'balance-slb' });
    expect([ask(r, frame(3, 1, BROADCAST)).text, ask(r, frame(2, 1, BROADCAST)).text]).to.deep.equal([
      '1,4',
      'drop',
    ]);
    expect(ask(r, frame(2)).text).to.equal('1,4');
    const [learn] = ask(r, frame(1)).effects;
    if (learn.type === 'learn') r.fdb.apply(learn);
    expect(ask(r, frame(2)).text).to.equal('drop');
  });

  it('balance-slb: a gratuitous ARP tells that the host moved, unless one from elsewhere did just now', () => {
    const r = rig({ mode: 'balance-slb' });
    const arp = (port: number, spa: string) =>
      `arp,in_port=${port},dl_src=50:54:00:00:00:01,dl_dst=${BROADCAST},arp_op=1,arp_spa=${spa},arp_tpa=10.0.0.1`;
    const apply = (packet: string) => {
      for (const effect of ask(r, packet).effects) if (effect.type === 'learn') r.fdb.apply(effect);
    };
    apply(frame(1));
    expect(ask(r, arp(3, '10.0.0.1')).text).to.equal('1,4');
    apply(arp(1, '10.0.0.1'));
    expect(ask(r, arp(3, '10.0.0.1')).text, 'locked').to.equal('drop');
    r.fdb.advance(5000);
    expect(ask(r, arp(3, '10.0.0.1')).text).to.equal('1,4');
    expect(ask(r, arp(3, '10.0.0.9')).text, 'not gratuitous').to.equal('drop');
  });

  it('with LACP: by every enabled member; without its success nothing', () => {
    const r = rig({ mode: 'balance-tcp', lacp: 'negotiated' });
    expect([ask(r, frame(2)).text, ask(r, frame(3, 1, BROADCAST)).text]).to.deep.equal(['1,4', '1,4']);
    r.bond.linkChanged(r.p3, false);
    expect(ask(r, frame(3)).text).to.equal('drop');
    r.bond.lacpStatus = 'configured';
    expect(ask(r, frame(2)).text).to.equal('drop');
  });
});

describe('xlate: bonds, rebalancing', () => {
  const { p2, p3 } = rig({ mode: 'balance-slb' });
  /** Loads of the first entries, all on p2. */
  const plan = (...bytes: number[]) => {
    const entryBytes = new Float64Array(BOND_ENTRIES);
    entryBytes.set(bytes);
    return planRebalance({ ports: [p2, p3], entryPorts: Array.from(entryBytes, () => p2), entryBytes });
  };

  it('moves what brings the loads nearest to each other', () => {
    expect(plan(600_000, 500_000, 400_000)).to.deep.equal([{ entry: 0, port: p3 }]);
    expect(plan(900_000, 300_000, 300_000, 300_000)).to.deep.equal([{ entry: 0, port: p3 }]);
  });

  it('leaves a lone entry, small loads and small differences alone', () => {
    expect(plan(5_000_000)).to.deep.equal([]);
    expect(plan(50_000, 40_000)).to.deep.equal([]);
    const entryBytes = new Float64Array(BOND_ENTRIES);
    entryBytes.set([5_000_000, 5_100_000, 100_000]);
    const entryPorts = [p2, p3, p3];
    expect(planRebalance({ ports: [p2, p3], entryPorts, entryBytes })).to.deep.equal([]);
  });

  it('applies the plan, and lets old load fade', () => {
    const r = rig({ mode: 'balance-slb' });
    const { generation } = r.bond;
    for (const [entry, bytes] of [
      [0, 600_000],
      [2, 500_000],
    ] as const) {
      r.bond.account({ type: 'bond', bond: r.bond, entry, port: r.bond.entryPort(entry)! }, bytes);
    }
    expect(rebalance(r.bond).map(({ entry }) => entry)).to.deep.equal([0]);
    expect([r.bond.entryPort(0)!.name, r.bond.entryBytes[0], r.bond.generation > generation]).to.deep.equal([
      'p3',
      300_000,
      true,
    ]);
  });

  it('counts what the internal table’s rules forwarded', () => {
    const r = rig({ mode: 'balance-tcp', lacp: 'negotiated' });
    const flow = makeKey('in_port=1');
    const mask = new Int32Array(flow.length);
    for (const entry of [0, 2]) {
      flow[F_DP_HASH] = entry;
      r.bond.lookup(flow, 0, mask, 0)!.bytes = 1_000_000;
    }
    expect(rebalance(r.bond)).to.deep.equal([{ entry: 0, port: r.p3 }]);
    flow[F_DP_HASH] = 0;
    expect(r.bond.lookup(flow, 0, mask, 0)!.actions).to.deep.equal([{ type: 'output', port: 3, maxLen: 0 }]);
    expect(rebalance(r.bond), 'once').to.deep.equal([]);
  });
});
