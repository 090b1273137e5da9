import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { type ControlContext, Coverage, rulesText, runCommand } from '../../ts/control/index.js';
import { lacpStatisticsText, lacpText } from '../../ts/control/lacp.js';
import { type Datapath, type DatapathPort, type PortType, showText } from '../../ts/datapath/index.js';
import { emptyMatch, parseFlows } from '../../ts/openflow/index.js';
import type { Bridge, Switch } from '../../ts/switch/index.js';
import { buildCase, requireBridge } from '../../ts/trace/index.js';
import { root } from '../support/processes.js';

type Version = 'OpenFlow10' | 'OpenFlow15';

/** Flows that were added in a version, and the lines (sorted, times as `T`) that ovs-ofctl printed when it was asked with options and a match. */
interface FlowSet {
  readonly version: Version;
  readonly flows: readonly string[];
  readonly dumps: readonly {
    readonly options: readonly string[];
    readonly match: string;
    readonly lines: readonly string[];
  }[];
}

/** What scripts/record/control.mjs wrote. */
interface Recording {
  readonly vsctl: readonly string[];
  readonly groups: readonly string[];
  readonly flowSets: readonly FlowSet[];
  /** Commands with their words, and what was wrong with them; `DP` stands for the datapath. */
  readonly said: readonly { readonly words: readonly string[]; readonly error?: string }[];
  /** Ends of the lines of dpctl/show about tunnels; lines of dpctl/show -s about bytes. */
  readonly tunnels: readonly string[];
  readonly bytes: readonly string[];
  readonly lacp: { readonly vsctl: readonly string[]; readonly answers: Readonly<Record<string, string>> };
}

const recording = JSON.parse(
  gunzipSync(readFileSync(join(root, 'test/fixtures/control-texts-ovs310.json.gz'))).toString(),
) as Recording;

const PEER_DATAPATH = 'dummy@ovs-dummy';

/** When rules were added, modified and are looked at. */
const TIMES = { added: 1000, modified: 2100, now: 2200 };
const METER = 'meter=1,kbps,band=type=drop,rate=100000';

/** The bridge of the recording, in which what table 21 does was changed later. */
function bridgeWith({ version, flows }: FlowSet): Bridge {
  const { vsctl, groups } = recording;
  const lists = version === 'OpenFlow10' ? { flowsOf10: flows } : { flows };
  const { model } = buildCase({
    topology: { vsctl },
    groups,
    meters: [METER],
    flows: [],
    ...lists,
    traces: [],
  });
  const bridge = requireBridge(model, 'br0');
  const { flowTables } = bridge;
  const [{ actions }] = parseFlows('actions=output:4');
  for (const rule of flowTables.select({ table: ALL_TABLES, match: emptyMatch() })) {
    Object.assign(rule, { created: TIMES.added, modified: TIMES.added, used: TIMES.added });
    if (rule.table === 21) flowTables.replace(rule, { ...rule, actions, modified: TIMES.modified });
  }
  return bridge as Bridge;
}

/** Lines as the recording has them. */
const comparable = (text: string) =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.replace(/(duration|idle_age|hard_age)=[\d.]+/g, '$1=T'))
    .sort();

const NO_STATS = {
  ...{ rxPackets: 0, rxBytes: 0, rxErrors: 0, rxDropped: 0 },
  ...{ txPackets: 0, txBytes: 0, txErrors: 0, txDropped: 0 },
};

/** A switch with the ports of the recording and no flows. */
function idleContext(): ControlContext {
  const names = ['ovs-dummy', 'p1', 'p2', 'p3', 'p4'];
  const datapath = {
    ...{ type: 'dummy', name: 'ovs-dummy' },
    ports: () => names.map((name, portNo) => ({ name, portNo, type: 'system', ifindex: 0, stats: NO_STATS })),
    stats: () => ({ hit: 0, missed: 0, lost: 0, flows: 0, masks: 0, maskHits: 0, cacheHits: 0 }),
    openDump: () => ({ interrupted: false, next: () => -1, close: () => {} }),
  };
  const br0 = bridgeWith(recording.flowSets[0]);
  return {
    theSwitch: { bridges: new Map([['br0', br0]]), datapath } as unknown as Switch,
    coverage: new Coverage(() => []),
  };
}

