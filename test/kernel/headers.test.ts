import { ethernet, udpPacket } from '../support/frames.js';
import { mplsEntry, nshHeader, type NshOptions, sctpPacket } from '../support/headers.js';
import { describeTrials, type Trial } from '../support/switch-trials.js';

const DATA = Buffer.alloc(48, 0x5a);
const ip = (ttl = 64) => udpPacket(1000, 2000, DATA, { ttl });
const udp = (size = 48) =>
  ethernet({ type: 0x0800, payload: udpPacket(1000, 2000, Buffer.alloc(size, 0x5a)) });
const sctp = (src: number, dst: number, address = '10.0.0.2') =>
  ethernet({ type: 0x0800, payload: sctpPacket(src, dst, DATA, { dst: address }) });

type Label = [label: number, trafficClass: number, ttl: number];
/** A frame with a stack of labels, the outermost first, around an IP packet. */
const mpls = (labels: readonly Label[], payload = ip(), type = 0x8847) =>
  ethernet({
    type,
    payload: Buffer.concat([
      ...labels.map(([label, trafficClass, ttl], i) =>
        mplsEntry(label, trafficClass, i === labels.length - 1, ttl),
      ),
      payload,
    ]),
  });
const nsh = (options: NshOptions, payload: Buffer) =>
  ethernet({ type: 0x894f, payload: Buffer.concat([nshHeader(options), payload]) });
/** A frame whose Ethernet header was made by encap(ethernet). */
const framed = (type: number, payload: Buffer) =>
  ethernet({ src: '02:00:00:00:00:66', dst: '02:00:00:00:00:55', type, payload });
const ADDRESSES = 'set_field:02:00:00:00:00:66->eth_src,set_field:02:00:00:00:00:55->eth_dst';

describeTrials('kernel: SCTP', [
  {
    name: 'ports, and addresses, with the checksum right',
    match: 'sctp',
    actions: 'set_field:7->sctp_src,set_field:8->sctp_dst,mod_nw_dst:10.0.0.9,output:2',
    frame: sctp(1000, 2000),
    out: [sctp(7, 8, '10.0.0.9')],
    datapath: /set\(sctp\(src=7,dst=8\)\)/,
  },
]);

