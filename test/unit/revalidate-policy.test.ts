import { expect } from 'chai';
import { DEFAULT_POLICY, termsOf, worthTranslating } from '../../ts/revalidate/index.js';
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

  it('is divided by the seconds of a dump over two seconds', () => {
    expect(limitAfter(100_000, 2001, 1)).to.equal(50_000);
    expect(limitAfter(100_000, 4900, 1)).to.equal(25_000);
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
  it('shortens the idle time above the limit and flushes above twice the limit', () => {
    expect(termsOf(DEFAULT_POLICY, 10, 10, 0)).to.deep.equal({ maxIdle: 10_000, flush: false, cheap: true });
    expect(termsOf(DEFAULT_POLICY, 11, 10, 0)).to.deep.equal({ maxIdle: 100, flush: false, cheap: true });
    expect(termsOf(DEFAULT_POLICY, 21, 10, 200)).to.deep.equal({ maxIdle: 100, flush: true, cheap: false });
  });

  it('never lengthens an idle time that is shorter already', () => {
    expect(termsOf({ ...DEFAULT_POLICY, maxIdle: 50 }, 11, 10, 0).maxIdle).to.equal(50);
  });

  it('translates again what is cheap, new, or busy enough', () => {
    const cheap = termsOf(DEFAULT_POLICY, 1, 10, 10);
    const dear = termsOf(DEFAULT_POLICY, 1, 10, 500);
    expect(worthTranslating(cheap, DEFAULT_POLICY, 0, 0, false, 1000)).to.equal(true);
    expect(worthTranslating(dear, DEFAULT_POLICY, 0, 0, true, 1000)).to.equal(true);
    expect(worthTranslating(dear, DEFAULT_POLICY, 6, 0, false, 1000)).to.equal(true);
    expect(worthTranslating(dear, DEFAULT_POLICY, 5, 0, false, 1000)).to.equal(false);
    expect(worthTranslating(dear, DEFAULT_POLICY, 0, 0, false, 1000)).to.equal(false);
  });
});
