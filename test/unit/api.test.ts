import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import * as flow from '../../ts/api/flow.js';
import * as netlink from '../../ts/api/netlink.js';
import * as slowpath from '../../ts/index.js';
import { MATCH_FIELDS } from '../../ts/openflow/index.js';
import { root } from '../support/processes.js';

/** What a program in TypeScript may do with the package; it only has to compile, and to be wrong where it says so. */
const CONSUMER = `
import { once } from 'node:events';
import { definePolicy, type FieldName, type FlowObject, type PacketIn, type Policy, policyTable, Switch, SlowpathError } from 'slowpath';
import { type CheckReport, checkPolicy } from 'slowpath/testing';
import { formatKey, keyOfPacket, openflow, parseKey } from 'slowpath/flow';
import { NETLINK_ROUTE, openNetlink, RouteClient } from 'slowpath/netlink';

export const fields: FieldName[] = ${JSON.stringify([...MATCH_FIELDS.map(({ name }) => name), 'tun_metadata0', 'tp_dst'])};

export async function main(): Promise<void> {
  await using sw = Switch.open({ datapath: { type: 'netdev', netns: 'blue', name: 'dp' }, flowLimit: 1000 });
  const br = sw.addBridge('br0', { failMode: 'secure' });
  sw.addPort(br, { name: 'eth1', tag: 10 });
  sw.addPort(br, { name: 'v1', type: 'vxlan', remoteIp: '10.0.0.1', key: 5n, options: { tos: 'inherit' } });
  sw.addPort(br, { name: 'x1', type: 'patch', peer: 'x2' });
  // @ts-expect-error a patch port has a peer
  sw.addPort(br, { name: 'x1', type: 'patch' });
  sw.addBond(br, { name: 'bond0', members: ['a', 'b'], mode: 'balance-slb' });
  sw.addMirror(br, { name: 'm', selectAll: true, outputPort: 'eth1' });
  sw.setSflow(br, { targets: ['10.0.0.9:6343'], sampling: 10 });
  sw.setNetflow(br, null);
  const one: FlowObject = { match: { ip: true, nw_dst: '10.0.0.0/8' }, actions: ['NORMAL'] };
  // @ts-expect-error there is no such field
  const wrong: FlowObject = { match: { nw_destination: '10.0.0.0/8' }, actions: [] };
  sw.addFlows(br, [one, wrong, 'actions=drop']);
  sw.addGroups(br, 'group_id=1,type=all,bucket=actions=output:1');
  sw.addMeters(br, [{ meterId: 1, unit: 'kbps', bands: [{ rate: 100 }] }]);
  const packets: number = sw.flows(br, { table: 0 })[0].packets + sw.groups(br)[0].buckets[0].bytes;
  sw.packetOut(br, { packet: new Uint8Array(60), actions: 'NORMAL', inPort: packets });
  sw.events.on('flow', ({ event, reason }) => console.log(event === 'deleted', reason));
  const [packetIn]: PacketIn[] = await once(sw.events, 'packetIn');
  // @ts-expect-error there is no such event
  sw.events.on('flows', () => {});
  console.log(formatKey(parseKey('in_port(1)').key), keyOfPacket(packetIn.packet)[0], openflow.parseFlow('actions=drop').priority);
  const policy = br.policy(
    definePolicy({
      tables: { ports: policyTable<string, number>({ maxEntries: 10 }) },
      run(pkt, act, { ports }) {
        const port = ports.get(pkt.ipv4Dst.text ?? '');
        if (port !== undefined && pkt.tcpFlags.has('syn') && !pkt.tunMetadata(0).present) act.set.ipDscp(8).output(port);
        else act.count('other').drop('no port');
        // @ts-expect-error there is no such flag
        pkt.tcpFlags.has('sin');
        // @ts-expect-error keys of the table are text
        ports.get(7);
        // @ts-expect-error an address is no number of bytes
        act.set.ethSrc(true);
      },
    }),
    { table: 5 },
  );
  policy.tables.ports.set('10.0.0.1', 2);
  // @ts-expect-error values of the table are numbers
  policy.tables.ports.set('10.0.0.1', 'two');
  const other: Policy = (await br.policyFile('policy.mjs')).policy;
  const report: CheckReport = await checkPolicy((pkt, act) => void (pkt.isArp && act.flood()), { packets: 10 });
  console.log(other.stats.decided.packets + report.flips, policy.drops['no port']?.packets);
  using route = new RouteClient(openNetlink({ protocol: NETLINK_ROUTE, netns: 3 }));
  if (route.links().length === 0) throw new SlowpathError('ERR_X', 'none');
}
`;

