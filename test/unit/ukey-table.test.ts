import { expect } from 'chai';
import { FLOW_WORDS } from '../../ts/fields/index.js';
import {
  UKEY_EVICTED,
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

function takeOut(table: UkeyTable, index: number): void {
  table.transition(index, UKEY_EVICTING);
  table.transition(index, UKEY_EVICTED);
  table.remove(index);
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

  it('refuses illegal transitions', () => {
    const table = new UkeyTable();
    const index = table.add(source([1, 2, 3, 4], 1, 0), 0);
    expect(table.state[index]).to.equal(UKEY_VISIBLE);
    expect(() => table.remove(index)).to.throw('illegal transition visible → deleted');
    table.transition(index, UKEY_OPERATIONAL);
    expect(() => table.transition(index, UKEY_VISIBLE)).to.throw('operational → visible');
    expect(() => table.transition(index, UKEY_FREE)).to.throw('operational → free');
    takeOut(table, index);
    expect(table.state[index]).to.equal(UKEY_FREE);
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
