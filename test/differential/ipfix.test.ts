import { expect } from 'chai';
import { type DecodedRecord, describeDifferential, type ExportProtocol } from '../support/differential.js';
import { ethernet, tcpPacket, udpFrame } from '../support/frames.js';
import { ipfixFrames } from '../support/ipfix-frames.js';
import { hasData, recordsOf } from '../support/ipfix-records.js';

/** Devices have other numbers; totals go by the order in which samples come. */
const IGNORED = [
  ...['inputint', 'outputint', 'permanent_packets', 'permanent_octets', 'total_octets_squared'],
  ...['layer2_octet_total_count', 'post_total_mulpackets', 'post_total_muloctets'],
  ...['drop_total_packets', 'drop_total_octets'],
  ...['unicast', 'multicast', 'broadcast'].map((way) => `ingress_${way}_packet_total_count`),
  ...['unicast', 'broadcast'].map((way) => `egress_${way}_packet_total_count`),
  ...['ack', 'fin', 'psh', 'rst', 'syn', 'urg'].map((flag) => `total_tcp_${flag}`),
];

/** The daemon counts one record too many. */
const SEQUENCE = /Unexpected flow sequence/;

const IPFIX: ExportProtocol = {
  dissector: 'cflow',
  records: (messages): readonly DecodedRecord[] => recordsOf(messages, SEQUENCE),
  ignored: IGNORED,
};

/** The daemon says so of all packets whose flow it does not find. */
const IPFIX_DROPS_ASIDE: ExportProtocol = { ...IPFIX, ignored: [...IGNORED, 'drop_packets', 'drop_octets'] };

const ofBridge = (...settings: string[]) => [
  ...['set', 'bridge', 'br0', 'ipfix=@i', '--', '--id=@i', 'create', 'IPFIX', 'targets="COLLECTOR"'],
  ...['sampling=1', 'obs_domain_id=17', 'obs_point_id=23', ...settings],
];
const ofSet = (id: number, ...settings: string[]) => [
  ...[
    '--id=@b',
    'get',
    'Bridge',
    'br0',
    '--',
    'create',
    'Flow_Sample_Collector_Set',
    `id=${id}`,
    'bridge=@b',
  ],
  ...['ipfix=@i', '--', '--id=@i', 'create', 'IPFIX', 'targets="COLLECTOR"', ...settings],
];

const to = (port: number, size = 32) => udpFrame(1000, port, {}, Buffer.alloc(size));
const enough = (count: number) => (datagrams: readonly Buffer[]) => datagrams.filter(hasData).length >= count;

describeDifferential('IPFIX', (rig) => {
  it('packets to all kinds of outputs, and to none', async () => {
    // One packet of each flow: those the daemon finds again.
    const flows = [
      'in_port=1,udp,tp_dst=1 actions=output:2',
      'in_port=1,udp,tp_dst=2 actions=output:2,output:3',
      'in_port=1,udp,tp_dst=3 actions=drop',
      'in_port=1,udp,tp_dst=4 actions=FLOOD',
      'in_port=1,udp,tp_dst=5 actions=in_port',
      'in_port=1,udp,tp_dst=6 actions=LOCAL',
      'in_port=1,udp,tp_dst=7 actions=output:2,controller',
      'in_port=2 actions=output:1',
    ];
    const frames = [1, 2, 3, 4, 5, 6, 7].map((port) => [1, to(port, 10 * port)] as const);
    const count = 7 + (1 + 2 + 0 + 3 + 1 + 1 + 1) + 2;
    const records = await rig.expectSame(IPFIX, {
      vsctl: ofBridge(),
      flows: flows.join('\n'),
      frames: [...frames, [2, to(9)]],
      enough: enough(count),
    });
    expect(records).to.have.length(count);
    expect(records.filter((record) => record.includes('drop_packets=1'))).to.have.length(1);
  });

  it('packets of all kinds, changed on their way', async () => {
    const named = ipfixFrames();
    // The daemon does not look through two tags.
    const names = Object.keys(named).filter((name) => !/^in |two tags/.test(name));
    const frames = [
      ...names.map((name) => Buffer.from(named[name])),
      ...[to(1), to(2, 1000), to(3)],
      ethernet({ type: 0x0800, payload: tcpPacket(40000, 80, 0x18, Buffer.alloc(10), { tos: 7 }) }),
    ];
    const flows = [
      'in_port=1,udp,tp_dst=1 actions=mod_nw_tos:184,mod_nw_dst:9.9.9.9,output:2',
      'in_port=1,udp,tp_dst=2 actions=push_vlan:0x8100,set_field:4101->vlan_vid,output:2',
      'in_port=1,udp,tp_dst=3 actions=push_mpls:0x8847,output:2',
      'in_port=1,dl_vlan=99 actions=strip_vlan,output:2',
      'in_port=1 actions=output:2',
    ];
    const records = await rig.expectSame(IPFIX_DROPS_ASIDE, {
      vsctl: ofBridge('other_config:virtual_obs_id=here'),
      flows: flows.join('\n'),
      frames: frames.map((frame) => [1, frame] as const),
      enough: enough(2 * frames.length),
    });
    expect(records).to.have.length(2 * frames.length);
  });

  it('flows that are gathered for a time', async () => {
    const frames = [to(1), to(1, 500), to(2), to(1), to(2, 7)].map((frame) => [1, frame] as const);
    const records = await rig.expectSame(IPFIX_DROPS_ASIDE, {
      vsctl: ofBridge('cache_active_timeout=2', 'cache_max_flows=100'),
      flows: 'in_port=1 actions=output:3',
      frames,
      enough: enough(4),
    });
    expect(records).to.have.length(4);
    expect(records.filter((record) => record.includes(' packets=3 '))).to.have.length(2);
  });

  it('what flows sample', async () => {
    const sample = (words: string) => `sample(probability=65535,collector_set_id=${words})`;
    const flows = [
      `in_port=1,udp,tp_dst=1 actions=${sample('1,obs_domain_id=5,obs_point_id=6')},output:2`,
      `in_port=1,udp,tp_dst=2 actions=${sample('1,obs_domain_id=5,obs_point_id=7,sampling_port=2')},output:2`,
      `in_port=1,udp,tp_dst=3 actions=${sample('1,obs_domain_id=5,sampling_port=2,ingress')},output:2`,
      `in_port=1,udp,tp_dst=4 actions=${sample('1,obs_domain_id=5,egress')},output:2`,
      `in_port=1,udp,tp_dst=5 actions=${sample('2,obs_domain_id=5')},output:2`,
      `in_port=1,udp,tp_dst=6 actions=${sample('1,obs_domain_id=5,obs_point_id=9')}`,
      `in_port=1,udp,tp_dst=7 actions=mod_nw_dst:9.9.9.9,${sample('1,obs_domain_id=5')},output:2`,
    ];
    const records = await rig.expectSame(IPFIX_DROPS_ASIDE, {
      vsctl: ofSet(1),
      flows: flows.join('\n'),
      frames: [1, 2, 3, 4, 5, 6, 7].map((port) => [1, to(port)] as const),
      enough: enough(6),
    });
    expect(records).to.have.length(6);
  });
});
