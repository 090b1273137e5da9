import { expect } from 'chai';
import { MacTable, RecircRegistry, type FrozenState, type XBundle } from '../../ts/xlate/index.js';
import { makeState, makeSwitch } from '../support/xlate.js';

const { bridge } = makeSwitch({ ports: [{ ofport: 1 }, { ofport: 2 }] });
const [P1, P2] = bridge.bundles;

function learn(table: MacTable, bundle: XBundle, low: number, vlan = 0): boolean {
  return table.apply({ type: 'learn', bridge, bundle, vlan, macHigh: 2, macLow: low, gratuitousArp: false });
}

describe('xlate: MAC table', () => {
  it('finds what it learned, by VLAN and address', () => {
    const table = new MacTable();
    learn(table, P1, 0xfffffff0 | 0, 7);
    expect(table.lookup(7, 2, 0xfffffff0)).to.equal(P1);
    expect(table.lookup(8, 2, 0xfffffff0)).to.equal(null);
    expect(table.lookup(7, 3, 0xfffffff0)).to.equal(null);
    expect(table.lookup(7, 2, 0xfffffff1)).to.equal(null);
  });

  it('tells the owner when an answer changes, and only then', () => {
    let changes = 0;
    const table = new MacTable({ onChange: () => changes++ });
    expect([learn(table, P1, 1), learn(table, P1, 1), learn(table, P2, 1)]).to.deep.equal([
      true,
      false,
      true,
    ]);
    expect([changes, table.generation]).to.deep.equal([2, 2]);
    expect([table.counters.learned, table.counters.moved]).to.deep.equal([1, 1]);
  });

  it('wants to learn new, moved and second-old addresses', () => {
    const table = new MacTable();
    expect(table.wouldLearn(0, 2, 1, P1, false)).to.equal(true);
    learn(table, P1, 1);
    expect(table.wouldLearn(0, 2, 1, P1, false)).to.equal(false);
    expect(table.wouldLearn(0, 2, 1, P2, false)).to.equal(true);
    table.advance(1000);
    expect(table.wouldLearn(0, 2, 1, P1, false)).to.equal(true);
    learn(table, P1, 1);
    expect(table.wouldLearn(0, 2, 1, P1, false)).to.equal(false);
    expect(table.wouldLearn(0, 0x100, 1, P1, false), 'group address').to.equal(false);
  });

  it('forgets addresses that were not seen for the ageing time', () => {
    const table = new MacTable();
    learn(table, P1, 1);
    table.advance(200_000);
    learn(table, P1, 2);
    expect(table.nextExpiryMs()).to.equal(100_000);
    table.advance(299_999);
    expect(table.size).to.equal(2);
    table.advance(300_000);
    expect([table.lookup(0, 2, 1), table.lookup(0, 2, 2)]).to.deep.equal([null, P1]);
    expect([table.counters.expired, table.nextExpiryMs()]).to.deep.equal([1, 200_000]);
  });

  it('makes room by forgetting the address seen longest ago', () => {
    const table = new MacTable({ capacity: 3 });
    for (const low of [1, 2, 3]) learn(table, P1, low);
    learn(table, P1, 1);
    learn(table, P1, 4);
    expect([...table.entries()].map((entry) => entry.macLow)).to.deep.equal([3, 1, 4]);
    expect(table.counters.evicted).to.equal(1);
  });

  it('holds 8192 addresses, all of them findable', () => {
    const table = new MacTable();
    for (let i = 0; i < 10_000; i++) learn(table, i & 1 ? P1 : P2, i, i & 15);
    expect(table.size).to.equal(8192);
    for (let i = 10_000 - 8192; i < 10_000; i++) expect(table.lookup(i & 15, 2, i)).to.equal(i & 1 ? P1 : P2);
    table.flush(P1);
    expect(table.size).to.equal(4096);
    table.flush();
    expect([table.size, table.nextExpiryMs()]).to.deep.equal([0, null]);
  });

  it('makes room at the cost of the port with most addresses', () => {
    const table = new MacTable({ capacity: 4 });
    learn(table, P2, 9);
    for (const low of [1, 2, 3, 4]) learn(table, P1, low);
    expect([...table.entries()].map((entry) => entry.macLow)).to.deep.equal([9, 2, 3, 4]);
  });

  it('keeps static addresses where they are, until they are removed', () => {
    const table = new MacTable({ capacity: 2 });
    expect(table.addStatic(0, 2, 1, P1)).to.equal(true);
    expect([table.wouldLearn(0, 2, 1, P2, false), learn(table, P2, 1)]).to.deep.equal([false, false]);
    table.advance(1e9);
    learn(table, P2, 2);
    learn(table, P2, 3);
    expect([...table.entries()].map(({ macLow, isStatic }) => [macLow, isStatic])).to.deep.equal([
      [1, true],
      [3, false],
    ]);
    expect([table.delete(0, 2, 1), table.delete(0, 2, 1), table.size]).to.deep.equal([true, false, 1]);
    table.addStatic(0, 2, 1, P1);
    table.flush(P1);
    expect(table.lookup(0, 2, 1)).to.equal(null);
  });

  it('learns nothing in VLANs that are always flooded', () => {
    const table = new MacTable();
    learn(table, P1, 1, 5);
    learn(table, P1, 1, 6);
    const vlans = new Int32Array(128);
    vlans[0] = 1 << 5;
    table.floodVlans = vlans;
    expect([table.lookup(5, 2, 1), table.lookup(6, 2, 1), learn(table, P1, 1, 5)]).to.deep.equal([
      null,
      P1,
      false,
    ]);
    expect(table.wouldLearn(5, 2, 1, P1, false)).to.equal(false);
  });

  it('does not believe gratuitous ARP over a bond for 5 s after one from elsewhere', () => {
    const table = new MacTable();
    const over = { ...P2, bond: {} } as XBundle;
    const arp = (bundle: XBundle) =>
      table.apply({ type: 'learn', bridge, bundle, vlan: 0, macHigh: 2, macLow: 1, gratuitousArp: true });
    arp(P1);
    expect(table.isGratuitousArpLocked(0, 2, 1)).to.equal(true);
    expect([arp(over), table.lookup(0, 2, 1)]).to.deep.equal([false, P1]);
    table.advance(5000);
    expect([arp(over), table.lookup(0, 2, 1)]).to.deep.equal([true, over]);
  });

  it('follows bundles to a new configuration', () => {
    const table = new MacTable();
    learn(table, P1, 1);
    learn(table, P2, 2);
    const next = makeSwitch({ ports: [{ ofport: 1 }] }).bridge.bundles[0];
    table.replaceBundles((bundle) => (bundle === P1 ? next : undefined));
    expect([table.lookup(0, 2, 1), table.lookup(0, 2, 2)]).to.deep.equal([next, null]);
  });
});

