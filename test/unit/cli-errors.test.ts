import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { slowpath } from '../support/cli.js';
import { Child, root } from '../support/processes.js';
import { needsRoot, skipUnless } from '../support/skip.js';

const RUN = ['run', '--datapath', 'netdev', '--bridge', 'br0'];

describe('slowpath: what a user can mend is one line and status 2', function () {
  this.timeout(120_000);
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'slowpath-test-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  async function refuses(args: readonly string[], pattern: RegExp, child?: Child): Promise<void> {
    const { code, stdout, stderr } = await (child?.exit ?? slowpath(args, { SLOWPATH_RUNDIR: folder }));
    expect(stderr).to.match(/^slowpath: .+\n$/);
    expect(stderr.slice('slowpath: '.length)).to.match(pattern);
    expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
  }

  const cases: Record<string, readonly [readonly string[], RegExp]> = {
    'no arguments': [[], /^which command\? run, ctl, .* or batch; /],
    'an unknown command': [['fly'], /unknown command 'fly'/],
    'an unknown option': [[...RUN, '--prot', 'eth1'], /unknown option '--prot'/],
    'an option without its value': [[...RUN, '--port'], /argument missing/],
    'no datapath': [['run', '--bridge', 'br0'], /--datapath.* not specified/],
    'no bridge': [['run', '--datapath', 'netdev'], /--bridge.* not specified/],
    'a datapath of no known type': [
      ['run', '--datapath', 'dpdk', '--bridge', 'br0'],
      /'dpdk' is invalid.*system, netdev/,
    ],
    'a port given twice': [[...RUN, '--port', 'eth1', '--port', 'eth1'], /eth1 is given twice/],
    'an interface name too long': [[...RUN, '--port', 'a-name-of-16-byt'], /1 to 15 bytes/],
    'a limit of nothing': [[...RUN, '--flow-limit', '0'], /whole number from 1 on/],
    'a file of flows that is not there': [
      [...RUN, '--flows', '/absent/flows'],
      /cannot read flows: .*\/absent\/flows/,
    ],
    'a port beside a configuration': [
      [...RUN, '--vsctl', 'add-br br0', '--port', 'eth1'],
      /^--port is for a switch without --vsctl: say it in there/,
    ],
    'a fail mode beside a configuration': [
      [...RUN, '--config', 'absent.json', '--fail-mode', 'secure'],
      /^--fail-mode is for a switch without --config/,
    ],
    'a trace without a switch': [
      ['trace', 'br0', 'in_port=1'],
      /^no switch runs on system@ovs-system: ask another with --datapath/,
    ],
    'nobody to ask': [['dump-flows', '--datapath', 'netdev'], /no switch runs on netdev@ovs-netdev/],
  };
  for (const [title, [args, pattern]] of Object.entries(cases)) it(title, () => refuses(args, pattern));

  it('no kernel module', async function () {
    const { stdout } = await new Child('sh', ['-c', 'grep -c ^openvswitch /proc/modules']).exit;
    skipUnless(this, Number(stdout) === 0, 'needs a kernel without the openvswitch module loaded', false);
    const absent =
      /no generic netlink family ovs_datapath: load the openvswitch kernel module.*--datapath netdev/;
    await refuses(['run', '--datapath', 'system', '--bridge', 'br0'], absent);
    await refuses(['show'], absent);
  });

  it('a bad flow: file, line and column; nothing has been made yet that could stay', async function () {
    needsRoot(this);
    const file = join(folder, 'flows');
    writeFileSync(file, '# rules\nip,nw_dst=10.0.0.0/8 actions=drop\nip,nw_dst=10.0.0.300 actions=drop\n');
    const words = [
      '--net',
      'env',
      `SLOWPATH_RUNDIR=${folder}`,
      process.execPath,
      'out/ts/cli/main.js',
      ...RUN,
    ];
    const child = new Child('unshare', [...words, '--flows', file]);
    await refuses([], new RegExp(`^${file}:3:11: `), child);
  });

  it('a file that is wrong: file, line and column, whichever command reads it', async () => {
    const path = (name: string, text: string) => {
      writeFileSync(join(folder, name), text);
      return join(folder, name);
    };
    const trace = ['trace', '--vsctl', 'add-br br0 -- add-port br0 p1', 'br0', 'in_port=1'];
    const flows = path('wrong-flows', '# rules\nactions=drop\n  ip actons=drop\n');
    await refuses([...trace, '--flows', flows], new RegExp(`^${flows}:3:6: `));
    await refuses(['pcap', '/absent', '--flows', flows], new RegExp(`^${flows}:3:6: `));
    const groups = path('wrong-groups', '\n  group_id=1,type=wrong\n');
    await refuses([...trace, '--groups', groups], new RegExp(`^${groups}:2:19: `));
    const meters = path('wrong-meters', '# none\nmeter=1,wrong\n');
    await refuses([...trace, '--meters', meters], new RegExp(`^${meters}:2:1: `));
    const config = path('wrong.json', '{\n "bridges": [\n}');
    await refuses(['trace', '--config', config, 'br0', 'in_port=1'], new RegExp(`^${config}:3:1: `));
    const column = path('column.json', '{"bridges": [{"name": "br0", "wrong": 1}]}');
    await refuses(
      ['trace', '--config', column, 'br0', 'in_port=1'],
      new RegExp(`^${column}: bridges\\[0\\]\\.wrong: table Bridge: "wrong" is no column`),
    );
  });

  it('a folder for control sockets that cannot be used', async function () {
    needsRoot(this);
    writeFileSync(join(folder, 'file'), '');
    const child = new Child('unshare', [
      ...['--net', 'env', `SLOWPATH_RUNDIR=${join(folder, 'file')}`],
      ...[process.execPath, 'out/ts/cli/main.js', ...RUN],
    ]);
    await refuses(
      [],
      /^cannot use \S+ for the control socket: .*; name another folder in SLOWPATH_RUNDIR/,
      child,
    );
  });

  it('no CAP_NET_ADMIN', async function () {
    needsRoot(this);
    const unprivileged = ['--reuid=65534', '--regid=65534', '--clear-groups', '--bounding-set=-all'];
    const node = [process.execPath, join(root, 'out/ts/cli/main.js'), ...RUN];
    const readable = await new Child('setpriv', [...unprivileged, 'test', '-r', node[1]]).exit;
    skipUnless(this, readable.code === 0, 'needs a checkout that other users may read', false);
    const child = new Child('setpriv', [...unprivileged, ...node], { env: { SLOWPATH_RUNDIR: folder } });
    await refuses([], /not permitted; run as root, or give the process CAP_NET_ADMIN/, child);
  });
});

