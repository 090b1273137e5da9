import { expect } from 'chai';
import { type DecodedRecord, describeDifferential, type ExportProtocol } from '../support/differential.js';
import { arpFrame, ethernet, tcpPacket, udpFrame, udpPacket } from '../support/frames.js';
import { parseSflow } from '../support/sflow.js';
import { allFields, type Dissected } from '../support/tshark.js';

/** Fields of flow samples; of a name that is there more than once, all values. */
function sampleRecords(messages: readonly Dissected[]): DecodedRecord[] {
  const samples = messages.flatMap(({ fields }) =>
    fields.filter(({ text }) => text.startsWith('Flow sample')),
  );
  return samples.map((sample) => {
    const record: Record<string, string> = {};
    for (const { name, show } of allFields(sample))
      if (/^sflow/.test(name)) record[name] = name in record ? `${record[name]},${show}` : show;
    // OVS pads with whatever is there.
    const length = Number(record['sflow_245.header.sampled_header_length']);
    record['sflow_245.header'] = record['sflow_245.header'].slice(0, 3 * length - 1);
    return record;
  });
}

const SFLOW: ExportProtocol = {
  dissector: 'sflow',
  records: sampleRecords,
  ignored: ['sflow.flow_sample.sequence_number', 'sflow.flow_sample.sample_pool'],
};

/** Samples in datagrams of an agent with an IPv4 address: a number in their header. */
const sampled = (datagrams: readonly Buffer[]) =>
  datagrams.reduce((sum, datagram) => sum + datagram.readUInt32BE(24), 0);

const tagged = (tci: number, port: number) =>
  ethernet({ type: 0x0800, tags: [[0x8100, tci]], payload: udpPacket(1000, port, Buffer.alloc(32)) });
const labelled = (...labels: readonly number[]) => {
  const stack = Buffer.alloc(4 * labels.length);
  for (const [i, label] of labels.entries())
    stack.writeUInt32BE(((label << 12) | (i === labels.length - 1 ? 0x100 : 0) | 64) >>> 0, 4 * i);
  return ethernet({ type: 0x8847, payload: Buffer.concat([stack, udpPacket(1, 2, Buffer.alloc(32))]) });
};

const PUSH = 'push_mpls:0x8847,set_field:77->mpls_label';
const FLOWS = [
  'in_port=1,udp,tp_dst=1 actions=output:2',
  'in_port=1,udp,tp_dst=2 actions=output:2,output:3',
  'in_port=1,udp,tp_dst=3 actions=drop',
  'in_port=1,udp,tp_dst=4 actions=FLOOD',
  'in_port=1,udp,tp_dst=5 actions=push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp,output:2',
  'in_port=1,udp,tp_dst=6 actions=controller',
  'in_port=1,udp,tp_dst=7,ct_state=-trk actions=ct(table=1)',
  'in_port=1,udp,tp_dst=8 actions=in_port',
  'in_port=1,udp,tp_dst=9,vlan_tci=0x1000/0x1000 actions=pop_vlan,output:2',
  'in_port=1,udp,tp_dst=10,vlan_tci=0x1000/0x1000 actions=output:2,set_field:4102->vlan_vid,output:3',
  `in_port=1,udp,tp_dst=11 actions=${PUSH},output:2`,
  `in_port=1,udp,tp_dst=12 actions=clone(${PUSH},output:2)`,
  `in_port=1,udp,tp_dst=13 actions=output:3,${PUSH},output:2`,
  'in_port=1,tcp actions=output:3',
  'in_port=1,arp actions=output:2',
  'in_port=2,mpls,mpls_label=1 actions=output:1',
  'in_port=2,mpls,mpls_label=2 actions=pop_mpls:0x8847,output:1',
  'in_port=2,mpls,mpls_label=3 actions=pop_mpls:0x0800,output:1',
  `in_port=2,mpls,mpls_label=4 actions=${PUSH},output:1`,
  'in_port=3,udp actions=NORMAL',
  'table=1 actions=output:2',
].join('\n');

