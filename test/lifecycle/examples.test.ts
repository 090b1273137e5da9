import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { ethernet, udpFrame, udpPacket } from '../support/frames.js';
import { ping } from '../support/ping.js';
import type { Child } from '../support/processes.js';
import { describeSwitch } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

interface Count {
  readonly packets: number;
  readonly bytes: number;
}

/** What an example prints at its end. */
interface Figures {
  readonly counters: Readonly<Record<string, Count>>;
  readonly drops?: Readonly<Record<string, Count>>;
  readonly hosts?: readonly (readonly [number, number])[];
}

describeSwitch('examples', (rig) => {
  let running: Child | undefined;
  afterEach(async () => {
    await running?.stop();
    running = undefined;
  });

  /** Starts an example between the hosts, with lines for its standard input. */
  async function start(name: string, ...lines: string[]): Promise<(line: string) => Promise<void>> {
    const { inside } = rig();
    const args = [`examples/${name}/main.mjs`, 'p1', 'p2', 'p3'];
    const child = inside.startWithInput(process.execPath, args);
    running = child;
    await child.waitFor(/^ready$/m, 60_000);
    let said = 0;
    const say = async (line: string) => {
      child.process.stdin!.write(`${line}\n`);
      said++;
      await child.waitFor(new RegExp(`(?:^done: .*\\n[^]*){${said}}`, 'm'));
    };
    for (const line of lines) await say(line);
    return say;
  }

  /** Ends it; what it counted. */
  async function end(): Promise<Figures> {
    const { stdout, stderr, code } = await running!.stop('SIGINT');
    expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
    return JSON.parse(stdout.trim().split('\n').at(-1)!) as Figures;
  }

  const host = (number: number) => rig().hosts[number - 1];
  const packets = (counts: Readonly<Record<string, Count>> = {}) =>
    Object.fromEntries(Object.entries(counts).map(([name, count]) => [name, count.packets]));

  it('a device that is not there is one line and status 2', async () => {
    const { code, stdout, stderr } = await rig().inside.start(process.execPath, [
      'examples/firewall/main.mjs',
      'absent',
    ]).exit;
    expect({ code, stdout, stderr }).to.deep.equal({
      code: 2,
      stdout: '',
      stderr: "there is no network interface 'absent'\n",
    });
  });

  it('learning switch: hosts reach each other, and their frames go nowhere else', async () => {
    await start('learning-switch');
    const third = await Capture.start(host(3).namespace, 'eth0', 100, 20_000);
    expect(await ping(host(1).namespace, host(2).ipv4, 5)).to.equal(5);
    const overheard = (await third.stop()).filter((frame) => frame.readUInt16BE(12) === 0x0800);
    expect(overheard).to.deep.equal([]);
    const { hosts, counters } = await end();
    const mac = (number: number) => 0x020000000000 + number;
    expect(hosts).to.deep.include.members([
      [mac(1), 1],
      [mac(2), 2],
    ]);
    expect(packets(counters).forwarded).to.be.at.least(10);
    expect(packets(counters).flooded).to.be.at.least(1);
  });

  it('firewall: what a rule lets through arrives and is counted by its name, the rest is dropped', async () => {
    await start('firewall');
    expect(await ping(host(1).namespace, host(2).ipv4, 4)).to.equal(4);
    const heard = await Capture.start(host(2).namespace, 'eth0', 50, 20_000);
    const frames = [33434, 33500, 53, 54].map((port) => udpFrame(1000, port));
    sendFrames(host(1).namespace, 'eth0', frames);
    const arrived = (await heard.settled(2)).filter((frame) => frame[23] === 17);
    expect(arrived.map((frame) => frame.readUInt16BE(36)).sort()).to.deep.equal([33434, 33500]);
    const { counters, drops } = await end();
    expect(packets(counters)).to.include({ ping: 8, 'high UDP ports': 2 });
    expect(packets(drops)['no rule']).to.be.at.least(2);
  });

  it('load balancer: new connections go to the backends that are healthy', async function () {
    this.timeout(120_000);
    const say = await start(
      'load-balancer',
      ...[2, 3].map((number) => `add ${host(number).ipv4} ${host(number).mac} p${number}`),
    );
    const servers = [2, 3].map((number) => {
      const script = `require('net').createServer((s) => s.on('data', () => s.write('${number}'))).listen(80, '0.0.0.0', () => console.log('listening'))`;
      return rig().lab.keep(host(number).namespace.start(process.execPath, ['-e', script]));
    });
    for (const server of servers) await server.waitFor(/^listening$/m, 30_000);
    // Each line of its input is a letter sent on the connection; it prints who answered.
    const connect = (count: number) => {
      const script = `
        const net = require('net');
        const ask = () => new Promise((done, fail) => {
          const s = net.connect(80, '10.0.0.100', () => s.write('x'));
          s.on('data', (d) => { s.end(); done(String(d)); }).on('error', fail);
        });
        (async () => { const all = []; for (let i = 0; i < ${count}; i++) all.push(await ask()); console.log('answers ' + all.join('')); })();`;
      return rig().lab.keep(host(1).namespace.start(process.execPath, ['-e', script]));
    };
    const first = (await connect(16).waitFor(/answers (\d+)/, 40_000))[1];
    expect(new Set(first)).to.deep.equal(new Set(['2', '3']));
    await say(`down ${host(2).ipv4}`);
    await eventually('new connections go to the other', async () => {
      const answers = (await connect(4).waitFor(/answers (\d+)/, 40_000))[1];
      return new Set(answers).size === 1 && answers[0] === '3';
    });
    const { counters } = await end();
    expect(Object.keys(counters)).to.include.members(['to 10.0.0.2', 'to 10.0.0.3', 'answers']);
  });

  it('rate limit: a tenant gets no more than its meter lets through, and others are not held up', async () => {
    await start('rate-limit', `tenant small 50 ${host(1).ipv4}`, `tenant large 100000 ${host(3).ipv4}`);
    // The flood's frames come from an address of a range of their own; these come from the tenants.
    const from = (number: number) =>
      ethernet({
        src: host(number).mac,
        dst: host(2).mac,
        type: 0x0800,
        payload: udpPacket(1000, 2000, Buffer.alloc(32), { src: host(number).ipv4, dst: host(2).ipv4 }),
      });
    const received = async (number: number, count: number, wanted?: number) => {
      const heard = await Capture.start(host(2).namespace, 'eth0', count, 30_000);
      sendFrames(
        host(number).namespace,
        'eth0',
        Array.from({ length: count }, () => from(number)),
      );
      const frames = await heard.settled(count, wanted === count ? undefined : 3000);
      return frames.filter((frame) => frame[23] === 17).length;
    };
    expect(await received(3, 300, 300)).to.equal(300);
    expect(await received(1, 600))
      .to.be.greaterThan(0)
      .and.lessThan(400);
    const { counters } = await end();
    expect(packets(counters)).to.deep.equal({ 'offered by small': 600, 'offered by large': 300 });
  });
});
