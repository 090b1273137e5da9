import { expect } from 'chai';
import { F_ETH_TYPE, F_VLAN1_TCI } from '../../ts/fields/index.js';
import { parseFlow } from '../../ts/openflow/index.js';
import { ChangeLog } from '../../ts/revalidate/index.js';
import { buildCase, parseDatapathFlow, traceCase } from '../../ts/trace/index.js';
import { UKEY_OPERATIONAL, UkeyTable } from '../../ts/ukey/index.js';
import { FlowRecords, Trail, Translator } from '../../ts/xlate/index.js';

const TWO_TAGS =
  'in_port(1),eth(src=00:00:00:00:00:01,dst=00:00:00:00:00:02),eth_type(0x88a8),vlan(vid=7,pcp=0),' +
  'encap(eth_type(0x8100),vlan(vid=8,pcp=0),encap(eth_type(0x0800),ipv4(src=10.0.0.1,dst=10.0.0.2,proto=17,tos=0,ttl=64,frag=no),udp(src=1,dst=2)))';
const SWITCH = 'add-br br0 -- set bridge br0 fail-mode=secure -- add-port br0 p1 -- add-port br0 p2';
const FLOWS = [
  'priority=9,udp actions=set_field:00:00:00:00:00:09->eth_dst,output:2',
  'priority=5,dl_vlan=7,dl_type=0x8100 actions=output:2',
  'priority=5,dl_vlan=8,ip actions=drop',
];

function make(limit: string, flows: readonly string[] = FLOWS) {
  const vsctl = `${limit}${SWITCH}`.split(' ');
  return buildCase({ topology: { vsctl }, flows, traces: [] });
}
const TWO = 'set Open_vSwitch . other_config:vlan-limit=2 -- ';
const MANY = 'set Open_vSwitch . other_config:vlan-limit=0 -- ';

/** What becomes of a packet with two tags as it comes from the datapath. */
function translate(limit: string) {
  const { snapshot } = make(limit);
  // The key as the datapath gives it: two tags.
  const key = parseDatapathFlow({ ...snapshot, vlanLimit: 2 }, TWO_TAGS).flow;
  const translator = new Translator();
  translator.trail = new Trail();
  const { mask, actionsLength } = translator.translate(snapshot, key, 0);
  return { translator, snapshot, key, mask: mask.slice(), actionsLength };
}

describe('other_config:vlan-limit', () => {
  it('is one tag by default: what is behind it is payload, of the type of the second tag', () => {
    const { translator, key, actionsLength } = translate('');
    expect(translator.finalFlow[F_ETH_TYPE]).to.equal(0x8100);
    expect(translator.finalFlow[F_VLAN1_TCI]).to.equal(0);
    expect(actionsLength, 'output alone, by the second rule').to.equal(8);
    expect(key[F_ETH_TYPE], 'the key stays').to.equal(0x800);
  });

  it('makes two tags seen where it says so, and 0 is no limit', () => {
    for (const limit of [TWO, MANY]) {
      const { translator, actionsLength } = translate(limit);
      expect(translator.finalFlow[F_ETH_TYPE]).to.equal(0x800);
      expect(translator.finalFlow[F_VLAN1_TCI]).to.equal(0x1008);
      expect(actionsLength, 'set and output').to.be.above(8);
    }
  });

  it('does not hide a tag that was pushed from what a trace follows, as in ofproto/trace', () => {
    const flows = [
      'ip,ct_state=-trk actions=push_vlan:0x88a8,set_field:4105->vlan_vid,ct(table=2)',
      'table=2,udp actions=output:2',
    ];
    const vsctl = SWITCH.split(' ');
    const traces = [{ bridge: 'br0', flow: 'udp,in_port=1,dl_vlan=7' }];
    const [answer] = traceCase({ topology: { vsctl }, flows, traces }).traces;
    expect(answer.steps.map((step) => step.datapathActions)[1]).to.equal('2');
  });

  it('tells which changes of rules concern a flow', () => {
    const { translator, snapshot, key, mask } = translate('');
    const records = new FlowRecords();
    const ukeys = new UkeyTable(records, 16);
    const none = new Uint8Array(0);
    const ukey = ukeys.add(
      {
        ...{
          ufid: Int32Array.of(1, 2, 3, 4),
          ufidAt: 0,
          mask,
          maskBase: 0,
          inPort: 1,
          slow: 0,
          generation: 1,
        },
        ...{ key: none, keyOffset: 0, keyLength: 0, actions: none, actionsLength: 0 },
      },
      0,
    );
    ukeys.transition(ukey, UKEY_OPERATIONAL, 0);
    const translation = translator.translate(snapshot, key, 0);
    ukeys.setRecord(ukey, records.make(ukeys, ukey, translation, translator.trail!, key, 0));
    const bridge = snapshot.portsByOdp[1]!.bridge;
    const concerns = (text: string): boolean => {
      const log = new ChangeLog();
      log.rule(bridge, 0, parseFlow(`${text} actions=drop`).match, 2);
      const marked = log.take().mark(ukeys, 0, ukeys.end) > 0;
      ukeys.stale.set(ukey, 0);
      return marked;
    };
    expect(concerns('dl_vlan=7,dl_type=0x8100')).to.equal(true);
    expect(concerns('dl_type=0x8100,dl_dst=00:00:00:00:00:02')).to.equal(true);
    expect(concerns('ip,nw_src=10.0.0.1')).to.equal(false);
    expect(concerns('dl_vlan=9')).to.equal(false);
  });
});
