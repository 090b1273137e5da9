import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { root } from '../support/processes.js';
import { needsRoot, skipUnless } from '../support/skip.js';
import { sendFrames } from '../support/traffic.js';

describe('slowpath when what is around it goes away, or is not ours', function () {
  this.timeout(Math.max(this.timeout(), 180_000));
  let rig: CliRig;
  before(function () {
    needsRoot(this);
    rig = new CliRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  const ports = ['--port', 'p1', '--port', 'p2'];
  const devices = () => rig.inside.ip('-br link');

  it('run outlives who reads its events, and still takes everything down', async () => {
    const flows = rig.flowsFile('udp actions=controller(max_len=64)\n');
    const child = await rig.run(...ports, '--flows', flows, '--json');
    child.process.stdout!.destroy();
    const told = () => child.stderr.split('"packet-in"').length - 1;
    for (let n = 1; n <= 3; n++) {
      sendFrames(rig.hosts[0], 'eth0', [udpFrame()]);
      await eventually(`packet-in ${n}`, () => told() >= n);
    }
    expect(child.stderr.split('nobody is told there any more').length, 'one warning').to.equal(2);
    const { code, stderr } = await child.stop('SIGTERM');
    expect(code, stderr).to.equal(0);
    expect(rig.sockets()).to.deep.equal([]);
    expect(devices()).not.to.contain('br0');
  });

  it('run takes everything down when its terminal goes', async () => {
    const child = await rig.run(...ports, '--json');
    const { code, stdout, stderr } = await child.stop('SIGHUP');
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^\{"event":"stopping","signal":"SIGHUP"\}$/m);
    expect(rig.sockets()).to.deep.equal([]);
  });

  it('run with a configuration tells its bridge and ports', async () => {
    const words = 'add-br br0 -- add-port br0 p2 -- add-port br0 p1';
    const child = await rig.run('--vsctl', words, '--json');
    await eventually('it tells', () => child.stdout.includes('\n'));
    const { bridge, ports: told } = JSON.parse(child.stdout.split('\n')[0]);
    expect({ bridge, told: told.toSorted() }).to.deep.equal({ bridge: 'br0', told: ['p1', 'p2'] });
  });

  it('who may not ask is told so', async function () {
    await rig.run(...ports);
    const other = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];
    const node = [process.execPath, join(root, 'out/ts/cli/main.js')];
    const readable = await rig.lab.keep(
      rig.inside.start(other[0], [...other.slice(1), 'test', '-r', node[1]]),
    ).exit;
    skipUnless(this, readable.code === 0, 'needs a checkout that other users may read', false);
    const words = [...other, 'env', `SLOWPATH_RUNDIR=${rig.rundir()}`, ...node];
    for (const command of [['show'], ['monitor'], ['flow-events'], ['ctl', 'upcall/show']]) {
      const args = [...words.slice(1), command[0], '-d', 'netdev', ...command.slice(1)];
      const { code, stderr } = await rig.lab.keep(rig.inside.start(words[0], args)).exit;
      expect(stderr, command[0]).to.match(
        /^slowpath: cannot ask at \S+: EACCES: only who runs the switch, and root, may ask it\n$/,
      );
      expect(code).to.equal(2);
    }
  });

  it('a full disk is one line', async () => {
    await rig.run(...ports);
    closeSync(openSync('/dev/full', 'w'));
    expect(await rig.shell('npx slowpath show -d netdev > /dev/full; echo $?')).to.match(
      /^2\nslowpath: cannot write to standard output: ENOSPC.*\n$/,
    );
  });
});
