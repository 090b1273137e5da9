import { expect } from 'chai';
import { be16 } from '../support/attributes.js';
import { eventually } from '../support/eventually.js';
import { ethernet, ipv4Packet, tcpPacket, udpFrame } from '../support/frames.js';
import { LocalCollector } from '../support/local-collector.js';
import { netflowRecords } from '../support/netflow.js';
import { needsNfdump, NfCollector } from '../support/nfdump.js';
import { describeSwitch, revalidated, type RunningSwitch } from '../support/switch-rig.js';
import { dissect, needsTshark } from '../support/tshark.js';
import { sendFrames } from '../support/traffic.js';

const FLOWS = 'in_port=1,ip actions=output:2\nin_port=1,ipv6 actions=output:2\nin_port=2 actions=drop';
const tcp = (flags: number) =>
  ethernet({ type: 0x0800, payload: tcpPacket(40000, 80, flags, Buffer.alloc(20), { tos: 0xb8 }) });
const ICMP = ethernet({
  type: 0x0800,
  payload: ipv4Packet(1, Buffer.concat([Buffer.from([3, 1]), be16(0, 0, 0)]), -1),
});
/** UDP over IPv6 from port 7 to port 8, in VLAN 5. */
const SIX = ethernet({
  type: 0x86dd,
  tags: [[0x8100, 5]],
  payload: Buffer.concat([
    Buffer.from([0x60, 0, 0, 0, 0, 12, 17, 64]),
    Buffer.from('20010db8000000000000000000000001', 'hex'),
    Buffer.from('20010db8000000000000000000000002', 'hex'),
    be16(7, 8, 12, 0, 0, 0),
  ]),
});
/** In this order on the wire: 3 + 1 + 4 + 1 packets. */
const MIX = [udpFrame(), udpFrame(), udpFrame(), ICMP, tcp(0x02), tcp(0x18), tcp(0x10), tcp(0x11), SIX];

