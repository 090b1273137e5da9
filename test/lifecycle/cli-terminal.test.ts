import { spawnSync } from 'node:child_process';
import { expect } from 'chai';
import { CaptureWriter, readCapture } from '../../ts/capture/index.js';
import { CliRig } from '../support/cli.js';
import { eventually } from '../support/eventually.js';
import { udpFrame } from '../support/frames.js';
import { needsRoot, skipUnless } from '../support/skip.js';
import { sendFrames } from '../support/traffic.js';

/** What ends a line of progress. */
const CLEAR_LINE = '\r\x1b[K';

const has = (program: string) => spawnSync(program, ['--version']).status === 0;

describe('slowpath on a terminal, in shells, in programs', function () {
  this.timeout(Math.max(this.timeout(), 180_000));
  let rig: CliRig;
  before(function () {
    needsRoot(this);
    rig = new CliRig();
  });
  afterEach(() => rig?.stopAll());
  after(() => rig?.remove());

  const completion = async (shell: string) =>
    rig.file(`completion.${shell}`, (await rig.start(['completion', shell]).exit).stdout);

  it('fish completes commands, options and values', async function () {
    skipUnless(this, has('fish'), 'fish is not there');
    const script = await completion('fish');
    const complete = (line: string) =>
      spawnSync('fish', ['-c', `source ${script}; complete -C '${line}'`], { encoding: 'utf8' })
        .stdout.split('\n')
        .filter((one) => one !== '')
        .map((one) => one.split('\t')[0]);
    expect(complete('slowpath mon')).to.deep.equal(['monitor']);
    expect(complete('slowpath pcap --fl')).to.deep.equal(['--flows']);
    expect(complete('slowpath show --datapath ')).to.deep.equal(['netdev', 'system']);
  });

  it('zsh completes commands, options and values', async function () {
    skipUnless(this, has('zsh') && has('script'), 'zsh or script is not there');
    // What the line has become when it is run says what was completed.
    const lines = [
      'autoload -Uz compinit; compinit -u -D',
      `source ${await completion('zsh')}`,
      'slowpath() { echo "has: $*."; }',
      'slowpath mon\t',
      'slowpath pcap --fl\tx',
      'slowpath show --datapath n\t',
      'exit',
    ];
    const { stdout } = spawnSync('script', ['-qec', 'zsh -f -i', '/dev/null'], {
      encoding: 'utf8',
      input: `${lines.join('\n')}\n`,
      timeout: 60_000,
    });
    expect(
      [...stdout.matchAll(/^has: (.*)\.\r?$/gm)].map(([, line]) => line),
      stdout,
    ).to.deep.equal(['monitor', 'pcap --flows x', 'show --datapath netdev']);
  });

  it('pcap shows its progress on a terminal, and is silent elsewhere', async function () {
    skipUnless(this, has('script'), 'script is not there');
    const path = rig.file('in.pcapng', '');
    const writer = new CaptureWriter(path, 'port1');
    for (let i = 0; i < 50; i++) writer.write(BigInt(i), udpFrame(1000 + i));
    writer.close();
    const command = `npx slowpath pcap ${path}`;
    const shown = await rig.shell(`script -qec '${command} > /dev/null' /dev/null`);
    expect(shown.startsWith('\r1 packets, '), shown).to.equal(true);
    expect(shown.endsWith(CLEAR_LINE), shown).to.equal(true);
    const plain = await rig.shell(command);
    expect(plain)
      .to.match(/^50 packets, 1 megaflows$/m)
      .and.not.to.contain('\r');
  });

  it('run tells programs what happens: running, packet-ins, the end', async () => {
    const flows = rig.flowsFile('udp actions=controller(max_len=64)\n');
    const child = await rig.run('--port', 'p1', '--port', 'p2', '--flows', flows, '--json');
    sendFrames(rig.hosts[0], 'eth0', [udpFrame()]);
    await eventually('the packet-in', () => child.stdout.includes('packet-in'));
    const { code, stdout } = await child.stop('SIGTERM');
    expect(code).to.equal(0);
    const told = stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line));
    const packetIn = { event: 'packet-in', bridge: 'br0', inPort: 1, cookie: '0000000000000000' };
    expect(told[0]).to.deep.equal({
      event: 'running',
      datapath: 'netdev@ovs-netdev',
      bridge: 'br0',
      ports: ['p1', 'p2'],
    });
    expect(told[1]).to.include(packetIn);
    expect(told.at(-1)).to.deep.equal({ event: 'stopping', signal: 'SIGTERM' });
  });

  it('captures of pcapng are read in both byte orders, with all kinds of packets, times and interfaces', () => {
    const [one, two, three] = [1, 2, 3].map((port) => udpFrame(port));
    for (const little of [true, false]) {
      const blocks = new Blocks(little);
      blocks.section();
      blocks.interface({ name: 'eth0', resolution: 9, snaplen: 0 });
      blocks.interface({ name: 'eth1', resolution: 0x80 | 10, offset: 100n, snaplen: 40 });
      blocks.interface({ snaplen: 0 });
      blocks.enhanced(0, 1_000_000_007n, one);
      blocks.enhanced(1, 512n, two.subarray(0, 40), two.length);
      blocks.add(4, Buffer.from('names are of no interest', 'latin1'));
      blocks.old(2, 2_000_001n, three);
      blocks.simple(one);
      // A section of its own, with interfaces of its own, in the other order.
      const other = new Blocks(!little);
      other.section();
      other.interface({ name: 'last', snaplen: 40 });
      other.simple(two);
      const read = [...readCapture(rig.file('both.pcapng', Buffer.concat([blocks.bytes, other.bytes])))];
      expect(
        read.map((frame) => [
          ...[frame.interface, frame.interfaceName, frame.time, frame.length],
          Buffer.from(frame.bytes).toString('hex'),
        ]),
      ).to.deep.equal([
        [0, 'eth0', 1_000_000_007n, one.length, one.toString('hex')],
        [1, 'eth1', 100_500_000_000n, two.length, two.subarray(0, 40).toString('hex')],
        [2, undefined, 2_000_001_000n, three.length, three.toString('hex')],
        [0, 'eth0', 0n, one.length, one.toString('hex')],
        [0, 'last', 0n, two.length, two.subarray(0, 40).toString('hex')],
      ]);
    }
  });

  it('captures of pcapng that are wrong are refused with the place', () => {
    const wrong = (build: (blocks: Blocks) => void): Buffer => {
      const blocks = new Blocks(false);
      blocks.section();
      build(blocks);
      return blocks.bytes;
    };
    for (const [content, problem] of [
      [wrong((blocks) => blocks.simple(udpFrame())), /at byte 28: a packet of interface 0, which/],
      [wrong((blocks) => blocks.interface({ linkType: 101 })), /link type 101/],
      [wrong((blocks) => blocks.add(1, Buffer.alloc(4))), /an interface block is too short/],
      [
        wrong((blocks) => {
          blocks.interface({});
          blocks.enhanced(0, 0n, udpFrame(), 100, 5000);
        }),
        /a packet of 5000 bytes in a block of/,
      ],
      [
        Buffer.concat([wrong(() => {}), Buffer.from('00000006000000130000', 'hex')]),
        /a block of 19 bytes is no block/,
      ],
    ] as const) {
      expect(() => [...readCapture(rig.file('bad.pcapng', content))])
        .to.throw(problem)
        .with.property('code', 'ERR_CAPTURE');
    }
  });

  it('captures that Wireshark wrote are read', function () {
    skipUnless(this, has('editcap'), 'editcap is not there');
    const path = rig.file('ours.pcapng', '');
    const writer = new CaptureWriter(path, 'eth7');
    const frames = [1, 2, 3].map((port) => udpFrame(port));
    for (const [i, frame] of frames.entries())
      writer.write(1_700_000_000_000_000_000n + BigInt(i) * 1000n, frame);
    writer.close();
    for (const format of ['pcapng', 'pcap', 'nsecpcap']) {
      const theirs = rig.file(`theirs.${format}`, '');
      const { status, stderr } = spawnSync('editcap', ['-F', format, path, theirs], { encoding: 'utf8' });
      expect(status, stderr).to.equal(0);
      const read = [...readCapture(theirs)];
      expect(read.map(({ bytes }) => Buffer.from(bytes).toString('hex'))).to.deep.equal(
        frames.map((frame) => frame.toString('hex')),
      );
      expect(read[2].time).to.equal(1_700_000_000_000_002_000n);
    }
  });
});

