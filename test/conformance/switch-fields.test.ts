import { be16 } from '../support/attributes.js';
import { arpFrame, ethernet, type Ipv4Options, mac, MAC_A, tcpPacket, udpPacket } from '../support/frames.js';
import {
  icmp6Packet,
  icmpPacket,
  type Ipv6Options,
  ipv6,
  tcp6Packet,
  udp6Packet,
} from '../support/headers.js';
import { describeTrials, type Trial } from '../support/switch-trials.js';

const DATA = Buffer.alloc(48, 0x5a);
const SYN = 2;

const udp = (ip: Ipv4Options = {}, ports: [number, number] = [1000, 2000]) =>
  ethernet({ type: 0x0800, payload: udpPacket(...ports, DATA, ip) });
const tcp = (ip: Ipv4Options = {}, ports: [number, number] = [1000, 2000]) =>
  ethernet({ type: 0x0800, payload: tcpPacket(...ports, SYN, DATA, ip) });
const udp6 = (ip: Ipv6Options = {}, ports: [number, number] = [1000, 2000]) =>
  ethernet({ type: 0x86dd, payload: udp6Packet(...ports, DATA, ip) });
const tcp6 = (ip: Ipv6Options = {}, ports: [number, number] = [1000, 2000]) =>
  ethernet({ type: 0x86dd, payload: tcp6Packet(...ports, SYN, DATA, ip) });
const icmp = (type: number, code: number) =>
  ethernet({ type: 0x0800, payload: icmpPacket(type, code, Buffer.concat([be16(1, 2), DATA])) });
const icmp6 = (type: number, code: number) =>
  ethernet({ type: 0x86dd, payload: icmp6Packet(type, code, Buffer.concat([be16(1, 2), DATA])) });
/** Neighbour solicitation (135) or advertisement (136) with the option for a link layer address. */
const nd = (type: 135 | 136, target: string, address: string) =>
  ethernet({
    type: 0x86dd,
    payload: icmp6Packet(
      type,
      0,
      Buffer.concat([Buffer.alloc(4), ipv6(target), Buffer.from([type - 134, 1]), mac(address)]),
      { hopLimit: 255 },
    ),
  });
const arp = (words: { op: number; sha: string; spa: string; tha: string; tpa: string }) => {
  const frame = arpFrame(MAC_A, words.spa, words.tpa);
  frame.writeUInt16BE(words.op, 20);
  mac(words.sha).copy(frame, 22);
  mac(words.tha).copy(frame, 32);
  return frame;
};
const QUESTION = {
  op: 1,
  sha: '02:00:00:00:00:77',
  spa: '10.0.0.1',
  tha: '00:00:00:00:00:00',
  tpa: '10.0.0.2',
};

const ETHERNET: Trial[] = [
  {
    name: 'eth_dst',
    actions: 'set_field:02:11:22:33:44:55->eth_dst,output:2',
    frame: udp(),
    out: [ethernet({ dst: '02:11:22:33:44:55', type: 0x0800, payload: udpPacket(1000, 2000, DATA) })],
    datapath: /actions:set\(eth\(dst=02:11:22:33:44:55\)\),\d+$/,
  },
  {
    name: 'eth_src',
    actions: 'mod_dl_src:02:aa:bb:cc:dd:ee,output:2',
    frame: udp(),
    out: [ethernet({ src: '02:aa:bb:cc:dd:ee', type: 0x0800, payload: udpPacket(1000, 2000, DATA) })],
  },
  {
    name: 'eth_dst, some bits of it',
    actions: 'set_field:00:00:00:00:55:00/00:00:00:00:ff:00->eth_dst,output:2',
    frame: udp(),
    out: [ethernet({ dst: '02:00:00:00:55:0b', type: 0x0800, payload: udpPacket(1000, 2000, DATA) })],
  },
];

