import { expect } from 'chai';
import { F_TUN_FLAGS, FLOW_WORDS } from '../../ts/fields/index.js';
import { formatFlowRow, readKeyRow, TUN_F_KEY } from '../../ts/flow/index.js';
import { fromHexText, odpCases, suiteCases } from './odp-cases.js';

describe('golden: flow rows to text in OpenFlow words', () => {
  it('prints the flow of a datapath key as OVS does', () => {
    const base = 3;
    const row = new Int32Array(base + FLOW_WORDS);
    // OVS invents 0x05ff only for Ethernet frames; keys that it calls errors have no flow.
    const cases = [...odpCases, ...suiteCases()].filter((c) => c.flow !== undefined && c.fitness !== 'error');
    expect(cases.length).to.be.greaterThan(900);
    for (const c of cases) {
      readKeyRow(fromHexText(c.keyFromFlow ?? c.key!), row, base);
      // A flow written as text has a tunnel id without the flag that says so; encoding it into a key sets the flag.
      const unflagged =
        c.keyFromFlow !== undefined && c.flow!.includes('tun_src') && !c.flow!.includes('tun_id');
      if (unflagged) row[base + F_TUN_FLAGS] &= ~TUN_F_KEY;
      expect(formatFlowRow(row, base), c.in).to.equal(c.flow);
    }
  });
});