interface InterfaceBlock {
  readonly linkType?: number;
  readonly snaplen?: number;
  readonly name?: string;
  /** if_tsresol. */
  readonly resolution?: number;
  /** if_tsoffset, seconds. */
  readonly offset?: bigint;
}

/** Blocks of a pcapng file (draft-ietf-opsawg-pcapng). */
class Blocks {
  readonly #little: boolean;
  #blocks: Buffer[] = [];

  constructor(little: boolean) {
    this.#little = little;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#blocks);
  }

  section(): void {
    this.add(
      0x0a0d0d0a,
      Buffer.concat([this.#u32(0x1a2b3c4d), this.#u16(1), this.#u16(0), Buffer.alloc(8, 0xff)]),
    );
  }

  interface({ linkType = 1, snaplen = 0, name, resolution, offset }: InterfaceBlock): void {
    const options = [
      ...(name === undefined ? [] : [this.#option(2, Buffer.from(name))]),
      ...(resolution === undefined ? [] : [this.#option(9, Buffer.from([resolution]))]),
      ...(offset === undefined ? [] : [this.#option(14, this.#u64(offset))]),
      this.#option(0, Buffer.alloc(0)),
    ];
    this.add(1, Buffer.concat([this.#u16(linkType), this.#u16(0), this.#u32(snaplen), ...options]));
  }

  enhanced(
    number: number,
    time: bigint,
    frame: Buffer,
    length = frame.length,
    captured = frame.length,
  ): void {
    const head = [number, Number(time >> 32n), Number(time & 0xffffffffn), captured, length];
    this.add(6, Buffer.concat([...head.map((word) => this.#u32(word)), padded(frame)]));
  }

  old(number: number, time: bigint, frame: Buffer): void {
    const head = [Number(time >> 32n), Number(time & 0xffffffffn), frame.length, frame.length];
    this.add(
      2,
      Buffer.concat([
        this.#u16(number),
        this.#u16(0xffff),
        ...head.map((word) => this.#u32(word)),
        padded(frame),
      ]),
    );
  }

  /** As many bytes as the first interface lets through; 40 in these tests, or all. */
  simple(frame: Buffer): void {
    this.add(3, Buffer.concat([this.#u32(frame.length), padded(frame)]));
  }

  add(type: number, content: Buffer): void {
    const total = this.#u32(content.length + 12);
    this.#blocks.push(this.#u32(type), total, content, total);
  }

  #option(code: number, value: Buffer): Buffer {
    return Buffer.concat([this.#u16(code), this.#u16(value.length), padded(value)]);
  }

  #u16(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    if (this.#little) bytes.writeUInt16LE(value);
    else bytes.writeUInt16BE(value);
    return bytes;
  }

  #u32(value: number): Buffer {
    const bytes = Buffer.alloc(4);
    if (this.#little) bytes.writeUInt32LE(value);
    else bytes.writeUInt32BE(value);
    return bytes;
  }

  #u64(value: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    if (this.#little) bytes.writeBigUInt64LE(value);
    else bytes.writeBigUInt64BE(value);
    return bytes;
  }
}

function padded(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((4 - (bytes.length % 4)) % 4)]);
}
