import { expect } from 'chai';
import { ethernet, MAC_A, MAC_B, udpFrame, udpPacket } from '../support/frames.js';
import { eventually } from '../support/eventually.js';
import { needsNfdump, NfCollector } from '../support/nfdump.js';
import { lacpduFrame } from '../../ts/packet/index.js';
import { SflowListener, type SflowSample } from '../support/sflow.js';
import { deliver, openWith } from '../support/switch-frames.js';
import { sendFrames } from '../support/traffic.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';
import { datapathType } from '../support/test-datapath.js';
import { allFields, complaintsOf, dissect, type Dissected, needsTshark } from '../support/tshark.js';

/** Sent into port 1, 2 or 3. */
interface Sent {
  readonly port: 1 | 2 | 3;
  readonly frame: Buffer;
}

const FLOWS = [
  'in_port=1,dl_vlan=7,dl_vlan_pcp=3 actions=set_field:9->vlan_vid,output:2',
  'in_port=1,vlan_tci=0/0x1000 actions=push_vlan:0x8100,set_field:5->vlan_vid,output:2',
  'in_port=2 actions=output:1,output:3',
  'in_port=3 actions=drop',
].join('\n');
const tagged = ethernet({
  type: 0x0800,
  tags: [[0x8100, 0x6007]],
  payload: udpPacket(1, 2, Buffer.alloc(32)),
});
const long = udpFrame(1000, 2000, {}, Buffer.alloc(400, 0x5a));
/** Tagged otherwise, tagged first, to several ports, to none. */
const MIX: readonly Sent[] = [
  { port: 1, frame: tagged },
  { port: 1, frame: udpFrame() },
  { port: 2, frame: long },
  { port: 3, frame: udpFrame() },
];
const HEADER = 96;