const setsSame = (one: string, other: string) => one.split('=')[0] === other.split('=')[0];

const record = (...settings: string[]) => [
  ...['set', 'bridge', 'br0', 'sflow=@s', '--', '--id=@s', 'create', 'sFlow', 'targets="COLLECTOR"'],
  ...[
    'agent=127.0.0.1',
    ...['sampling=1', 'polling=0'].filter((one) => !settings.some((other) => setsSame(one, other))),
    ...settings,
  ],
];

const to = (port: number, size = 32) => udpFrame(1000, port, {}, Buffer.alloc(size));

describeDifferential('sFlow', (rig) => {
  const tcp = ethernet({ type: 0x0800, payload: tcpPacket(40000, 80, 2, Buffer.alloc(10)) });

  it('packets of all kinds, to all kinds of outputs', async () => {
    const first = [1, 2, 3, 4, 5, 6, 7, 8, 11, 12, 13].map((port) => to(port));
    const more = [to(1, 1000), tagged(0x6007, 9), tagged(0x0007, 10), tcp];
    const frames = [
      ...[...first, ...more, arpFrame('02:00:00:00:00:0a', '10.0.0.1', '10.0.0.2')].map(
        (one) => [1, one] as const,
      ),
      ...[labelled(1), labelled(2, 5), labelled(3), labelled(4, 6)].map((one) => [2, one] as const),
      [3, to(1)] as const,
    ];
    const records = await rig.expectSame(SFLOW, {
      vsctl: record(),
      flows: FLOWS,
      frames,
      enough: (datagrams) => sampled(datagrams) >= frames.length,
    });
    expect(records).to.have.length(frames.length);
  });

  it('headers of another length', async () => {
    const frames = [40, 60, 80].map((size) => [1, to(1, size)] as const);
    const records = await rig.expectSame(SFLOW, {
      vsctl: record('header=70'),
      flows: FLOWS,
      frames,
      enough: (datagrams) => sampled(datagrams) >= frames.length,
    });
    expect(records).to.have.length(frames.length);
  });
});

// Devices of its own: what others sent counts in their counters.
describeDifferential('sFlow counters', (rig) => {
  it('counters of ports', async () => {
    const names = ['p1', 'p2', 'p3'];
    const frames = [
      ...[to(1), to(1, 1000), to(2), to(3), arpFrame('02:00:00:00:00:0a', '10.0.0.1', '10.0.0.2')].map(
        (one) => [1, one] as const,
      ),
      [2, labelled(1)] as const,
    ];
    /** What was told last of a port. */
    const last = (datagrams: readonly Buffer[], name: string) =>
      datagrams
        .flatMap((datagram) => parseSflow(datagram).samples)
        .findLast(({ kind, records }) => kind === 'counters' && records.portName?.name === name);
    // In at p1 5 and at p2 1; out by p2 2 + 1 + 1, by p3 1, by p1 1.
    const packets = { p1: [5, 1], p2: [1, 4], p3: [0, 1] } as const;
    const settled = (datagrams: readonly Buffer[]) =>
      names.every((name) => {
        const generic = last(datagrams, name)?.records.generic;
        const [received, sent] = packets[name as keyof typeof packets];
        return generic?.inUcast === received && generic.outUcast === sent;
      });
    const { theirs, ours } = await rig.exports({
      vsctl: [
        // Without samples of packets, whose padding the daemon leaves as it is.
        ...[...record('polling=1', 'sampling=1000000'), '--', 'set', 'bridge', 'br0'],
        'other_config:datapath-id=00000000000000ab',
      ],
      flows: FLOWS,
      frames,
      enough: settled,
    });
    const told = (datagrams: readonly Buffer[]) =>
      names.map((name) => {
        const { records } = last(datagrams, name)!;
        const { ifindex: _, ...generic } = records.generic;
        // The daemon leaves out what the kernel counts.
        const { late: __, excessive: ___, carrierSense: ____, ...ethernet } = records.ethernet;
        return { name, ...records, generic, ethernet };
      });
    expect(told(ours)).to.deep.equal(told(theirs));
  });
});