describe('slowpath: help and version', function () {
  this.timeout(120_000);
  const said = async (...args: string[]) => {
    const { code, stdout, stderr } = await slowpath(args);
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    return stdout;
  };

  it('--version', async () => {
    const { version } = (await import(join(root, 'package.json'), { with: { type: 'json' } })).default;
    expect(await said('--version')).to.equal(`${version}\n`);
  });

  it('--help names the commands, help of a command its options', async () => {
    const help = await said('--help');
    for (const command of ['run', 'dump-flows', 'show']) expect(help).to.contain(`\n  ${command}`);
    const run = await said('run', '--help');
    for (const option of ['--datapath', '--bridge', '--port', '--flows', '--keep'])
      expect(run).to.contain(option);
  });

  it('ends in peace when nobody reads it', async () => {
    // A pipe without a reader: the first write fails.
    const script = `{ sleep 0.1; exec "$0" "$@"; } | true; exit "\${PIPESTATUS[0]}"`;
    for (const words of [['out/ts/cli/main.js', 'ctl'], ['scripts/vswitchd.mjs']]) {
      const [file, ...args] = words;
      const { code, stderr } = await new Child('bash', [
        ...['-c', script, process.execPath, join(root, file)],
        ...[...args, '--help'],
      ]).exit;
      expect({ code, stderr }, file).to.deep.equal({ code: 0, stderr: '' });
    }
  });
});
