import { expect } from 'chai';
import { readFileSync } from 'node:fs';
import { FlowTables } from '../../ts/classifier/index.js';
import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_METADATA,
  F_NW_FRAG,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  F_TUN_ID,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import { formatMatch, parseFlow } from '../../ts/openflow/index.js';

/** Rules as ovs-ofctl added them, and what ofproto/trace of Open vSwitch 3.1.0 said (scripts/record/classifier.mjs). */
interface RecordedSet {
  /** Column `prefixes` of the Flow_Table, as ovs-vsctl takes it; absent when there is no Flow_Table. */
  readonly prefixes?: string;
  readonly rules: readonly string[];
  readonly traces: readonly { readonly flow: string; readonly megaflow: string }[];
}

function recorded(name: string): RecordedSet[] {
  const fixture = new URL(`../../../test/fixtures/${name}-ovs310.json`, import.meta.url);
  return JSON.parse(readFileSync(fixture, 'utf8')) as RecordedSet[];
}

/** Words that every translation looks at, whatever the rules: not the classifier's doing. */
const ALWAYS = [F_IN_PORT, F_RECIRC_ID, F_PACKET_TYPE, F_ETH_TYPE, F_NW_FRAG];
/** Of a packet out of a tunnel every translation looks at all of these, of others a megaflow has none. */
const TUNNEL = Array.from({ length: F_METADATA - F_TUN_ID }, (_, i) => F_TUN_ID + i);

function lookupMask({ rules, prefixes }: RecordedSet, flow: string, ignored: readonly number[]) {
  const tables = new FlowTables();
  if (prefixes) {
    const settings = { name: '', flowLimit: Infinity, evict: false, prefixes: prefixes.split(',') };
    tables.settings = new Map([[0, settings]]);
  }
  for (const rule of rules) tables.add(parseFlow(rule));
  const { key } = parseFlow(`${flow} actions=drop`).match;
  const mask = new Int32Array(FLOW_WORDS);
  tables.tables[0]?.lookup(key, 0, mask, 0);
  for (const word of ignored) mask[word] = 0;
  return { key: key.map((word, i) => word & mask[i]), mask };
}

/** Compares all sets; returns how many lookups were compared. */
function compare(sets: readonly RecordedSet[]): number {
  let compared = 0;
  for (const set of sets) {
    for (const { flow, megaflow } of set.traces) {
      const ignored = [...ALWAYS, ...TUNNEL];
      const expected = parseFlow(`${megaflow.replace(/tun_flags=[^,]*,/, '')} actions=drop`).match;
      for (const word of ignored) {
        expected.mask[word] = 0;
        expected.key[word] = 0;
      }
      const own = lookupMask(set, flow, ignored);
      expect(formatMatch(own), `${set.prefixes}\n${set.rules.join('\n')}\n${flow}\n${megaflow}`).to.equal(
        formatMatch(expected),
      );
      compared++;
    }
  }
  return compared;
}

describe('golden: bits that a lookup looks at', () => {
  it('are those that ovs-vswitchd put into the megaflow', () => {
    expect(compare(recorded('classifier'))).to.be.at.least(200);
  });

  it('follow the prefixes of the Flow_Table', () => {
    expect(compare(recorded('classifier-prefixes'))).to.be.at.least(100);
  });
});
