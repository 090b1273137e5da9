import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CliRig } from '../support/cli.js';
import { consoleCommands, matchesConsole } from '../support/console.js';
import { eventually } from '../support/eventually.js';
import { ethernet, tcpPacket } from '../support/frames.js';
import { root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';
import { Capture, sendFrames } from '../support/traffic.js';

const guide = (name: string) => join(root, 'docs', 'guides', name);

/** The blocks of a kind of code in a document. */
function blocks(name: string, language: string): string[] {
  const pattern = new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g');
  return [...readFileSync(guide(name), 'utf8').matchAll(pattern)].map(([, code]) => code);
}

/** The first of them. */
const block = (name: string, language: string) => blocks(name, language)[0];

describe('guides: every command prints what the page says', function () {
  this.timeout(180_000);
  let rig: CliRig;
  beforeEach(function () {
    needsRoot(this);
    rig = new CliRig();
  });
  afterEach(async () => {
    await rig?.stopAll();
    await rig?.remove();
  });

  /** Runs the commands of a guide one after the other, beside a switch with the flows that it begins with. */
  async function follow(name: string, ...options: string[]): Promise<void> {
    await rig.run('--flows', rig.flowsFile(block(name, 'text')), ...options);
    expect(await rig.ping(3)).to.equal(3);
    const commands = consoleCommands(guide(name));
    expect(commands).not.to.be.empty;
    const wrong: string[] = [];
    for (const { command, expected, line } of commands) {
      const printed = await rig.shell(command);
      if (!matchesConsole(printed, expected))
        wrong.push(`${name}:${line}: ${command}\nprints\n${printed}\nnot\n${expected.join('\n')}`);
    }
    expect(wrong.length, wrong.join('\n\n')).to.equal(0);
  }

  const ports = ['--port', 'p1', '--port', 'p2'];
  it('debug a flow', () => follow('debug-a-flow.md', ...ports, '--max-idle', '600000'));
  it('tune', () => follow('tune.md', ...ports, '--metrics', '9273', '--max-idle', '600000'));

  it('export traffic', () => {
    const name = 'exporters.md';
    const [, words] = /--vsctl \\\n *'(.*)'/.exec(readFileSync(guide(name), 'utf8'))!;
    const config = rig.file('exporters.json', block(name, 'json'));
    return follow(name, '--config', config, '--vsctl', words, '--metrics', '9273', '--max-idle', '600000');
  });

  it('export traffic, by the API', async () => {
    const file = join(root, 'out', 'guide-exporters.mjs');
    writeFileSync(file, block('exporters.md', 'js'));
    await eventually('both ports are up', () => rig.inside.running('p1', 'p2'));
    const child = rig.lab.keep(rig.inside.start(process.execPath, [file]));
    await child.waitFor(/^running$/m, 60_000);
    expect(await rig.ping(3)).to.equal(3);
    await eventually('local samples', () => child.stdout.split('group 7, point 6: 98 bytes').length === 7);
    child.process.kill('SIGINT');
    const { code, stdout, stderr } = await child.exit;
    expect(code, stderr).to.equal(0);
    expect(stdout).to.match(/^samples_local 6$/m);
    expect(stdout).to.match(/^ipfix_samples \d+$/m);
    const sampled = Number(/^sflow_flow_samples (\d+)$/m.exec(stdout)?.[1]);
    expect(sampled, stdout).to.be.at.least(6);
  });

  describe('write a policy', () => {
    const folder = join(root, 'out', 'guide-policy');
    const [begin, learning, later, proof] = blocks('write-a-policy.md', 'js');
    const write = (name: string, code: string) => {
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), code);
      return join(folder, name);
    };

    it('decides by address and port, counts, drops, and decides later', async () => {
      for (const [i, name] of ['eth1', 'eth2'].entries()) {
        rig.inside.ip(`link set p${i + 1} down`);
        rig.inside.ip(`link set p${i + 1} name ${name}`);
        rig.inside.ip(`link set ${name} up`);
      }
      const file = write(
        'begin.mjs',
        `${begin}
         console.log('ready');
         const askTheDatabase = async (source) => ({ allowed: source.startsWith('10.0.0.') });
         process.stdin.once('data', async () => {
           await sw.revalidate();
           console.log(JSON.stringify({ counters: policy.counters, drops: policy.drops }));
           ${later}
           console.log('replaced');
         });
         process.stdin.once('end', () => sw.close());`,
      );
      await eventually('both ports are up', () => rig.inside.running('eth1', 'eth2'));
      const child = rig.lab.keep(rig.inside.startWithInput(process.execPath, [file]));
      await child.waitFor(/^ready$/m, 60_000);
      expect(await rig.ping(1)).to.equal(0);
      const heard = await Capture.start(rig.hosts[1], 'eth0', 20, 30_000);
      const web = tcpPacket(1000, 80, 2, Buffer.alloc(0), { dst: '10.1.2.3' });
      sendFrames(rig.hosts[0], 'eth0', [ethernet({ type: 0x0800, payload: web })]);
      await eventually('it arrives', async () => (await heard.take(1)).some((frame) => frame[23] === 6));
      await heard.stop();
      child.process.stdin!.write('go on\n');
      const [, figures] = await child.waitFor(/^(\{.*\})$/m, 60_000);
      const { counters, drops } = JSON.parse(figures);
      expect(counters.web.packets).to.equal(1);
      expect(drops['not for us'].packets).to.be.at.least(1);
      await child.waitFor(/^replaced$/m, 60_000);
      expect(await rig.ping(2)).to.equal(2);
      child.process.stdin!.end();
      expect(await child.exit).to.include({ code: 0, stderr: '' });
    });

    it('has state, and is proved sound', async () => {
      write('policy.mjs', learning);
      const child = rig.lab.keep(rig.inside.start(process.execPath, [write('proof.mjs', proof)]));
      expect(await child.exit).to.include({ code: 0, stdout: '', stderr: '' });
    });

    it('is traced as the page says', async () => {
      const body = /br0\.policy\((\([\s\S]*?\n\})\);/.exec(begin)![1];
      const edge = write('edge.mjs', `export default { name: 'edge', run: ${body} };`);
      const [{ command, expected }, ...others] = consoleCommands(guide('write-a-policy.md'));
      expect(others).to.deep.equal([]);
      const printed = await rig.shell(command.replace('edge.mjs', edge));
      expect(matchesConsole(printed, expected), printed).to.equal(true);
    });
  });

  it('embed in tests', async () => {
    const file = join(root, 'out', 'guide-embed.mjs');
    writeFileSync(file, block('embed-in-tests.md', 'js'));
    // Its reporter is to print, not to write where the run around it does.
    const child = rig.lab.keep(
      rig.inside.start('env', [
        '-u',
        'SLOWPATH_TEST_SUMMARY',
        process.execPath,
        join(root, 'node_modules/mocha/bin/mocha.js'),
        file,
      ]),
    );
    const { code, stdout, stderr } = await child.exit;
    expect(code, stdout + stderr).to.equal(0);
    expect(stdout).to.match(/^[2-9] passed, 0 failed, 0 skipped$/m);
  });
});
