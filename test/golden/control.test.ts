import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FlowTables } from '../../ts/classifier/index.js';
import {
  commandList,
  Coverage,
  fdbStatsText,
  fdbText,
  runCommand,
  upcallText,
} from '../../ts/control/index.js';
import type { ControlContext } from '../../ts/control/index.js';
import { rulesText } from '../../ts/control/index.js';
import { type Datapath, showText } from '../../ts/datapath/index.js';
import { parseFlows } from '../../ts/openflow/index.js';
import type { Bridge, Switch } from '../../ts/switch/index.js';
import { MacTable } from '../../ts/xlate/index.js';
import { root } from '../support/processes.js';
import { makeSwitch } from '../support/xlate.js';

/** What ovs-appctl printed, and what it refused, by command line. */
interface Recording {
  readonly answers: Readonly<Record<string, string>>;
  readonly errors: Readonly<Record<string, string>>;
  readonly flows: string;
}

const { answers, errors, flows } = JSON.parse(
  readFileSync(join(root, 'test/fixtures/control-ovs310.json'), 'utf8'),
) as Recording;
const lines = (command: string) => answers[command].trimEnd().split('\n');

/** The addresses of the recording. */
function addresses(): MacTable {
  const { bridge } = makeSwitch({ ports: [{ ofport: 1 }, { ofport: 2 }, { ofport: 0xfffe }] });
  const [p1, p2, local] = bridge.bundles;
  const table = new MacTable();
  const learned = { type: 'learn', bridge, bundle: p1, vlan: 0, macHigh: 0x5054, macLow: 9 } as const;
  table.apply({ ...learned, gratuitousArp: false });
  table.addStatic(7, 0x5054, 0x77, p2);
  table.addStatic(9, 0x5054, 0x78, local);
  table.advance(3999);
  return table;
}

/** Rules as the recording has them: 60 packets through two of them, one modified later. */
function bridgeWithRules(): Bridge {
  const flowTables = new FlowTables();
  for (const flow of parseFlows(flows)) {
    const added = flowTables.add(flow);
    if (added.outcome !== 'added') throw new Error('not added');
    const { rule } = added;
    const isHit = rule.idleTimeout > 0 || rule.table === 4;
    Object.assign(rule, isHit ? { packets: 60, bytes: 6360 } : {});
    Object.assign(rule, { created: 1000, modified: 1000, used: isHit ? 1500 : 1000 });
  }
  for (const old of flowTables.select({ table: 5, match: parseFlows('actions=drop')[0].match })) {
    const [{ actions }] = parseFlows('actions=output:2');
    flowTables.replace(old, { ...old, actions, modified: 2800 });
  }
  return { flowTables, portNames: () => new Map() } as unknown as Bridge;
}

