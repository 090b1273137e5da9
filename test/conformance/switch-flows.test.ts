import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { arpFrame, udpFrame } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { describeSwitch, type RunningSwitch } from '../support/switch-rig.js';
import { datapathType } from '../support/test-datapath.js';
import { Capture, flood, sendFrames, startSink } from '../support/traffic.js';

/** A rule whose every flow has a megaflow of its own: reading the source port makes all its bits matter. */
const ONE_EACH = 'udp actions=move:NXM_OF_UDP_SRC[]->NXM_NX_REG0[0..15],output:2';
const MANY = 10_000;
/** Emulated JavaScript is ten times slower. */
const RATE = datapathType === 'system' ? 1500 : 5000;
const REFUSED = [
  'install_failures',
  'execute_failures',
  'send_failures',
  'oversized',
  'xlate_errors',
] as const;

describeSwitch('switch: flows', (rig) => {
  const send = (number: number, ...frames: Buffer[]) =>
    sendFrames(rig().hosts[number - 1].namespace, 'eth0', frames);

  function open(flows: string, options: Parameters<ReturnType<typeof rig>['open']>[0] = {}): RunningSwitch {
    const running = rig().open({ bridge: { failMode: 'secure' }, ...options });
    running.theSwitch.addFlows(running.bridge, flows);
    return running;
  }

  /** Nothing is left of any flow: not in the datapath, not in our table. */
  async function empty({ theSwitch }: RunningSwitch): Promise<void> {
    await eventually('all flows go', () => theSwitch.stats().datapath.flows === 0);
    await eventually('all ukeys go', () => Object.keys(theSwitch.stats().ukeys).length === 0);
    const { ukeyBytes, ukeyReservedBytes } = theSwitch.stats();
    expect(ukeyBytes).to.equal(0);
    expect(ukeyReservedBytes).to.be.at.most(1 << 20);
  }

  it('go when they are idle, those in use stay', async () => {
    const running = open('actions=output:2', { policy: { maxIdle: 4000, maxRevalidator: 100 } });
    const { theSwitch } = running;
    send(1, udpFrame(), arpFrame('02:00:00:00:00:0a', '10.0.0.8', '10.0.0.9'));
    await eventually('two flows', () => theSwitch.stats().datapath.flows === 2);
    expect(theSwitch.stats().ukeys).to.deep.equal({ operational: 2 });
    const kept = () => theSwitch.stats().revalidate.deleted.idle;
    await eventually('one flow is idle', () => {
      send(1, udpFrame());
      return theSwitch.stats().datapath.flows === 1;
    });
    expect(kept()).to.equal(1);
    expect((await dumpFlowLines(theSwitch.datapath))[0]).to.contain('eth_type(0x0800)');
    await empty(running);
    expect(kept()).to.equal(2);
    expect(theSwitch.stats().upcall).to.include({ miss: 2, installs: 2 });
  });

  it('of a port that belongs to no bridge drop, and are counted', async () => {
    const running = open('actions=output:2', { vlans: [{}, {}] });
    const { theSwitch } = running;
    const { portNo } = theSwitch.datapath.addPort({ name: 'p3', type: 'system' });
    const heard = await Capture.start(rig().hosts[1].namespace, 'eth0', 1);
    send(3, udpFrame());
    await eventually('the drop flow', () => theSwitch.stats().datapath.flows === 1);
    send(3, udpFrame());
    await eventually('it is hit', () => theSwitch.stats().datapath.hit === 1);
    const { upcall } = theSwitch.stats();
    expect(upcall).to.include({ miss: 1, unknown_port: 1, installs: 1, executes: 0, drops: 1 });
    const [line] = await dumpFlowLines(theSwitch.datapath);
    expect(line).to.match(new RegExp(`in_port\\(${portNo}\\).*packets:1,.* actions:drop$`));
    expect(await heard.stop()).to.have.length(0);
  });

  it('that somebody else deletes are put again; those of others are deleted', async () => {
    const { theSwitch } = open('actions=output:2');
    send(1, udpFrame());
    await eventually('the flow', () => theSwitch.stats().datapath.flows === 1);
    theSwitch.datapath.flush();
    expect(theSwitch.stats().datapath.flows).to.equal(0);
    const heard = await Capture.start(rig().hosts[1].namespace, 'eth0', 2);
    send(1, udpFrame());
    expect(await heard.settled(1), 'forwarded all the same').to.have.length(1);
    await eventually(
      'the old ukey is given up',
      () => theSwitch.stats().revalidate.deleted.removed_by_others === 1,
    );
    send(1, udpFrame());
    await eventually('the flow is back', () => theSwitch.stats().datapath.flows === 1);
  });

  it('are no more than the limit; what is over it is forwarded without', async () => {
    const running = open(ONE_EACH, { flowLimit: 50 });
    const { hosts } = rig();
    const { result } = await startSink(hosts[1].namespace, 'eth0', 200, {
      timeoutSeconds: 20,
      quietMs: 4000,
    });
    await flood(hosts[0].namespace, 'eth0', { count: 200, rate: 500 });
    expect(await result).to.include({ received: 200, distinct: 200 });
    const { upcall, datapath, flowLimit } = running.theSwitch.stats();
    expect(flowLimit).to.equal(50);
    expect(datapath.flows).to.be.at.most(50);
    expect(upcall).to.include({ miss: 200, executes: 200 });
    expect(upcall.installs + upcall.flow_limit).to.equal(200);
    expect(upcall.flow_limit).to.be.at.least(100);
  });

  it(`${MANY} distinct ones arrive or are counted as lost; all are installed, and go`, async function () {
    this.timeout(Math.max(this.timeout(), 120_000));
    const running = open(ONE_EACH, { policy: { maxIdle: 3000 } });
    const { theSwitch } = running;
    const { hosts } = rig();
    const options = { timeoutSeconds: 40, quietMs: 5000 };
    const { result } = await startSink(hosts[1].namespace, 'eth0', MANY, options);
    let most = 0;
    const watch = setInterval(() => {
      most = Math.max(most, theSwitch.stats().datapath.flows);
    }, 100);
    try {
      expect(await flood(hosts[0].namespace, 'eth0', { count: MANY, rate: RATE })).to.include({ sent: MANY });
      const { received, distinct, dropped } = await result;
      const { upcall, datapath, flowLimit } = theSwitch.stats();
      const refused = REFUSED.reduce((sum, name) => sum + upcall[name], 0);
      const figures = JSON.stringify({ received, dropped, refused, datapath, upcall });
      expect(received + dropped + datapath.lost + refused, figures).to.equal(MANY);
      expect(distinct).to.equal(received);
      expect(datapath.missed).to.equal(MANY);
      expect(upcall.miss + datapath.lost, figures).to.equal(MANY);
      expect(upcall.installs + upcall.flow_limit + upcall.duplicates, figures).to.equal(upcall.miss);
      expect(most).to.be.greaterThan(0).and.at.most(Math.max(flowLimit, 10_000));
      await empty(running);
      // Most are idle; a slow machine also gives up flows that are too expensive to keep.
      const { unknown_flow: _, ...deleted } = theSwitch.stats().revalidate.deleted;
      const gone = Object.values(deleted).reduce((sum, count) => sum + count, 0);
      expect(gone, JSON.stringify(deleted)).to.equal(upcall.installs);
    } finally {
      clearInterval(watch);
    }
  });
});
