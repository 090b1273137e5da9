import { expect } from 'chai';
import { dumpFlowLines } from '../../ts/datapath/index.js';
import type { LocalSample } from '../../ts/exporters/index.js';
import { eventually } from '../support/eventually.js';
import { ethernet, ipv4Packet, tcpPacket, udpFrame } from '../support/frames.js';
import { LocalCollector } from '../support/local-collector.js';
import { openWith } from '../support/switch-frames.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';
import { datapathType, hasPsample } from '../support/test-datapath.js';
import { sendFrames } from '../support/traffic.js';

const sample = (words: string) => `sample(probability=65535,collector_set_id=${words})`;
const FLOWS = [
  `in_port=1,udp actions=${sample('1,obs_domain_id=5,obs_point_id=0x80000006')},output:2`,
  `in_port=1,tcp actions=mod_nw_dst:9.9.9.9,${sample('2,obs_domain_id=7')},output:2`,
  'in_port=1,icmp actions=sample(probability=32768,collector_set_id=1),output:2',
].join('\n');
const PORTABLE = /psample/;
const TCP = ethernet({ type: 0x0800, payload: tcpPacket(40000, 80, 2, Buffer.alloc(10)) });
const ICMP = ethernet({ type: 0x0800, payload: ipv4Packet(1, Buffer.of(8, 0, 0, 0), -1) });