describe('control: what ovs-appctl prints', () => {
  it('upcall/show', () => {
    const figures = {
      datapath: { flows: 1 },
      ...{ flowLimit: 10_000, flowsAverage: 0, flowsPeak: 1, dumpDuration: 1, ukeys: { operational: 1 } },
    };
    const real = answers['upcall/show'].trimEnd().replace('  5: (keys', '  1: (keys');
    expect(upcallText('dummy@ovs-dummy', figures, true)).to.equal(real);
  });

  it('fdb/show and fdb/stats-show', () => {
    const table = addresses();
    // OVS keeps static addresses in the order of sighting, we tell them first.
    expect(fdbText(table).split('\n').sort()).to.deep.equal(lines('fdb/show br0').sort());
    expect(fdbStatsText('br0', table)).to.equal(answers['fdb/stats-show br0'].trimEnd());
  });

  it('ovs-ofctl dump-flows', () => {
    const bridge = bridgeWithRules();
    const real = lines('ofctl/dump-flows br0').slice(1);
    const duration = Number(/duration=([\d.]+)s/.exec(real[0])![1]) * 1000;
    const ours = rulesText(bridge, '', 1000 + duration).split('\n');
    expect(ours.sort()).to.deep.equal(real.sort());
    const chosen = (match: string) => rulesText(bridge, match, 0).split('\n').length;
    expect([chosen('table=4'), chosen('ip'), chosen('cookie=0x5/-1'), chosen('out_port=2')]).to.deep.equal([
      1, 1, 1, 2,
    ]);
    expect(rulesText(bridge, 'table=9', 0)).to.equal('');
  });

  it('coverage/show', () => {
    const [header, ...rest] = lines('coverage/show');
    const never = Number(/^(\d+) events never hit$/.exec(rest.pop()!)![1]);
    const hit = rest.map((line) => ({
      ...{ name: /^\S+/.exec(line)![0], help: '' },
      total: Number(/total: (\d+)/.exec(line)![1]),
    }));
    const silent = Array.from({ length: never }, (_, i) => ({ name: `never_${i}`, help: '', total: 0 }));
    const ours = new Coverage(() => [...hit, ...silent]).show().split('\n');
    const withoutHash = (text: string) => text.replace(/hash=[0-9a-f]{8}:/, 'hash');
    expect(withoutHash(ours.shift()!)).to.equal(withoutHash(header));
    expect(ours.pop()).to.equal(`${never} events never hit`);
    // The switch of the recording had run for some seconds when it was asked, but not for five.
    expect(ours).to.deep.equal(rest);
  });

  it('dpctl/show -s', () => {
    const stats = { rxErrors: 0, txErrors: 0, rxDropped: 0, txDropped: 0 };
    const datapath = {
      ...{ type: 'netdev', name: 'dp' },
      stats: () => ({ hit: 59, missed: 1, lost: 0, flows: 1, masks: 1, maskHits: 60, cacheHits: 0 }),
      ports: () => [
        {
          ...{ name: 'p1', type: 'system', portNo: 1, ifindex: 0 },
          stats: { rxPackets: 60, txPackets: 0, rxBytes: 6360, txBytes: 0, ...stats },
        },
      ],
    } as unknown as Datapath;
    // The dummy datapath counts neither errors nor what devices count.
    const text = showText(datapath, { statistics: true }).replaceAll(
      /(errors|dropped|overruns|frame|aborted|carrier|collisions):0/g,
      '$1:?',
    );
    const real = answers['dpctl/show -s'];
    const port = real.slice(real.indexOf('    RX packets:60'), real.indexOf('  port 2'));
    expect(text.slice(text.indexOf('    RX'))).to.equal(port.trimEnd());
    expect(text).to.contain('\n  lookups: hit:59 missed:1 lost:0\n  flows: 1\n');
    expect(showText(datapath)).not.to.contain('RX');
  });

  it('list-commands', () => {
    const ours = commandList().split('\n');
    const real = lines('list-commands');
    expect(ours[0]).to.equal(real[0]);
    const nameOf = (line: string) => line.trim().split(' ')[0];
    const names = new Set(real.map(nameOf));
    const both = ours.slice(1).filter((line) => names.has(nameOf(line)));
    expect(both.length).to.be.at.least(ours.length - 5);
    // One thread forwards here: there is no choosing among several.
    const wanted = real.map((line) => line.replace(' [pmd=..]', ''));
    for (const line of both) expect(wanted).to.include(line);
  });

  it('what it says of wrong commands and arguments', async () => {
    const theSwitch = {
      bridges: new Map(),
      datapath: { type: 'netdev', name: 'dp', ports: () => [] },
    } as unknown as Switch;
    const context: ControlContext = { theSwitch, coverage: new Coverage(() => []) };
    const words = Object.keys(errors);
    expect(words).to.have.length(11);
    for (const line of words) {
      const [name, ...args] = line.split(' ');
      const said = await runCommand(context, name, args).catch((error: Error) => error.message);
      expect(said, line).to.equal(errors[line].replace(/^ovs-vswitchd: /, ''));
    }
  });
});