describe('xlate: recirculation ids', () => {
  const state = (table: number, register = 0): FrozenState => {
    const registers = new Int32Array(16);
    registers[15] = register;
    return makeState(bridge, { table, registers });
  };

  it('are equal for equal states, and never 0', () => {
    const ids = new RecircRegistry(10, 0xffffffff);
    const first = ids.idFor(state(1));
    const other = ids.idFor(state(1, 5));
    expect([first, other, ids.idFor(state(1)), ids.idFor(state(2))]).to.deep.equal([0xffffffff, 1, first, 2]);
    expect(ids.lookup(first)!.table).to.equal(1);
    expect(ids.lookup(99)).to.equal(undefined);
  });

  it('keep their own copy of the registers', () => {
    const ids = new RecircRegistry();
    const asked = state(1, 5);
    const id = ids.idFor(asked);
    asked.registers[15] = 6;
    expect(ids.lookup(id)!.registers[15]).to.equal(5);
  });

  it('are bounded: the state not asked for longest goes', () => {
    const ids = new RecircRegistry(2);
    const [a, b] = [ids.idFor(state(1)), ids.idFor(state(2))];
    ids.idFor(state(1));
    ids.idFor(state(3));
    expect([ids.size, ids.evicted, ids.lookup(a)?.table, ids.lookup(b)]).to.deep.equal([2, 1, 1, undefined]);
  });
});
