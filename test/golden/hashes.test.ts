import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { F_ETH_SRC, FLOW_WORDS } from '../../ts/fields/index.js';
import { parseMac } from '../../ts/util/index.js';
import { Bond } from '../../ts/xlate/index.js';
import { root } from '../support/processes.js';
import { compareCase, type RecordedCase } from './trace-compare.js';

type BondHash = readonly [mac: string, vlan: number, basis: number, hash: number];

const lines = gunzipSync(readFileSync(join(root, 'test/fixtures/hashes-ovs310.jsonl.gz')))
  .toString()
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as RecordedCase | { readonly bondHashes: readonly BondHash[] });

/** What real Open vSwitch 3.1 chose for packets without a rule to it but the hash (scripts/record/hashes.mjs). */
describe('golden: choices by hash', () => {
  const cases = lines.filter((line): line is RecordedCase => 'traces' in line);

  for (const kind of ['group-hash', 'group-default', 'group-dp_hash', 'multipath', 'bundle']) {
    it(`${kind}: the same for every packet`, () => {
      const compared = cases.filter(({ id }) => id.startsWith(`${kind}-`)).flatMap(compareCase);
      const different = compared.filter(({ verdict }) => !['agree', 'wider mask'].includes(verdict));
      expect(different.map(({ id, trace, detail }) => `${id} ${trace.flow}\n${detail}`)).to.deep.equal([]);
      // Packets are not all alike to it.
      const choices = new Set(
        compared.map(({ trace }) => `${trace.datapathActions} ${trace.steps[0].finalFlow}`),
      );
      expect(choices.size).to.be.greaterThan(4);
    });
  }

  it('bonds: the entry that a source address and VLAN belong to', () => {
    const all = lines.flatMap((line) => ('bondHashes' in line ? line.bondHashes : []));
    const flow = new Int32Array(FLOW_WORDS);
    const ours = all.map(([mac, vlan, basis]) => {
      expect(parseMac(mac, flow, F_ETH_SRC)).to.equal(true);
      return new Bond({ mode: 'balance-slb', hashBasis: basis }, []).entryOf(flow, vlan);
    });
    expect(all.length).to.be.greaterThan(100);
    expect(ours).to.deep.equal(all.map(([, , , hash]) => hash));
  });
});
