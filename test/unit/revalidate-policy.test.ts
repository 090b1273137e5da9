import { expect } from 'chai';
import { MATCHED_FIRST, MATCHED_STALE, MATCHED_UNTOLD } from '../../ts/native/index.js';
import {
  DEFAULT_POLICY,
  deleteVerdict,
  judge,
  KEEP,
  type RoundTerms,
  termsOf,
  TRANSLATE,
} from '../../ts/revalidate/index.js';
import { FlowLimit } from '../../ts/ukey/index.js';

describe('flow limit', () => {
  const limitAfter = (limit: number, duration: number, flows: number, max = 200_000) => {
    const flowLimit = new FlowLimit(max);
    flowLimit.limit = limit;
    flowLimit.afterDump(duration, flows);
    return flowLimit.limit;
  };

  it('starts at 10,000, or at the maximum when that is lower', () => {
    expect(new FlowLimit().limit).to.equal(10_000);
    expect(new FlowLimit(500).limit).to.equal(500);
  });

  it('asks for the number of flows once in 100 ms at most', () => {
    const flowLimit = new FlowLimit();
    let asked = 0;
    const count = () => ++asked;
    const seen = [1000, 1099, 1100, 1150, 1200, 5000].map((now) => {
      flowLimit.look(now, count);
      return flowLimit.flows;
    });
    expect(seen).to.deep.equal([1, 1, 2, 2, 3, 4]);
  });

  it('is divided by the seconds of a dump over two seconds', () => {
    expect(limitAfter(100_000, 2001, 1)).to.equal(50_000);
    expect(limitAfter(100_000, 4900, 1)).to.equal(25_000);
  });

  it('stays as it is after a dump of a second and more, and after a quick one of a table that is small enough', () => {
    expect(limitAfter(5000, 1000, 1_000_000)).to.equal(5000);
    expect(limitAfter(5000, 999, 1_000_000)).to.equal(6000);
    expect(limitAfter(5000, 500, 2500)).to.equal(5000);
    expect(limitAfter(5000, 500, 2501)).to.equal(6000);
  });

  it('falls at once with its maximum, and does not grow with it', () => {
    const flowLimit = new FlowLimit();
    flowLimit.max = 3000;
    expect(flowLimit.limit).to.equal(3000);
    flowLimit.max = 50_000;
    expect(flowLimit.limit).to.equal(3000);
  });

  it('falls by a quarter after a dump over 1.3 seconds', () => {
    expect(limitAfter(100_000, 1301, 1)).to.equal(75_000);
    expect(limitAfter(100_000, 2000, 1)).to.equal(75_000);
    expect(limitAfter(100_000, 1300, 1_000_000)).to.equal(100_000);
  });

  it('grows by 1,000 after a quick dump that a larger table would still fit', () => {
    expect(limitAfter(10_000, 100, 2000)).to.equal(11_000);
    expect(limitAfter(10_000, 100, 1000)).to.equal(10_000);
    expect(limitAfter(10_000, 0, 11)).to.equal(11_000);
  });

  it('stays between 1,000 and the maximum', () => {
    expect(limitAfter(1500, 9000, 1)).to.equal(1000);
    expect(limitAfter(199_900, 10, 199_900)).to.equal(200_000);
    expect(limitAfter(500, 10, 500, 500)).to.equal(500);
  });
});

describe('revalidation terms', () => {
  const terms = (maxIdle: number, flush: boolean, cheap: boolean) => ({
    maxIdle,
    usualIdle: 10_000,
    flush,
    cheap,
    dearGap: 200,
  });

  it('shortens the idle time above the limit and flushes above twice the limit', () => {
    expect(termsOf(DEFAULT_POLICY, 10, 10, 0)).to.deep.equal(terms(10_000, false, true));
    expect(termsOf(DEFAULT_POLICY, 11, 10, 0)).to.deep.equal(terms(100, false, true));
    expect(termsOf(DEFAULT_POLICY, 20, 10, 0)).to.deep.equal(terms(100, false, true));
    expect(termsOf(DEFAULT_POLICY, 21, 10, 0)).to.deep.equal(terms(100, true, true));
  });
  it('counts dumps under 200 ms as cheap', () => {
    expect(termsOf(DEFAULT_POLICY, 1, 10, 199).cheap).to.equal(true);
    expect(termsOf(DEFAULT_POLICY, 1, 10, 200).cheap).to.equal(false);
  });
  it('never lengthens an idle time that is shorter already', () => {
    expect(termsOf({ ...DEFAULT_POLICY, maxIdle: 50 }, 11, 10, 0).maxIdle).to.equal(50);
  });
});

