import { expect } from 'chai';
import fc from 'fast-check';
import { F_VLAN_TCI, FLOW_WORDS } from '../../ts/fields/index.js';
import { formatActions } from '../../ts/flow/index.js';
import { Translator } from '../../ts/xlate/index.js';
import { freeBits, GROUPS, packet, PORTS, rule } from '../support/xlate-arbitraries.js';
import { makeKey, makeSwitch } from '../support/xlate.js';

describe('xlate: the mask', () => {
  it('has every bit that matters: flipping any other changes neither actions nor mask', function () {
    this.timeout(120_000);
    const property = fc.property(fc.array(rule, { minLength: 1, maxLength: 8 }), packet, (flows, text) => {
      const fdb = [
        [1, 10, 0x5054, 1],
        [2, 10, 0x5054, 2],
        [3, 0, 0x5054, 2],
      ] as const;
      const { snapshot } = makeSwitch({
        ports: PORTS,
        flows,
        fdb,
        failMode: 'standalone',
        groups: GROUPS,
        meters: [[1, 3]],
      });
      const translator = new Translator();
      const key = makeKey(text);
      const copy = key.slice();
      const first = translator.translate(snapshot, key, 0);
      const mask = first.mask.slice();
      const error = first.error;
      const actions = formatActions(first.actions.subarray(0, first.actionsLength));
      expect(key, 'the key must not change').to.deep.equal(copy);
      for (const [word, bit] of freeBits(key)) {
        if ((mask[word] & (1 << bit)) !== 0 || (word === F_VLAN_TCI && bit === 12)) continue;
        key[word] ^= 1 << bit;
        const again = translator.translate(snapshot, key, 0);
        const context = `${flows.join('\n')}\n${text}\nword ${word} bit ${bit}`;
        const now = formatActions(again.actions.subarray(0, again.actionsLength));
        expect(now, context).to.equal(actions);
        expect(again.error, context).to.equal(error);
        for (let w = 0; w < FLOW_WORDS; w++)
          if (again.mask[w] !== mask[w]) expect.fail(`${context}\nmask word ${w} differs`);
        key[word] ^= 1 << bit;
      }
    });
    fc.assert(property, { numRuns: Number(process.env.FC_RUNS ?? 300) });
  });
});
