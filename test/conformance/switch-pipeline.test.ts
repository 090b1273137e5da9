import { expect } from 'chai';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { emptyMatch } from '../../ts/openflow/index.js';
import type { Bridge, PacketIn } from '../../ts/switch/index.js';
import { eventually } from '../support/eventually.js';
import { ethernet, MAC_B, tcpPacket, udpFrame, udpPacket } from '../support/frames.js';
import { expectAccepted, flowsLike } from '../support/switch-checks.js';
import { connections, counted, deliver, openWith, spread } from '../support/switch-frames.js';
import { describeSwitch, revalidated } from '../support/switch-rig.js';

describeSwitch('switch: pipeline', (rig) => {
  const rules = (bridge: Bridge, table = ALL_TABLES) =>
    bridge.flowTables.select({ table, match: emptyMatch() });
  const reversed = (frame: Buffer) =>
    Buffer.concat([frame.subarray(6, 12), frame.subarray(0, 6), frame.subarray(12)]);

  it('learn: an address learned by one packet is where the answer goes', async () => {
    const { theSwitch, bridge } = openWith(
      rig(),
      `table=0 actions=learn(table=10,idle_timeout=60,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]),resubmit(,10),resubmit(,11)
       table=10,priority=0 actions=load:0->NXM_NX_REG0[0..15]
       table=11,reg0=0 actions=flood
       table=11,priority=1 actions=output:NXM_NX_REG0[0..15]`,
    );
    expect(await counted(rig(), 1, [udpFrame()], [0, 1, 1])).to.deep.equal([0, 1, 1]);
    await revalidated(theSwitch);
    expect(rules(bridge, 10)).to.have.length(2);
    for (const round of [1, 2]) {
      const got = await counted(rig(), 2, [reversed(udpFrame())], [1, 0, 0]);
      expect(got, `round ${round}`).to.deep.equal([1, 0, 0]);
    }
    // The first direction is flooded no longer, either: its flow was changed.
    await revalidated(theSwitch);
    expect(await counted(rig(), 1, [udpFrame()], [0, 1, 0])).to.deep.equal([0, 1, 0]);
    await expectAccepted(theSwitch);
  });

  it('patch ports: through two more bridges, each with its own tables', async () => {
    const { theSwitch, bridge } = openWith(rig(), '', { vlans: [{}, {}] });
    const patch = (name: string, peer: string, on: string) =>
      `-- add-port ${on} ${name} -- set Interface ${name} type=patch options:peer=${peer}`;
    const words = [
      'add-br br1 -- add-br br2 -- set Bridge br1 fail_mode=secure -- set Bridge br2 fail_mode=secure',
      patch('a0', 'a1', 'br0'),
      patch('a1', 'a0', 'br1'),
      patch('b1', 'b2', 'br1'),
      patch('b2', 'b1', 'br2'),
      '-- add-port br2 p3',
    ].join(' ');
    expect(theSwitch.vsctl(words.split(' ')).errors).to.deep.equal([]);
    const [, one, two] = [...theSwitch.bridges.values()];
    theSwitch.addFlows(bridge, 'in_port=p1,udp actions=set_field:1111->udp_src,output:a0,output:p2');
    theSwitch.addFlows(one, 'in_port=a1,udp actions=set_field:2222->udp_dst,output:b1');
    theSwitch.addFlows(
      two,
      'in_port=b2,udp,tp_src=1111,tp_dst=2222 actions=set_field:02:00:00:00:00:99->eth_dst,output:p3',
    );
    for (const round of [1, 2]) {
      const [, local, remote] = await deliver(rig(), 1, [udpFrame()], [0, 1, 1]);
      const shown = (frame: Buffer) => [frame.subarray(0, 6).toString('hex'), frame.readUInt32BE(34)];
      expect(shown(local[0]), `round ${round}`).to.deep.equal([
        MAC_B.replaceAll(':', ''),
        (1111 << 16) | 2000,
      ]);
      expect(shown(remote[0]), `round ${round}`).to.deep.equal(['020000000099', (1111 << 16) | 2222]);
    }
    await revalidated(theSwitch);
    for (const each of [bridge, one, two]) expect(rules(each)[0]).to.include({ packets: 2 });
    await expectAccepted(theSwitch);
  });

  it('FLOOD leaves out ports that are not to be flooded, ALL does not; protected ports do not reach each other', async () => {
    const { theSwitch, bridge } = openWith(rig(), 'udp actions=flood\ntcp actions=all');
    const tcp = ethernet({ type: 0x0800, payload: tcpPacket(1000, 2000, 2, Buffer.alloc(0)) });
    const port = bridge.ports.get(3);
    if (!port) throw new Error('there is a port 3');
    port.noFlood = true;
    theSwitch.configurationChanged();
    expect(await counted(rig(), 1, [udpFrame()], [0, 1, 0])).to.deep.equal([0, 1, 0]);
    expect(await counted(rig(), 1, [tcp], [0, 1, 1])).to.deep.equal([0, 1, 1]);
    port.noFlood = false;
    theSwitch.vsctl('set Port p1 protected=true -- set Port p2 protected=true'.split(' '));
    await revalidated(theSwitch);
    expect(await counted(rig(), 1, [udpFrame()], [0, 0, 1])).to.deep.equal([0, 0, 1]);
    expect(await counted(rig(), 3, [udpFrame()], [1, 1, 0])).to.deep.equal([1, 1, 0]);
    await expectAccepted(theSwitch);
  });

  it('multipath and bundle spread connections over ports that are up', async () => {
    const { theSwitch, bridge } = openWith(
      rig(),
      `in_port=1,udp actions=multipath(symmetric_l3l4+udp,0,modulo_n,2,0,NXM_NX_REG0[0..7]),resubmit(,1)
       table=1,reg0=0 actions=output:2
       table=1,reg0=1 actions=output:3`,
    );
    const first = await spread(rig(), connections(16));
    await revalidated(theSwitch);
    expect(await spread(rig(), connections(16))).to.deep.equal(first);
    theSwitch.addFlows(bridge, 'in_port=1,udp actions=bundle(symmetric_l3l4+udp,0,hrw,ofport,members:2,3)');
    await revalidated(theSwitch);
    await spread(rig(), connections(16));
    rig().hosts[1].namespace.ip('link set eth0 down');
    try {
      await eventually('port 2 is down', () => bridge.ports.get(2)?.mayForward === false);
      await revalidated(theSwitch);
      expect(await counted(rig(), 1, connections(8), [0, 0, 8])).to.deep.equal([0, 0, 8]);
    } finally {
      rig().hosts[1].namespace.ip('link set eth0 up');
      await eventually('port 2 is up', () => bridge.ports.get(2)?.mayForward === true);
    }
    await expectAccepted(theSwitch);
  });

  it('fin_timeout: the end of a connection ends its flow soon', async () => {
    const { theSwitch, bridge } = openWith(
      rig(),
      'tcp,tp_src=1000 idle_timeout=60,actions=fin_timeout(idle_timeout=1),output:2\ntcp,tp_src=1001 idle_timeout=60,actions=fin_timeout(idle_timeout=1),output:2',
    );
    const tcp = (port: number, flags: number) =>
      ethernet({ type: 0x0800, payload: tcpPacket(port, 2000, flags, Buffer.alloc(0)) });
    // The first packet of one says nothing; that it ends shows in the statistics of the datapath's flow.
    const frames = [tcp(1000, 0x10), tcp(1001, 0x10)];
    expect(await counted(rig(), 1, frames, [0, 2])).to.deep.equal([0, 2]);
    await eventually('both flows', () => theSwitch.stats().datapath.flows >= 2);
    expect(await counted(rig(), 1, [tcp(1000, 0x11), tcp(1001, 0x10)], [0, 2])).to.deep.equal([0, 2]);
    await eventually('one rule times out', () => rules(bridge).length === 1);
    expect(await counted(rig(), 1, [tcp(1001, 0x14)], [0, 1])).to.deep.equal([0, 1]);
    await eventually('the other, too', () => rules(bridge).length === 0);
    await expectAccepted(theSwitch);
  });

  it('dec_ttl of a packet at its end tells the controller, and the rest goes on', async () => {
    const packetIns: PacketIn[] = [];
    const { theSwitch } = openWith(rig(), 'udp actions=output:3,dec_ttl,output:2', {
      onPacketIn: (packetIn) => packetIns.push(packetIn),
    });
    const frame = ethernet({ type: 0x0800, payload: udpPacket(1000, 2000, Buffer.alloc(32), { ttl: 1 }) });
    for (const count of [1, 2]) {
      expect(await counted(rig(), 1, [frame], [0, 0, 1])).to.deep.equal([0, 0, 1]);
      await eventually('the controller hears', () => packetIns.length === count);
    }
    expect(packetIns[1]).to.deep.include({ reason: 2, inPort: 1, totalLength: frame.length });
    expect(Buffer.from(packetIns[1].packet).toString('hex')).to.equal(frame.toString('hex'));
    expect(await flowsLike(theSwitch, /userspace\(pid=\d+,controller\(reason=2/)).to.have.length(1);
    await expectAccepted(theSwitch);
  });
});
