import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { CaptureWriter, readCapture } from '../../ts/capture/index.js';
import { CliRig } from '../support/cli.js';
import { udpFrame } from '../support/frames.js';
import { needsRoot } from '../support/skip.js';

const FLOWS = 'priority=9,udp,tp_dst=2000 actions=mod_tp_dst:53,output:2\npriority=1,arp actions=NORMAL\n';

/** A pcap file of these frames, a second apart. */
function pcap(frames: readonly Buffer[], little: boolean, nanoseconds: boolean, linkType = 1): Buffer {
  const words = (...values: number[]) => {
    const bytes = Buffer.alloc(4 * values.length);
    for (const [i, value] of values.entries()) {
      if (little) bytes.writeUInt32LE(value, 4 * i);
      else bytes.writeUInt32BE(value, 4 * i);
    }
    return bytes;
  };
  const magic = nanoseconds ? 0xa1b23c4d : 0xa1b2c3d4;
  const header = words(magic, little ? 0x00040002 : 0x00020004, 0, 0, 65535, linkType);
  return Buffer.concat([
    header,
    ...frames.flatMap((frame, i) => [words(i + 1, 7, frame.length, frame.length), frame]),
  ]);
}

describe('slowpath monitor, pcap, completion and JSON', function () {
  this.timeout(Math.max(this.timeout(), 180_000));
  let rig: CliRig;
  before(function () {
    needsRoot(this);
    rig = new CliRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  it('captures are read in every form, and refused with the place where they are wrong', () => {
    const frames = [udpFrame(1), udpFrame(2)];
    for (const little of [true, false]) {
      for (const nanoseconds of [true, false]) {
        const read = [...readCapture(rig.file('in.pcap', pcap(frames, little, nanoseconds)))];
        expect(read.map(({ bytes }) => Buffer.from(bytes))).to.deep.equal(frames);
        expect(read.map(({ time }) => time)).to.deep.equal(
          [1_000_000_000n, 2_000_000_000n].map((time) => time + (nanoseconds ? 7n : 7000n)),
        );
      }
    }
    const path = rig.file('out.pcapng', '');
    const writer = new CaptureWriter(path, 'eth7');
    for (const [i, frame] of frames.entries()) writer.write(BigInt(i) + 5n, frame);
    writer.close();
    const again = [...readCapture(path)];
    expect(
      again.map(({ bytes, time, interfaceName }) => [Buffer.from(bytes), time, interfaceName]),
    ).to.deep.equal(frames.map((frame, i) => [frame, BigInt(i) + 5n, 'eth7']));
    const whole = readFileSync(path);
    for (const [content, problem] of [
      ['', /at byte 0: the file is empty/],
      ['no capture', /at byte 0: this is neither pcap nor pcapng/],
      [pcap(frames, true, false).subarray(0, 50), /at byte 40: the file ends within a packet/],
      [pcap(frames, true, false, 113), /link type 113/],
      [whole.subarray(0, whole.length - 2), /the file ends within a block/],
    ] as const) {
      expect(() => [...readCapture(rig.file('bad', content))])
        .to.throw(problem)
        .with.property('code', 'ERR_CAPTURE');
    }
  });

  it('pcap: actions by packet, packets by megaflow, a capture by port', async () => {
    const file = rig.file('in.pcap', pcap([udpFrame(1), udpFrame(2), udpFrame(3, 99)], false, true));
    const args = [
      'pcap',
      file,
      '--flows',
      rig.flowsFile(FLOWS),
      '--in-port',
      'port1',
      '--out',
      rig.rundir('ports'),
    ];
    const text = await rig.start(args).exit;
    expect(text.stderr).to.equal('');
    expect(text.code).to.equal(0);
    expect(text.stdout).to.match(
      /^1 1\.000000007 port1 \d+ bytes: megaflow 1 \(miss\) actions:set\(udp\(dst=53\)\),port2$/m,
    );
    expect(text.stdout)
      .to.match(/^2 .*: megaflow 1 actions:/m)
      .and.to.match(/^3 .*: megaflow 2 \(miss\) actions:drop$/m);
    expect(text.stdout).to.match(/^megaflow 1: .*in_port\(port1\).*, packets:2, bytes:\d+, actions:/m);
    expect(text.stdout, 'one blank line between parts').not.to.contain('\n\n\n');
    expect(text.stdout)
      .to.match(/^port2: 2 packets, .*port2\.pcapng$/m)
      .and.to.match(/^3 packets, 2 megaflows$/m);
    const sent = [...readCapture(join(rig.rundir('ports'), 'port2.pcapng'))];
    expect(sent.map(({ bytes }) => Buffer.from(bytes).readUInt16BE(36))).to.deep.equal([53, 53]);
    const json = (await rig.start([...args, '--json']).exit).stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(json[0])
      .to.include({ packet: 1, inPort: 'port1' })
      .and.to.have.deep.property('outputs', ['port2']);
    expect(json.at(-1)).to.deep.equal({ packets: 3, megaflows: 2, outputs: { port2: 2 } });
    const bad = await rig.start(['pcap', rig.file('bad', 'x'.repeat(40))]).exit;
    expect(bad.code).to.equal(2);
    expect(bad.stderr).to.match(/^slowpath: \S+bad: at byte 0: this is neither pcap nor pcapng\n$/);
  });

  it('monitor tells upcalls as they come; show and dump-flows speak JSON', async () => {
    await rig.run('--port', 'p1', '--port', 'p2', '--max-idle', '600000');
    const monitors = [
      ['--match', 'icmp'],
      ['--json', '--bridge', 'br0'],
    ].map((options) => rig.start(['monitor', '-d', 'netdev', '--count', '2', ...options]));
    const done = Promise.all(monitors.map((one) => one.exit));
    for (let i = 0; i < 40 && monitors.some((one) => one.process.exitCode === null); i++) {
      await rig.ping(1);
      await rig.ask('ctl', 'revalidator/purge');
    }
    const [text, json] = await done;
    expect(text.code, text.stderr).to.equal(0);
    expect(text.stdout).to.match(
      /^\S+Z miss br0\/p[12] 98 bytes \S*icmp\(.* -> actions:\d+, installed recirc_id\(0\),in_port/m,
    );
    expect(JSON.parse(json.stdout.split('\n')[0])).to.include({ class: 'miss', bridge: 'br0' });
    await rig.ping(1);
    const flows = JSON.parse(await rig.ask('dump-flows', '--json')) as { flow: string }[];
    expect(flows[0]).to.include.keys('ufid', 'flow', 'actions', 'packets', 'bytes', 'idleMs');
    expect(JSON.parse(await rig.ask('show', '--json'))).to.include({ type: 'netdev', name: 'ovs-netdev' });
    const wrong = await rig.start(['monitor', '-d', 'netdev', '--match', 'nonsense=1']).exit;
    expect(wrong.code).to.equal(2);
    expect(wrong.stderr).to.match(/^slowpath: .*nonsense.*\n$/);
  });

  it('trace --names: ports by name, as they can be read back', async () => {
    const words = 'add-br br0 -- add-port br0 p1 -- add-port br0 p-2';
    const { code, stdout } = await rig.start(['trace', '--names', '--vsctl', words, 'br0', 'in_port=p1'])
      .exit;
    expect(code).to.equal(0);
    expect(stdout)
      .to.match(/^Flow: in_port=p1,/m)
      .and.to.match(/^Megaflow: .*,in_port=p1,/m);
    expect(stdout).to.match(/^Datapath actions: .*\bp-2$/m);
    const json = await rig.start(['trace', '--json', '--vsctl', words, 'br0', 'in_port=p1']).exit;
    const answer = JSON.parse(json.stdout);
    expect(answer).to.include.keys('datapathActions', 'megaflow', 'steps');
    const [{ kind, text, children }] = answer.steps[0].told;
    expect({ kind, text }).to.deep.equal({ kind: 'bridge', text: 'bridge("br0")' });
    expect(children[0])
      .to.include({ kind: 'table', text: 'priority 0', table: 0, priority: 0, cookie: '0'.repeat(16) })
      .and.to.have.deep.nested.property('children[0]', { kind: 'action', text: 'NORMAL' });
  });

  it('completion: scripts that shells take, and every command has its help with the exit status', async () => {
    const script = (await rig.start(['completion', 'bash']).exit).stdout;
    const complete = (words: readonly string[]) =>
      spawnSync(
        'bash',
        [
          '-c',
          `${script}\nCOMP_WORDS=(${words.join(' ')} ''); COMP_CWORD=${words.length - 1}; _slowpath slowpath "\${COMP_WORDS[COMP_CWORD]}" "\${COMP_WORDS[COMP_CWORD-1]}"; echo "\${COMPREPLY[*]}"`,
        ],
        { encoding: 'utf8' },
      ).stdout.trim();
    expect(complete(['slowpath', 'mon'])).to.equal('monitor');
    expect(complete(['slowpath', 'pcap', '--fl'])).to.equal('--flows');
    expect(complete(['slowpath', 'show', '--datapath', 'n'])).to.equal('netdev');
    expect((await rig.start(['completion', 'csh']).exit).code).to.equal(2);
    for (const command of ['run', 'show', 'dump-flows', 'trace', 'monitor', 'pcap', 'flow-events']) {
      const help = (await rig.start([command, '--help']).exit).stdout;
      expect(help, command)
        .to.match(/^Exit status:\n {2}0 {2}done$/m)
        .and.to.match(/^ {2}--json {2,}print .*JSON/m)
        .and.to.match(/^Examples?:\n {2}slowpath /m);
    }
  });
});
