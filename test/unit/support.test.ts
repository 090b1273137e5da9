import { expect } from 'chai';
import { eventually } from '../support/eventually.js';
import { Lab, type Namespace } from '../support/netns.js';
import { Child, command, nodeScript } from '../support/processes.js';
import { needsRoot, skipUnless } from '../support/skip.js';
import { Capture, flood, sendFrames, startSink } from '../support/traffic.js';

describe('test support: child processes', () => {
  it('waits for a line and reports the exit status', async () => {
    const child = new Child('sh', ['-c', 'echo one; echo two >&2; exit 3']);
    await child.waitFor(/one/);
    expect(await child.exit).to.deep.equal({ code: 3, signal: null, stdout: 'one\n', stderr: 'two\n' });
  });

  it('says what was printed when the line never comes', async () => {
    const child = new Child('sh', ['-c', 'echo something else']);
    const error = await child.waitFor(/one/).catch((reason: Error) => reason);
    expect(error)
      .to.be.instanceOf(Error)
      .with.property('message')
      .that.matches(/something else/);
  });

  it('stops one that runs on', async () => {
    const child = new Child('sleep', ['60']);
    expect((await child.stop()).signal).to.equal('SIGTERM');
  });

  it('throws the standard error of a command that fails', () => {
    expect(() => command('sh', ['-c', 'echo no >&2; exit 1'])).to.throw(/no/);
  });

  it('finds scripts from the root', async () => {
    const { code, stderr } = await nodeScript('scripts/vm/run.mjs').exit;
    expect(code).to.equal(2);
    expect(stderr).to.match(/usage/);
  });
});

describe('test support: skipUnless', () => {
  it('throws where the condition ought to hold', function () {
    expect(() => skipUnless(this, false, 'no reason', true)).to.throw('cannot be skipped here: no reason');
  });

  it('goes on when the condition holds', function () {
    skipUnless(this, true, 'never');
  });
});

describe('test support: namespaces and traffic', () => {
  const lab = new Lab();
  let left: Namespace;
  let right: Namespace;
  before(async function () {
    needsRoot(this);
    left = lab.namespace('left');
    right = lab.namespace('right');
    lab.veth(left, 'l0', right, 'r0');
    left.up('l0', { addresses: ['192.0.2.1/24', '2001:db8::1/64'] });
    right.up('r0', { addresses: ['192.0.2.2/24', '2001:db8::2/64'] });
    await eventually('the link is up', () => left.running('l0') && right.running('r0'));
  });
  after(() => lab.remove());

  it('has links that carry pings, without waiting for address detection', () => {
    expect(left.run('ping', '-c', '1', '-W', '2', '192.0.2.2')).to.match(/1 received/);
    expect(left.run('ping', '-c', '1', '-W', '2', '2001:db8::2')).to.match(/1 received/);
  });

  it('captures a frame as it was sent, VLAN tag included', async () => {
    const frame = Buffer.concat([
      Buffer.from('020000000002020000000001', 'hex'),
      Buffer.from('8100a00508004500', 'hex'),
      Buffer.alloc(60, 7),
    ]);
    const capture = await Capture.start(right, 'r0', 100);
    sendFrames(left, 'l0', [frame]);
    // Meanwhile the host may speak about neighbours and groups that it knows.
    let heard: Buffer | undefined;
    do [heard] = await capture.take(1);
    while (heard !== undefined && heard.readUInt16BE(12) !== 0x8100);
    await capture.stop();
    expect(heard?.toString('hex')).to.equal(frame.toString('hex'));
  });

  it('counts every frame of a flood once', async () => {
    const sink = await startSink(right, 'r0', 500);
    const sent = await flood(left, 'l0', { count: 500, rate: 20_000 });
    expect(sent.sent).to.equal(500);
    const { distinct, duplicates, dropped } = await sink.result;
    expect({ distinct, duplicates, dropped }).to.deep.equal({ distinct: 500, duplicates: 0, dropped: 0 });
  });

  it('gives up on frames that do not come', async () => {
    const sink = await startSink(right, 'r0', 10, { timeoutSeconds: 5, quietMs: 100 });
    await flood(left, 'l0', { count: 4, rate: 1000 });
    expect((await sink.result).distinct).to.equal(4);
  });
});
