// Packets to trace, in ovs-ofctl words.
import * as v from './values.mjs';
import { wideMetadata, widePacket } from './wide.mjs';

const KINDS = [
  [6, 'tcp'],
  [6, 'udp'],
  [2, 'icmp'],
  [2, 'sctp'],
  [3, 'tcp6'],
  [3, 'udp6'],
  [2, 'icmp6'],
  [3, 'arp'],
  [1, 'mpls'],
  [1, 'lldp'],
  [1, 'ip'],
  [1, 'igmp'],
];

const ipWords = (random, six) => [
  ...(six
    ? [`ipv6_src=${v.ipv6(random)}`, `ipv6_dst=${v.ipv6(random)}`]
    : [`nw_src=${v.ipv4(random)}`, `nw_dst=${v.ipv4Destination(random)}`]),
  `nw_tos=${v.tos(random)}`,
  `nw_ecn=${v.ecn(random)}`,
  `nw_ttl=${v.ttl(random)}`,
];
const ports = (random, name) => [`${name}_src=${v.l4Port(random)}`, `${name}_dst=${v.l4Port(random)}`];
const tcpFlags = (random) => [`tcp_flags=${random.pick(['0x2', '0x10', '0x11', '0x12', '0x14', '0x18'])}`];

const contents = {
  tcp: (random) => [
    ...ipWords(random),
    ...fragmented(random, () => [...ports(random, 'tcp'), ...tcpFlags(random)]),
  ],
  udp: (random) => [...ipWords(random), ...fragmented(random, () => ports(random, 'udp'))],
  sctp: (random) => [...ipWords(random), ...ports(random, 'sctp')],
  tcp6: (random) => [
    ...ipWords(random, true),
    ...fragmented(random, () => [...ports(random, 'tcp'), ...tcpFlags(random)]),
  ],
  udp6: (random) => [
    ...ipWords(random, true),
    ...label(random),
    ...fragmented(random, () => ports(random, 'udp')),
  ],
  icmp: (random) => [
    ...ipWords(random),
    `icmp_type=${random.pick([0, 3, 8])}`,
    `icmp_code=${random.pick([0, 1])}`,
  ],
  icmp6: (random) => icmp6(random),
  ip: (random) => [...ipWords(random), `nw_proto=${random.pick([47, 89])}`],
  igmp: (random) => [
    `nw_src=${v.ipv4(random)}`,
    'nw_dst=239.1.1.1',
    'nw_tos=0',
    'nw_ecn=0',
    'nw_ttl=1',
    'nw_proto=2',
  ],
  arp: (random) => [
    `arp_op=${random.pick([1, 2])}`,
    `arp_spa=${v.ipv4(random)}`,
    `arp_tpa=${v.ipv4(random)}`,
    `arp_sha=${v.mac(random)}`,
    `arp_tha=${v.mac(random)}`,
  ],
  mpls: (random) => [
    `mpls_label=${random.pick([16, 100, 500])}`,
    `mpls_tc=${random.pick([0, 3])}`,
    `mpls_ttl=${random.pick([1, 2, 64])}`,
    `mpls_bos=${random.pick([0, 1])}`,
  ],
  lldp: () => ['dl_type=0x88cc'],
};
/** What an IP packet carries: a fragment now and then, of which only the first shows it. */
const fragmented = (random, rest) =>
  random.weighted([
    [20, rest],
    [1, () => ['nw_frag=first', ...rest()]],
    [1, () => ['nw_frag=later']],
  ])();
const label = (random) => (random.oneIn(5) ? ['ipv6_label=0x12345'] : []);

function icmp6(random) {
  const type = random.pick([128, 129, 135, 136]);
  const words = [...ipWords(random, true), `icmpv6_type=${type}`, 'icmpv6_code=0'];
  if (type < 135) return words;
  words.push(`nd_target=${v.ipv6(random)}`);
  words.push(type === 135 ? `nd_sll=${v.mac(random)}` : `nd_tll=${v.mac(random)}`);
  return words;
}

/** The words of a protocol that has none of its own. */
const NAMES = { lldp: null, igmp: 'ip' };

function metadata(random, topology, inPort) {
  const words = [];
  if (topology === 'tunnel' && inPort >= 4) {
    const from = { 4: 1, 5: 2, 6: 3 }[inPort];
    words.push(
      `tun_id=${random.pick(['0x1', '0x5', '0x7', '0x99'])}`,
      `tun_src=172.31.0.${random.oneIn(4) ? random.between(1, 3) : from}`,
    );
    words.push(
      'tun_dst=172.31.0.1',
      `tun_ttl=${random.pick([64, 1])}`,
      `tun_tos=${random.pick([0, 0, 1, 2, 3, 184])}`,
    );
  }
  if (random.oneIn(12)) words.push(`skb_priority=${random.pick(['0x1', '0x10001'])}`);
  if (random.oneIn(10)) words.push('pkt_mark=0x1');
  if (random.oneIn(100)) words.push('ct_state=trk|est');
  return words;
}

const vlanWords = (random) =>
  random.weighted([
    [5, () => []],
    [4, () => [`dl_vlan=${v.vlan(random)}`, `dl_vlan_pcp=${v.pcp(random)}`]],
    [1, () => [`dl_vlan=${random.oneIn(4) ? 0 : v.vlan(random)}`, `dl_vlan_pcp=${v.pcp(random)}`]],
  ])();

/** A packet: { bridge, flow, options }; `wide`: now and then one of those of wide.mjs. */
export function makePacket(random, topology, wide) {
  if (wide) {
    const words = widePacket(random);
    if (words !== null) return packet(random, [words, `in_port=${v.port(random)}`]);
  }
  const kind = random.weighted(KINDS);
  const inPort = v.port(random);
  const protocol = kind in NAMES ? NAMES[kind] : kind;
  const head = protocol === null ? [] : [protocol];
  const ethernet = [`dl_src=${v.mac(random)}`, `dl_dst=${v.anyMac(random)}`, ...vlanWords(random)];
  const flow = [
    ...head,
    `in_port=${inPort}`,
    ...metadata(random, topology, inPort),
    ...(wide ? wideMetadata(random, topology, inPort) : []),
    ...ethernet,
    ...contents[kind](random),
  ];
  return packet(random, flow);
}

function packet(random, flow) {
  const states = ['trk,new', 'trk,est', 'trk,est,rel', 'trk,est,rpl', 'trk,inv', 'trk,new,rel'];
  const options = random.oneIn(4) ? ['--ct-next', random.pick(states)] : [];
  return { bridge: 'br0', options, flow: flow.join(',') };
}
