import { expect } from 'chai';
import { be16 } from '../support/attributes.js';
import { type DecodedRecord, describeDifferential, type ExportProtocol } from '../support/differential.js';
import { arpFrame, ethernet, ipv4Packet, tcpPacket, udpFrame } from '../support/frames.js';
import { netflowRecords } from '../support/netflow.js';

const PACKETS_AT = 24 + 16;
const RECORD_BYTES = 48;

/** Packets in the records of messages of version 5. */
function packetsIn(datagrams: readonly Buffer[]): number {
  let packets = 0;
  for (const datagram of datagrams)
    for (let at = PACKETS_AT; at < datagram.length; at += RECORD_BYTES) packets += datagram.readUInt32BE(at);
  return packets;
}

/** A flow may have been told in several records, as time went: what they say together. */
function merged(records: readonly DecodedRecord[]): DecodedRecord[] {
  const flows = new Map<string, Record<string, string>>();
  for (const record of records) {
    const { packets, octets, tcpflags, timedelta, timestart, abstimestart, timeend, ...key } = record;
    const name = JSON.stringify(key);
    const flow = flows.get(name) ?? { ...key, packets: '0', octets: '0', tcpflags: '0' };
    flow.packets = String(Number(flow.packets) + Number(packets));
    flow.octets = String(Number(flow.octets) + Number(octets));
    flow.tcpflags = String(Number(flow.tcpflags) | Number(tcpflags));
    flows.set(name, flow);
  }
  return [...flows.values()];
}

const NETFLOW: ExportProtocol = {
  dissector: 'cflow',
  records: (messages) => merged(netflowRecords(messages)),
  ignored: [],
};

const nearly = (...settings: string[]) => [
  ...['set', 'bridge', 'br0', 'netflow=@n', '--', '--id=@n', 'create', 'NetFlow'],
  ...['targets="COLLECTOR"', 'active_timeout=1', 'engine_type=3', 'engine_id=7', ...settings],
];

const icmp = (type: number, code: number) =>
  ethernet({
    type: 0x0800,
    payload: ipv4Packet(1, Buffer.concat([Buffer.from([type, code]), be16(0, 1, 1)]), -1),
  });
const tcp = (flags: number, tos = 0) =>
  ethernet({ type: 0x0800, payload: tcpPacket(40000, 80, flags, Buffer.alloc(10), { tos }) });
const tagged = (vid: number) =>
  ethernet({ type: 0x0800, tags: [[0x8100, vid]], payload: udpFrame(1000, 9).subarray(14) });
const labelled = ethernet({ type: 0x8847, payload: Buffer.alloc(40) });

const FLOWS = [
  'in_port=1,udp,tp_dst=1 actions=output:2',
  'in_port=1,udp,tp_dst=2 actions=output:2,output:3',
  'in_port=1,udp,tp_dst=3 actions=drop',
  'in_port=1,udp,tp_dst=4 actions=FLOOD',
  'in_port=1,udp,tp_dst=5 actions=mod_nw_dst:9.9.9.9,output:2,mod_tp_dst:99',
  'in_port=1,udp,tp_dst=6 actions=controller',
  'in_port=1,udp,tp_dst=7,ct_state=-trk actions=ct(table=1)',
  'in_port=1,udp,tp_dst=8 actions=in_port',
  'in_port=1,udp,tp_dst=9,dl_vlan=5 actions=output:2',
  'in_port=1,udp,tp_dst=10 actions=clone(mod_nw_src:1.1.1.1,output:2)',
  'in_port=1,udp,tp_dst=11 actions=LOCAL',
  'in_port=1,udp,tp_dst=12 actions=output:2,push_mpls:0x8847,output:2',
  'in_port=1,tcp actions=output:2',
  'in_port=1,icmp actions=output:2',
  'in_port=1,ip,nw_proto=47 actions=output:3',
  'in_port=1,arp actions=output:2',
  'in_port=2 actions=output:1',
  'table=1 actions=output:2',
].join('\n');

describeDifferential('NetFlow', (rig) => {
  it('packets of all kinds, to all kinds of outputs', async () => {
    // Packets with labels in front are not counted: tp_dst=12 is not in it.
    const to = (port: number, size = 32) => udpFrame(1000, port, {}, Buffer.alloc(size));
    const counted = [
      ...[to(1), to(1), to(1, 1000), to(2), to(3), to(4), to(5), to(6), to(7), to(7), to(8), tagged(5)],
      ...[to(10), to(11), tcp(0x02), tcp(0x18), tcp(0x11), tcp(0x18, 0x2a), icmp(8, 0), icmp(3, 1)],
      ethernet({ type: 0x0800, payload: ipv4Packet(47, Buffer.alloc(30), -1) }),
    ];
    const others = [to(12), labelled, arpFrame('02:00:00:00:00:0a', '10.0.0.1', '10.0.0.2')];
    const back = udpFrame(53, 1000, { src: '10.0.0.2', dst: '10.0.0.1', tos: 0xff });
    const records = await rig.expectSame(NETFLOW, {
      vsctl: nearly(),
      flows: FLOWS,
      frames: [...[...others, ...counted].map((frame) => [1, frame] as const), [2, back], [2, back]],
      enough: (datagrams) => packetsIn(datagrams) >= counted.length + 2,
    });
    expect(records).to.have.length(17);
  });

  it('interfaces with bits of the engine id', async () => {
    const frames = Array.from({ length: 35 }, (_, i) => [1, udpFrame(2000 + i, 1)] as const);
    const records = await rig.expectSame(NETFLOW, {
      vsctl: nearly('add_id_to_interface=true'),
      flows: FLOWS,
      frames,
      enough: (datagrams) => packetsIn(datagrams) >= frames.length,
    });
    expect(records).to.have.length(35);
    expect(records[0]).to.contain(`inputint=${(7 << 9) | 1} outputint=${(7 << 9) | 2}`);
  });
});
