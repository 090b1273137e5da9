import { expect } from 'chai';
import { emptyConfiguration, splitShellWords, vsctl } from '../../ts/config/index.js';
import { parseFlow } from '../../ts/openflow/index.js';
import { makeModel } from '../support/configurations.js';

function tablesOf(settings: string) {
  const { model, configurator } = makeModel();
  const words = `add-br br0 -- --id=@t create Flow_Table name=first ${settings} -- set Bridge br0 flow_tables:3=@t`;
  configurator.takeOver(vsctl(emptyConfiguration(), splitShellWords(words)).configuration);
  const { flowTables } = model.bridges.get('br0')!;
  const tableNames = flowTables.tableNames();
  const add = (text: string) => flowTables.add(parseFlow(text, { tableNames }));
  return { flowTables, add, tableNames };
}

const cookies = (tables: ReturnType<typeof tablesOf>) =>
  [...(tables.flowTables.tables[3] ?? [])].map((rule) => rule.cookieLow).sort();

describe('flow tables: settings of Flow_Table', () => {
  it('a name stands for the table wherever flows name one', () => {
    const { tableNames } = tablesOf('');
    const text = 'table=first,ip,actions=resubmit(,first),ct(table=first),learn(table=first,in_port)';
    const { table, actions } = parseFlow(text, { tableNames });
    expect([table, ...actions.map((action) => (action as { table: number }).table)]).to.deep.equal([
      3, 3, 3, 3,
    ]);
    expect(
      parseFlow('actions=goto_table:"first"', { tableNames, version: 'OpenFlow15' }).actions,
    ).to.deep.equal([{ type: 'goto_table', table: 3 }]);
    expect(() => parseFlow('table=second,actions=drop', { tableNames })).to.throw(/table/);
  });

  it('flow_limit refuses what is one too many, but not what replaces a flow', () => {
    const tables = tablesOf('flow_limit=2');
    for (const n of [1, 2]) tables.add(`table=3,cookie=${n},tcp,tp_dst=${n},actions=drop`);
    expect(() => tables.add('table=3,actions=drop'))
      .to.throw(/flow_limit/)
      .with.property('code', 'OFPFMFC_TABLE_FULL');
    expect(tables.add('table=3,cookie=5,tcp,tp_dst=2,actions=drop').outcome).to.equal('replaced');
    expect(tables.add('table=4,actions=drop').outcome).to.equal('added');
    expect(cookies(tables)).to.deep.equal([1, 5]);
  });

  it('overflow_policy=evict makes the least important go that times out first, and none without a timeout', () => {
    const tables = tablesOf('flow_limit=3 overflow_policy=evict');
    tables.add('table=3,cookie=1,tcp,tp_dst=1,idle_timeout=10,importance=1,actions=drop');
    tables.add('table=3,cookie=2,tcp,tp_dst=2,idle_timeout=20,actions=drop');
    tables.add('table=3,cookie=3,tcp,tp_dst=3,idle_timeout=30,actions=drop');
    tables.add('table=3,cookie=4,tcp,tp_dst=4,actions=drop');
    expect(cookies(tables)).to.deep.equal([1, 3, 4]);
    tables.add('table=3,cookie=5,tcp,tp_dst=5,actions=drop');
    expect(cookies(tables)).to.deep.equal([1, 4, 5]);
    tables.add('table=3,cookie=6,tcp,tp_dst=6,actions=drop');
    expect(cookies(tables)).to.deep.equal([4, 5, 6]);
    expect(() => tables.add('table=3,actions=drop'))
      .to.throw()
      .with.property('code', 'OFPFMFC_TABLE_FULL');
  });
});
