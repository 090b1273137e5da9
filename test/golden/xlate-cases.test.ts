import { expect } from 'chai';
import { type Comparison, recordedCases } from './trace-compare.js';
import { compareRecorded, DELIBERATE } from './xlate-recordings.js';

/** Of 3,000 translations, in per cent. */
const MOST_DELIBERATE = 1;

const deliberate = new Set(Object.values(DELIBERATE).flatMap((set) => [...set]));

function describeDifference({ id, case: entry, trace, verdict, detail }: Comparison): string {
  return `${id} ${entry.topology.name}: ${verdict}\n  ${trace.bridge} ${trace.flow} ${trace.options ?? ''}\n${detail}`;
}

describe('translations of real Open vSwitch', () => {
  let comparisons: readonly Comparison[];

  before(function () {
    this.timeout(120_000);
    comparisons = recordedCases().flatMap(compareRecorded);
  });

  it('come out the same in every step', () => {
    const problems = comparisons
      .filter(({ id, verdict }) => verdict !== 'agree' && !deliberate.has(id))
      .map(describeDifference);
    expect(problems.slice(0, 5), `${problems.length} differ`).to.deep.equal([]);
    expect(comparisons.length).to.equal(3_000);
  });

  it('differ deliberately in what is listed, not above one per cent', () => {
    const differing = new Set(comparisons.filter(({ verdict }) => verdict !== 'agree').map(({ id }) => id));
    expect([...deliberate].filter((id) => !differing.has(id))).to.deep.equal([]);
    expect((deliberate.size / comparisons.length) * 100).to.be.at.most(MOST_DELIBERATE);
  });

  it('match no more bits than it does, all in all', () => {
    const [ours, theirs] = [0, 1].map((side) => comparisons.reduce((sum, { bits }) => sum + bits[side], 0));
    console.log(`      ${comparisons.length} translations, ${ours} bits matched, ${theirs} by Open vSwitch`);
    expect(ours).to.be.at.most(theirs);
  });
});
