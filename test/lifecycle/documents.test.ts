import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CaptureWriter } from '../../ts/capture/index.js';
import { CliRig } from '../support/cli.js';
import { commandsOf } from '../support/console.js';
import { eventually } from '../support/eventually.js';
import { ethernet, tcpPacket, udpFrame } from '../support/frames.js';
import { type Child, root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';
import { sendFrames } from '../support/traffic.js';

describe('commands of README and guides run as they are written', function () {
  this.timeout(180_000);
  const rules = 'priority=10,arp actions=NORMAL\npriority=5,ip actions=NORMAL\n';
  let rig: CliRig;
  beforeEach(function () {
    needsRoot(this);
    rig = new CliRig();
    for (const number of [1, 2]) {
      rig.inside.ip(`link set p${number} down`);
      rig.inside.ip(`link set p${number} name eth${number}`);
      rig.inside.ip(`link set eth${number} up`);
    }
    rig.file('rules.txt', rules);
  });
  afterEach(async () => {
    await rig?.stopAll();
    await rig?.remove();
  });

  const up = () => eventually('both ports are up', () => rig.inside.running('eth1', 'eth2'));
  const here = (name: string) => join(rig.rundir('.'), name);
  /** With files of the test, and the programs of this checkout; the shell becomes what it runs. */
  const local = (command: string) =>
    command
      .replaceAll('/etc/slowpath/', `${here('.')}/`)
      .replace(/(?<=[ =])(rules\.txt|requests\.jsonl|capture\.pcapng)/g, (name) => here(name))
      .replace(/(npx )?slowpath-vswitchd /, `exec ${process.execPath} ${join(root, 'scripts/vswitchd.mjs')} `)
      .replace(/^unshare /, 'exec unshare ')
      .replace(/^(npx )?slowpath /, `exec ${process.execPath} ${join(root, 'out/ts/cli/main.js')} `);
  const start = (command: string): Child =>
    rig.lab.keep(rig.inside.start('env', [`SLOWPATH_RUNDIR=${rig.rundir()}`, 'sh', '-c', local(command)]));
  /** Starts what goes on until it is told to end, and waits until it says something. */
  const serve = async (command: string, stream: 'stdout' | 'stderr', text: string): Promise<Child> => {
    const child = start(command);
    await eventually(
      `${command} says ${text}`,
      async () => {
        if (child.process.exitCode !== null) throw new Error(`${command} ended: ${child.stderr}`);
        return child[stream].includes(text);
      },
      60_000,
    );
    return child;
  };
  const runs = async (command: string): Promise<string> => {
    const { code, stdout, stderr } = await start(command).exit;
    expect(code, `${command}: ${stderr}`).to.equal(0);
    return stdout;
  };

  it('README.md', async () => {
    await up();
    const capture = new CaptureWriter(rig.file('capture.pcapng', ''), 'port1');
    capture.write(1n, udpFrame());
    capture.close();
    rig.file('requests.jsonl', '{"op":"actions.encode","text":"3"}\n');
    rig.file('vswitchd.yaml', 'datapath: { type: netdev }\nvsctl: add-br br0\n');
    const lasting = new Set<Child>();
    const done: string[] = [];
    for (const command of commandsOf('README.md', 'From the command line')) {
      const [, , name] = command.split(' ');
      if (/^npx slowpath run |vswitchd/.test(command)) {
        for (const child of lasting) expect((await child.stop('SIGTERM')).code, command).to.equal(0);
        lasting.clear();
        lasting.add(await serve(command, 'stderr', '"msg":"running"'));
        if (name === 'run' && command.includes('eth2')) expect(await rig.ping(2)).to.equal(2);
      } else if (/flow-events|monitor/.test(command)) {
        const child = start(command);
        await eventually(`${name} tells something`, async () => {
          await runs('npx slowpath ctl --datapath netdev revalidator/purge');
          const tcp = tcpPacket(1000, 80, 2, Buffer.alloc(0));
          sendFrames(rig.hosts[0], 'eth0', [ethernet({ type: 0x0800, payload: tcp })]);
          return child.stdout.includes('in_port');
        });
        await child.stop('SIGTERM');
      } else expect(await runs(command), command).not.to.equal('');
      done.push(name ?? command);
    }
    for (const child of lasting) expect((await child.stop('SIGTERM')).code).to.equal(0);
    expect(done.length).to.be.at.least(11);
  });

  it('docs/guides/replace-ovs-vswitchd.md', async () => {
    await up();
    const guide = 'docs/guides/replace-ovs-vswitchd.md';
    const [, yaml] = /```yaml\n([\s\S]*?)```/.exec(readFileSync(join(root, guide), 'utf8'))!;
    rig.file('vswitchd.yaml', yaml);
    const [check, trace] = commandsOf(guide, '1. Write the file');
    expect(await runs(check)).to.equal('');
    expect(await runs(trace)).to.contain('Datapath actions:');
    const [beside] = commandsOf(guide, '2. Try it beside');
    const tried = await serve(beside, 'stderr', '"msg":"running"');
    expect((await tried.stop('SIGTERM')).code).to.equal(0);
    const [, , takeOver] = commandsOf(guide, '3. Change over');
    const embedded = yaml.replace('system', 'netdev').replace(', tag: 10', '');
    rig.file('vswitchd.yaml', embedded);
    const running = await serve(
      takeOver.replace('/run/slowpath/', `${here('.')}/`),
      'stderr',
      '"msg":"running"',
    );
    expect(await rig.ping(2)).to.equal(2);
    for (const command of commandsOf(guide, '4. See that it works')) {
      const asked = command.replace(/^slowpath (\S+)/, 'slowpath $1 -d netdev');
      if (command.includes('monitor')) {
        const child = start(asked);
        await eventually('an upcall', async () => {
          await runs('slowpath ctl -d netdev revalidator/purge');
          await rig.ping(1);
          return child.stdout.includes('miss');
        });
        await child.stop('SIGTERM');
      } else expect(await runs(asked), command).not.to.equal('');
    }
    expect((await running.stop('SIGTERM')).code).to.equal(0);
  });
});
