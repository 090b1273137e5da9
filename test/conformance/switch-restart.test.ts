import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import type { Datapath } from '../../ts/datapath/index.js';
import { emptyMatch } from '../../ts/openflow/index.js';
import { definePolicy } from '../../ts/policy/index.js';
import { type Bridge, Switch, type SwitchOptions } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { ethernet, MAC_A, MAC_B, udpPacket } from '../support/frames.js';
import { leftBehind } from '../support/left-behind.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

describeSwitch('switch: restart', (rig) => {
  let folder: string;
  let ends: (() => Promise<void> | void)[] = [];
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'slowpath-'));
  });
  afterEach(async () => {
    for (const end of ends.reverse()) await end();
    ends = [];
    rmSync(folder, { recursive: true });
  });

  const stateFile = () => join(folder, 'state');
  const makeDatapath = () => {
    const left = leftBehind(rig().inside);
    ends.push(left.end);
    return left.datapath;
  };

  interface Start extends Omit<SwitchOptions, 'datapath'> {
    readonly failMode?: 'standalone' | 'secure';
    readonly flows?: string;
    readonly ports?: readonly string[];
    /** ovs-vsctl words given before the bridge is made. */
    readonly vsctl?: string;
  }

  /** What a process does at its start. */
  function start(datapath: Datapath, options: Start = {}) {
    const { failMode = 'secure', flows, ports = ['p1', 'p2', 'p3'], vsctl, ...rest } = options;
    const warnings: string[] = [];
    const onWarning = (message: string) => warnings.push(message);
    const theSwitch = Switch.open({ datapath, stateFile: stateFile(), onWarning, ...rest });
    ends.push(() => theSwitch.close());
    if (vsctl !== undefined) theSwitch.vsctl(vsctl.split(' '));
    const bridge = theSwitch.addBridge('br0', { failMode });
    for (const name of ports) theSwitch.addPort(bridge, { name });
    if (flows !== undefined) theSwitch.addFlows(bridge, flows);
    return { theSwitch, bridge, warnings };
  }

  const send = (from: number, ...frames: Buffer[]) => sendFrames(rig().hosts[from].namespace, 'eth0', frames);
  const packetsOf = (bridge: Bridge) =>
    bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() }).map(({ packets }) => packets);
  const frame = (src: string, dst: string, sport: number, dport: number) =>
    ethernet({ src, dst, type: 0x0800, payload: udpPacket(sport, dport, Buffer.alloc(32)) });
  const there = (sport = 1000) => frame(MAC_A, MAC_B, sport, 2000);
  const back = () => frame(MAC_B, MAC_A, 2000, 1000);

  it('flows that are still right stay as they are, and only what comes is credited', async () => {
    const datapath = makeDatapath();
    const flows = 'priority=1,udp actions=output:2';
    const first = start(datapath, { flows });
    send(0, there(), there());
    await eventually('the flow is there', () => first.theSwitch.stats().datapath.flows === 1);
    send(0, there(), there());
    await eventually('the datapath counted', () => first.theSwitch.stats().datapath.hit >= 2);
    await first.theSwitch.close({ keep: true });
    send(0, there());

    const second = start(datapath, { flows });
    await revalidated(second.theSwitch);
    const { adopted, modified, deleted } = second.theSwitch.stats().revalidate;
    expect({ adopted, modified, deleted }).to.deep.equal({ adopted: 1, modified: 0, deleted: {} });
    expect(packetsOf(second.bridge)).to.deep.equal([0]);
    const hits = second.theSwitch.stats().datapath.hit;
    send(0, there(), there(), there());
    await eventually('the datapath counted', () => second.theSwitch.stats().datapath.hit >= hits + 3);
    await revalidated(second.theSwitch);
    expect(packetsOf(second.bridge)).to.deep.equal([3]);
    expect(second.theSwitch.stats().upcall.miss).to.equal(0);
    await second.theSwitch.cache.purge();
    expect(packetsOf(second.bridge), 'after the final statistics').to.deep.equal([3]);
    expect(second.warnings).to.deep.equal([]);
  });

  it('addresses are learned again from flows, so flows of NORMAL stay as they are', async () => {
    const datapath = makeDatapath();
    const first = start(datapath, { failMode: 'standalone' });
    send(0, there());
    send(1, back());
    await eventually('the addresses are known', () => first.bridge.fdb.size === 2);
    send(0, there(), there());
    await revalidated(first.theSwitch);
    await eventually('two flows are there', () => first.theSwitch.stats().datapath.flows === 2);
    await first.theSwitch.close({ keep: true });
    const second = start(datapath, { failMode: 'standalone' });
    await revalidated(second.theSwitch);
    const { adopted, modified, deleted } = second.theSwitch.stats().revalidate;
    expect({ adopted, modified, deleted }).to.deep.equal({ adopted: 2, modified: 0, deleted: {} });
    expect(second.bridge.fdb.size).to.equal(2);
  });

  it('flows that are not right any more are modified or deleted, with reasons', async () => {
    const datapath = makeDatapath();
    const first = start(datapath, {
      flows: 'udp,tp_src=1000 actions=output:2\nudp,tp_src=1001 actions=output:2',
    });
    send(0, there(1000), there(1001));
    send(2, there(1000));
    await eventually('the flows are there', () => first.theSwitch.stats().datapath.flows === 3);
    await first.theSwitch.close({ keep: true });
    // Of the packets from port 1 one sort goes elsewhere, another is told apart by more; port 3 is not ours any more.
    const flows = 'udp,tp_src=1000 actions=output:3\nudp,tp_src=1001,nw_dst=10.0.0.2 actions=output:2';
    const second = start(datapath, { flows, ports: ['p1', 'p2'] });
    await revalidated(second.theSwitch);
    const { adopted, modified, deleted } = second.theSwitch.stats().revalidate;
    expect(adopted).to.equal(3);
    expect(modified + (deleted.wider_mask ?? 0) + (deleted.no_port ?? 0)).to.equal(3);
    expect(deleted.no_port).to.equal(1);
  });

  it('recirculation ids mean what they meant, also when the process was killed', async () => {
    const datapath = makeDatapath();
    const flows =
      'table=0,udp actions=ct(table=1,zone=5)\ntable=1,udp,ct_zone=5 actions=set_field:7->reg3,debug_recirc,resubmit(,2)\ntable=2,reg3=7,udp actions=output:2';
    const first = start(datapath, { flows });
    send(0, there());
    await eventually('three flows are there', () => first.theSwitch.stats().datapath.flows === 3);
    // As kill -9 leaves it: what was written so far, and half a line.
    const killed = readFileSync(stateFile(), 'utf8');
    await first.theSwitch.close({ keep: true });
    writeFileSync(stateFile(), `${killed}0123`);

    const second = start(datapath, { flows });
    await revalidated(second.theSwitch);
    const { adopted, modified, deleted } = second.theSwitch.stats().revalidate;
    expect({ adopted, modified, deleted }).to.deep.equal({ adopted: 3, modified: 0, deleted: {} });
    send(0, there(), there());
    await revalidated(second.theSwitch);
    expect(second.theSwitch.stats().upcall.miss).to.equal(0);
    expect(second.warnings).to.deep.equal([]);
  });

  it('flows of groups whose packets the datapath hashes, and of two lookups of connections, stay as they are', async () => {
    const datapath = makeDatapath();
    const flows =
      'udp actions=ct(table=1,zone=5)\ntable=1,udp,ct_state=+trk actions=set_field:9->reg2,ct(table=2,zone=6)\ntable=2,udp,reg2=9 actions=group:1';
    const begin = () => {
      const running = start(datapath);
      running.theSwitch.addGroups(
        running.bridge,
        'group_id=1,type=select,selection_method=dp_hash,bucket=output:2,bucket=output:3',
      );
      running.theSwitch.addFlows(running.bridge, flows);
      return running;
    };
    const connections = Array.from({ length: 8 }, (_, i) => there(3000 + i));
    const first = begin();
    let missed = -1;
    await eventually('no more misses', async () => {
      const before = missed;
      send(0, ...connections);
      await revalidated(first.theSwitch);
      missed = first.theSwitch.stats().upcall.miss;
      return missed === before;
    });
    const { flows: installed } = first.theSwitch.stats().datapath;
    expect(installed, 'to the tracker, to it again, to the hash, and from there').to.be.greaterThan(4);
    await first.theSwitch.close({ keep: true });

    const second = begin();
    await revalidated(second.theSwitch);
    const { adopted, modified, deleted } = second.theSwitch.stats().revalidate;
    expect({ adopted, modified, deleted }).to.deep.equal({ adopted: installed, modified: 0, deleted: {} });
    const { hit } = second.theSwitch.stats().datapath;
    send(0, ...connections);
    await eventually('four lookups for each', () => second.theSwitch.stats().datapath.hit - hit === 4 * 8);
    expect(second.theSwitch.stats().upcall.miss).to.equal(0);
    await revalidated(second.theSwitch);
    const rules = second.bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() });
    expect(rules.map(({ packets }) => packets)).to.deep.equal([8, 8, 8]);
    const buckets = second.bridge.groups
      .get(1)!
      .buckets.map((bucket) => second.theSwitch.tables(second.bridge).bucketCounters.get(bucket).packets);
    expect(buckets[0] + buckets[1]).to.equal(8);
    expect(second.warnings).to.deep.equal([]);
  });

  it('flows whose recirculation id nobody knows go, with that reason', async () => {
    const datapath = makeDatapath();
    const flows = 'table=0,udp actions=ct(table=1,zone=5)\ntable=1,udp actions=output:2';
    const first = start(datapath, { flows });
    send(0, there());
    await eventually('two flows are there', () => first.theSwitch.stats().datapath.flows === 2);
    await first.theSwitch.close({ keep: true });
    rmSync(stateFile());
    const second = start(datapath, { flows });
    await revalidated(second.theSwitch);
    const { adopted, deleted } = second.theSwitch.stats().revalidate;
    expect({ adopted, deleted }).to.deep.equal({ adopted: 2, deleted: { unknown_recirc: 1 } });
  });

  it('waits as long as flow-restore-wait says so: flows forward, packets without one are kept', async () => {
    const datapath = makeDatapath();
    const flows = 'udp,tp_src=1000 actions=output:2\nudp,tp_src=1001 actions=output:2';
    const first = start(datapath, { flows });
    send(0, there(1000));
    await eventually('the flow is there', () => first.theSwitch.stats().datapath.flows === 1);
    await first.theSwitch.close({ keep: true });
    const vsctl = 'set Open_vSwitch . other_config:flow-restore-wait=true';
    const second = start(datapath, { vsctl });
    await second.theSwitch.revalidate();
    send(0, there(1001));
    second.theSwitch.addFlows(second.bridge, flows);
    await new Promise(setImmediate);
    expect(second.theSwitch.stats().revalidate).to.include({ adopted: 0, rounds: 0 });
    expect(second.theSwitch.stats().upcall.upcalls).to.equal(0);
    expect(second.theSwitch.stats().datapath.flows).to.equal(1);
    second.theSwitch.vsctl(['set', 'Open_vSwitch', '.', 'other_config:flow-restore-wait=false']);
    await eventually('it begins', () => second.theSwitch.stats().upcall.miss === 1);
    await revalidated(second.theSwitch);
    expect(second.theSwitch.stats().revalidate).to.include({ adopted: 1, modified: 0 });
    expect(second.theSwitch.stats().datapath.flows).to.equal(2);
  });

  it('waits for policies that are being loaded before it looks at flows that were kept', async () => {
    const datapath = makeDatapath();
    const path = join(folder, 'policy.mjs');
    writeFileSync(
      path,
      `await new Promise((resolve) => setTimeout(resolve, 200));
       export default (pkt, act) => void (pkt.udpDst.equals(2000) && act.output('p2'));`,
    );
    const begin = async () => {
      const running = start(datapath);
      for (const table of [0, 7]) {
        const loaded = running.bridge.policyFile(path, { table });
        // A round that would not find the policy.
        await running.theSwitch.revalidate();
        await loaded;
      }
      return running;
    };
    const first = await begin();
    send(0, there());
    await eventually('the flow is there', () => first.theSwitch.stats().datapath.flows === 1);
    await first.theSwitch.close({ keep: true });
    const second = await begin();
    await revalidated(second.theSwitch);
    const { adopted, modified, deleted } = second.theSwitch.stats().revalidate;
    expect({ adopted, modified, deleted }).to.deep.equal({ adopted: 1, modified: 0, deleted: {} });
    await second.theSwitch.close({ keep: true });

    // One that cannot be loaded holds nothing up for ever.
    const third = start(datapath);
    writeFileSync(path, 'this is no policy');
    await third.bridge.policyFile(path).then(
      () => expect.fail('it was loaded'),
      (error: unknown) => expect(error).to.have.property('code', 'ERR_POLICY_FILE'),
    );
    await revalidated(third.theSwitch);
    expect(third.theSwitch.stats().revalidate).to.include({ adopted: 1, modified: 1 });
  });

  it('flows that a policy is asked about anew go on as they were until it has answered, or its deadline is over', async () => {
    const datapath = makeDatapath();
    const begin = (deadline: number) => {
      const running = start(datapath, { policy: { maxIdle: 600_000 } });
      const asked: (() => void)[] = [];
      const policy = running.bridge.policy(
        definePolicy({
          later: { deadline, meanwhile: (act) => void act.drop('not yet') },
          async run(pkt, act) {
            if (!pkt.isUdp) return;
            await new Promise<void>((resolve) => asked.push(resolve));
            if (pkt.udpDst.equals(2000)) act.output('p2');
          },
        }),
      );
      return { ...running, policy, asked };
    };
    const first = begin(60_000);
    send(0, there());
    await eventually('it is asked', () => first.asked.length === 1);
    first.asked[0]();
    await eventually('it has answered', () => first.policy.stats.later?.answered === 1);
    await revalidated(first.theSwitch);
    expect(first.theSwitch.stats().datapath.flows, 'what stood in is gone').to.equal(0);
    send(0, there());
    await eventually('a flow of its answer', () => first.theSwitch.stats().datapath.flows === 1);
    await first.theSwitch.close({ keep: true });

    const second = begin(60_000);
    await revalidated(second.theSwitch);
    expect(second.policy.stats.later).to.include({ asked: 1, pending: 1 });
    const heard = await Capture.start(rig().hosts[1].namespace, 'eth0', 2);
    send(0, there());
    expect(await heard.take(1), 'meanwhile').to.have.length(1);
    second.asked[0]();
    await eventually('it has answered', () => second.policy.stats.later?.answered === 1);
    await revalidated(second.theSwitch);
    send(0, there());
    expect(await heard.take(1), 'after it').to.have.length(1);
    const { modified, deleted } = second.theSwitch.stats().revalidate;
    expect({ modified, deleted }).to.deep.equal({ modified: 0, deleted: {} });
    await second.theSwitch.close({ keep: true });

    const third = begin(300);
    await eventually('the deadline is over', () => third.policy.stats.later?.expired === 1);
    await eventually('what holds meanwhile is in the flow', () => {
      const { modified: changed } = third.theSwitch.stats().revalidate;
      return changed === 1;
    });
  });

  it('is asked to flush flows, or to leave only ports', async () => {
    const datapath = makeDatapath();
    const flows = 'udp actions=output:2';
    const first = start(datapath, { flows });
    send(0, there());
    await eventually('the flow is there', () => first.theSwitch.stats().datapath.flows === 1);
    const ports = datapath.ports().length;
    await first.theSwitch.close({ keep: 'ports' });
    expect([datapath.stats().flows, datapath.ports().length]).to.deep.equal([0, ports]);
    const second = start(datapath, { flows });
    send(0, there());
    await eventually('the flow is there', () => second.theSwitch.stats().datapath.flows === 1);
    await second.theSwitch.close({ keep: true });
    const third = start(datapath, { flows, adopt: false });
    await revalidated(third.theSwitch);
    expect(third.theSwitch.stats().revalidate.adopted).to.equal(0);
    expect(third.theSwitch.stats().datapath.flows).to.equal(0);
  });
});
