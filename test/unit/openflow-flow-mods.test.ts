import { expect } from 'chai';
import { FlowTables } from '../../ts/classifier/index.js';
import { SyntaxProblem } from '../../ts/errors/index.js';
import {
  emptyMatch,
  FlowModder,
  formatFlow,
  GroupTable,
  MeterTable,
  type ParseFlowOptions,
  parseFlowMod,
  parseFlowMods,
  parseGroup,
  parseMeter,
  TABLE_ALL,
  TableError,
} from '../../ts/openflow/index.js';

/** A switch's tables with one group and one meter. */
class Tables {
  readonly flows = new FlowTables();
  readonly groups = new GroupTable();
  readonly meters = new MeterTable();
  readonly modder = new FlowModder(this.flows, this.groups, this.meters);

  constructor() {
    this.groups.apply({
      command: 'add',
      group: parseGroup('group_id=1,type=all,bucket=output:1'),
      commandBucketId: 0,
    });
    this.meters.apply({ command: 'add', meter: parseMeter('meter=1,kbps,bands=type=drop,rate=1') });
  }

  run(text: string, version: ParseFlowOptions['version'] = 'OpenFlow15'): string[] {
    for (const mod of parseFlowMods(text, { version })) this.modder.apply(mod);
    return this.dump();
  }

  dump(): string[] {
    return this.flows.select({ table: TABLE_ALL, match: emptyMatch() }).map((rule) => formatFlow(rule));
  }

  refusal(text: string): string {
    const before = this.dump();
    try {
      this.run(text);
    } catch (error) {
      expect(error).to.be.instanceOf(TableError);
      expect(this.dump()).to.deep.equal(before);
      return (error as TableError).code;
    }
    return 'none';
  }
}

describe('FlowModder', () => {
  it('adds, and replaces the same match and priority', () => {
    const tables = new Tables();
    const flows = tables.run(
      'add priority=9,tcp actions=output:2\nadd,priority=9,tcp,cookie=1 actions=output:3\nip actions=drop',
    );
    expect(flows).to.deep.equal(['ip actions=drop', 'cookie=0x1, priority=9,tcp actions=output:3']);
  });

  it('modifies actions only; in OpenFlow 1.0 the cookie too', () => {
    const tables = new Tables();
    tables.run('cookie=1,priority=9,tcp,idle_timeout=10,send_flow_rem actions=output:2');
    expect(tables.run('modify cookie=9,tcp,idle_timeout=44 actions=output:1')).to.deep.equal([
      'cookie=0x1, idle_timeout=10, send_flow_rem priority=9,tcp actions=output:1',
    ]);
    expect(tables.run('modify_strict cookie=9,priority=9,tcp actions=output:5', 'OpenFlow10')).to.deep.equal([
      'cookie=0x9, idle_timeout=10, send_flow_rem priority=9,tcp actions=output:5',
    ]);
    expect(tables.run('modify cookie=0x1/0xf,ip actions=drop')[0]).to.match(/output:5$/);
    expect(tables.run('modify cookie=0x9/0xf,ip actions=drop')[0]).to.match(/drop$/);
  });

  it('adds what a modification does not find in OpenFlow 1.0, unless it is looked for by cookie', () => {
    const tables = new Tables();
    expect(tables.run('modify priority=7,ip actions=output:1')).to.deep.equal([]);
    expect(tables.run('modify cookie=5/-1,ip actions=output:2', 'OpenFlow10')).to.deep.equal([]);
    expect(tables.run('modify priority=7,ip actions=output:1', 'OpenFlow10')).to.deep.equal([
      'priority=7,ip actions=output:1',
    ]);
  });

  it('keeps the counters of modified flows unless told otherwise', () => {
    const tables = new Tables();
    tables.run('tcp actions=output:2');
    const rule = () => tables.flows.select({ table: TABLE_ALL, match: emptyMatch() })[0];
    rule().packets = 5;
    tables.run('modify tcp actions=output:3');
    expect(rule().packets).to.equal(5);
    tables.run('modify reset_counts,tcp actions=output:4');
    expect(rule().packets).to.equal(0);
  });

  it('deletes by match, strictly, by cookie, port and group, also inside clone and write_actions', () => {
    const flows =
      'in_port=1 actions=output:2\nin_port=2 actions=clone(output:2)\nin_port=3,cookie=0x13 actions=write_actions(group:1)\n' +
      'in_port=4,priority=5 actions=output:3\ntable=3,in_port=4 actions=CONTROLLER';
    const left = (change: string) => {
      const tables = new Tables();
      return tables
        .run(`${flows}\n${change}`)
        .map((flow) => /in_port=(\d)/.exec(flow)![1])
        .join('');
    };
    expect(left('delete out_port=2')).to.equal('344');
    expect(left('delete out_group=1')).to.equal('1244');
    expect(left('delete out_port=CONTROLLER')).to.have.lengthOf(4);
    expect(left('delete cookie=0x3/0xf')).to.equal('1244');
    expect(left('delete table=0')).to.equal('4');
    expect(left('delete in_port=4')).to.equal('123');
    expect(left('delete_strict in_port=4')).to.equal('1234');
    expect(left('delete_strict priority=5,in_port=4')).to.equal('1234');
    expect(left('delete')).to.equal('');
  });

  it('refuses what ovs-vswitchd refuses, with its errors, and then changes nothing', () => {
    const tables = new Tables();
    tables.run('in_port=2,priority=5 actions=drop');
    expect(tables.refusal('check_overlap,ip,priority=5 actions=drop')).to.equal('OFPFMFC_OVERLAP');
    expect(tables.refusal('check_overlap,in_port=2,priority=5 actions=output:7')).to.equal('none');
    expect(tables.refusal('actions=group:2')).to.equal('OFPBAC_BAD_OUT_GROUP');
    expect(tables.refusal('actions=write_actions(group:2)')).to.equal('OFPBAC_BAD_OUT_GROUP');
    expect(tables.refusal('modify in_port=2 actions=clone(group:2)')).to.equal('OFPBAC_BAD_OUT_GROUP');
    expect(tables.refusal('actions=meter:2')).to.equal('OFPMMFC_INVALID_METER');
    expect(tables.refusal('table=254 actions=drop')).to.equal('OFPBRC_EPERM');
    expect(tables.refusal('table=255,actions=group:1,output:4')).to.equal('none');
  });

  it('looks for many flows in steps, before any is changed; what comes meanwhile is not meant', () => {
    const tables = new Tables();
    for (let i = 0; i < 3000; i++) tables.modder.apply(parseFlowMod(`priority=${i},ip actions=drop`, 'add'));
    const steps = tables.modder.steps(parseFlowMod('', 'delete'))[Symbol.iterator]();
    for (let i = 0; i < 2; i++) expect(steps.next().value).to.deep.equal({ added: [], removed: [] });
    expect(tables.flows.size).to.equal(3000);
    tables.run('add arp actions=drop\ndelete_strict priority=7,ip');
    let removed = 0;
    for (let step = steps.next(); !step.done; step = steps.next()) removed += step.value.removed.length;
    expect(removed).to.equal(2999);
    expect(tables.dump()).to.deep.equal(['arp actions=drop']);
  });

  it('takes flows away with the group or meter that they use', () => {
    const tables = new Tables();
    tables.run('in_port=1 actions=clone(group:1)\nin_port=2 actions=meter:1\nin_port=3 actions=drop');
    for (const group of tables.groups.apply({
      command: 'delete',
      group: parseGroup('group_id=1,type=all'),
      commandBucketId: 0,
    })) {
      tables.modder.deleteByGroup(group, emptyMatch());
    }
    for (const meter of tables.meters.apply({ command: 'delete', meterId: 1 }))
      tables.modder.deleteByMeter(meter, emptyMatch());
    expect(tables.dump()).to.deep.equal(['in_port=3 actions=drop']);
  });
});