const MPLS: Trial[] = [
  {
    name: 'a label pushed and set',
    match: 'ip',
    actions: 'push_mpls:0x8847,set_field:1000->mpls_label,set_field:5->mpls_tc,set_mpls_ttl:9,output:2',
    frame: udp(),
    out: [mpls([[1000, 5, 9]])],
    datapath: /push_mpls\(label=1000,tc=5,ttl=9,bos=1,eth_type=0x8847\)/,
  },
  {
    name: 'two labels pushed',
    match: 'ip',
    actions: 'push_mpls:0x8847,set_field:10->mpls_label,push_mpls:0x8847,set_field:20->mpls_label,output:2',
    frame: udp(),
    out: [
      mpls([
        [20, 0, 64],
        [10, 0, 64],
      ]),
    ],
  },
  {
    name: 'a multicast label in front of another',
    match: 'mpls',
    actions: 'push_mpls:0x8848,set_field:21->mpls_label,output:2',
    frame: mpls([[5, 0, 64]]),
    out: [
      mpls(
        [
          [21, 0, 64],
          [5, 0, 64],
        ],
        ip(),
        0x8848,
      ),
    ],
  },
  {
    name: 'the last label popped',
    match: 'mpls,mpls_bos=1',
    actions: 'pop_mpls:0x0800,output:2',
    frame: mpls([[5, 0, 64]]),
    out: [udp()],
    datapath: /pop_mpls\(eth_type=0x800\)/,
  },
  {
    name: 'one of two labels popped',
    match: 'mpls,mpls_bos=0',
    actions: 'pop_mpls:0x8847,output:2',
    frame: mpls([
      [6, 0, 64],
      [5, 0, 63],
    ]),
    out: [mpls([[5, 0, 63]])],
  },
  {
    name: 'the label set, its TTL counted down',
    match: 'mpls',
    actions: 'set_mpls_label:77,set_mpls_tc:3,dec_mpls_ttl,output:2',
    frame: mpls([[5, 0, 12]]),
    out: [mpls([[77, 3, 11]])],
    datapath: /set\(mpls\(/,
  },
  {
    name: 'popped, and what was under it changed after recirculation',
    match: 'mpls',
    actions: 'pop_mpls:0x0800,resubmit(,3)',
    flows: 'table=3,ip actions=dec_ttl,output:2',
    frame: mpls([[5, 0, 64]]),
    out: [ethernet({ type: 0x0800, payload: ip(63) })],
  },
  {
    name: 'a label around a whole frame, in a new frame',
    actions: `encap(mpls),set_field:33->mpls_label,encap(ethernet),${ADDRESSES},output:2`,
    frame: udp(),
    out: [framed(0x8847, Buffer.concat([mplsEntry(33, 0, true, 64), udp()]))],
    datapath: /add_mpls/,
  },
];

const CONTEXTS = [0x11, 0x22, 0x33, 0x44] as const;
const NSH: Trial[] = [
  {
    name: 'a frame put into NSH, and that into a frame',
    actions:
      'encap(nsh(md_type=1)),set_field:0x1234->nsh_spi,set_field:7->nsh_si,set_field:0x11->nsh_c1,set_field:0x22->nsh_c2,' +
      `set_field:0x33->nsh_c3,set_field:0x44->nsh_c4,encap(ethernet),${ADDRESSES},output:2`,
    frame: udp(),
    out: [framed(0x894f, Buffer.concat([nshHeader({ spi: 0x1234, si: 7, contexts: [...CONTEXTS] }), udp()]))],
    datapath: /push_nsh\(.*push_eth\(/,
  },
  {
    name: 'fields set, and the TTL counted down',
    match: 'dl_type=0x894f',
    actions: 'set_field:0x55->nsh_spi,set_field:4->nsh_si,set_field:9->nsh_c2,dec_nsh_ttl,output:2',
    frame: nsh({ spi: 0x1234, si: 7, contexts: [...CONTEXTS] }, udp()),
    out: [nsh({ spi: 0x55, si: 4, ttl: 62, contexts: [0x11, 9, 0x33, 0x44] }, udp())],
    slow: true,
  },
  {
    name: 'taken out again',
    match: 'dl_type=0x894f',
    actions: 'decap(),decap(),output:2',
    frame: nsh({ spi: 3, si: 200 }, udp()),
    out: [udp()],
    datapath: /pop_eth,pop_nsh\(\),.*recirc/,
  },
];

const FRAMES: Trial[] = [
  {
    name: 'the Ethernet header taken off and a new one put on',
    match: 'ip',
    actions: `decap(),encap(ethernet),${ADDRESSES},output:2`,
    frame: udp(),
    out: [framed(0x0800, ip())],
    datapath: /pop_eth,push_eth\(/,
  },
];

/** Short and long packets, by one megaflow. */
const LENGTHS: Trial[] = [60, 400].map((size) => ({
  name: `check_pkt_larger: ${size} bytes of payload`,
  match: 'udp',
  actions: 'check_pkt_larger(200)->NXM_NX_REG0[0],resubmit(,4)',
  flows:
    'table=4,reg0=1/1 actions=push_vlan:0x8100,mod_vlan_vid:2,output:2\ntable=4,reg0=0/1 actions=output:2',
  frame: udp(size),
  out:
    size > 200
      ? [
          ethernet({
            type: 0x0800,
            tags: [[0x8100, 2]],
            payload: udpPacket(1000, 2000, Buffer.alloc(size, 0x5a)),
          }),
        ]
      : [udp(size)],
  datapath: /check_pkt_len\(size=200,gt\(/,
}));

const METADATA: Trial[] = [
  {
    name: 'queue and mark',
    actions: 'set_queue:3,set_field:0x77->pkt_mark,output:2,pop_queue,output:2',
    frame: udp(),
    out: [udp(), udp()],
    datapath: /set\(skb_priority\(0x10004\)\),set\(skb_mark\(0x77\)\),\d+,set\(skb_priority\(0\)\),\d+$/,
  },
];

const SAMPLES: Trial[] = [
  {
    name: 'sample to collectors and go on',
    actions: 'sample(probability=65535,collector_set_id=1,obs_domain_id=2,obs_point_id=3),output:2',
    frame: udp(),
    out: [udp()],
  },
  { name: 'controller and go on', actions: 'controller(max_len=20),output:2', frame: udp(), out: [udp()] },
];

describeTrials('kernel: MPLS', MPLS);
describeTrials('kernel: NSH', NSH);
describeTrials('kernel: Ethernet headers', FRAMES);
describeTrials('kernel: packet lengths', LENGTHS);
describeTrials('kernel: metadata of packets', METADATA);
describeTrials('kernel: samples', SAMPLES);
