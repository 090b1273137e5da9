import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { FlowTables } from '../../ts/classifier/index.js';
import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_NW_FRAG,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { formatMatch, parseFlow } from '../../ts/openflow/index.js';

/** Rules as ovs-ofctl added them, and what ofproto/trace of Open vSwitch 3.1.0 said (scripts/record/classifier.mjs). */
interface RecordedSet {
  readonly rules: readonly string[];
  readonly traces: readonly { readonly flow: string; readonly megaflow: string }[];
}

const fixture = new URL('../../../test/fixtures/classifier-ovs310.json', import.meta.url);
const sets = JSON.parse(readFileSync(fixture, 'utf8')) as RecordedSet[];

/** Words that every translation looks at, whatever the rules: not the classifier's doing. */
const ALWAYS = [F_IN_PORT, F_RECIRC_ID, F_PACKET_TYPE, F_ETH_TYPE, F_NW_FRAG];

function lookupMask({ rules }: RecordedSet, flow: string): { key: Int32Array; mask: Int32Array } {
  const tables = new FlowTables();
  for (const rule of rules) tables.add(parseFlow(rule));
  const { key } = parseFlow(`${flow} actions=drop`).match;
  const mask = new Int32Array(FLOW_WORDS);
  tables.tables[0]?.lookup(key, 0, mask, 0);
  for (const word of ALWAYS) mask[word] = 0;
  return { key: key.map((word, i) => word & mask[i]), mask };
}

describe('golden: bits that a lookup looks at', () => {
  it('are those that ovs-vswitchd put into the megaflow', () => {
    let compared = 0;
    for (const set of sets) {
      for (const { flow, megaflow } of set.traces) {
        const expected = parseFlow(`${megaflow} actions=drop`).match;
        for (const word of ALWAYS) {
          expected.mask[word] = 0;
          expected.key[word] = 0;
        }
        const own = lookupMask(set, flow);
        expect(formatMatch(own), `${set.rules.join('\n')}\n${flow}\n${megaflow}`).to.equal(
          formatMatch(expected),
        );
        compared++;
      }
    }
    expect(compared).to.be.at.least(200);
  });
});
