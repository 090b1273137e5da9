import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { eventually } from '../support/eventually.js';
import { describeSwitch, type OpenOptions, type RunningSwitch } from '../support/switch-rig.js';
import { datapathType } from '../support/test-datapath.js';
import { Capture, flood, startSink } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' }, policy: { maxIdle: 600_000 } };
/** One flow's frames: how many in a burst, and how many a second. Bursts follow each other as long as it takes. */
const BURST = { count: 500, rate: 1000, single: true };
/** More than are sent. */
const MANY = 100_000;

describeSwitch('switch: changes under traffic', (rig) => {
  const sink = (number: number) =>
    startSink(rig().hosts[number - 1].namespace, 'eth0', MANY, { timeoutSeconds: 90, quietMs: 5000 });
  const listen = (number: number) => Capture.start(rig().hosts[number - 1].namespace, 'eth0', 1, 60_000);

  /** Frames from host 1 are on their way, by a flow of the datapath; `end` tells how many were sent, once more have come since. */
  async function begin({ theSwitch }: RunningSwitch) {
    let stopped = false;
    const sent = (async () => {
      let first = 0;
      while (!stopped) first += (await flood(rig().hosts[0].namespace, 'eth0', { ...BURST, first })).sent;
      return first;
    })();
    const more = async () => {
      const { hit } = theSwitch.stats().datapath;
      await eventually('a flow forwards them', () => theSwitch.stats().datapath.hit >= hit + 200);
    };
    await more();
    const end = () => {
      stopped = true;
      return sent;
    };
    return { more, end };
  }

  /** The datapath's flow of UDP packets. */
  async function flowOf({ theSwitch }: RunningSwitch): Promise<string[]> {
    return (await dumpFlowLines(theSwitch.datapath)).filter((line) => line.includes('eth_type(0x0800)'));
  }

  it('a rule is changed: one round later no packet goes the old way, and none is lost', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge } = running;
    theSwitch.addFlows(bridge, 'udp actions=output:2');
    const [two, three] = [await sink(2), await sink(3)];
    const traffic = await begin(running);
    const [old] = await flowOf(running);
    theSwitch.addFlows(bridge, 'udp actions=output:3');
    await theSwitch.revalidate();
    const late = await listen(2);
    const [now] = await flowOf(running);
    expect(now.replace(/^.*actions:/, '')).not.to.equal(old.replace(/^.*actions:/, ''));
    await traffic.more();
    const sent = await traffic.end();
    const [before, after] = [await two.result, await three.result];
    expect(await late.stop(), 'went the old way').to.have.length(0);
    expect(after.received).to.be.greaterThan(0);
    expect(before.received + after.received).to.equal(sent);
  });

  it('a port is removed: one round later nothing names it, and others lose nothing', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge, ports } = running;
    theSwitch.addFlows(bridge, 'udp actions=output:2,output:3');
    const three = await sink(3);
    const traffic = await begin(running);
    const gone = ports[1].odpPort;
    expect((await flowOf(running))[0]).to.match(new RegExp(`actions:${gone},`));
    theSwitch.removePort(ports[1]);
    await theSwitch.revalidate();
    const late = await listen(2);
    for (const line of await flowOf(running))
      expect(line.replace(/^.*actions:/, '').split(',')).not.to.include(String(gone));
    await traffic.more();
    const sent = await traffic.end();
    expect(await three.result).to.include({ received: sent });
    expect(await late.stop()).to.have.length(0);
  });

  it('the port that they come in by is removed: its flows go', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge, ports } = running;
    theSwitch.addFlows(bridge, 'udp actions=output:2');
    const traffic = await begin(running);
    theSwitch.removePort(ports[0]);
    await theSwitch.revalidate();
    // A packet that was on its way up may have made one that drops.
    const left = await flowOf(running);
    expect(left.filter((line) => !line.endsWith(' actions:drop'))).to.deep.equal([]);
    expect(theSwitch.stats().revalidate.deleted).to.include({ no_port: 1 });
    const late = await listen(2);
    await traffic.end();
    expect(await late.stop()).to.have.length(0);
  });

  it('somebody else deletes the flow: none is lost, and it comes back', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge } = running;
    theSwitch.addFlows(bridge, 'udp actions=output:2');
    const two = await sink(2);
    const traffic = await begin(running);
    if (datapathType === 'system') rig().inside.run('ovs-dpctl', 'del-flows', 'system@ovs-system');
    else theSwitch.datapath.flush();
    await eventually('it is given up', () => theSwitch.stats().revalidate.deleted.removed_by_others === 1);
    await eventually('it is back', () => theSwitch.stats().datapath.flows === 1);
    await traffic.more();
    const sent = await traffic.end();
    expect(await two.result).to.include({ received: sent });
    expect(theSwitch.stats().upcall.installs).to.equal(2);
  });
});