describe('parseFlowMod', () => {
  const errors: readonly (readonly [
    command: Parameters<typeof parseFlowMod>[1],
    text: string,
    message: RegExp,
  ])[] = [
    ['delete', 'priority=9', /priority has no meaning for delete/],
    ['delete', 'cookie=9', /expected cookie=9\/-1/],
    ['delete', 'ip,actions=output:1', /actions have no meaning for delete/],
    ['delete', 'ip,idle_timeout=1', /idle_timeout has no meaning/],
    ['add', 'out_port=5,actions=drop', /out_port has no meaning for add/],
    ['modify', 'out_group=5,actions=drop', /out_group has no meaning for modify/],
    ['add', 'cookie=1/1,actions=drop', /cookie mask has no meaning/],
    ['add', 'table=300,actions=drop', /out of range/],
    ['modify', 'ip', /expected actions=/],
  ];
  for (const [command, text, message] of errors) {
    it(`refuses to ${command} ${text}`, () => {
      expect(() => parseFlowMod(text, command)).to.throw(SyntaxProblem, message);
    });
  }

  it('skips statistics, and knows tables and ports by name', () => {
    const mod = parseFlowMod(
      'duration=5s,table=acl,n_packets=7,n_bytes=8,idle_age=9,ip,out_port=p1',
      'delete',
      {
        tableNames: new Map([['acl', 4]]),
        portNames: new Map([['p1', 6]]),
      },
    );
    expect(mod).to.include({ table: 4, outPort: 6 });
  });

  it('reads the lines of a bundle', () => {
    const text =
      '# all\nflow delete\nflow add ip actions=drop\nmodify_strict tcp actions=1 # end\nudp actions=2';
    const mods = parseFlowMods(text, { version: 'OpenFlow15' });
    expect(mods.map((mod) => mod.command)).to.deep.equal(['delete', 'add', 'modify_strict', 'add']);
    expect(() => parseFlowMods('ip actions=drop\nflow add foo actions=drop'))
      .to.throw(SyntaxProblem)
      .with.property('column', 10);
  });
});