describeSwitch(
  'switch: sFlow',
  (rig) => {
    const listeners: SflowListener[] = [];
    const listen = async (host?: string) => {
      const listener = await SflowListener.start(host);
      listeners.push(listener);
      return listener;
    };
    let sfcapd: NfCollector | undefined;
    afterEach(async () => {
      await sfcapd?.stop();
      for (const listener of listeners.splice(0)) listener.close();
    });

    /** Makes br0's sFlow record; sends samples and counters of all. */
    async function enable(
      { theSwitch }: RunningSwitch,
      targets: readonly string[],
      ...settings: readonly string[]
    ): Promise<void> {
      const list = `targets=[${targets.map((target) => JSON.stringify(target)).join(',')}]`;
      const words = ['--', '--id=@s', 'create', 'sFlow', list, ...settings];
      theSwitch.vsctl([...words, '--', 'set', 'Bridge', 'br0', 'sflow=@s']);
      await listeners[0].until('counters', 1);
    }

    const sampled = ({ theSwitch }: RunningSwitch) =>
      theSwitch.stats().exporters.find(({ name }) => name === 'sflow_flow_samples')!.total;

    /** Sends the mix; the samples of it. */
    async function sendMix(
      listener: SflowListener,
      running: RunningSwitch,
      mix: readonly Sent[] = MIX,
    ): Promise<SflowSample[]> {
      const before = listener.samples('flow').length;
      // One by one, so that the order of the samples is known.
      for (const { port, frame } of mix) {
        const count = sampled(running) + 1;
        sendFrames(rig().hosts[port - 1].namespace, 'eth0', [frame]);
        await eventually('the frame is sampled', () => sampled(running) === count);
      }
      return (await listener.until('flow', before + mix.length)).slice(before);
    }

    const ifindex = ({ ports }: RunningSwitch, port: number) => ports[port - 1].ifindex;

    /** What samples of the mix are to say, `first` being the sequence number of the first. */
    function expectMix(samples: readonly SflowSample[], running: RunningSwitch, first = 1): void {
      const outputs = [ifindex(running, 2), ifindex(running, 2), 0x80000002, 0x40000100];
      const vlans = [
        { srcVlan: 7, srcPriority: 3, dstVlan: 9, dstPriority: 3 },
        { srcVlan: 0, srcPriority: 0, dstVlan: 5, dstPriority: 0 },
        { srcVlan: 0, srcPriority: 0, dstVlan: 0, dstPriority: 0 },
        { srcVlan: 0, srcPriority: 0, dstVlan: 0, dstPriority: 0 },
      ];
      const expected = MIX.map(
        ({ port, frame }, i): SflowSample => ({
          kind: 'flow',
          sequence: first + i,
          source: '2:1000',
          fields: {
            sampling: 1,
            pool: first + i,
            drops: 0,
            input: ifindex(running, port),
            output: outputs[i],
          },
          records: {
            switch: vlans[i],
            header: {
              protocol: 1,
              frameLength: frame.length + 4,
              stripped: 4,
              bytes: frame.subarray(0, HEADER).toString('hex'),
            },
          },
        }),
      );
      expect(samples).to.deep.equal(expected);
    }

    it('tells collectors of sampled packets: ports, VLANs, header, several outputs and none', async () => {
      const running = openWith(rig(), FLOWS);
      const [four, six] = [await listen(), await listen('::1')];
      await enable(running, [four.target, six.target], 'sampling=1', 'polling=1', `header=${HEADER}`);
      // Twice: the first packet of a flow is sampled by the slow path's execution, the others by the flow.
      const samples = [...(await sendMix(four, running)), ...(await sendMix(four, running))];
      expectMix(samples.slice(0, 4), running);
      expectMix(samples.slice(4), running, 5);
      expect(await six.until('flow', 8)).to.deep.equal(samples);
      for (const listener of [four, six]) {
        const datagrams = listener.parsed;
        expect(datagrams.map(({ sequence }) => sequence)).to.deep.equal(datagrams.map((_, i) => i + 1));
        for (const one of datagrams) expect(one).to.include({ agent: '127.0.0.1', subAgent: 0 });
        const uptimes = datagrams.map(({ uptime }) => uptime);
        expect(uptimes).to.deep.equal([...uptimes].sort((a, b) => a - b));
      }
    });

    if (datapathType === 'netdev') {
      it('is understood by tshark and by sfcapd with nfdump', async function () {
        needsTshark(this);
        needsNfdump(this);
        const running = openWith(rig(), FLOWS);
        const listener = await listen();
        sfcapd = await NfCollector.start('sfcapd');
        const targets = [listener.target, sfcapd.target];
        await enable(running, targets, 'sampling=1', 'polling=1', `header=${HEADER}`);
        await sendMix(listener, running);
        await expectTshark(listener, running);
        await expectNfdump(sfcapd, running);
      });
    }

    /** Flow samples as tshark shows them: its fields but those of the sampled packet. */
    function shownSamples(dissected: readonly Dissected[]): string[][] {
      const flows = dissected.flatMap(({ fields }) =>
        fields.filter(({ text }) => text.startsWith('Flow sample')),
      );
      return flows.map((flow) =>
        [...allFields(flow)]
          .filter(({ name }) => /^sflow/.test(name))
          .map(({ name, show }) => `${name.replace(/^sflow[_\d]*\./, '')} ${show}`),
      );
    }

    async function expectTshark(listener: SflowListener, running: RunningSwitch): Promise<void> {
      const flowsOnly = listener.datagrams.filter((_, i) =>
        listener.parsed[i].samples.every(({ kind }) => kind === 'flow'),
      );
      expect(complaintsOf(await dissect(flowsOnly, 'sflow', listener.port))).to.deep.equal([]);
      const shown = shownSamples(await dissect(listener.datagrams, 'sflow', listener.port));
      const vlans = [
        [7, 3, 9, 3],
        [0, 0, 5, 0],
        [0, 0, 0, 0],
        [0, 0, 0, 0],
      ];
      const outputs = [
        [0, ifindex(running, 2)],
        [0, ifindex(running, 2)],
        [2, 2],
        [1, 256],
      ];
      const expected = MIX.map(({ port, frame }, i) => {
        const header = frame.subarray(0, HEADER);
        const [format, value] = outputs[i];
        const padded = (header.length + 3) & ~3;
        return [
          'enterprise 0',
          'sampletype 1',
          `sample_length ${88 - 8 + padded}`,
          `flow_sample.sequence_number ${i + 1}`,
          'flow_sample.source_id_class 2',
          'flow_sample.index 1000',
          'flow_sample.sampling_rate 1',
          `flow_sample.sample_pool ${i + 1}`,
          'flow_sample.dropped_packets 0',
          `flow_sample.input_interface ${ifindex(running, port)}`,
          `flow_sample.output_interface 0x${(((format << 30) | value) >>> 0).toString(16).padStart(8, '0')}`,
          `flow_sample.output_interface_format ${format}`,
          `flow_sample.output_interface_value ${value}`,
          'flow_sample.flow_record 2',
          'enterprise 0',
          'flow_record_format 1001',
          'flow_data_length 16',
          `vlan.in ${vlans[i][0]}`,
          `pri.in ${vlans[i][1]}`,
          `vlan.out ${vlans[i][2]}`,
          `pri.out ${vlans[i][3]}`,
          'enterprise 0',
          'flow_record_format 1',
          `flow_data_length ${16 + padded}`,
          'header_protocol 1',
          `header.frame_length ${frame.length + 4}`,
          'header.payload_stripped 4',
          `header.sampled_header_length ${header.length}`,
          `header ${Buffer.concat([header, Buffer.alloc(padded - header.length)])
            .toString('hex')
            .replace(/..(?=.)/g, '$&:')}`,
        ];
      });
      expect(shown).to.deep.equal(expected);
    }

    async function expectNfdump(collector: NfCollector, running: RunningSwitch): Promise<void> {
      const flows = await collector.flows();
      const times = { first: '', last: '', received: '' };
      const vlans = [
        [7, 9],
        [0, 5],
        [0, 0],
        [0, 0],
      ];
      const outputs = [ifindex(running, 2), ifindex(running, 2), 2, 256];
      const expected = MIX.map(({ port, frame }, i) => ({
        type: 'FLOW',
        sampled: 1,
        export_sysid: 1,
        ...times,
        in_packets: 1,
        in_bytes: frame.length + 4,
        proto: 17,
        tcp_flags: '........',
        src_port: i === 0 ? 1 : 1000,
        dst_port: i === 0 ? 2 : 2000,
        src_tos: 0,
        src4_addr: '10.0.0.1',
        dst4_addr: '10.0.0.2',
        input_snmp: ifindex(running, port),
        output_snmp: outputs[i],
        src_mask: 0,
        dst_mask: 0,
        src_net: '',
        dst_net: '',
        fwd_status: 0,
        direction: 0,
        dst_tos: 0,
        src_vlan: vlans[i][0],
        dst_vlan: vlans[i][1],
        src_as: 0,
        dst_as: 0,
        ip4_router: '127.0.0.1',
        in_src_mac: MAC_A,
        out_dst_mac: MAC_B,
        in_dst_mac: '00:00:00:00:00:00',
        out_src_mac: '00:00:00:00:00:00',
        label: '<none>',
      }));
      expect(flows.map((flow) => ({ ...flow, ...times }))).to.deep.equal(expected);
    }

    it('tells the MPLS labels that packets leave with', async () => {
      const running = openWith(
        rig(),
        [
          'in_port=1,ip actions=push_mpls:0x8847,set_field:1000->mpls_label,set_field:5->mpls_tc,push_mpls:0x8847,set_field:2000->mpls_label,output:2',
          'in_port=1,mpls actions=pop_mpls:0x8847,output:2',
          'in_port=2,mpls actions=set_field:77->mpls_label,output:1',
        ].join('\n'),
      );
      const listener = await listen();
      await enable(running, [listener.target], 'sampling=1', 'polling=1');
      const label = (number: number, tc: number, bottom: boolean) =>
        ((number << 12) | (tc << 9) | (bottom ? 0x100 : 0)) >>> 0;
      // Labels with a time to live of 64.
      const stack = (...entries: readonly number[]) => {
        const bytes = Buffer.alloc(4 * entries.length);
        for (const [i, entry] of entries.entries()) bytes.writeUInt32BE((entry | 64) >>> 0, 4 * i);
        return ethernet({ type: 0x8847, payload: Buffer.concat([bytes, Buffer.alloc(46, 0x45)]) });
      };
      const samples = await sendMix(listener, running, [
        { port: 1, frame: udpFrame() },
        { port: 1, frame: stack(label(10, 0, false), label(11, 1, true)) },
        { port: 2, frame: stack(label(12, 0, false), label(13, 2, true)) },
      ]);
      expect(samples.map(({ records }) => records.mpls)).to.deep.equal([
        { nextHop: '0.0.0.0', in: [], out: [label(2000, 5, false) | 64, label(1000, 5, true) | 64] },
        { nextHop: '0.0.0.0', in: [], out: [label(11, 1, true) | 64] },
        { nextHop: '0.0.0.0', in: [], out: [label(77, 0, false) | 64, label(13, 2, true) | 64] },
      ]);
    });

    it('tells counters of ports, LACP of bonds, of the datapath and of the process', async () => {
      const running = openWith(rig(), 'in_port=1 actions=output:2', { vlans: [{}, {}] });
      const { theSwitch } = running;
      theSwitch.vsctl('add-bond br0 bond0 p3 p4 lacp=active'.split(' '));
      theSwitch.vsctl('set Bridge br0 other_config:datapath-id=00000000000000ab'.split(' '));
      const listener = await listen();
      await deliver(rig(), 1, [udpFrame(), udpFrame()], [0, 2]);
      await enable(running, [listener.target], 'sampling=1', 'polling=1');
      const counted = (port: string, name: string) =>
        Number(rig().inside.run('cat', `/sys/class/net/${port}/statistics/${name}`));
      const of = (source: string) =>
        listener.samples('counters').filter((sample) => sample.source === source);
      const bond = running.bridge.portByName('p3')!;
      const sources = ['2:1000', `0:${ifindex(running, 1)}`, `0:${ifindex(running, 2)}`, `0:${bond.ifindex}`];
      await eventually('counters of all', () => sources.every((source) => of(source).length >= 3));
      for (const source of sources)
        expect(of(source).map(({ sequence }) => sequence)).to.deep.equal(of(source).map((_, i) => i + 1));
      const [globals, one, two, member] = sources.map((source) => of(source)[0].records);
      expect(Object.keys(globals)).to.deep.equal(['datapath', 'app']);
      expect(globals.datapath.missed).to.be.at.least(1);
      expect(globals.datapath.flows).to.be.a('number');
      expect(globals.app.memory).to.be.above(1 << 20);
      const unknown = 0xffffffff;
      const speed = { speed: 10_000_000_000, direction: 1 };
      expect(one.generic).to.deep.include({ ifindex: ifindex(running, 1), type: 6, ...speed, status: 3 });
      expect(one.generic).to.deep.include({
        inUcast: counted('p1', 'rx_packets'),
        inOctets: counted('p1', 'rx_bytes'),
        inErrors: 0,
        inUnknown: unknown,
      });
      expect(two.generic).to.deep.include({
        outUcast: counted('p2', 'tx_packets'),
        outOctets: counted('p2', 'tx_bytes'),
        outMulticast: unknown,
      });
      expect(one.ethernet).to.deep.include({
        alignment: 0,
        fcs: 0,
        singleCollision: unknown,
        symbol: unknown,
      });
      expect(one.openflowPort).to.deep.equal({ datapathId: '00000000000000ab', port: 1 });
      expect(one.portName).to.deep.equal({ name: 'p1' });
      expect(one).not.to.have.property('lacp');
      const localMac = rig()
        .inside.ip('link show dev br0')
        .match(/ether (\S+)/)![1];
      expect(member.lacp).to.deep.include({
        actor: localMac,
        partner: '00:00:00:00:00:00',
        aggregator: bond.ofport,
      });
      // The partner, who is nobody, is awaited still, or not any more.
      expect(String(member.lacp.states)).to.be.oneOf(['5,189,0,2', '5,117,0,0']);
      expect(member.lacp).to.deep.include({ rx: 0, markerRx: unknown, illegalRx: 0 });
      // A message comes in, and one that is cut; ours go out meanwhile.
      const info = { systemPriority: 1, key: 1, portPriority: 1, portId: 1, state: 1 };
      const partner = { ...info, systemId: Uint8Array.of(2, 0, 0, 0, 0, 9) };
      const message = Buffer.from(lacpduFrame(partner.systemId, { actor: partner, partner }));
      sendFrames(rig().hosts[2].namespace, 'eth0', [message, message, message.subarray(0, 100)]);
      const lacp = () => of(sources[3]).at(-1)!.records.lacp;
      await eventually(
        'they are counted',
        () => lacp().rx === 3 && lacp().illegalRx === 1 && Number(lacp().tx) > 0,
      );
      expect(lacp()).to.deep.include({ partner: '02:00:00:00:00:09' });
    });

    it('is changed while it runs, and what stays goes on', async () => {
      const running = openWith(rig(), FLOWS);
      const { theSwitch } = running;
      const [listener, other] = [await listen(), await listen()];
      await enable(running, [listener.target], 'sampling=1', 'polling=1', `header=${HEADER}`);
      expectMix(await sendMix(listener, running), running);
      // What does not concern sFlow does not disturb it; nor does a collector more, nor what would be told of tunnels.
      theSwitch.vsctl('set Bridge br0 other_config:mac-aging-time=99'.split(' '));
      theSwitch.vsctl(['add', 'sFlow', 'br0', 'targets', JSON.stringify(other.target)]);
      theSwitch.vsctl('set sFlow br0 external_ids:tunnel-ethernet=true'.split(' '));
      expectMix(await sendMix(listener, running), running, 5);
      expect(await other.until('flow', 4)).to.deep.equal(listener.samples('flow').slice(4));
      theSwitch.vsctl('set sFlow br0 agent=10.9.8.7 header=20 polling=0'.split(' '));
      const [sample] = await sendMix(listener, running, MIX.slice(1, 2));
      expect(sample).to.deep.include({ sequence: 9 });
      expect(sample.records.header.bytes).to.equal(udpFrame().subarray(0, 20).toString('hex'));
      const { sequence, agent } = listener.parsed.at(-1)!;
      expect({ sequence, agent }).to.deep.equal({ sequence: listener.datagrams.length, agent: '10.9.8.7' });
      theSwitch.vsctl(['set', 'sFlow', 'br0', `targets=${JSON.stringify(other.target)}`, 'sampling=2']);
      theSwitch.vsctl('clear Bridge br0 sflow'.split(' '));
      const count = sampled(running);
      await revalidated(theSwitch);
      await deliver(rig(), 1, [udpFrame()], [0, 1, 0]);
      expect(sampled(running)).to.equal(count);
      const told = other.samples('counters').length;
      const words = ['--id=@s', 'create', 'sFlow', `targets="${other.target}"`, 'sampling=1', 'polling=1'];
      theSwitch.vsctl(['--', ...words, '--', 'set', 'Bridge', 'br0', 'sflow=@s']);
      await eventually('the new agent speaks', () => other.samples('counters').length > told);
      await revalidated(theSwitch);
      const [again] = await sendMix(other, running, MIX.slice(1, 2));
      expect(again.sequence, 'a new record begins anew').to.equal(1);
      const totals = Object.fromEntries(theSwitch.stats().exporters.map(({ name, total }) => [name, total]));
      expect(totals).to.include({
        samples_orphans: 0,
        sflow_flow_samples: 10,
        sflow_dropped: 0,
        sflow_errors: 0,
      });
    });
  },
  { hosts: 4 },
);
