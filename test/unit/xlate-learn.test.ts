import { expect } from 'chai';
import { FlowTables } from '../../ts/classifier/index.js';
import { formatFlow, parseFlow, type Rule } from '../../ts/openflow/index.js';
import {
  finTimeouts,
  type FinTimeoutEffect,
  type LearnFlowEffect,
  Translator,
} from '../../ts/xlate/index.js';
import { makeKey, makeSwitch } from '../support/xlate.js';

const TCP =
  'tcp,in_port=1,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=9,tcp_src=5,tcp_dst=6';

function effectOf(flow: string) {
  const { snapshot } = makeSwitch({ ports: [{ ofport: 1 }, { ofport: 2 }], flows: [flow] });
  const translation = new Translator().translate(snapshot, makeKey(TCP), 0);
  expect(translation.effectCount).to.equal(1);
  return translation.effects[0];
}

const learned = (clauses: string) => (effectOf(`actions=learn(${clauses})`) as LearnFlowEffect).flow;
const printed = (clauses: string) => formatFlow({ ...learned(clauses), packets: 0, bytes: 0 });

describe('learn', () => {
  it('makes flows of the packet', () => {
    expect(
      printed(
        'table=7,priority=9,cookie=0x5,idle_timeout=3,hard_timeout=4,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],eth_type=0x800,NXM_OF_IP_DST[]=NXM_OF_IP_SRC[],load:0x7->NXM_NX_REG1[0..7],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],output:NXM_OF_IN_PORT[]',
      ),
    ).to.equal(
      'cookie=0x5, table=7, idle_timeout=3, hard_timeout=4, priority=9,ip,dl_dst=50:54:00:00:00:01,nw_dst=10.0.0.1 actions=set_field:0x7/0xff->reg1,set_field:0x1/0xffff->reg0,output:1',
    );
  });

  it('lets learned flows end with their connection', () => {
    expect(printed('table=7,fin_idle_timeout=5,fin_hard_timeout=6,eth_type=0x800,nw_proto=6')).to.equal(
      'table=7, tcp actions=fin_timeout(idle_timeout=5,hard_timeout=6)',
    );
  });

  it('looks at what the flow is made of', () => {
    const { snapshot } = makeSwitch({
      ports: [{ ofport: 1 }],
      flows: ['actions=learn(table=7,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],NXM_OF_VLAN_TCI[0..11])'],
    });
    const { mask } = new Translator().translate(snapshot, makeKey(TCP), 0);
    const { match } = parseFlow('dl_src=50:54:00:00:00:01 actions=drop');
    for (const [word, bits] of match.mask.entries()) if (bits !== 0) expect(mask[word] & bits).to.equal(bits);
  });
});

describe('FlowTables.learn', () => {
  const flow = (text: string) => parseFlow(text, { version: 'OpenFlow15' });
  const outcomes = (limit: number, ...texts: string[]) => {
    const tables = new FlowTables();
    return { tables, results: texts.map((text) => tables.learn(flow(text), limit).outcome) };
  };

  it('adds, refreshes and replaces', () => {
    const { tables, results } = outcomes(
      0,
      'table=1,idle_timeout=5,ip actions=1',
      'table=1,idle_timeout=7,ip actions=1',
      'table=1,ip actions=2',
    );
    expect(results).to.deep.equal(['added', 'refreshed', 'replaced']);
    const [rule] = tables.select({ table: 1, match: flow('actions=drop').match });
    expect(formatFlow(rule)).to.match(/idle_timeout=5.*actions=output:2$/);
  });

  it('takes no more flows of a cookie than the limit', () => {
    const { results, tables } = outcomes(
      2,
      'table=1,cookie=1,ip actions=1',
      'table=1,cookie=1,arp actions=1',
      'table=1,cookie=1,ipv6 actions=1',
      'table=1,cookie=2,ipv6 actions=1',
      'table=1,cookie=1,arp actions=2',
    );
    expect(results).to.deep.equal(['added', 'added', 'full', 'added', 'replaced']);
    expect(tables.roomToLearn(flow('table=1,cookie=1,udp actions=1'), 2)).to.equal(false);
    expect(tables.roomToLearn(flow('table=2,cookie=1,udp actions=1'), 2)).to.equal(true);
  });
});

describe('fin_timeout', () => {
  const lowered = (idle: number, hard: number, tcpFlags: number) => {
    const effect = effectOf('tcp actions=fin_timeout(idle_timeout=10,hard_timeout=20)') as FinTimeoutEffect;
    const rule: Rule = { ...effect.rule, idleTimeout: idle, hardTimeout: hard };
    return finTimeouts({ ...effect, rule }, tcpFlags);
  };

  it('lowers timeouts when a connection ends, and only then', () => {
    expect(lowered(0, 0, 0x01)).to.deep.equal({ idleTimeout: 10, hardTimeout: 20 });
    expect(lowered(5, 60, 0x14)).to.deep.equal({ idleTimeout: 5, hardTimeout: 20 });
    expect(lowered(5, 6, 0x01)).to.equal(null);
    expect(lowered(0, 0, 0x12)).to.equal(null);
  });
});