/** The embedded datapath has psample as Linux 6.11 has it; that of Linux 6.1 has not, and samples come up. */
describeSwitch(
  'switch: local samples',
  (rig) => {
    const send = (...frames: readonly Buffer[]) => sendFrames(rig().hosts[0].namespace, 'eth0', frames);

    function listen({ theSwitch }: RunningSwitch): LocalSample[] {
      const samples: LocalSample[] = [];
      theSwitch.events.on('sample', (one) => samples.push(one));
      return samples;
    }

    const counted = ({ theSwitch }: RunningSwitch, name: string) =>
      theSwitch.stats().exporters.find((one) => one.name === name)!.total;

    /** So many packets went through; where machines are slow, flows idle out between them. */
    function handled({ theSwitch }: RunningSwitch, packets: number): boolean {
      const { datapath, upcall } = theSwitch.stats();
      return datapath.hit + datapath.missed >= packets && upcall.miss === datapath.missed;
    }

    it('tells packets of the group, whole, with what the action says and the device that they came by', async () => {
      const running = openWith(rig(), FLOWS);
      const { theSwitch, bridge, ports } = running;
      theSwitch.setCollectorSet(bridge, 1, { localGroupId: 100 });
      theSwitch.setCollectorSet(bridge, 2, { localGroupId: 0xfffffffe });
      const samples = listen(running);
      // The first packet of each is sampled by the slow path's execution, the second by the flow.
      for (const frame of [udpFrame(), TCP, udpFrame(), TCP]) {
        const count = samples.length + 1;
        send(frame);
        await eventually('a sample', () => samples.length === count);
      }
      const common = { probability: 1, ifindex: ports[0].ifindex, outIfindex: 0 };
      const cookie = (hex: string) => Uint8Array.from(Buffer.from(hex, 'hex'));
      const [udp, tcp] = [udpFrame(), TCP];
      const first = {
        ...{ ...common, group: 100, obsDomainId: 5, obsPointId: 0x80000006 },
        ...{ cookie: cookie('0000000580000006'), size: udp.length },
      };
      const second = {
        ...{ ...common, group: 0xfffffffe, obsDomainId: 7, obsPointId: 0 },
        ...{ cookie: cookie('0000000700000000'), size: tcp.length },
      };
      expect(
        samples.map(({ packet: _, cookie: bytes, ...rest }) => ({
          ...rest,
          cookie: Uint8Array.from(bytes!),
        })),
      ).to.deep.equal([first, second, first, second]);
      expect(Buffer.from(samples[2].packet).equals(udp)).to.equal(true);
      // Headers are as the actions before left them.
      expect(Buffer.from(samples[3].packet).subarray(30, 34).toString('hex')).to.equal('09090909');
      expect(counted(running, 'samples_local')).to.equal(4);
      expect(counted(running, 'samples_local_lost')).to.equal(0);
      const lines = (await dumpFlowLines(theSwitch.datapath)).join('\n');
      if (hasPsample) expect(lines).to.include('psample(group=100,cookie=0x0000000580000006)');
      else expect(lines).to.include('flow_sample(').and.not.to.match(PORTABLE);
    });

    it('tells the share of packets that are sampled', async () => {
      const running = openWith(rig(), FLOWS);
      running.theSwitch.setCollectorSet(running.bridge, 1, { localGroupId: 100 });
      const samples = listen(running);
      send(...Array.from({ length: 128 }, () => ICMP));
      await eventually('every other packet', () => samples.length > 16);
      for (const { probability } of samples) expect(probability).to.be.closeTo(0.5, 1e-4);
    });

    it('warns where they come up to userspace', () => {
      const running = openWith(rig(), FLOWS);
      running.theSwitch.setCollectorSet(running.bridge, 1, { localGroupId: 100 });
      const warned = running.warnings.filter((text) => PORTABLE.test(text));
      expect(warned).to.have.length(hasPsample ? 0 : 1);
      if (!hasPsample) expect(warned[0]).to.match(/^collector set 1: the datapath has no psample action/);
    });

    it('goes with IPFIX of the same set, and follows its configuration', async () => {
      const running = openWith(rig(), FLOWS);
      const { theSwitch, bridge } = running;
      const collector = await LocalCollector.start();
      try {
        theSwitch.setCollectorSet(bridge, 1, { localGroupId: 100, targets: [collector.target] });
        const samples = listen(running);
        const exported = () => counted(running, 'ipfix_samples');
        send(udpFrame());
        await eventually('both', () => samples.length === 1 && exported() === 1);
        // Another group, then none.
        theSwitch.setCollectorSet(bridge, 1, { localGroupId: 101, targets: [collector.target] });
        await revalidated(theSwitch);
        send(udpFrame());
        await eventually('both again', () => samples.length === 2 && exported() === 2);
        expect(samples.map(({ group }) => group)).to.deep.equal([100, 101]);
        theSwitch.setCollectorSet(bridge, 1, { targets: [collector.target] });
        await revalidated(theSwitch);
        send(udpFrame());
        await eventually('IPFIX alone', () => exported() === 3);
        theSwitch.setCollectorSet(bridge, 1, { localGroupId: 102 });
        await revalidated(theSwitch);
        send(udpFrame());
        await eventually('the group alone', () => samples.length === 3);
        expect(samples[2].group).to.equal(102);
        theSwitch.setCollectorSet(bridge, 1, null);
        await revalidated(theSwitch);
        send(udpFrame());
        await eventually('the packet went through', () => handled(running, 5));
        expect([samples.length, exported()]).to.deep.equal([3, 3]);
        expect(counted(running, 'samples_orphans')).to.equal(0);
        expect(counted(running, 'ipfix_unknown_sets')).to.equal(0);
      } finally {
        collector.close();
      }
    });

    it('stops reading when nobody listens, and begins again', async () => {
      const running = openWith(rig(), FLOWS);
      const { theSwitch, bridge } = running;
      theSwitch.setCollectorSet(bridge, 1, { localGroupId: 100 });
      const samples: LocalSample[] = [];
      const listener = (one: LocalSample) => samples.push(one);
      theSwitch.events.on('sample', listener);
      send(udpFrame());
      await eventually('a sample', () => samples.length === 1);
      theSwitch.events.off('sample', listener);
      send(udpFrame());
      if (!hasPsample) await eventually('it came up', () => theSwitch.stats().upcall.flow_sample === 2);
      else if (datapathType === 'system') await eventually('it is sampled', () => handled(running, 2));
      else await eventually('nobody reads', () => theSwitch.datapath.counters().samplesUnread === 1);
      theSwitch.events.on('sample', listener);
      send(udpFrame());
      await eventually('another sample', () => samples.length === 2);
      expect(counted(running, 'samples_local')).to.equal(2);
    });
  },
  { hosts: 2 },
);