const NETWORK: Trial[] = [
  {
    name: 'ip_src and ip_dst under UDP',
    match: 'ip',
    actions: 'mod_nw_src:192.0.2.1,mod_nw_dst:198.51.100.2,output:2',
    frame: udp(),
    out: [udp({ src: '192.0.2.1', dst: '198.51.100.2' })],
  },
  {
    name: 'ip_dst under TCP, some bits of it',
    match: 'tcp',
    actions: 'set_field:0.0.9.0/0.0.255.0->ip_dst,output:2',
    frame: tcp(),
    out: [tcp({ dst: '10.0.9.2' })],
  },
  {
    name: 'DSCP, ECN left alone',
    match: 'ip',
    actions: 'mod_nw_tos:0xb8,output:2',
    frame: udp({ tos: 1 }),
    out: [udp({ tos: 0xb9 })],
  },
  {
    name: 'ECN',
    match: 'ip',
    actions: 'mod_nw_ecn:3,output:2',
    frame: udp({ tos: 0x29 }),
    out: [udp({ tos: 0x2b })],
  },
  { name: 'TTL', match: 'ip', actions: 'mod_nw_ttl:7,output:2', frame: udp(), out: [udp({ ttl: 7 })] },
  {
    name: 'dec_ttl',
    match: 'ip',
    actions: 'dec_ttl,output:2',
    frame: udp({ ttl: 2 }),
    out: [udp({ ttl: 1 })],
  },
  {
    name: 'dec_ttl of the last hop: dropped',
    match: 'ip',
    actions: 'dec_ttl,output:2',
    frame: udp({ ttl: 1 }),
    out: [],
  },
  {
    name: 'ipv6_src and ipv6_dst under UDP',
    match: 'ipv6',
    actions: 'set_field:2001:db8::1->ipv6_src,set_field:2001:db8::2->ipv6_dst,output:2',
    frame: udp6(),
    out: [udp6({ src: '2001:db8::1', dst: '2001:db8::2' })],
  },
  {
    name: 'ipv6_dst under TCP, label, traffic class and hop limit',
    match: 'tcp6',
    actions:
      'set_field:2001:db8::2->ipv6_dst,set_field:0x12345->ipv6_label,set_field:46->ip_dscp,mod_nw_ecn:1,mod_nw_ttl:9,output:2',
    frame: tcp6(),
    out: [tcp6({ dst: '2001:db8::2', label: 0x12345, trafficClass: 0xb9, hopLimit: 9 })],
  },
  {
    name: 'dec_ttl of IPv6',
    match: 'ipv6',
    actions: 'dec_ttl,output:2',
    frame: udp6({ hopLimit: 3 }),
    out: [udp6({ hopLimit: 2 })],
  },
];

const TRANSPORT: Trial[] = [
  {
    name: 'UDP ports',
    match: 'udp',
    actions: 'mod_tp_src:1,mod_tp_dst:65535,output:2',
    frame: udp(),
    out: [udp({}, [1, 65535])],
  },
  {
    name: 'TCP ports, some bits of one',
    match: 'tcp',
    actions: 'load:0xf->NXM_OF_TCP_DST[8..11],set_field:81->tcp_src,output:2',
    frame: tcp(),
    out: [tcp({}, [81, 0x0fd0])],
  },
  {
    name: 'ports over IPv6',
    match: 'tcp6',
    actions: 'set_field:82->tcp_src,set_field:83->tcp_dst,output:2',
    frame: tcp6(),
    out: [tcp6({}, [82, 83])],
  },
  {
    name: 'a field moved from another one',
    match: 'udp',
    actions:
      'move:NXM_OF_UDP_SRC[]->NXM_OF_UDP_DST[],move:NXM_OF_IP_SRC[0..7]->NXM_OF_IP_DST[8..15],output:2',
    frame: udp(),
    out: [udp({ dst: '10.0.1.2' }, [1000, 1000])],
  },
];

/** What no datapath rewrites: each packet is rewritten in userspace, and sent from there. */
const USERSPACE: Trial[] = [
  {
    name: 'ICMP type and code',
    match: 'icmp',
    actions: 'set_field:0->icmp_type,set_field:3->icmp_code,output:2',
    frame: icmp(8, 0),
    out: [icmp(0, 3)],
    slow: true,
  },
  {
    name: 'ICMPv6 type',
    match: 'icmp6',
    actions: 'set_field:129->icmpv6_type,output:2',
    frame: icmp6(128, 0),
    out: [icmp6(129, 0)],
    slow: true,
  },
  {
    name: 'ARP turned into its answer',
    match: 'arp',
    actions:
      'move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[],move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],load:2->NXM_OF_ARP_OP[],' +
      'load:0x020000000088->NXM_NX_ARP_SHA[],load:0x0a000002->NXM_OF_ARP_SPA[],set_field:02:99:00:00:00:01->eth_dst,output:2',
    frame: arp(QUESTION),
    out: [
      (() => {
        const answer = arp({
          op: 2,
          sha: '02:00:00:00:00:88',
          spa: '10.0.0.2',
          tha: QUESTION.sha,
          tpa: '10.0.0.1',
        });
        mac('02:99:00:00:00:01').copy(answer);
        return answer;
      })(),
    ],
    slow: true,
  },
  {
    name: 'ARP as it came, then changed, then changed and tagged',
    match: 'arp',
    actions:
      'output:2,load:2->NXM_OF_ARP_OP[],output:2,push_vlan:0x8100,mod_vlan_vid:9,load:3->NXM_OF_ARP_OP[],output:2',
    frame: arp(QUESTION),
    out: [
      arp(QUESTION),
      arp({ ...QUESTION, op: 2 }),
      (() => {
        const frame = arp({ ...QUESTION, op: 3 });
        return Buffer.concat([frame.subarray(0, 12), be16(0x8100, 9), frame.subarray(12)]);
      })(),
    ],
    slow: true,
  },
  {
    name: 'neighbour solicitation: target and source link layer address',
    match: 'icmp6,icmp_type=135',
    actions: 'set_field:fd00::99->nd_target,set_field:02:00:00:00:00:55->nd_sll,output:2',
    frame: nd(135, 'fd00::2', '02:00:00:00:00:77'),
    out: [nd(135, 'fd00::99', '02:00:00:00:00:55')],
    slow: true,
  },
  {
    name: 'neighbour advertisement: target link layer address',
    match: 'icmp6,icmp_type=136',
    actions: 'set_field:02:00:00:00:00:55->nd_tll,output:2',
    frame: nd(136, 'fd00::2', '02:00:00:00:00:77'),
    out: [nd(136, 'fd00::2', '02:00:00:00:00:55')],
    slow: true,
  },
  {
    name: 'in a clone, and not after it',
    match: 'icmp',
    actions: 'clone(set_field:0->icmp_type,output:2),output:2',
    frame: icmp(8, 0),
    out: [icmp(0, 0), icmp(8, 0)],
    slow: true,
  },
];

