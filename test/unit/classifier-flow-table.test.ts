import { expect } from 'chai';
import { ALL_TABLES, FlowTables } from '../../ts/classifier/index.js';
import { FLOW_RESET_COUNTS, formatFlow, parseFlow, type Rule } from '../../ts/openflow/index.js';

const flow = (text: string) => parseFlow(text, { version: 'OpenFlow15' });
const match = (text: string) => flow(`${text} actions=drop`).match;
const printed = (rules: readonly Rule[]) => rules.map((rule) => formatFlow(rule));

function tablesWith(...texts: string[]): FlowTables {
  const tables = new FlowTables();
  for (const text of texts) expect(tables.add(flow(text)).outcome).to.equal('added');
  return tables;
}

describe('FlowTables', () => {
  it('replaces a rule with the same match and priority, and keeps its counters unless told otherwise', () => {
    const tables = tablesWith('priority=5,ip actions=output:1');
    const [rule] = tables.select({ table: 0, match: match('') });
    rule.packets = 3;
    rule.bytes = 300;
    const second = tables.add(flow('priority=5,ip actions=output:2'));
    if (second.outcome !== 'replaced') throw new Error(second.outcome);
    expect(second.old).to.equal(rule);
    expect([second.rule.packets, second.rule.bytes]).to.deep.equal([3, 300]);
    const third = tables.add(flow('priority=5,ip,reset_counts actions=output:2'));
    if (third.outcome !== 'replaced') throw new Error(third.outcome);
    expect(third.rule.packets).to.equal(0);
    expect(tables.size).to.equal(1);
  });

  it('refuses an overlapping rule of the same priority only when asked to check', () => {
    const tables = tablesWith('priority=5,ip,nw_src=10.0.0.0/8 actions=drop');
    const overlap = tables.add(flow('priority=5,ip,nw_dst=10.0.0.1,check_overlap actions=drop'));
    expect(overlap.outcome).to.equal('overlap');
    expect(tables.size).to.equal(1);
    for (const text of [
      'priority=5,ip,nw_dst=10.0.0.1 actions=drop',
      'priority=6,ip,nw_dst=10.0.0.1,check_overlap actions=drop',
      'priority=5,arp,check_overlap actions=drop',
    ]) {
      expect(tables.add(flow(text)).outcome).to.equal('added');
    }
  });

  it('deletes loosely what is at least as specific, strictly only the very match and priority', () => {
    const texts = [
      'priority=9,tcp actions=drop',
      'priority=5,ip actions=drop',
      'table=2, priority=1 actions=drop',
    ];
    const tables = tablesWith(...texts);
    expect(tables.delete({ table: 0, match: match('ip'), strictPriority: 6 })).to.deep.equal([]);
    expect(tables.delete({ table: 0, match: match('tcp'), strictPriority: 5 })).to.deep.equal([]);
    expect(printed(tables.delete({ table: 0, match: match('ip'), strictPriority: 5 }))).to.deep.equal([
      texts[1],
    ]);
    expect(printed(tables.delete({ table: 0, match: match('ip') }))).to.deep.equal([texts[0]]);
    expect(printed(tables.delete({ table: ALL_TABLES, match: match('') }))).to.deep.equal([texts[2]]);
    expect(tables.size).to.equal(0);
  });

  it('selects by masked cookie and by output port', () => {
    const texts = [
      'cookie=0x100000001, priority=3 actions=output:1',
      'cookie=0x12, priority=2 actions=output:1,output:2',
      'priority=1 actions=drop',
    ];
    const tables = tablesWith(...texts);
    const select = (more: object) => printed(tables.select({ table: 0, match: match(''), ...more }));
    expect(select({})).to.deep.equal(texts);
    expect(select({ outPort: 2 })).to.deep.equal([texts[1]]);
    expect(select({ cookie: 0x10n, cookieMask: 0xf0n })).to.deep.equal([texts[1]]);
    expect(select({ cookie: 0x100000000n, cookieMask: 0xf00000000n })).to.deep.equal([texts[0]]);
    expect(select({ cookie: 0n, cookieMask: -1n & 0xffffffffffffffffn })).to.deep.equal([texts[2]]);
  });

  it('gives modified rules new actions and keeps the rest', () => {
    const tables = tablesWith('cookie=0x5, priority=3,ip actions=output:1');
    tables.select({ table: 0, match: match('') })[0].packets = 7;
    const { actions } = flow('actions=output:9');
    const [rule] = tables.modify({ table: 0, match: match('') }, actions);
    expect(formatFlow(rule)).to.equal('cookie=0x5, priority=3,ip actions=output:9');
    expect(rule.packets).to.equal(7);
    expect(tables.select({ table: 0, match: match('') })).to.deep.equal([rule]);
    expect(tables.modify({ table: 0, match: match('') }, actions, FLOW_RESET_COUNTS)[0].packets).to.equal(0);
    expect(tables.remove(rule)).to.equal(false);
  });

  it('has no table 254', () => {
    expect(() => new FlowTables().add(flow('table=254 actions=drop'))).to.throw(RangeError, /0 to 253/);
  });
});