describe('revalidation verdicts', () => {
  const NOW = 1_000_000;
  const CHEAP = termsOf(DEFAULT_POLICY, 1, 10, 0);
  const DEAR = termsOf(DEFAULT_POLICY, 1, 10, 500);

  interface Flow {
    readonly flags?: number;
    readonly packets?: number;
    /** Milliseconds since the last packet, and since the one before the dump before. */
    readonly idle?: number;
    readonly idleBefore?: number;
  }

  function verdicts(terms: RoundTerms, ...flows: readonly Flow[]): { kept: number; verdicts: number[] } {
    const out = new Uint8Array(flows.length + 1).fill(99);
    const kept = judge(
      terms,
      {
        flags: Uint8Array.from(flows, ({ flags = 0 }) => flags),
        packets: Float64Array.from(flows, ({ packets = 0 }) => packets),
        used: Float64Array.from(flows, ({ idle = 0 }) => NOW - idle),
        usedBefore: Float64Array.from(flows, ({ idle = 0, idleBefore = idle }) => NOW - idleBefore),
      },
      flows.length,
      NOW,
      out,
    );
    expect(out[flows.length], 'nothing beyond the batch is written').to.equal(99);
    return { kept, verdicts: [...out.subarray(0, flows.length)] };
  }

  it('keep what is in use and concerned by no change', () => {
    expect(verdicts(DEAR, {}, { packets: 3 }, { flags: MATCHED_FIRST }, { idle: 10_000 })).to.deep.equal({
      kept: 4,
      verdicts: [KEEP, KEEP, KEEP, KEEP],
    });
  });
  it('delete what was idle for longer than the terms say, whatever else is to be said of it', () => {
    const idle = deleteVerdict('idle');
    expect(
      verdicts(CHEAP, { idle: 10_001 }, { idle: 10_001, flags: MATCHED_STALE }, { idle: 9_999 }),
    ).to.deep.equal({ kept: 1, verdicts: [idle, idle, KEEP] });
    const crowded = termsOf(DEFAULT_POLICY, 11, 10, 0);
    const crowdedOut = deleteVerdict('flow_limit');
    expect(
      verdicts(crowded, { idle: 10_001 }, { idle: 10_000 }, { idle: 101 }, { idle: 100 }).verdicts,
      'above the limit, what 10 seconds would have spared goes for that reason',
    ).to.deep.equal([idle, crowdedOut, crowdedOut, KEEP]);
  });
  it('delete everything above twice the limit', () => {
    const flush = deleteVerdict('over_limit_flush');
    const over = termsOf(DEFAULT_POLICY, 21, 10, 0);
    const flows = [{}, { packets: 1_000_000 }, { flags: MATCHED_STALE }, { idle: 50_000 }];
    expect(verdicts(over, ...flows)).to.deep.equal({ kept: 0, verdicts: [flush, flush, flush, flush] });
  });
  it('translate what a change may concern again: all in a cheap round', () => {
    expect(verdicts(CHEAP, { flags: MATCHED_STALE }, {}, { flags: MATCHED_STALE, packets: 9 })).to.deep.equal(
      {
        kept: 1,
        verdicts: [TRANSLATE, KEEP, TRANSLATE],
      },
    );
  });
  it('translate in a dear one those of at least 5 packets a second, and those that are new', () => {
    const dear = deleteVerdict('too_expensive');
    const flags = MATCHED_STALE;
    expect(
      verdicts(
        DEAR,
        { flags, packets: 6, idleBefore: 1000 },
        { flags, packets: 5, idleBefore: 1000 },
        { flags, packets: 0, idleBefore: 1000 },
        { flags: flags | MATCHED_FIRST, packets: 0, idleBefore: 1000 },
      ).verdicts,
    ).to.deep.equal([TRANSLATE, dear, dear, TRANSLATE]);
    const patient = termsOf({ ...DEFAULT_POLICY, minRevalidatePps: 1 }, 1, 10, 500);
    expect(verdicts(patient, { flags, packets: 2, idleBefore: 1000 }).verdicts).to.deep.equal([TRANSLATE]);
  });
  it('translate what has packets that nobody but a translation can credit, by the same measure', () => {
    const flags = MATCHED_UNTOLD;
    expect(verdicts(CHEAP, { flags, packets: 1 }, { flags }).verdicts).to.deep.equal([TRANSLATE, KEEP]);
    expect(
      verdicts(
        DEAR,
        { flags, packets: 1, idleBefore: 1000 },
        { flags, packets: 50, idleBefore: 1000 },
        { flags },
      ).verdicts,
    ).to.deep.equal([deleteVerdict('too_expensive'), TRANSLATE, KEEP]);
  });
});
