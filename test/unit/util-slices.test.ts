import { expect } from 'chai';
import fc from 'fast-check';
import { Slices, sortInSlices } from '../../ts/util/index.js';

describe('work in slices', () => {
  it('is over after two milliseconds, however long others took', async () => {
    let now = 0;
    const slices = new Slices(() => now);
    now = 1.9;
    expect(slices.over).to.equal(false);
    now = 2;
    expect(slices.over).to.equal(true);
    setImmediate(() => {
      now += 10;
    });
    await slices.rest();
    now += 1.5;
    expect(slices.over).to.equal(false);
    now += 0.5;
    expect(slices.over).to.equal(true);
  });

  it('is over when somebody waits, but not before it was as long as the turn that others had', async () => {
    let now = 0;
    let waits = false;
    const slices = new Slices(
      () => now,
      () => waits,
    );
    expect(slices.over).to.equal(false);
    waits = true;
    expect(slices.over).to.equal(true);
    setImmediate(() => {
      now += 0.5;
    });
    await slices.rest();
    expect(slices.over).to.equal(false);
    now += 0.5;
    expect(slices.over).to.equal(true);
    waits = false;
    expect(slices.over).to.equal(false);
  });

  it('counts what was worked, without the turns of others and without what was done aside', async () => {
    let now = 0;
    const slices = new Slices(() => now);
    now = 3;
    setImmediate(() => {
      now += 10;
    });
    await slices.rest();
    now += 1;
    expect(slices.worked).to.equal(4);
    await slices.aside(async () => {
      now += 2;
      setImmediate(() => {
        now += 10;
      });
      await slices.rest();
      now += 1;
    });
    expect(slices.worked).to.equal(4);
    now += 1;
    expect(slices.worked).to.equal(5);
  });

  it('counts a pause as worked, but not what others take beyond it', async () => {
    let now = 0;
    const slices = new Slices(() => now);
    now = 2;
    const paused = slices.pause();
    now += 50;
    await paused;
    expect(slices.worked).to.equal(6);
  });

  it('sorts as sorting in one go does', async () => {
    const lengths = fc.oneof(fc.nat(20), fc.integer({ min: 2000, max: 9000 }));
    await fc.assert(
      fc.asyncProperty(lengths, fc.integer({ min: 1, max: 1000 }), fc.nat(), async (length, values, seed) => {
        const rank = Float64Array.from(
          { length },
          (_, i) => (Math.imul(i + seed, 0x9e3779b1) >>> 8) % values,
        );
        const items = Array.from({ length }, (_, i) => i);
        const expected = [...items].sort((a, b) => rank[a] - rank[b]);
        let looks = 0;
        const sorted = await sortInSlices(items, (item) => rank[item], new Slices(() => looks++));
        expect([...sorted]).to.deep.equal(expected);
      }),
      { numRuns: 20 },
    );
  });
});
