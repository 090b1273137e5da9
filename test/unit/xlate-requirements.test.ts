import { expect } from 'chai';
import { parseFlow, TableError } from '../../ts/openflow/index.js';
import { setDpFeature } from '../../ts/ovs/index.js';
import { DUMMY_SUPPORT } from '../../ts/trace/index.js';
import { checkDatapathCanDo, type DatapathSupport } from '../../ts/xlate/index.js';

function without(...names: string[]): DatapathSupport {
  return names.reduce<DatapathSupport>((support, name) => {
    const changed = setDpFeature(support, DUMMY_SUPPORT, name, 'false');
    if (typeof changed === 'string') throw new Error(changed);
    return changed;
  }, DUMMY_SUPPORT);
}

function refusal(flow: string, ...names: string[]): string {
  try {
    checkDatapathCanDo(parseFlow(flow), without(...names));
    return 'taken';
  } catch (error) {
    if (error instanceof TableError) return error.code;
    throw error;
  }
}

const MATCH = 'NXBMC_CT_DATAPATH_SUPPORT';
const ACTION = 'NXBAC_CT_DATAPATH_SUPPORT';

// What ovs-vswitchd 3.1.0 answered to these flows after dpif/set-dp-features.
const CASES: readonly (readonly [flow: string, feature: string, answer: string])[] = [
  ['ip actions=ct(commit)', 'ct_state', ACTION],
  ['ct_state=+trk,ip actions=1', 'ct_state', MATCH],
  ['actions=ct_clear', 'ct_state', 'taken'],
  ['ip actions=clone(ct(commit))', 'ct_state', 'taken'],
  ['ip actions=write_actions(ct(commit))', 'ct_state', 'taken'],
  ['ip actions=ct(commit,nat)', 'ct_state_nat', ACTION],
  ['ip,ct_state=+snat+trk actions=1', 'ct_state_nat', MATCH],
  ['ip,ct_state=+trk actions=1', 'ct_state_nat', 'taken'],
  ['ip actions=ct(zone=5)', 'ct_zone', ACTION],
  ['ip actions=ct(zone=NXM_NX_REG0[0..15])', 'ct_zone', ACTION],
  ['ip actions=ct(commit)', 'ct_zone', 'taken'],
  ['ct_zone=4 actions=2', 'ct_zone', MATCH],
  ['ip actions=ct(commit,exec(set_field:1->ct_mark))', 'ct_mark', ACTION],
  ['ip actions=ct(commit,exec(move:NXM_NX_REG0[]->NXM_NX_CT_MARK[]))', 'ct_mark', ACTION],
  ['ct_mark=1 actions=2', 'ct_mark', MATCH],
  ['ip actions=ct(commit,exec(set_field:0x100000000->ct_label))', 'ct_label', ACTION],
  ['ct_label=1 actions=2', 'ct_label', MATCH],
  ['ip actions=learn(table=7,ct_mark=7)', 'ct_mark', 'taken'],
  ['ct_state=+est+trk,ip,ct_nw_src=1.1.1.1 actions=3', 'ct_orig_tuple', MATCH],
  ['ct_state=+est+trk,ip,ct_nw_proto=6 actions=3', 'ct_orig_tuple', 'taken'],
  ['ct_state=+est+trk,ipv6,ct_ipv6_src=fe80::9 actions=3', 'ct_orig_tuple6', MATCH],
];

describe('flows that need connection tracking of the datapath', () => {
  for (const [flow, feature, answer] of CASES) {
    it(`${flow} without ${feature}: ${answer}`, () => {
      expect(refusal(flow)).to.equal('taken');
      expect(refusal(flow, feature)).to.equal(answer);
    });
  }

  it('match the protocol of a connection when either family has addresses', () => {
    const flow = 'ct_state=+est+trk,ip,ct_nw_proto=6 actions=3';
    expect(refusal(flow, 'ct_orig_tuple', 'ct_orig_tuple6')).to.equal(MATCH);
  });
});

describe('features of a datapath', () => {
  it('change by the names and words of dpif/set-dp-features', () => {
    const set = (name: string, value: string) => setDpFeature(DUMMY_SUPPORT, DUMMY_SUPPORT, name, value);
    expect(set('recirc', 'FALSE')).to.deep.equal({ ...DUMMY_SUPPORT, recirc: false });
    expect(set('sample_nesting', '3')).to.deep.equal({ ...DUMMY_SUPPORT, sampleNesting: 3 });
    expect(set('tnl_push_pop', 'false')).to.deep.equal(DUMMY_SUPPORT);
    expect(set('recirc', 'no')).to.equal('Boolean value expected');
    expect(set('max_hash_alg', 'false')).to.equal('Integer number expected');
    expect(set('max_hash_alg', '9')).to.equal('Can not set value beyond the datapath capability');
    expect(set('RECIRC', 'false')).to.equal('Unexpected support field');
  });

  it('come back, but not beyond what the datapath can do', () => {
    const poor = { ...DUMMY_SUPPORT, clone: false };
    expect(setDpFeature(poor, DUMMY_SUPPORT, 'clone', 'true')).to.deep.equal(DUMMY_SUPPORT);
    expect(setDpFeature(poor, poor, 'clone', 'true')).to.be.a('string');
  });
});