/** What is wrong with a value is told in our words; a datapath of no type is not there either. */
const withoutReasons = (text: string) =>
  text
    .replace(/(bad value for \w+ \().*/, '$1')
    .replace(/\(Address family not supported.*/, '(No such device)');

/** The lines of dpctl/show about these ports. */
function shownPorts(ports: readonly Partial<DatapathPort>[], statistics: boolean): string[] {
  const datapath = {
    ...{ type: 'netdev', name: 'dp', ports: () => ports },
    stats: () => ({ hit: 0, missed: 0, lost: 0, flows: 0, masks: 0, maskHits: 0, cacheHits: 0 }),
  } as unknown as Datapath;
  return showText(datapath, { statistics }).split('\n').slice(5);
}

describe('golden: texts of ovs-appctl and ovs-ofctl', () => {
  for (const set of recording.flowSets) {
    it(`ovs-ofctl dump-flows, of flows that came in ${set.version}`, () => {
      const bridge = bridgeWith(set);
      for (const { options, match, lines } of set.dumps) {
        const version = options.includes('OpenFlow15') ? 'OpenFlow15' : 'OpenFlow10';
        const names = options.includes('--names');
        const statistics = !options.includes('--no-stats');
        const ours = rulesText(bridge, match, TIMES.now, { version, names, statistics });
        // Asked for names in OpenFlow 1.0, ovs-ofctl does without Nicira's extensions, which tell ages.
        const isPlain10 = version === 'OpenFlow10' && names && statistics;
        const said = isPlain10 ? ours.replace(/ (idle|hard)_age=\d+,/g, '') : ours;
        expect(comparable(said), `${options.join(' ')} ${match}`).to.deep.equal(lines);
      }
    });
  }

  it('words that commands take, and what is said of wrong ones', async () => {
    const context = idleContext();
    for (const { words, error } of recording.said) {
      const [name, ...args] = words.map((word) => (word === 'DP' ? PEER_DATAPATH : word));
      const said = await runCommand(context, name, args).then(
        () => undefined,
        ({ message }: Error) => withoutReasons(message),
      );
      const wanted = error === undefined ? undefined : withoutReasons(error);
      // One that is there is shown before the one that is not.
      if (words.length === 3 && words[1] === 'DP' && error !== undefined)
        expect(said?.split('\n').at(-1), words.join(' ')).to.equal(wanted?.split('\n').at(-1));
      else expect(said, words.join(' ')).to.equal(wanted);
    }
  });

  it('dpctl/show of tunnels', () => {
    const ports = recording.tunnels.map((line) => {
      const [, name, type] = /^(\S+) \((\w+)/.exec(line)!;
      return { name, type: type as PortType, portNo: 1 };
    });
    expect(ports).to.have.length(5);
    expect(shownPorts(ports, false)).to.deep.equal(recording.tunnels.map((line) => `  port 1: ${line}`));
  });

  it('dpctl/show -s, which rounds as printf does', () => {
    const ports = recording.bytes.map((line) => {
      const rxBytes = Number(/RX bytes:(\d+)/.exec(line)![1]);
      const stats = { ...NO_STATS, rxPackets: rxBytes / 64, rxBytes };
      return { name: 'p', type: 'internal' as const, portNo: 1, stats };
    });
    const lines = shownPorts(ports, true).filter((line) => line.includes('RX bytes'));
    expect(lines).to.deep.equal(recording.bytes);
  });

  it('lacp/show and lacp/show-stats, where nobody answers', () => {
    const { vsctl, answers } = recording.lacp;
    const { model } = buildCase({ topology: { vsctl }, traces: [] });
    const { bundles } = requireBridge(model, 'br0');
    const texts = { 'lacp/show': lacpText, 'lacp/show-stats': lacpStatisticsText };
    for (const [line, real] of Object.entries(answers)) {
      const [command, wanted] = line.split(' ') as [keyof typeof texts, string | undefined];
      const shown = bundles.flatMap(({ name, lacp }) => {
        if (lacp === null || (wanted !== undefined && name !== wanted)) return [];
        for (let now = 0; now <= 5000; now += 500) lacp.advance(now);
        return [texts[command](name, lacp).replace(/(TX PDUs): \d+/g, '$1: N')];
      });
      // OVS has them in the order of a list, last added first.
      const parts = real.split(/\n(?=----)/);
      expect(shown.sort(), line).to.deep.equal(parts.sort());
    }
  });
});