interface Entry {
  readonly require: { readonly types: string; readonly default: string };
  readonly import: Entry['require'];
}

const packed = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly exports: Readonly<Record<string, Entry | string>>;
};
/** What can be imported, but for package.json itself. */
const subpaths = Object.keys(packed.exports)
  .filter((path) => !path.endsWith('.json'))
  .map((path) => path.replace(/^\./, 'slowpath'));

const COMMON = `
import slowpath = require('slowpath');
import testing = require('slowpath/testing');
export const check: Promise<testing.CheckReport> = testing.checkPolicy((pkt, act) => void (pkt.isIp && act.normal()));
import { openDatapath } from 'slowpath';
export const open: typeof openDatapath = slowpath.openDatapath;
`;

describe('the package as it is imported', function () {
  this.timeout(120_000);
  const folder = mkdtempSync(join(tmpdir(), 'slowpath-consumer-'));
  before(() => {
    mkdirSync(join(folder, 'node_modules', '@types'), { recursive: true });
    symlinkSync(root, join(folder, 'node_modules', 'slowpath'));
    symlinkSync(join(root, 'node_modules', '@types', 'node'), join(folder, 'node_modules', '@types', 'node'));
    const compilerOptions = {
      ...{ target: 'ES2022', module: 'NodeNext', lib: ['ES2023', 'ESNext.Disposable'], types: ['node'] },
      ...{ strict: true, noEmit: true, exactOptionalPropertyTypes: true, skipLibCheck: false },
    };
    writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
    writeFileSync(join(folder, 'consumer.mts'), CONSUMER);
    writeFileSync(join(folder, 'common.cts'), COMMON);
  });
  after(() => rmSync(folder, { recursive: true }));

  it('exports these values and nothing else', () => {
    expect(Object.keys(slowpath).sort()).to.deep.equal([
      ...['Bridge', 'BridgePort', 'MetricsServer', 'NetlinkError', 'Policy', 'SlowpathError', 'Switch'],
      ...['SwitchEvents', 'SyntaxProblem', 'TableError', 'configurationFromJson', 'definePolicy'],
      ...[
        'describeUpcall',
        'dumpFlowLines',
        'dumpFlowRecords',
        'emptyConfiguration',
        'openDatapath',
        'parseConfiguration',
      ],
      ...[
        'policyTable',
        'serveControl',
        'showRecord',
        'showText',
        'splitShellWords',
        'switchMetrics',
        'version',
        'vsctl',
      ],
    ]);
    expect(Object.keys(netlink).sort()).to.deep.equal([
      ...[
        'AttributeCursor',
        'DatapathClient',
        'FlowClient',
        'MessageBuilder',
        'MeterClient',
        'NETLINK_GENERIC',
      ],
      ...['NETLINK_ROUTE', 'NETLINK_SOCK_DIAG', 'NLM_F_ACK', 'NLM_F_DUMP', 'NetlinkClient', 'NetlinkError'],
      ...['PacketClient', 'RouteClient', 'SlowpathError', 'VportClient', 'listFamilies', 'lookupFamily'],
      ...['lookupOvsFamilies', 'openNetlink'],
    ]);
    expect(Object.keys(flow).sort()).to.deep.equal([
      ...[
        'FLOW_FIELDS',
        'FLOW_WORDS',
        'SlowpathError',
        'SyntaxProblem',
        'decodeActions',
        'decodeCookie',
        'decodeKey',
      ],
      ...[
        'encodeDatapathActions',
        'encodeKey',
        'encodeMask',
        'flowId',
        'formatActions',
        'formatFlow',
        'formatKey',
      ],
      ...['formatUfid', 'keyOfPacket', 'openflow', 'parseActions', 'parseKey'],
    ]);
  });

  it('compiles into programs, ES modules and CommonJS, and refuses what is wrong', () => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', folder],
      { encoding: 'utf8' },
    );
    expect(stdout).to.equal('');
    expect(status).to.equal(0);
  });

  it('has these subpaths, each for both kinds of importers, with types', () => {
    expect(subpaths).to.deep.equal(['slowpath', 'slowpath/netlink', 'slowpath/flow', 'slowpath/testing']);
    for (const path of subpaths) {
      const { require: required, import: imported } = packed.exports[path.replace('slowpath', '.')] as Entry;
      for (const { types, default: code } of [required, imported])
        expect([types, code].map((file) => existsSync(join(root, file)))).to.deep.equal([true, true]);
    }
  });

  it('can be required, and is then the module that is imported; nothing is said about it', () => {
    const script = `
      const paths = ${JSON.stringify(subpaths)};
      Promise.all(paths.map((path) => import(path))).then((modules) => {
        for (const [i, path] of paths.entries())
          for (const name of Object.keys(modules[i]))
            if (require(path)[name] !== modules[i][name]) throw new Error(path + ': ' + name);
        console.log(require('slowpath').version());
      });`;
    writeFileSync(join(folder, 'required.cjs'), script);
    // The package lies in node_modules when it is installed, where the link would not show it.
    const args = ['--preserve-symlinks', '--preserve-symlinks-main', join(folder, 'required.cjs')];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', cwd: folder });
    expect({ status, stderr }).to.deep.equal({ status: 0, stderr: '' });
    expect(stdout.trim()).to.equal(slowpath.version());
  });

  it('shows keys of packets and reads them back', () => {
    const frame = Buffer.from(
      '020000000002020000000001080045000020000100004011000a0a0000010a00000203e807d0000c0000',
      'hex',
    );
    const key = flow.keyOfPacket(frame);
    const text = flow.formatKey(flow.encodeKey(key), undefined, { verbose: true });
    expect(text)
      .to.contain('eth(src=02:00:00:00:00:01,dst=02:00:00:00:00:02)')
      .and.to.contain('udp(src=1000,dst=2000)');
    const again = flow.decodeKey(flow.parseKey(text).key);
    expect(again.fitness).to.equal('perfect');
    expect(flow.formatUfid(flow.flowId(flow.encodeKey(key)))).to.match(/^ufid:[0-9a-f-]{36}$/);
    const actions = flow.parseActions('push_vlan(vid=5,pcp=0),3');
    expect(Buffer.from(flow.encodeDatapathActions(flow.decodeActions(actions)))).to.deep.equal(
      Buffer.from(actions),
    );
  });

  it('opens netlink sockets for programs of their own', () => {
    using route = new netlink.RouteClient(netlink.openNetlink({ protocol: netlink.NETLINK_ROUTE }));
    expect(route.links().map(({ name }) => name)).to.include('lo');
    using generic = new netlink.NetlinkClient(netlink.openNetlink({ protocol: netlink.NETLINK_GENERIC }));
    expect(netlink.lookupFamily(generic, 'nlctrl').id).to.equal(16);
    expect(() =>
      netlink.openNetlink({ protocol: netlink.NETLINK_ROUTE, netns: 'no-such-namespace' }),
    ).to.throw(netlink.NetlinkError, /no-such-namespace/);
  });
});
