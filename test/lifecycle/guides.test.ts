import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { consoleCommands, matchesConsole } from '../support/console.js';
import { root } from '../support/processes.js';
import { needsRoot } from '../support/skip.js';

const guide = (name: string) => join(root, 'docs', 'guides', name);

/** The first block of a kind of code in a document. */
function block(name: string, language: string): string {
  return new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``).exec(readFileSync(guide(name), 'utf8'))![1];
}

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