describeSwitch(
  'switch: NetFlow',
  (rig) => {
    before(function () {
      needsTshark(this);
      needsNfdump(this);
    });

    const listening: LocalCollector[] = [];
    afterEach(() => {
      for (const collector of listening.splice(0)) collector.close();
    });
    async function listen(): Promise<LocalCollector> {
      const collector = await LocalCollector.start();
      listening.push(collector);
      return collector;
    }

    const exporterTo = (targets: readonly string[], ...settings: string[]) => [
      ...['set', 'bridge', 'br0', 'netflow=@n', '--', '--id=@n', 'create', 'NetFlow'],
      ...[
        `targets=${targets.map((target) => `"${target}"`).join(',')}`,
        'engine_type=3',
        'engine_id=7',
        ...settings,
      ],
    ];

    function open(...words: string[]): RunningSwitch {
      const running = rig().open({ bridge: { failMode: 'secure' } });
      running.theSwitch.addFlows(running.bridge, FLOWS);
      running.theSwitch.vsctl(words);
      return running;
    }

    /** The mix goes through, one frame after the other, and is counted. */
    async function traffic({ theSwitch }: RunningSwitch, frames: readonly Buffer[] = MIX): Promise<void> {
      const handled = () => {
        const { hit, missed } = theSwitch.stats().datapath;
        return hit + missed;
      };
      for (const frame of frames) {
        const before = handled();
        sendFrames(rig().hosts[0].namespace, 'eth0', [frame]);
        await eventually('the frame is handled', () => handled() > before);
      }
      await eventually(
        'misses have been handled',
        () => theSwitch.stats().upcall.miss === theSwitch.stats().datapath.missed,
      );
      await revalidated(theSwitch);
    }

    const counted = (theSwitch: RunningSwitch['theSwitch'], name: string) =>
      theSwitch.stats().exporters.find((counter) => counter.name === name)?.total;

    async function expectNfdump(nfcapd: NfCollector, version: 5 | 9): Promise<void> {
      const flows = await nfcapd.flows();
      expect(nfcapd.complaints).to.equal('Sequence Errors: 0, Bad Packets: 0');
      expect(flows).to.have.length(version === 5 ? 3 : 4);
      const dumped = (proto: number, address = 'src4_addr') =>
        flows.find((flow) => flow.proto === proto && address in flow);
      const interfaces = { input_snmp: 1, output_snmp: 2, src4_addr: '10.0.0.1', dst4_addr: '10.0.0.2' };
      expect(dumped(6)).to.include({
        ...{ ...interfaces, src_port: 40000, dst_port: 80, in_packets: 4, in_bytes: 296, src_tos: 184 },
        tcp_flags: '...AP.SF',
      });
      expect(dumped(1)).to.include({
        ...interfaces,
        in_packets: 1,
        in_bytes: 60,
        icmp_type: 3,
        icmp_code: 1,
      });
      expect(dumped(17)).to.include({
        ...interfaces,
        in_packets: 3,
        in_bytes: 222,
        src_port: 1000,
        dst_port: 2000,
      });
      if (version === 9)
        expect(dumped(17, 'src6_addr')).to.include({
          ...{ src6_addr: '2001:db8::1', dst6_addr: '2001:db8::2', src_port: 7, dst_port: 8 },
          ...{ in_packets: 1, src_vlan: 5, dst_vlan: 5 },
        });
      await nfcapd.stop();
    }

    for (const version of [5, 9] as const) {
      it(`version ${version}: what tshark and nfdump print is what went through`, async () => {
        const [collector, nfcapd] = [await listen(), await NfCollector.start('nfcapd')];
        const running = open(
          ...exporterTo([collector.target, nfcapd.target], `external_ids:version=${version}`),
        );
        await traffic(running);
        await running.theSwitch.close();
        await eventually('a message', () => collector.datagrams.length > 0);
        const records = netflowRecords(await dissect(collector.datagrams, 'cflow', collector.port));
        const of = (protocol: string, field = 'srcaddr') =>
          records.find((record) => record.protocol === protocol && field in record);
        const interfaces = { inputint: '1', outputint: '2', dstaddr: '10.0.0.2', srcaddr: '10.0.0.1' };
        expect(of('17')).to.include({
          ...interfaces,
          packets: '3',
          octets: '222',
          srcport: '1000',
          dstport: '2000',
        });
        expect(of('1')).to.include({
          ...interfaces,
          packets: '1',
          octets: '60',
          srcport: '0',
          dstport: '769',
        });
        expect(of('6')).to.include({
          ...interfaces,
          packets: '4',
          octets: '296',
          tcpflags: '0x1b',
          tos: '0xb8',
        });
        expect(of('17', 'srcaddrv6')).to.deep.equal(
          version === 5
            ? undefined
            : { ...of('17', 'srcaddrv6'), srcaddrv6: '2001:db8::1', packets: '1', vlanid: '5' },
        );
        await expectNfdump(nfcapd, version);
      });
    }

    it('settings change while it runs: timeout, collectors, version, none at all', async () => {
      const [one, other] = [await listen(), await listen()];
      const running = open(...exporterTo([one.target], 'active_timeout=-1'));
      const { theSwitch } = running;
      await traffic(running, [udpFrame()]);
      expect(one.datagrams).to.have.length(0);
      theSwitch.vsctl(['set', 'NetFlow', netflowOf(running), 'active_timeout=1']);
      await eventually('the record of a flow that goes on', () => one.datagrams.length === 1);
      theSwitch.vsctl([
        'set',
        'NetFlow',
        netflowOf(running),
        `targets="${other.target}"`,
        'external_ids:version=9',
      ]);
      await traffic(running, [udpFrame(), udpFrame()]);
      await eventually('a message to the other', () => other.datagrams.length > 0);
      expect(other.datagrams[0].readUInt16BE(0)).to.equal(9);
      expect(one.datagrams).to.have.length(1);
      await traffic(running, [udpFrame()]);
      theSwitch.vsctl(['clear', 'bridge', 'br0', 'netflow']);
      const records = counted(theSwitch, 'netflow_records');
      await traffic(running, [udpFrame(), udpFrame()]);
      expect(counted(theSwitch, 'netflow_records')).to.equal(records);
    });

    it('a collector that is not there costs nothing but its datagrams', async () => {
      const gone = await LocalCollector.start();
      const { target } = gone;
      gone.close();
      const there = await listen();
      const running = open(...exporterTo([target, there.target], 'active_timeout=1'));
      await traffic(running);
      await eventually('all records', () => counted(running.theSwitch, 'netflow_records')! >= 3);
      await eventually('they come to the other', () => there.datagrams.length > 0);
    });

    const netflowOf = ({ theSwitch }: RunningSwitch) => theSwitch.configuration.rows('NetFlow')[0].uuid;
  },
  { hosts: 2 },
);
