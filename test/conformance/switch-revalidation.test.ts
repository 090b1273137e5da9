import { expect } from 'chai';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import { emptyMatch, parseFlowMods, parseGroupMod, type Rule } from '../../ts/openflow/index.js';
import type { Bridge } from '../../ts/switch/index.js';
import type { FlowStatsSink } from '../../ts/xlate/index.js';
import { eventually } from '../support/eventually.js';
import { ethernet, ipv4Packet, MAC_A, udpFrame } from '../support/frames.js';
import { describeSwitch, type OpenOptions, revalidated } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' } };
const FLOWS = 20;

describeSwitch('switch: revalidation', (rig) => {
  const send = (...frames: Buffer[]) => sendFrames(rig().hosts[0].namespace, 'eth0', frames);
  const rules = (bridge: Bridge): Rule[] =>
    bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() });
  const packetsOf = (bridge: Bridge) => rules(bridge).map(({ packets }) => packets);

  it('translates again the flows that a rule concerns, and no others', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    const ports = Array.from({ length: FLOWS }, (_, n) => 2000 + n);
    theSwitch.addFlows(bridge, ports.map((port) => `udp,tp_dst=${port} actions=output:2`).join('\n'));
    send(...ports.map((port) => udpFrame(1000, port)));
    await eventually('the flows are there', () => theSwitch.stats().datapath.flows === FLOWS);
    const before = theSwitch.stats().revalidate;
    const { translated, modified } = { ...before };
    theSwitch.addFlows(bridge, 'priority=40000,udp,tp_dst=2007 actions=output:3');
    await eventually('the flow has its new actions', () => theSwitch.stats().revalidate.modified > modified);
    expect(theSwitch.stats().revalidate).to.include({ translated: translated + 1, modified: modified + 1 });
    const heard = await Capture.start(rig().hosts[2].namespace, 'eth0', 2);
    send(udpFrame(1000, 2007), udpFrame(1000, 2008));
    expect(await heard.settled(1)).to.have.length(1);
  });

  it('credits packets once, without another translation, to the rule that was in force', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    theSwitch.addFlows(bridge, 'priority=1,udp actions=output:2');
    send(udpFrame());
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === 1);
    send(udpFrame(), udpFrame(), udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 3);
    const { translated } = theSwitch.stats().revalidate;
    await revalidated(theSwitch);
    expect(packetsOf(bridge)).to.deep.equal([4]);
    expect(theSwitch.stats().revalidate.translated).to.equal(translated);

    // What the flow carried until the new rule reached it is the old rule's.
    send(udpFrame(), udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 5);
    theSwitch.addFlows(bridge, 'priority=2,udp actions=output:3');
    await eventually('the flow has its new actions', () => theSwitch.stats().revalidate.modified > 0);
    send(udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 6);
    await revalidated(theSwitch);
    expect(packetsOf(bridge)).to.deep.equal([1, 6]);
  });

  it('a rule that takes the place of another inherits what was not credited yet', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    theSwitch.addFlows(bridge, 'priority=1,udp actions=output:2');
    send(udpFrame());
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === 1);
    send(udpFrame(), udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 2);
    theSwitch.changeFlows(bridge, parseFlowMods('modify udp actions=output:3'));
    await revalidated(theSwitch);
    expect(packetsOf(bridge)).to.deep.equal([3]);
  });

  it('packets that a flow sends up are counted once', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    theSwitch.addFlows(bridge, 'udp actions=controller,output:2');
    send(udpFrame(), udpFrame(), udpFrame());
    await eventually('all came up', () => theSwitch.stats().upcall.upcalls >= 3);
    send(udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 1);
    await revalidated(theSwitch);
    expect(packetsOf(bridge)).to.deep.equal([4]);
  });

  it('tables, patch ports and NetFlow are told of each packet once, and NetFlow of the end of a flow', async () => {
    const seen = { packets: 0, bytes: 0, ended: 0 };
    const flowStats: FlowStatsSink = {
      counted: (_flow, packets, bytes) => {
        seen.packets += packets;
        seen.bytes += bytes;
      },
      ended: () => seen.ended++,
    };
    const { theSwitch, bridge } = rig().open({ ...SECURE, flowStats });
    const patch = (name: string, peer: string, on: string) =>
      `-- add-port ${on} ${name} -- set Interface ${name} type=patch options:peer=${peer}`;
    const words =
      `add-br br1 ${patch('to1', 'to0', 'br0')} ${patch('to0', 'to1', 'br1')} -- set-fail-mode br1 secure ` +
      '-- --id=@n create NetFlow targets="127.0.0.1:2055" -- set Bridge br0 netflow=@n';
    theSwitch.vsctl(words.split(' ').map((word) => word.replaceAll('"', '')));
    const [to1, to0] = [bridge, theSwitch.bridges.get('br1')!].map(
      (on) => on.portList.find(({ type }) => type === 'patch')!,
    );
    theSwitch.addFlows(bridge, `udp actions=output:2,resubmit(,3),output:${to1.ofport}`);
    send(udpFrame());
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === 1);
    send(udpFrame(), udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 2);
    theSwitch.addFlows(bridge, 'priority=40000,udp actions=drop');
    await revalidated(theSwitch);
    await theSwitch.cache.purge();
    const size = udpFrame().length;
    expect(seen).to.deep.equal({ packets: 3, bytes: 3 * size, ended: 1 });
    expect(to1.counted).to.include({ txPackets: 3, txBytes: 3 * size, rxPackets: 0 });
    expect(to0.counted).to.include({ rxPackets: 3, rxBytes: 3 * size, txPackets: 0 });
    expect(bridge.flowTables.counter(0)).to.deep.equal({ matched: 3, missed: 0 });
    expect(bridge.flowTables.counter(3)).to.deep.equal({ matched: 0, missed: 3 });
    expect(to0.bridge.flowTables.counter(0)).to.deep.equal({ matched: 0, missed: 3 });
  });

  it('a flow whose key the datapath cannot tell all of stays in the slow path', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    theSwitch.addFlows(bridge, 'ip actions=output:2');
    // IGMP, of which datapaths know nothing but the protocol: a query for all groups.
    const query = Buffer.from([0x11, 0, 0xee, 0xff, 0, 0, 0, 0]);
    const payload = ipv4Packet(2, query, -1, { dst: '224.0.0.1', ttl: 1 });
    send(ethernet({ src: MAC_A, dst: '01:00:5e:00:00:01', type: 0x0800, payload }));
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === 1);
    const before = await dumpFlowLines(theSwitch.datapath);
    expect(before.join()).to.include('slow_path(match)');
    theSwitch.configurationChanged();
    await revalidated(theSwitch);
    expect(theSwitch.stats().revalidate).to.include({ translated: 1, modified: 0 });
    const after = await dumpFlowLines(theSwitch.datapath);
    expect(after.join()).to.include('slow_path(match)');
  });

  it('a group that is changed counts anew, and late packets of its old buckets are nobody’s', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    const change = (command: 'add' | 'modify', bucket: string) =>
      theSwitch.changeGroups(bridge, [parseGroupMod(`group_id=1,type=indirect,bucket=${bucket}`, command)]);
    const counted = () => {
      const [bucket] = bridge.groups.get(1)!.buckets;
      return theSwitch.tables(bridge).bucketCounters.get(bucket).packets;
    };
    change('add', 'output:2');
    theSwitch.addFlows(bridge, 'udp actions=group:1');
    send(udpFrame());
    await eventually('the flow is there', () => theSwitch.stats().datapath.flows === 1);
    expect(counted()).to.equal(1);
    send(udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 1);
    change('modify', 'output:3');
    await eventually('the flow has its new actions', () => theSwitch.stats().revalidate.modified > 0);
    expect(counted()).to.equal(0);
    send(udpFrame());
    await eventually('the datapath counted', () => theSwitch.stats().datapath.hit >= 2);
    await revalidated(theSwitch);
    expect(counted()).to.equal(1);
  });
});
