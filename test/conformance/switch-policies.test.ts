import { expect } from 'chai';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { definePolicy, policyTable } from '../../ts/policy/index.js';
import { arpFrame, ethernet, MAC_A, MAC_B, udpFrame, udpPacket } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { describeSwitch, type OpenOptions, revalidated } from '../support/switch-rig.js';
import { untoldPerDeletion } from '../support/test-datapath.js';
import { Capture, flood, sendFrames, startSink } from '../support/traffic.js';

const SECURE: OpenOptions = { bridge: { failMode: 'secure' } };
/** Frames of a policy change under traffic, and how many a second. */
const FLOOD = { count: 4000, rate: 1000 };

describeSwitch('switch: policies', (rig) => {
  const listen = (number: number, count: number) =>
    Capture.start(rig().hosts[number - 1].namespace, 'eth0', count);
  const send = (number: number, ...frames: Buffer[]) =>
    sendFrames(rig().hosts[number - 1].namespace, 'eth0', frames);

  it('decides in place of the pipeline, by megaflows of what it read', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge } = running;
    const policy = bridge.policy((pkt, act) => {
      if (pkt.udpDst.between(2000, 2003)) act.count('wanted').output('p2');
      else act.drop('unwanted');
    });
    const heard = await listen(2, 5);
    send(1, udpFrame(1000, 2000));
    await eventually('the flow is installed', () => theSwitch.stats().datapath.flows === 1);
    send(1, udpFrame(1001, 2001), udpFrame(1002, 2002), udpFrame(7, 2003));
    expect(await heard.settled(4)).to.have.length(4);
    expect(theSwitch.stats().upcall).to.include({ miss: 1, installs: 1 });
    send(1, udpFrame(1, 4000), udpFrame(1, 4001));
    await eventually('a second flow', () => theSwitch.stats().datapath.flows === 2);
    await eventually('all frames are looked up', () => {
      const { hit, missed } = theSwitch.stats().datapath;
      return hit + missed === 6;
    });
    await revalidated(theSwitch);
    const bytes = udpFrame().length;
    expect(policy.counters).to.deep.equal({ wanted: { packets: 4, bytes: 4 * bytes } });
    expect(policy.drops).to.deep.equal({ unwanted: { packets: 2, bytes: 2 * bytes } });
    expect(policy.stats.decided.packets).to.equal(6);
    policy.remove();
    await revalidated(theSwitch);
    expect(bridge.policies).to.equal(undefined);
    const after = await listen(2, 1);
    send(1, udpFrame(1000, 2000));
    expect(await after.settled(0)).to.deep.equal([]);
  });

  it('is one table among others: rules come to it and it goes on to rules', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    theSwitch.addFlows(
      bridge,
      'udp actions=load:7->NXM_NX_REG1[],resubmit(,5)\ntable=6,reg2=9 actions=output:3',
    );
    bridge.policy(
      (pkt, act) => void (pkt.reg1.equals(7) && act.set.reg2(9).set.ipv4Dst('10.0.0.77').table(6)),
      {
        table: 5,
      },
    );
    const heard = await listen(3, 2);
    send(1, udpFrame());
    const frames = await heard.settled(1);
    const wanted = ethernet({
      type: 0x0800,
      payload: udpPacket(1000, 2000, Buffer.alloc(32, 0x5a), { dst: '10.0.0.77' }),
    });
    expect(frames.map((frame) => frame.toString('hex'))).to.deep.equal([wanted.toString('hex')]);
  });

  it('state that packets wrote or the owner changed concerns the flows that read it, and no others', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    const policy = bridge.policy(
      definePolicy({
        tables: { ports: policyTable<number, string>(), seen: policyTable<string, string>() },
        run(pkt, act, { ports, seen }) {
          seen.learn(pkt.ethSrc.text ?? '', pkt.inPort.portName ?? '');
          const to = ports.get(pkt.udpDst.value ?? 0);
          if (to === undefined) act.drop('nowhere');
          else act.output(to);
        },
      }),
    );
    policy.tables.ports.set(2000, 'p2').set(2001, 'p2');
    const heard = await listen(2, 3);
    send(1, udpFrame(1, 2000), udpFrame(1, 2001));
    expect(await heard.settled(2)).to.have.length(2);
    expect([...policy.tables.seen.entries()]).to.deep.equal([[MAC_A, 'p1']]);
    const { translated } = theSwitch.stats().revalidate;
    const moved = await listen(3, 2);
    policy.tables.ports.set(2001, 'p3');
    await eventually('the flow is changed', () => theSwitch.stats().revalidate.modified === 1);
    expect(theSwitch.stats().revalidate.translated - translated).to.equal(1);
    send(1, udpFrame(1, 2001));
    expect(await moved.settled(1)).to.have.length(1);
    policy.tables.ports.delete(2000);
    await eventually('the other, too', () => theSwitch.stats().revalidate.modified === 2);
    expect(theSwitch.stats().upcall).to.include({ miss: 2 });
  });

  it('a policy that is replaced under 1,000 packets a second loses none', async function () {
    this.timeout(120_000);
    const { theSwitch, bridge } = rig().open(SECURE);
    const policy = bridge.policy((_pkt, act) => void act.output('p2'));
    // Other actions, and masks that are wider, narrower and different.
    const versions = [
      definePolicy({
        run: (pkt, act) =>
          void act
            .count('1')
            .set.ipDscp(pkt.isUdp ? 8 : 0)
            .output('p2'),
      }),
      definePolicy({ run: (pkt, act) => void (pkt.udpDst.value !== 0 && act.count('2').output('p2')) }),
      definePolicy({
        run: (pkt, act) => void (pkt.ipv4Src.bits(0xff) !== 300 && act.count('3').decTtl().output('p2')),
      }),
      definePolicy({ run: (_pkt, act) => void act.count('4').output('p2') }),
    ];
    // What flows counted to their end, as the datapath told it.
    const ended = { flows: 0, packets: 0 };
    theSwitch.events.on('flow', ({ event, packets }) => {
      if (event !== 'deleted') return;
      ended.flows++;
      ended.packets += packets;
    });
    const { result } = await startSink(rig().hosts[1].namespace, 'eth0', FLOOD.count, { timeoutSeconds: 60 });
    let replaced = 0;
    const timer = setInterval(() => policy.replace(versions[replaced++ % versions.length]), 100);
    const sent = await flood(rig().hosts[0].namespace, 'eth0', { ...FLOOD, single: true });
    clearInterval(timer);
    expect(sent.sent).to.equal(FLOOD.count);
    const { received, duplicates } = await result;
    expect({ received, duplicates }).to.deep.equal({ received: FLOOD.count, duplicates: 0 });
    expect(replaced).to.be.greaterThan(10);
    await theSwitch.cache.purge();
    const { datapath, upcall, revalidate } = theSwitch.stats();
    expect(datapath.hit + datapath.missed).to.equal(FLOOD.count);
    expect(upcall.miss).to.equal(datapath.missed);
    expect(revalidate).to.include({ unanswered: 0, backwards: 0 });
    expect(policy.stats.decided.packets, 'misses, and all that flows told').to.equal(
      upcall.miss + ended.packets,
    );
    expect(datapath.hit - ended.packets, 'counted by flows, and not told')
      .to.be.at.least(0)
      .and.at.most(ended.flows * untoldPerDeletion);
    const counted = Object.values(policy.counters).reduce((sum, { packets }) => sum + packets, 0);
    expect(counted).to.be.greaterThan(0).and.at.most(FLOOD.count);
  });

  it('a throw drops that flow for a second, is counted and told, and others go on', async () => {
    const running = rig().open(SECURE);
    const { theSwitch, bridge, warnings } = running;
    let broken = true;
    const policy = bridge.policy((pkt, act) => {
      if (pkt.udpDst.equals(2001) && broken) throw new Error('there is a bug in me');
      act.output('p2');
    });
    const heard = await listen(2, 4);
    send(1, udpFrame(1, 2000), udpFrame(1, 2001), udpFrame(2, 2001));
    expect(await heard.take(1)).to.have.length(1);
    await eventually('both are counted', async () => {
      await revalidated(theSwitch);
      return policy.stats.failed.packets === 2;
    });
    expect(policy.stats.throws).to.be.at.least(1);
    expect(warnings.join('\n')).to.match(
      /bridge br0: policy policy threw for .*tp_dst=2001.*: there is a bug in me \(at /,
    );
    broken = false;
    await eventually('the flow is asked about again', () => {
      send(1, udpFrame(3, 2001));
      return heard.count > 1;
    });
  });

  it('an async policy gets its packets decided later, and forwards as it is told meanwhile', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    const answers = new Map<string, () => void>();
    const policy = bridge.policy(
      definePolicy({
        name: 'slow',
        later: { deadline: 60_000, meanwhile: (act) => void act.output('p3') },
        async run(pkt, act) {
          const source = pkt.ipv4Src.text;
          if (source === undefined) return;
          await new Promise<void>((resolve) => answers.set(source, resolve));
          if (pkt.udpDst.equals(2000)) act.output('p2');
        },
      }),
    );
    const [two, three] = [await listen(2, 3), await listen(3, 3)];
    send(1, udpFrame(1, 2000));
    expect(await three.take(1)).to.have.length(1);
    expect(policy.stats.later).to.include({ asked: 1, pending: 1, answers: 0 });
    answers.get('10.0.0.1')!();
    // The answer looked at more than had been read when the flow was installed, so that goes.
    await eventually('the flow is gone', () => theSwitch.stats().datapath.flows === 0);
    send(1, udpFrame(1, 2000));
    expect(await two.take(1)).to.have.length(1);
    send(1, udpFrame(5, 2000));
    expect(await two.take(1)).to.have.length(1);
    expect(policy.stats.later).to.include({ asked: 1, answered: 1, pending: 0, answers: 1 });
    expect(await three.settled(1)).to.have.length(1);
  });

  it('goes through the connection tracker and comes back to it', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    const policy = bridge.policy((pkt, act) => {
      if (pkt.isArp) return void act.normal();
      if (!pkt.ctState.has('trk')) return void act.ct({ zone: 9, resume: true });
      const inside = pkt.inPort.is('p1');
      if (pkt.ctState.has('new') && inside) act.count('begun').ct({ zone: 9, commit: true }).output('p2');
      else if (pkt.ctState.has('est')) act.count('goes on').output(inside ? 'p2' : 'p1');
      else act.drop('not begun from inside');
    });
    const [one, two] = [await listen(1, 2), await listen(2, 2)];
    const answer = ethernet({
      src: MAC_B,
      dst: MAC_A,
      type: 0x0800,
      payload: udpPacket(2000, 1000, Buffer.alloc(32, 0x5a), { src: '10.0.0.2', dst: '10.0.0.1' }),
    });
    send(2, answer);
    await eventually('it is dropped', async () => {
      await revalidated(theSwitch);
      return policy.drops['not begun from inside']?.packets === 1;
    });
    send(1, udpFrame());
    expect(await two.take(1)).to.have.length(1);
    send(2, answer);
    expect(await one.settled(1)).to.have.length(1);
    await revalidated(theSwitch);
    expect(policy.counters).to.have.keys('begun', 'goes on');
  });

  it('decides by the second VLAN tag', async () => {
    const { theSwitch, bridge } = rig().open(SECURE);
    theSwitch.vsctl(['set', 'Open_vSwitch', '.', 'other_config:vlan-limit=2']);
    bridge.policy((pkt, act) => {
      if (pkt.innerVlanVid.equals(42)) act.popVlan().output('p2');
      else if (pkt.innerVlanPcp.equals(3)) act.output('p3');
      else act.drop();
    });
    const tagged = (inner: number) =>
      ethernet({
        type: 0x0800,
        payload: udpPacket(1000, 2000, Buffer.alloc(32, 0x5a)),
        tags: [
          [0x88a8, 7],
          [0x8100, inner],
        ],
      });
    const [two, three] = [await listen(2, 1), await listen(3, 1)];
    send(1, tagged(42), tagged(0x6000 | 43), tagged(43), udpFrame());
    const only = ethernet({
      type: 0x0800,
      payload: udpPacket(1000, 2000, Buffer.alloc(32, 0x5a)),
      tags: [[0x8100, 42]],
    });
    expect((await two.settled(1)).map((frame) => frame.toString('hex'))).to.deep.equal([
      only.toString('hex'),
    ]);
    expect((await three.settled(1)).map((frame) => frame.toString('hex'))).to.deep.equal([
      tagged(0x6000 | 43).toString('hex'),
    ]);
    await eventually('a flow for each kind', () => theSwitch.stats().datapath.flows === 4);
  });

  it('a file is loaded, and loaded again when it changes', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slowpath-policy-'));
    try {
      const path = join(folder, 'policy.mjs');
      const { theSwitch, bridge, warnings } = rig().open(SECURE);
      writeFileSync(path, 'export default (pkt, act) => { act.output("p2"); };');
      const file = await bridge.policyFile(path, { watch: true });
      const [two, three] = [await listen(2, 1), await listen(3, 1)];
      send(1, udpFrame());
      expect(await two.settled(1)).to.have.length(1);
      writeFileSync(path, 'this is no policy');
      await eventually('the mistake is told', () => warnings.some((text) => text.includes('policy.mjs')));
      writeFileSync(path, 'export default (pkt, act) => { act.output("p3"); };');
      await eventually('the flow is changed', () => theSwitch.stats().revalidate.modified === 1);
      send(1, udpFrame());
      expect(await three.settled(1)).to.have.length(1);
      expect(file.policy.stats.replacements).to.be.at.least(1);
      file.close();
      writeFileSync(path, 'export const nothing = 1;');
      let code = '';
      await file.reload().catch((error) => (code = error.code));
      expect(code).to.equal('ERR_POLICY_FILE');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('packets go to a controller, are cut, metered, sent to groups and left to NORMAL', async () => {
    const packetIns: number[] = [];
    const { theSwitch, bridge } = rig().open({
      onPacketIn: ({ totalLength }) => packetIns.push(totalLength),
    });
    theSwitch.changeMeters(bridge, [
      {
        command: 'add',
        meter: {
          meterId: 1,
          unit: 'pktps',
          burst: false,
          stats: true,
          bands: [{ type: 'drop', rate: 100000, burstSize: 0, precLevel: 0 }],
        },
      },
    ]);
    bridge.policy((pkt, act) => {
      if (pkt.isArp) act.controller({ maxLen: 20 }).normal();
      else if (pkt.udpDst.equals(1)) act.meter(1).output('p2', { maxLen: 50 });
      else act.clone((copy) => copy.set.ethDst('02:00:00:00:00:99').output('p3')).output('p2');
    });
    const [two, three] = [await listen(2, 4), await listen(3, 3)];
    send(1, arpFrame(MAC_A, '10.0.0.1', '10.0.0.2'));
    expect(await two.take(1)).to.have.length(1);
    expect(await three.take(1)).to.have.length(1);
    await eventually('the packet-in', () => packetIns.length >= 1);
    send(1, udpFrame(5, 1));
    expect((await two.take(1))[0]).to.have.length(50);
    send(1, udpFrame(5, 2));
    expect((await two.take(1))[0].subarray(0, 6).toString('hex')).to.equal('02000000000b');
    expect((await three.take(1))[0].subarray(0, 6).toString('hex')).to.equal('020000000099');
  });
});
