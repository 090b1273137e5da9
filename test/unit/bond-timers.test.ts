import { expect } from 'chai';
import { emptyConfiguration, splitShellWords, vsctl } from '../../ts/config/index.js';
import { advanceBridge } from '../../ts/switch/effects.js';
import { learningPackets } from '../../ts/switch/learning-packets.js';
import { makeModel } from '../support/configurations.js';

function bonded(settings: string) {
  const { model, configurator } = makeModel();
  const words = `add-br br0 -- add-port br0 p1 -- add-bond br0 bond0 p6 p7 ${settings}`;
  configurator.takeOver(vsctl(emptyConfiguration(), splitShellWords(words)).configuration);
  const bridge = model.bridges.get('br0')!;
  const bundle = bridge.bundles.find(({ name }) => name === 'bond0')!;
  const behind = bridge.bundles.find(({ name }) => name === 'p1')!;
  const learn = (vlan: number, macLow: number) =>
    bridge.fdb.apply({
      type: 'learn',
      bridge,
      bundle: behind,
      vlan,
      macHigh: 0x5054,
      macLow,
      gratuitousArp: false,
    });
  return { bridge, bundle, bond: bundle.bond!, learn };
}

describe('bonds: timers of the switch', () => {
  it('load is rebalanced each interval, and not before', () => {
    const { bridge, bond } = bonded('bond_mode=balance-slb other_config:bond-rebalance-interval=2000');
    advanceBridge(bridge, 1000);
    const [p6] = bond.memberList.map(({ port }) => port);
    const entries = Array.from({ length: 256 }, (_, i) => i).filter((i) => bond.entryPort(i) === p6);
    const load = () => {
      for (const entry of entries.slice(0, 2))
        bond.account({ type: 'bond', bond, entry, port: p6 }, 1_000_000);
    };
    const moved = () => entries.filter((entry) => bond.entryPort(entry) !== p6).length;
    load();
    expect(advanceBridge(bridge, 2999)).to.equal(false);
    expect(moved()).to.equal(0);
    expect(advanceBridge(bridge, 3000)).to.equal(true);
    expect(moved()).to.equal(1);
  });

  it('an interval of 0 rebalances never, one below a second each second', () => {
    const never = bonded('bond_mode=balance-slb other_config:bond-rebalance-interval=0');
    const often = bonded('bond_mode=balance-slb other_config:bond-rebalance-interval=10');
    const due = ({ bond }: typeof never, now: number) => {
      bond.advance(now);
      return bond.rebalanceDue();
    };
    expect([0, 20_000, 40_000].map((now) => due(never, now))).to.deep.equal([false, false, false]);
    expect([0, 500, 1000, 1500, 2000].map((now) => due(often, now))).to.deep.equal([
      false,
      false,
      true,
      false,
      true,
    ]);
  });

  it('a member that goes down counts after bond_downdelay; then the other announces the addresses behind it', () => {
    const { bridge, bundle, bond, learn } = bonded('bond_downdelay=300 other_config:bond-primary=p6');
    learn(0, 1);
    learn(7, 2);
    advanceBridge(bridge, 1000);
    bond.takeAnnouncement();
    const p6 = bundle.ports[0];
    bond.linkChanged(p6, false);
    expect(advanceBridge(bridge, 1200)).to.equal(false);
    expect(bond.takeAnnouncement()).to.equal(false);
    expect(advanceBridge(bridge, 1300)).to.equal(true);
    expect(bond.takeAnnouncement()).to.equal(true);
    expect(bond.takeAnnouncement()).to.equal(false);
    const frames = learningPackets(bridge, bundle);
    expect(frames.map(({ odpPort }) => odpPort)).to.deep.equal([
      bundle.ports[1].odpPort,
      bundle.ports[1].odpPort,
    ]);
    expect(frames.map(({ frame }) => Buffer.from(frame).toString('hex'))).to.deep.equal([
      'ffffffffffff5054000000018035000108000604000350540000000100000000505400000001' + '00000000',
      'ffffffffffff505400000002810000078035000108000604000350540000000200000000505400000002' + '00000000',
    ]);
  });
});
