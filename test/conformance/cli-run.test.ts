import { expect } from 'chai';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { needsRoot } from '../support/skip.js';
import { datapathType } from '../support/test-datapath.js';

const FLOWS =
  '# through a table of its own\npriority=10,arp actions=NORMAL\nip actions=resubmit(,4)\ntable=4 actions=NORMAL\n';
const DEFAULT_NAME = datapathType === 'system' ? 'ovs-system' : 'ovs-netdev';

describe(`slowpath run [${datapathType}]`, function () {
  // Each command is a process of its own, which takes seconds to start in the guest.
  this.timeout(Math.max(this.timeout() * 2, 120_000));
  let rig: CliRig;
  before(function () {
    needsRoot(this);
    rig = new CliRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  const ports = ['--port', 'p1', '--port', 'p2'];
  const nothingLeft = () => {
    expect(rig.devices()).to.deep.equal(['lo', 'p1', 'p2']);
    expect(rig.files()).to.deep.equal([]);
  };

  it('forwards by the rules of a file, shows flows and counters, and leaves nothing after SIGTERM', async () => {
    const running = await rig.run(...ports, '--flows', rig.flowsFile(FLOWS), '--max-idle', '600000');
    expect(rig.sockets()).to.deep.equal([`${datapathType}@${DEFAULT_NAME}.sock`]);
    expect(await rig.ping(3)).to.equal(3);
    const flows = (await rig.ask('dump-flows')).trimEnd().split('\n');
    expect(flows.filter((line) => line.includes('eth_type(0x0800)'))).to.have.length(2);
    for (const line of flows)
      expect(line).to.match(
        /^recirc_id\(0\),in_port\(\d+\),.*, packets:\d+, bytes:\d+, used:(never|[\d.]+s), actions:[\d,]+$/,
      );
    expect(await rig.ask('dump-flows', '--names')).to.match(/in_port\(p1\).*actions:p2$/m);
    const more = await rig.ask('dump-flows', '-m');
    expect(more.trimEnd().split('\n')[0]).to.match(/^ufid:[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}, /);
    const shown = await rig.ask('show');
    expect(shown).to.match(
      new RegExp(`^${datapathType}@${DEFAULT_NAME}:\n  lookups: hit:\\d+ missed:\\d+ lost:0\n`),
    );
    expect(shown).to.match(
      new RegExp(
        `  port 0: ${DEFAULT_NAME} \\(internal\\)\n  port 1: br0 \\(internal\\)\n  port 2: p1\n  port 3: p2\n$`,
      ),
    );
    const { code, stdout } = await running.stop('SIGTERM');
    expect({ code, stdout }).to.deep.equal({ code: 0, stdout: '' });
    nothingLeft();
  });

  it('ends in order on SIGINT, also while it is being set up', async () => {
    expect((await (await rig.run(...ports)).stop('SIGINT')).code).to.equal(0);
    nothingLeft();
    const early = rig.start(['run', '--datapath', datapathType, '--bridge', 'br0', ...ports]);
    await eventually(
      'the bridge is there',
      () => rig.devices().some((name) => name.startsWith('br0')),
      60_000,
    );
    const { code, stderr } = await early.stop('SIGINT');
    expect(code, stderr).to.equal(0);
    nothingLeft();
  });

  it('refuses to run beside another, which goes on', async () => {
    const running = await rig.run(...ports);
    const again = ['run', '--datapath', datapathType, '--bridge', 'br1'];
    const second = await rig.start(again).exit;
    expect(second.code).to.equal(2);
    expect(second.stderr).to.match(/^slowpath: a switch answers on \S+ already: stop it first\n$/);
    const hidden = await rig.start(again, rig.rundir('other')).exit;
    expect(hidden.code).to.equal(2);
    expect(hidden.stderr).to.match(
      /^slowpath: .*(in use by another process|a network device of that name exists).*\n$/,
    );
    expect(await rig.ping(2)).to.equal(2);
    expect((await running.stop()).code).to.equal(0);
    nothingLeft();
  });

  it('undoes all it has done when something is wrong with the last argument', async () => {
    for (const [args, pattern] of [
      [['--port', 'absent'], /^slowpath: there is no network interface 'absent'\n$/],
      [
        ['--flows', rig.flowsFile('actions=drop\n\n  udp,tp_dst=99999 actions=drop\n')],
        /^slowpath: \/\S+:3:14: .*99999.*\n$/,
      ],
    ] as const) {
      const { code, stdout, stderr } = await rig.start([
        ...['run', '--datapath', datapathType, '--bridge', 'br0', ...ports],
        ...args,
      ]).exit;
      expect(stderr).to.match(pattern);
      expect({ code, stdout }).to.deep.equal({ code: 2, stdout: '' });
      expect(rig.devices()).to.deep.equal(['lo', 'p1', 'p2']);
    }
  });
});
