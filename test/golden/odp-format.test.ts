import { expect } from 'chai';
import { formatActions, formatKey } from '../../ts/flow/index.js';
import { fromHexText, odpCases, suiteCases } from './odp-cases.js';

describe('golden: bytes to text as OVS prints them', () => {
  const cases = [...odpCases, ...suiteCases()];

  it('prints actions', () => {
    const actions = cases.filter((c) => c.kind === 'actions' && c.actions !== undefined);
    expect(actions.length).to.be.greaterThan(700);
    for (const c of actions) expect(formatActions(fromHexText(c.actions!)), c.in).to.equal(c.text);
  });

  it('prints keys made of flows', () => {
    const keys = cases.filter((c) => c.keyFromFlow !== undefined && c.keyFromFlowText !== undefined);
    expect(keys.length).to.be.greaterThan(900);
    for (const c of keys) {
      expect(formatKey(fromHexText(c.keyFromFlow!), undefined, { verbose: true }), c.in).to.equal(
        c.keyFromFlowText,
      );
    }
  });

  it('prints keys with their masks, short and verbose', () => {
    for (const c of suiteCases().filter((c) => c.key !== undefined && c.text !== undefined)) {
      const key = fromHexText(c.key!);
      const mask = fromHexText(c.mask ?? '');
      expect(formatKey(key, mask), c.in).to.equal(c.text);
      expect(formatKey(key, mask, { verbose: true }), c.in).to.equal(c.textVerbose);
    }
  });
});