const TAGS: Trial[] = [
  {
    name: 'a tag within a tag pushed',
    actions:
      'push_vlan:0x8100,set_field:4101->vlan_vid,push_vlan:0x88a8,set_field:4102->vlan_vid,set_field:3->vlan_pcp,output:2',
    frame: udp(),
    out: [
      ethernet({
        type: 0x0800,
        tags: [
          [0x88a8, 0x6006],
          [0x8100, 5],
        ],
        payload: udpPacket(1000, 2000, DATA),
      }),
    ],
    datapath: /push_vlan\(vid=5,pcp=0\),push_vlan\(tpid=0x88a8,vid=6,pcp=3\),\d+$/,
  },
  {
    name: 'the outer tag of two popped',
    match: 'dl_vlan=6',
    actions: 'pop_vlan,output:2',
    frame: ethernet({
      type: 0x0800,
      tags: [
        [0x88a8, 6],
        [0x8100, 0x2005],
      ],
      payload: udpPacket(1000, 2000, DATA),
    }),
    out: [ethernet({ type: 0x0800, tags: [[0x8100, 0x2005]], payload: udpPacket(1000, 2000, DATA) })],
  },
  {
    name: 'a tag rewritten',
    match: 'dl_vlan=6',
    actions: 'mod_vlan_vid:7,mod_vlan_pcp:5,output:2',
    frame: ethernet({ type: 0x0800, tags: [[0x8100, 6]], payload: udpPacket(1000, 2000, DATA) }),
    out: [ethernet({ type: 0x0800, tags: [[0x8100, 0xa007]], payload: udpPacket(1000, 2000, DATA) })],
  },
  {
    name: 'strip_vlan',
    match: 'dl_vlan=6',
    actions: 'strip_vlan,output:2',
    frame: ethernet({ type: 0x0800, tags: [[0x8100, 6]], payload: udpPacket(1000, 2000, DATA) }),
    out: [udp()],
  },
];

const COPIES: Trial[] = [
  {
    name: 'max_len',
    actions: 'output(port=2,max_len=64),output:2',
    frame: udp(),
    out: [udp().subarray(0, 64), udp()],
    datapath: /trunc\(64\),(\d+),\1$/,
  },
  {
    name: 'clone: what is changed in it is not after it',
    match: 'udp',
    actions: 'clone(mod_nw_dst:10.9.9.9,push_vlan:0x8100,mod_vlan_vid:3,output:2),output:2',
    frame: udp(),
    out: [
      ethernet({
        type: 0x0800,
        tags: [[0x8100, 3]],
        payload: udpPacket(1000, 2000, DATA, { dst: '10.9.9.9' }),
      }),
      udp(),
    ],
  },
  {
    name: 'clone with a copy cut short within',
    match: 'udp',
    actions: 'clone(output(port=2,max_len=50),mod_tp_dst:5,output:2),output:2',
    frame: udp(),
    out: [udp().subarray(0, 50), udp({}, [1000, 5]), udp()],
  },
];

describeTrials('switch: Ethernet fields set', ETHERNET);
describeTrials('switch: network fields set', NETWORK);
describeTrials('switch: transport fields set', TRANSPORT);
describeTrials('switch: fields that only userspace sets', USERSPACE);
describeTrials('switch: VLAN tags', TAGS);
describeTrials('switch: copies', COPIES);
