import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { Switch } from '../../ts/switch/index.js';
import { Lab, type Namespace } from '../support/netns.js';
import { ping } from '../support/ping.js';
import { needsRoot } from '../support/skip.js';

/** Time since the last hit goes on between two dumps. */
const withoutUsed = (lines: readonly string[]) =>
  lines.map((line) => line.replace(/used:[^,]+/, 'used:…')).sort();

describe('beside ovs-dpctl', () => {
  const lab = new Lab();
  let inside: Namespace;
  let host: Namespace;
  let theSwitch: Switch;

  before(async function () {
    needsRoot(this);
    inside = lab.namespace('dp');
    host = lab.namespace('one');
    const other = lab.namespace('two');
    lab.veth(inside, 'p1', host, 'eth0');
    lab.veth(inside, 'p2', other, 'eth0');
    inside.up('p1');
    inside.up('p2');
    host.up('eth0', { addresses: ['10.0.0.1/24', 'fd00::1/64'] });
    other.up('eth0', { addresses: ['10.0.0.2/24', 'fd00::2/64'] });
    theSwitch = Switch.open({
      datapath: { type: 'system', name: 'spctl', netns: inside.path },
      policy: { maxIdle: 600_000 },
    });
    const bridge = theSwitch.addBridge('br0');
    theSwitch.addPort(bridge, { name: 'p1' });
    theSwitch.addPort(bridge, { name: 'p2' });
    for (const address of ['10.0.0.2', 'fd00::2']) {
      expect(await ping(host, address)).to.equal(3);
    }
  });
  after(async () => {
    await theSwitch?.close();
    await lab.remove();
  });

  /** Neighbours may ask again at any time: until both saw the same table. */
  async function sameLines(ours: () => Promise<string[]>, theirs: () => string): Promise<void> {
    let pair: [string[], string[]] = [[], []];
    for (let attempt = 0; attempt < 5; attempt++) {
      pair = [withoutUsed(await ours()), withoutUsed(theirs().trim().split('\n'))];
      if (pair[0].join('\n') === pair[1].join('\n')) break;
    }
    expect(pair[0]).to.have.length.greaterThan(3);
    expect(pair[0]).to.deep.equal(pair[1]);
  }

  it('dump-flows prints our flows as we do', () =>
    sameLines(
      () => dumpFlowLines(theSwitch.datapath),
      () => inside.run('ovs-dpctl', 'dump-flows', 'system@spctl'),
    ));

  it('dump-flows --names too', () =>
    sameLines(
      () => dumpFlowLines(theSwitch.datapath, { names: true }),
      () => inside.run('ovs-dpctl', '--names', 'dump-flows', 'system@spctl'),
    ));

  it('dump-flows -m too', () =>
    sameLines(
      () => dumpFlowLines(theSwitch.datapath, { verbose: true }),
      () => inside.run('ovs-dpctl', '-m', '--no-names', 'dump-flows', 'system@spctl'),
    ));

  it('show counts hits and misses, and names the ports', () => {
    const text = inside.run('ovs-dpctl', 'show', 'system@spctl');
    const { hit, missed, lost } = theSwitch.datapath.stats();
    expect(hit).to.be.greaterThan(0);
    expect(text).to.include(`lookups: hit:${hit} missed:${missed} lost:${lost}`);
    for (const line of ['port 0: spctl (internal)', ': br0 (internal)', ': p1', ': p2'])
      expect(text).to.include(line);
  });
});
