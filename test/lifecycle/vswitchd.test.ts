import { copyFileSync, chmodSync, existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Child, command, root } from '../support/processes.js';
import { needsRoot, skipUnless } from '../support/skip.js';
import { VswitchdRig } from '../support/vswitchd.js';

const BRIDGE = `
configuration:
  bridges:
    - name: br0
      fail_mode: secure
      ports: [p1, { name: p2 }]
`;
const RULES = 'priority=9,cookie=0x9,icmp actions=NORMAL\npriority=5,arp actions=NORMAL\n';
/** Prints each datagram that comes to a Unix socket. */
const RECEIVER = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True: print(s.recv(4096).decode().replace("\\n", " "), flush=True)
`;

describe('scripts/vswitchd.mjs', function () {
  this.timeout(Math.max(this.timeout(), 120_000));
  let rig: VswitchdRig;
  before(function () {
    needsRoot(this);
    rig = new VswitchdRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  const nothingLeft = () => expect(rig.devices()).to.deep.equal(['lo', 'p1', 'p2']);
  const rules = () => rig.ask('ctl', 'ofctl/dump-flows', 'br0');
  const packets = async (cookie: string) =>
    Number(new RegExp(`cookie=${cookie},.* n_packets=(\\d+)`).exec(await rules())?.[1]);

  it('forwards by its file, takes over what differs at SIGHUP, and ends with nothing left', async () => {
    rig.file('rules.txt', RULES);
    const pidfile = join(rig.rundir('.'), 'vswitchd.pid');
    const file = rig.config(`${BRIDGE}openflow: { br0: { flows: rules.txt } }\n`);
    const running = await rig.serve(['--pidfile', pidfile, file]);
    expect(readFileSync(pidfile, 'utf8')).to.match(/^\d+\n$/);
    expect(await rig.ping(3)).to.equal(3);
    expect(await rig.ask('show')).to.contain('br0 (internal)');
    await rig.ask('ctl', 'revalidator/wait');
    expect(await packets('0x9')).to.equal(6);

    rig.file('rules.txt', `${RULES}priority=20,cookie=0x20,icmp,nw_src=10.0.0.1 actions=drop\n`);
    await rig.reload(running);
    expect(running.stderr).to.contain('"added":1,"modified":0,"removed":0,"kept":2');
    await rig.ask('ctl', 'revalidator/wait');
    expect(await rig.ping(2)).to.equal(0);
    expect(await packets('0x9'), 'a rule that stays keeps what it counted').to.equal(6);

    rig.file('rules.txt', RULES);
    rig.config(
      `${BRIDGE.replace('{ name: p2 }', '{ name: p2, tag: 7 }')}openflow: { br0: { flows: rules.txt } }\nlimits: { flowLimit: 77 }\n`,
    );
    await rig.reload(running, 2);
    expect(running.stderr).to.contain('"added":0,"modified":0,"removed":1,"kept":2');
    expect(await rig.ping(1), 'p2 is in another VLAN').to.equal(0);
    expect(await rig.ask('ctl', 'upcall/show')).to.contain('(limit 77)');

    rig.config('limits: { flowLimit: many }\n');
    await rig.reload(running, 1, 'limits.flowLimit must be integer');
    rig.file('rules.txt', 'priority=9,cookie=0x9,icmp actions=NORMAL\nactions=nonsense:1\n');
    rig.config(`${BRIDGE}openflow: { br0: { flows: [rules.txt] } }\n`);
    await rig.reload(running, 3);
    expect(running.stderr).to.match(/bridge br0: \/\S+rules\.txt:2:9: \\"nonsense\\" is no known action/);
    expect(
      await rig.ping(1),
      'the rest of the file was applied, and the rules are those from before',
    ).to.equal(1);

    const { code, stdout } = await running.stop('SIGTERM');
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: '' });
    expect(existsSync(pidfile)).to.equal(false);
    expect(rig.sockets()).to.deep.equal([]);
    nothingLeft();
  });

  it('changes groups, meters and VLANs by difference, with ovs-vsctl words, two files of rules and JSON', async () => {
    rig.file(
      'groups.txt',
      'group_id=1,type=all,bucket=output:2\n# a remark\ngroup_id=2,type=all,bucket=output:1\n',
    );
    rig.file('meters.txt', 'meter=1 pktps stats bands=type=drop rate=1000\n');
    rig.file('a.txt', 'priority=9,in_port=p1 actions=meter:1,group:1\n');
    rig.file('b.txt', 'priority=8,in_port=p2 actions=group:2\n');
    const config = {
      datapath: { type: 'netdev', name: 'dpj' },
      metrics: { port: 9273 },
      vsctl: [
        'add-br br0 -- set Bridge br0 fail_mode=secure',
        '# a remark',
        'add-port br0 p1',
        'add-port br0 p2',
      ],
      openflow: { br0: { flows: ['a.txt', 'b.txt'], groups: 'groups.txt', meters: ['meters.txt'] } },
    };
    const running = await rig.serve([rig.file('vswitchd.json', JSON.stringify(config))]);
    expect(await rig.ping(2)).to.equal(2);
    // Group 2 goes, and the rule that used it; the meter is another.
    rig.file('groups.txt', 'group_id=1,type=all,bucket=output:2\n');
    rig.file('meters.txt', 'meter=1 pktps stats bands=type=drop rate=500\n');
    rig.file('b.txt', 'priority=8,in_port=p2 actions=output:p1\n');
    await rig.reload(running);
    expect(await rig.ping(2)).to.equal(2);
    const shown = await rig.ask('ctl', '--name', 'dpj', 'ofctl/dump-flows', '-O', 'OpenFlow15', 'br0');
    expect(shown).to.contain('actions=meter:1,group:1').and.to.contain('in_port=2 actions=output:1');
    const figures = rig.inside.run('curl', '-sS', '--max-time', '30', 'http://127.0.0.1:9273/metrics');
    expect(figures).to.match(/^slowpath_upcalls_total\{class="miss",port="p1"\} [1-9]/m);
    expect((await running.stop()).code).to.equal(0);
    nothingLeft();
  });

  it('has policies decide, reads those again that were written since, and keeps the one there is when a new one is wrong', async () => {
    const policies = 'policies: { br0: { 5: policy.mjs } }\n';
    rig.file('rules.txt', 'priority=9,icmp actions=resubmit(,5)\npriority=5,arp actions=NORMAL\n');
    const only = (number: number) =>
      `export default (pkt, act) => { if (pkt.ipv4Src.equals('10.0.0.${number}') || pkt.icmpType.equals(0)) act.normal(); };\n`;
    rig.file('policy.mjs', only(1));
    const rules = 'openflow: { br0: { flows: rules.txt } }\n';
    const running = await rig.serve([rig.config(`${BRIDGE}${rules}${policies}`)]);
    expect(await rig.ping(2)).to.equal(2);
    expect(await rig.ask('trace', 'br0', 'in_port=p1,icmp,nw_src=10.0.0.1,icmp_type=8')).to.contain(
      'looks at nw_src=10.0.0.1',
    );

    rig.file('policy.mjs', only(9));
    await rig.reload(running);
    expect(await rig.ping(1)).to.equal(0);

    rig.file('policy.mjs', 'export default 5;\n');
    await rig.reload(running, 2);
    expect(running.stderr).to.match(/bridge br0: \/\S+policy\.mjs: a policy is a function/);
    expect(await rig.ping(1), 'the one before decides').to.equal(0);

    rig.file('policy.mjs', only(1));
    await rig.reload(running, 3);
    expect(await rig.ping(1)).to.equal(1);
    rig.config(`${BRIDGE}${rules}`);
    await rig.reload(running, 4);
    expect(await rig.ping(1), 'table 5 has no rules').to.equal(0);
    expect((await running.stop()).code).to.equal(0);

    rig.file('policy.mjs', 'nonsense(');
    const { code, stderr } = await rig.begin([rig.config(`${BRIDGE}${policies}`)]).exit;
    expect({ code, told: stderr.split('\n').at(-2) }).to.have.property('code', 2);
    expect(stderr).to.match(/^vswitchd: \/\S+policy\.mjs: /m);
    nothingLeft();
  });

  it('tells systemd when it is ready, reloads and stops', async function () {
    skipUnless(this, spawnSync('systemd-notify', ['--version']).status === 0, 'systemd-notify is not there');
    const socket = join(rig.rundir('.'), 'notify');
    const receiver = rig.lab.keep(new Child('python3', ['-c', RECEIVER, socket]));
    await eventually('the receiver listens', () => existsSync(socket));
    const running = await rig.serve([rig.config(BRIDGE)], [`NOTIFY_SOCKET=${socket}`]);
    await receiver.waitFor(/^READY=1.*STATUS=netdev@ovs-netdev/m);
    await rig.reload(running);
    await receiver.waitFor(/^RELOADING=1[\s\S]*^READY=1/m);
    expect((await running.stop()).code).to.equal(0);
    await receiver.waitFor(/^STOPPING=1/m);
  });

  it('refuses files that are wrong, with file, line and column, and undoes what it did', async () => {
    const script = pathToFileURL(join(root, 'scripts', 'vswitchd', 'config.mjs')).href;
    const { readConfig } = (await import(script)) as { readConfig(file: string): unknown };
    for (const [text, pattern] of [
      ['limits:\n  flowLimt: 5\n', /^\/\S+:3:3: limits\.flowLimt: there is no such setting$/],
      ['configuration: { bridges: [{ name: br0,\n tag: 3 }] }', /^\/\S+:3:\d+: bridges\[0\]\.tag: .*$/],
      ['openflow: { br9: {} }', /^\/\S+:2:13: openflow\.br9: the configuration has no such bridge$/],
      ['vsctl: add-br', /^\/\S+:2:8: .*$/],
      ['metrics: { host: "::1" }', /^\/\S+:2:10: metrics must have required property 'port'$/],
      ['a: [', /^\/\S+:2:\d+: .*$/],
      [
        'log: { level: loud }\nkeep: perhaps',
        /^\/\S+:2:15: log.level .*: fatal, error, .*\n\/\S+:3:7: keep must be equal to one of the allowed values: true, false, ports$/,
      ],
      [`${BRIDGE}openflow: { br0: { flows: absent.txt } }`, /^cannot read \/\S+absent\.txt: .*$/],
    ] as const) {
      expect(() => readConfig(rig.config(text)), text)
        .to.throw(pattern)
        .with.property('code', 'ERR_CONFIG_FILE');
    }
    const { code: checked, stderr: told } = await rig.begin(['--check', rig.config('limits: 5')]).exit;
    expect({ checked, told }).to.deep.equal({
      checked: 2,
      told: `vswitchd: ${rig.rundir('.')}/vswitchd.yaml:2:9: limits must be object\n`,
    });
    rig.file('rules.txt', 'actions=drop\nactions=bogus\n');
    const wrong = rig.config(`${BRIDGE}openflow: { br0: { flows: rules.txt } }\n`);
    expect(
      (await rig.begin(['--check', wrong]).exit).code,
      'rules are looked at when the ports are there',
    ).to.equal(0);
    const { code, stderr } = await rig.begin([wrong]).exit;
    expect(code).to.equal(2);
    expect(stderr).to.match(/^vswitchd: \/\S+rules\.txt:2:9: /m);
    rig.file('groups.txt', 'group_id=1,type=all,bucket=actions=drop\n# none\n  group_id=2,type=bogus\n');
    const groups = await rig.begin([rig.config(`${BRIDGE}openflow: { br0: { groups: groups.txt } }\n`)]).exit;
    expect(groups.stderr).to.match(/^vswitchd: \/\S+groups\.txt:3:19: /m);
    const usage = await rig.begin(['--chek']).exit;
    expect(usage).to.include({
      code: 2,
      stderr: "vswitchd: unknown option '--chek' (Did you mean --check?)\n",
    });
    nothingLeft();
    expect(() => readConfig('/absent.yaml')).to.throw(/^cannot read \/absent\.yaml/);
  });

  it('runs once for a pid file, and not beside ovs-vswitchd', async () => {
    const pidfile = join(rig.rundir('.'), 'once.pid');
    const file = rig.config(BRIDGE);
    const running = await rig.serve(['--pidfile', pidfile, file]);
    const second = await rig.begin(['--pidfile', pidfile, rig.config(BRIDGE, 'other.yaml')]).exit;
    expect(second).to.include({ code: 2 });
    expect(second.stderr).to.match(/^vswitchd: \/\S+once\.pid: process \d+ runs already: stop it first\n$/);
    expect(await rig.ask('show'), 'the first goes on').to.contain('br0');
    expect((await running.stop()).code).to.equal(0);

    // A process of that name, with its number where ovs-vswitchd writes it.
    const program = join(rig.rundir('.'), 'ovs-vswitchd');
    copyFileSync(command('sh', ['-c', 'command -v sleep']).trim(), program);
    chmodSync(program, 0o755);
    const peer = rig.lab.keep(rig.inside.start(program, ['60']));
    const pid = await eventually('it runs', () => {
      for (const entry of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
        try {
          if (readFileSync(`/proc/${entry}/cmdline`, 'utf8').startsWith(`${program}\0`)) return entry;
        } catch {
          // It ended meanwhile.
        }
      }
      return undefined;
    });
    rig.file('ovs-vswitchd.pid', `${pid}\n`);
    const kernel = rig.file('kernel.yaml', 'datapath: { type: system }\n');
    const rundir = `OVS_RUNDIR=${rig.rundir('.')}`;
    const refused = await rig.begin([kernel], [rundir]).exit;
    expect(refused.code).to.equal(2);
    expect(refused.stderr).to.equal(
      `vswitchd: ovs-vswitchd runs (process ${pid}), and ovs-system is its datapath: stop it first, or give datapath.name another name\n`,
    );
    const beside = await rig.serve([rig.config(BRIDGE)], [rundir]);
    expect((await beside.stop()).code, 'the embedded datapath is nothing to it').to.equal(0);
    await peer.stop();
  });

  it('needs two capabilities of root, and no more', async () => {
    const others = (statSync('/dev/net/tun').mode & 0o006) === 0o006;
    // The device's file decides who may make TAP devices; where users may not, its group may.
    const group = others ? '65534' : String(statSync('/dev/net/tun').gid);
    const user = group === '0' && !others ? '0' : '65534';
    const words = ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', '--no-new-privs'];
    const capabilities = '-all,+net_admin,+net_raw';
    words.push(`--inh-caps=${capabilities}`, `--bounding-set=${capabilities}`);
    if (user !== '0') words.push(`--ambient-caps=${capabilities}`);
    chmodSync(rig.rundir('.'), 0o755);
    const file = rig.config(
      `${BRIDGE.replace('fail_mode: secure', 'fail_mode: standalone')}control: false\n`,
    );
    const running = await rig.serve([file], words);
    // `ip netns exec`, env and setpriv each become the next.
    const status = readFileSync(`/proc/${running.process.pid}/status`, 'utf8');
    // CAP_NET_ADMIN is 12, CAP_NET_RAW 13.
    expect(/^CapEff:\t(\w+)$/m.exec(status)?.[1]).to.equal('0000000000003000');
    expect(await rig.ping(2)).to.equal(2);
    expect((await running.stop()).code).to.equal(0);
    nothingLeft();
  });

  it('uses the public API alone, and is in the package with its unit', async function () {
    const folder = join(root, 'scripts', 'vswitchd');
    const sources = [
      join(root, 'scripts', 'vswitchd.mjs'),
      ...readdirSync(folder)
        .filter((name) => name.endsWith('.mjs'))
        .map((name) => join(folder, name)),
    ];
    for (const source of sources) {
      for (const [, from] of readFileSync(source, 'utf8').matchAll(/from '([^']+)'/g))
        expect(from, source).to.match(
          /^(slowpath|ajv|yaml|commander|pino|node:\w+|\.\/(vswitchd\/)?\w+\.mjs)$/,
        );
    }
    const packed = JSON.parse(command('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'])) as {
      files: { path: string }[];
    }[];
    const files = packed[0].files.map(({ path }) => path);
    const links = readFileSync(join(root, 'README.md'), 'utf8').matchAll(/\]\(((?:docs|examples)\/[^)#]+)/g);
    expect(files, 'what the README names').to.include.members([...links].map(([, path]) => path));
    expect(files).to.include.members([
      'scripts/vswitchd.mjs',
      ...[
        'apply.mjs',
        'config.mjs',
        'example.yaml',
        'host.mjs',
        'policies.mjs',
        'schema.mjs',
        'slowpath-vswitchd.service',
      ].map((name) => `scripts/vswitchd/${name}`),
    ]);
    const example = await rig.begin(['--check', join(folder, 'example.yaml')]).exit;
    expect(example.stderr, 'rules of the example are not part of it').to.match(/cannot read \/\S+rules\.txt/);
    skipUnless(
      this,
      spawnSync('systemd-analyze', ['--version']).status === 0,
      'systemd-analyze is not there',
    );
    // Programs of the unit need not be installed here.
    const unit = readFileSync(join(folder, 'slowpath-vswitchd.service'), 'utf8');
    const here = unit.replace('/usr/bin/node', process.execPath);
    const verified = spawnSync('systemd-analyze', ['verify', rig.file('slowpath-vswitchd.service', here)], {
      encoding: 'utf8',
    });
    expect({ status: verified.status, said: verified.stderr }).to.deep.equal({ status: 0, said: '' });
  });
});
