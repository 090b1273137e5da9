import { expect } from 'chai';
import { ALL_TABLES } from '../../ts/classifier/index.js';
import { emptyMatch, type Rule } from '../../ts/openflow/index.js';
import type { Bridge, PacketIn } from '../../ts/switch/index.js';
import { checksumsHold, ethernet, MAC_A, MAC_B, udpFrame, udpPacket } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { describeSwitch, type OpenOptions, revalidated, type RunningSwitch } from '../support/switch-rig.js';
import { Capture, sendFrames } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' } };
const everything = { table: ALL_TABLES, match: emptyMatch() };

describeSwitch('switch: OpenFlow rules', (rig) => {
  const listen = (number: number, count: number) =>
    Capture.start(rig().hosts[number - 1].namespace, 'eth0', count);
  const send = (...frames: Buffer[]) => sendFrames(rig().hosts[0].namespace, 'eth0', frames);
  const hex = (frames: readonly Buffer[]) => frames.map((frame) => frame.toString('hex'));
  const rule = (bridge: Bridge, table = 0): Rule =>
    bridge.flowTables.select({ ...everything, table }).at(0) as Rule;

  /** Sends `frame` from host 1 twice, through the slow path and then through the flow; what hosts 2 and 3 get. */
  async function carry(running: RunningSwitch, frame: Buffer, two: number, three = 0) {
    const heard = [await listen(2, 2 * two + 1), await listen(3, 2 * three + 1)];
    const { theSwitch } = running;
    const { missed, hit } = theSwitch.stats().datapath;
    send(frame);
    await eventually('the flow is installed', () => theSwitch.stats().datapath.flows > 0);
    send(frame);
    const frames = [await heard[0].settled(2 * two), await heard[1].settled(2 * three)];
    const after = theSwitch.stats().datapath;
    expect({ missed: after.missed - missed, hit: after.hit - hit }).to.deep.equal({ missed: 1, hit: 1 });
    return { two: hex(frames[0]), three: hex(frames[1]) };
  }

  function open(flows: string, options: OpenOptions = {}): RunningSwitch {
    const running = rig().open({ ...SECURE, ...options });
    running.theSwitch.addFlows(running.bridge, flows);
    return running;
  }

  it('no rule: a secure bridge drops', async () => {
    const running = rig().open(SECURE);
    expect(await carry(running, udpFrame(), 0)).to.deep.equal({ two: [], three: [] });
    expect(running.theSwitch.stats().upcall).to.include({ miss: 1, drops: 1, installs: 1 });
  });

  it('drop: by priority, before the rule that outputs', async () => {
    const running = open('priority=10 actions=output:2\npriority=20,udp,tp_dst=2000 actions=drop');
    expect(await carry(running, udpFrame(), 0)).to.deep.equal({ two: [], three: [] });
    const heard = await listen(2, 1);
    send(udpFrame(1000, 2001));
    expect(hex(await heard.settled(1))).to.deep.equal([udpFrame(1000, 2001).toString('hex')]);
  });

  it('output to several ports, to all but the ingress port, and back to it', async () => {
    const frame = udpFrame().toString('hex');
    const both = { two: [frame, frame], three: [frame, frame] };
    const running = open('actions=output:2,output:3');
    expect(await carry(running, udpFrame(), 1, 1)).to.deep.equal(both);
    running.theSwitch.addFlows(running.bridge, 'actions=all');
    await revalidated(running.theSwitch);
    const heard = [await listen(2, 1), await listen(3, 1)];
    send(udpFrame());
    for (const one of heard) expect(hex(await one.settled(1))).to.deep.equal([frame]);
    running.theSwitch.addFlows(running.bridge, 'actions=in_port');
    await revalidated(running.theSwitch);
    const back = await listen(1, 1);
    send(udpFrame());
    expect(hex(await back.settled(1))).to.deep.equal([frame]);
  });

  it('set_field rewrites addresses and ports, and mends the checksums', async () => {
    const running = open(
      'udp actions=set_field:02:00:00:00:00:77->eth_dst,set_field:10.9.8.7->ip_dst,set_field:53->udp_dst,' +
        'dec_ttl,output:2',
    );
    const { two } = await carry(running, udpFrame(), 1);
    const wanted = ethernet({
      dst: '02:00:00:00:00:77',
      type: 0x0800,
      payload: udpPacket(1000, 53, Buffer.alloc(32, 0x5a), { dst: '10.9.8.7', ttl: 63 }),
    });
    expect(two).to.deep.equal([wanted.toString('hex'), wanted.toString('hex')]);
    expect(checksumsHold(Buffer.from(two[0], 'hex'))).to.equal(true);
  });

  it('push_vlan and pop_vlan', async () => {
    const payload = udpPacket(1000, 2000, Buffer.alloc(32, 0x5a));
    const tagged = ethernet({ type: 0x0800, tags: [[0x8100, 0xa007]], payload });
    const running = open(
      'vlan_tci=0 actions=push_vlan:0x8100,set_field:0x1007->vlan_vid,set_field:5->vlan_pcp,output:2\n' +
        'dl_vlan=7 actions=pop_vlan,output:3',
    );
    const { two } = await carry(running, udpFrame(), 1);
    expect(two).to.deep.equal([tagged.toString('hex'), tagged.toString('hex')]);
    const heard = await listen(3, 2);
    send(tagged);
    expect(hex(await heard.settled(1))).to.deep.equal([udpFrame().toString('hex')]);
  });

  it('resubmit and goto_table, with a register between them', async () => {
    const running = open(
      'table=0 actions=load:2->NXM_NX_REG0[],resubmit(,5),resubmit(,6)\n' +
        'table=5,udp,tp_dst=2000,reg0=2 actions=output:2\n' +
        'table=6 actions=goto_table:7\n' +
        'table=7,reg0=2 actions=output:3',
    );
    const frame = udpFrame().toString('hex');
    const { two, three } = await carry(running, udpFrame(), 1, 1);
    expect([...two, ...three]).to.deep.equal([frame, frame, frame, frame]);
    await revalidated(running.theSwitch);
    for (const table of [0, 5, 6, 7]) expect(rule(running.bridge, table)).to.include({ packets: 2 });
  });

  it('controller: the callback gets the packet, cut to what was asked for', async () => {
    const packetIns: PacketIn[] = [];
    const running = open(
      'cookie=0x123456789a,udp actions=load:9->NXM_NX_REG3[],controller(max_len=50),output:2',
      {
        onPacketIn: (packetIn) => packetIns.push(packetIn),
      },
    );
    const frame = udpFrame();
    const { two } = await carry(running, frame, 1);
    expect(two).to.deep.equal([frame.toString('hex'), frame.toString('hex')]);
    await eventually('both packets came', () => packetIns.length === 2);
    for (const { packet, registers, ...rest } of packetIns) {
      expect(rest).to.deep.equal({
        ...{ bridge: 'br0', inPort: 1, reason: 1, table: 0, cookie: '000000123456789a', controllerId: 0 },
        ...{ totalLength: frame.length, metadata: '0000000000000000' },
      });
      expect(Buffer.from(packet).toString('hex')).to.equal(frame.toString('hex', 0, 50));
      expect(registers[3]).to.equal(9);
    }
    expect(running.theSwitch.stats().upcall).to.include({ controller: 2, stale_controller_state: 0 });
  });

  it('packets and bytes are credited to the rules, each once', async () => {
    const running = open('udp actions=output:2\npriority=1 actions=drop');
    const heard = await listen(2, 21);
    const frame = udpFrame();
    send(frame);
    await eventually('the flow is installed', () => running.theSwitch.stats().datapath.flows > 0);
    for (let round = 0; round < 2; round++) {
      send(...Array.from({ length: 10 }, () => frame));
      await eventually('all arrived', () => running.theSwitch.stats().datapath.hit >= 10 * (round + 1));
      await revalidated(running.theSwitch);
      const packets = 1 + 10 * (round + 1);
      expect(rule(running.bridge)).to.include({ packets, bytes: packets * frame.length });
    }
    expect(await heard.settled(21)).to.have.length(21);
    await running.theSwitch.close();
    expect(rule(running.bridge)).to.include({ packets: 21, bytes: 21 * frame.length });
  });

  it('a changed rule changes installed flows within one round; a deleted one stops them', async () => {
    const running = open('udp actions=output:2');
    const { theSwitch, bridge } = running;
    await carry(running, udpFrame(), 1);
    const missed = theSwitch.stats().datapath.missed;
    theSwitch.addFlows(bridge, 'udp actions=output:3');
    await eventually('the flow is modified', () => theSwitch.stats().revalidate.modified === 1);
    let heard = [await listen(2, 1), await listen(3, 1)];
    send(udpFrame());
    expect(hex(await heard[1].settled(1))).to.deep.equal([udpFrame().toString('hex')]);
    expect(await heard[0].stop()).to.have.length(0);
    expect(theSwitch.stats().datapath.missed, 'no upcall was needed').to.equal(missed);
    bridge.flowTables.delete(everything);
    theSwitch.configurationChanged();
    await revalidated(theSwitch);
    heard = [await listen(2, 1), await listen(3, 1)];
    send(udpFrame());
    for (const one of heard) expect(await one.settled(0)).to.have.length(0);
  });

  it('a rule that looks at more makes the wider flow go', async () => {
    const running = open('actions=output:2');
    const { theSwitch, bridge } = running;
    await carry(running, udpFrame(), 1);
    theSwitch.addFlows(bridge, 'priority=50000,udp,tp_dst=4000 actions=output:3');
    await eventually(
      'the flow is deleted for its mask',
      () => theSwitch.stats().revalidate.deleted.wider_mask === 1,
    );
    const heard = [await listen(2, 2), await listen(3, 2)];
    send(udpFrame(1000, 4000), udpFrame());
    expect(hex(await heard[1].settled(1))).to.deep.equal([udpFrame(1000, 4000).toString('hex')]);
    expect(hex(await heard[0].settled(1))).to.deep.equal([udpFrame().toString('hex')]);
  });

  it('idle and hard timeouts end rules, and with them their flows', async () => {
    const running = open('hard_timeout=5,udp actions=output:2\nidle_timeout=5,ip actions=output:3');
    const { theSwitch, bridge } = running;
    await carry(running, udpFrame(), 1);
    await eventually('both rules expire', () => bridge.flowTables.size === 0);
    await revalidated(theSwitch);
    const heard = [await listen(2, 1), await listen(3, 1)];
    send(udpFrame());
    for (const one of heard) expect(await one.settled(0)).to.have.length(0);
  });

  it('addresses match, masked too', async () => {
    const running = open(`dl_src=${MAC_A},dl_dst=02:00:00:00:00:00/ff:ff:ff:ff:ff:00 actions=output:2`);
    const { two } = await carry(running, udpFrame(), 1);
    expect(two[0].slice(0, 12)).to.equal(MAC_B.replaceAll(':', ''));
  });
});
