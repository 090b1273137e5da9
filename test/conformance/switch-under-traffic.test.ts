import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { eventually } from '../support/eventually.js';
import { describeSwitch, type OpenOptions, type RunningSwitch } from '../support/switch-rig.js';
import { datapathType } from '../support/test-datapath.js';
import { Capture, flood, startSink } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' }, policy: { maxIdle: 600_000 } };
/** One flow's frames, and how many a second. */
const FLOOD = { count: 3000, rate: 1000, single: true };

describeSwitch('switch: changes under traffic', (rig) => {
  const sink = (number: number) =>
    startSink(rig().hosts[number - 1].namespace, 'eth0', FLOOD.count, { timeoutSeconds: 40, quietMs: 4000 });
  const listen = (number: number) => Capture.start(rig().hosts[number - 1].namespace, 'eth0', 1, 60_000);

  /** Frames from host 1 are on their way, by a flow of the datapath; `done` when all have been sent. */
  async function begin({ theSwitch }: RunningSwitch) {
    const done = flood(rig().hosts[0].namespace, 'eth0', FLOOD);
    await eventually('a flow forwards them', () => theSwitch.stats().datapath.hit >= 200);
    return { done };
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
    const { hit } = theSwitch.stats().datapath;
    expect((await traffic.done).sent).to.equal(FLOOD.count);
    const [before, after] = [await two.result, await three.result];
    expect(theSwitch.stats().datapath.hit, 'packets came after the round').to.be.greaterThan(hit);
    expect(await late.stop(), 'went the old way').to.have.length(0);
    expect(after.received).to.be.greaterThan(0);
    expect(before.received + after.received).to.equal(FLOOD.count);
    expect(before.duplicates + after.duplicates).to.equal(0);
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
    expect((await traffic.done).sent).to.equal(FLOOD.count);
    expect(await three.result).to.include({ received: FLOOD.count, duplicates: 0 });
    expect(await late.stop()).to.have.length(0);
  });

  it('the port that they come in by is removed: its flows go', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge, ports } = running;
    theSwitch.addFlows(bridge, 'udp actions=output:2');
    const traffic = await begin(running);
    theSwitch.removePort(ports[0]);
    await theSwitch.revalidate();
    expect(await flowOf(running)).to.deep.equal([]);
    expect(theSwitch.stats().revalidate.deleted).to.include({ no_port: 1 });
    const late = await listen(2);
    await traffic.done;
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
    expect((await traffic.done).sent).to.equal(FLOOD.count);
    expect(await two.result).to.include({ received: FLOOD.count, duplicates: 0 });
    expect(theSwitch.stats().upcall.installs).to.equal(2);
  });
});
