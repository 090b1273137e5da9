import { expect } from 'chai';
import { FLOW_WORDS } from '../../ts/fields/index.js';
import {
  BY_INSTALL,
  BY_REVALIDATOR,
  DELETE_REASONS,
  UKEY_EVICTING,
  UKEY_FREE,
  UKEY_OPERATIONAL,
  UKEY_VISIBLE,
  type UkeySource,
  UkeyTable,
} from '../../ts/ukey/index.js';

function source(id: readonly number[], seed: number, maskBits: number): UkeySource {
  const mask = new Int32Array(FLOW_WORDS);
  mask[0] = maskBits;
  return {
    ufid: Int32Array.from(id),
    ufidAt: 0,
    key: Uint8Array.from({ length: 40 + (seed % 90) }, (_, i) => seed + i),
    keyOffset: 3,
    keyLength: 30 + (seed % 90),
    mask,
    maskBase: 0,
    actions: Uint8Array.from({ length: seed % 3 === 0 ? 0 : 8 * (seed % 7) + 8 }, (_, i) => seed ^ i),
    actionsLength: seed % 3 === 0 ? 0 : 8 * (seed % 7) + 8,
    inPort: seed,
    slow: 0,
    generation: 1,
  };
}

const IDLE = DELETE_REASONS.indexOf('idle');

function takeOut(table: UkeyTable, index: number): void {
  table.transition(index, UKEY_EVICTING, BY_REVALIDATOR);
  table.close(index, IDLE, BY_REVALIDATOR);
}

describe('ukey table', () => {
  it('finds what was added and nothing else, through growth, collisions and removals', () => {
    const table = new UkeyTable();
    const model = new Map<number, number>();
    // The low words collide on purpose: probing and back-shifting get work.
    const id = (n: number) => [n & 7, n, 7 * n, 1];
    for (let n = 0; n < 5000; n++) model.set(n, table.add(source(id(n), n, n & 3), n));
    for (let n = 0; n < 5000; n += 3) {
      takeOut(table, model.get(n)!);
      model.delete(n);
    }
    for (let n = 5000; n < 6000; n++) model.set(n, table.add(source(id(n), n, n & 3), n));
    for (let n = 0; n < 6100; n++)
      expect(table.find(Int32Array.from(id(n)), 0), `flow ${n}`).to.equal(model.get(n) ?? -1);
    expect(table.count).to.equal(model.size);
    for (const [n, index] of model) {
      const made = source(id(n), n, 0);
      const key = table.arena.view(table.keyBlock[index], table.keyLength[index]);
      expect([...key]).to.deep.equal([...made.key.subarray(3, 3 + made.keyLength)]);
      expect(
        table.arena.equals(table.actionsBlock[index], table.actionsLength[index], made.actions, 0),
      ).to.equal(true);
    }
  });

  it('keeps each mask once and gives memory back', () => {
    const table = new UkeyTable();
    const indices = Array.from({ length: 1000 }, (_, n) => table.add(source([n, 1, 2, 3], n, n % 5), 0));
    expect(table.masks.count).to.equal(5);
    const reserved = table.arena.reservedBytes;
    for (const index of indices) takeOut(table, index);
    expect(table.masks.count).to.equal(0);
    expect(table.arena.liveBytes).to.equal(0);
    for (let n = 0; n < 1000; n++) table.add(source([n, 5, 5, 5], n, 0), 0);
    expect(table.arena.reservedBytes).to.equal(reserved);
  });

  it('refuses illegal transitions, and says who moved the ukey last', () => {
    const table = new UkeyTable();
    const index = table.add(source([1, 2, 3, 4], 1, 0), 70);
    expect(table.state.get(index)).to.equal(UKEY_VISIBLE);
    table.now = 100;
    expect(() => table.transition(index, UKEY_FREE, BY_REVALIDATOR)).to.throw(
      'illegal transition visible → free by revalidator; handler had moved it 30 ms before',
    );
    table.transition(index, UKEY_OPERATIONAL, BY_INSTALL);
    expect(table.movedAt[index]).to.equal(100);
    expect(() => table.transition(index, UKEY_VISIBLE, BY_INSTALL)).to.throw(
      'operational → visible by install',
    );
    takeOut(table, index);
    expect(table.state.get(index)).to.equal(UKEY_FREE);
    expect(() => table.close(index, IDLE, BY_REVALIDATOR)).to.throw('free → evicted');
  });

  it('counts ends by reason, and tells of those whose flows had been installed', () => {
    const table = new UkeyTable();
    const told: [number, number][] = [];
    table.watcher = { installed() {}, modified() {}, deleted: (ukey, reason) => told.push([ukey, reason]) };
    const sent = table.add(source([1, 2, 3, 4], 1, 0), 0);
    const unsent = table.add(source([5, 2, 3, 4], 1, 0), 0);
    table.transition(sent, UKEY_OPERATIONAL, BY_INSTALL);
    table.close(sent, IDLE, BY_REVALIDATOR);
    table.close(unsent, DELETE_REASONS.indexOf('failed_install'), BY_INSTALL);
    expect(told).to.deep.equal([[sent, IDLE]]);
    expect(table.ends[IDLE]).to.equal(1);
    expect(table.ends[DELETE_REASONS.indexOf('failed_install')]).to.equal(1);
    expect(table.count).to.equal(0);
  });

  it('is full at its capacity, and has room again when one has ended', () => {
    const table = new UkeyTable(undefined, 10);
    const all = Array.from({ length: 10 }, (_, n) => table.add(source([n * 77, n, 0, 0], n, 0), 0));
    expect(table.full).to.equal(true);
    for (const [n, index] of all.entries())
      expect(table.find(Int32Array.of(n * 77, n, 0, 0), 0), `flow ${n}`).to.equal(index);
    takeOut(table, all[3]);
    expect(table.full).to.equal(false);
    expect(table.add(source([9, 9, 9, 9], 1, 0), 0)).to.equal(all[3]);
  });

  it('replaces actions without losing the old block', () => {
    const table = new UkeyTable();
    const index = table.add(source([1, 2, 3, 4], 1, 0), 0);
    const before = table.arena.liveBytes;
    table.setActions(index, new Uint8Array(3000).fill(9), 3000);
    expect([...table.arena.view(table.actionsBlock[index], 3000)]).to.deep.equal(Array(3000).fill(9));
    table.setActions(index, new Uint8Array(16), 16);
    expect(table.arena.liveBytes).to.equal(before);
  });
});
