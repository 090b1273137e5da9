// Matches of flows, by protocol: what a protocol asks for is there, the rest is chosen.
import * as v from './values.mjs';
import { wideMatch } from './wide.mjs';

const ip = (random, six) => {
  const parts = [];
  if (random.oneIn(2))
    parts.push(
      six
        ? `ipv6_src=${v.ipv6(random)}${v.ipv6Mask(random)}`
        : `nw_src=${v.ipv4(random)}${v.ipv4Mask(random)}`,
    );
  if (random.oneIn(2))
    parts.push(
      six
        ? `ipv6_dst=${v.ipv6(random)}${v.ipv6Mask(random)}`
        : `nw_dst=${v.ipv4Destination(random)}${v.ipv4Mask(random)}`,
    );
  if (random.oneIn(8)) parts.push(`nw_tos=${v.tos(random)}`);
  if (random.oneIn(8)) parts.push(`nw_ecn=${v.ecn(random)}`);
  if (random.oneIn(8)) parts.push(`nw_ttl=${v.ttl(random)}`);
  if (random.oneIn(10)) parts.push(`ip_frag=${random.pick(['no', 'yes', 'first', 'later', 'not_later'])}`);
  if (six && random.oneIn(8)) parts.push(`ipv6_label=${random.pick(['0x0', '0x12345', '0x5/0xf'])}`);
  return parts;
};
const ports = (random, name) => {
  const parts = [];
  if (random.oneIn(2)) parts.push(`${name}_src=${v.l4Match(random)}`);
  if (random.oneIn(2)) parts.push(`${name}_dst=${v.l4Match(random)}`);
  return parts;
};
const flags = (random) =>
  random.oneIn(4)
    ? [
        `tcp_flags=${random.pick(['+syn', '+ack', '+syn-ack', '-rst', '0x10/0x12', '+fin+psh', '+rst', '-syn'])}`,
      ]
    : [];
const maybe = (random, n, text) => (random.oneIn(n) ? [text()] : []);

/** Words of each protocol. */
const protocols = {
  any: () => [],
  ip: (random) => ['ip', ...ip(random, false)],
  ipv6: (random) => ['ipv6', ...ip(random, true)],
  tcp: (random) => ['tcp', ...ip(random, false), ...ports(random, 'tcp'), ...flags(random)],
  udp: (random) => ['udp', ...ip(random, false), ...ports(random, 'udp')],
  sctp: (random) => ['sctp', ...ip(random, false), ...ports(random, 'sctp')],
  tcp6: (random) => ['tcp6', ...ip(random, true), ...ports(random, 'tcp'), ...flags(random)],
  udp6: (random) => ['udp6', ...ip(random, true), ...ports(random, 'udp')],
  icmp: (random) => [
    'icmp',
    ...ip(random, false),
    ...maybe(random, 2, () => `icmp_type=${random.pick([0, 3, 8])}`),
    ...maybe(random, 4, () => `icmp_code=${random.pick([0, 1])}`),
  ],
  icmp6: (random) => icmp6(random, random.pick([null, 128, 129])),
  ns: (random) => icmp6(random, 135),
  na: (random) => icmp6(random, 136),
  arp: (random) => [
    'arp',
    ...maybe(random, 2, () => `arp_op=${random.pick([1, 2])}`),
    ...maybe(random, 3, () => `arp_spa=${v.ipv4(random)}${v.ipv4Mask(random)}`),
    ...maybe(random, 3, () => `arp_tpa=${v.ipv4(random)}${v.ipv4Mask(random)}`),
    ...maybe(random, 5, () => `arp_sha=${v.mac(random)}`),
    ...maybe(random, 5, () => `arp_tha=${v.mac(random)}`),
  ],
  mpls: (random) => [
    random.pick(['mpls', 'mpls', 'mplsm']),
    ...maybe(random, 2, () => `mpls_label=${random.pick([16, 100, 500, 1000])}`),
    ...maybe(random, 4, () => `mpls_tc=${random.pick([0, 3, 7])}`),
    ...maybe(random, 3, () => `mpls_bos=${random.pick([0, 1])}`),
    ...maybe(random, 6, () => `mpls_ttl=${random.pick([1, 64])}`),
  ],
  lldp: () => ['dl_type=0x88cc'],
};

/** `type`: of ICMP, or null for any. */
function icmp6(random, type) {
  const parts = ['icmp6', ...ip(random, true)];
  if (type === null) return parts;
  parts.push(`icmpv6_type=${type}`);
  if (type >= 135) parts.push('icmpv6_code=0');
  if (type >= 135 && random.oneIn(2)) parts.push(`nd_target=${v.ipv6(random)}`);
  if (type === 135 && random.oneIn(4)) parts.push(`nd_sll=${v.mac(random)}`);
  if (type === 136 && random.oneIn(4)) parts.push(`nd_tll=${v.mac(random)}`);
  return parts;
}

const vlanWords = (random) =>
  random.weighted([
    [6, []],
    [2, [`dl_vlan=${v.vlan(random)}`]],
    [1, ['vlan_tci=0']],
    [1, ['vlan_tci=0x0000/0x1fff']],
    [1, ['vlan_tci=0x1000/0x1000']],
    [1, [`vlan_vid=${v.vlan(random) | 0x1000}/0x1fff`]],
    [1, ['vlan_vid=0x1000/0x1000']],
    [1, [`dl_vlan=${v.vlan(random)}`, `dl_vlan_pcp=${v.pcp(random)}`]],
  ]);

/** Registers, metadata, marks, connection state, tunnels. */
function metadata(random) {
  const parts = [];
  if (random.oneIn(6)) parts.push(`reg${random.below(4)}=${v.small(random)}${v.smallMask(random)}`);
  if (random.oneIn(12)) parts.push(`metadata=${v.small(random)}${random.pick(['', '/0xff'])}`);
  if (random.oneIn(16)) parts.push(`pkt_mark=${v.small(random)}${random.pick(['', '/0xff'])}`);
  if (random.oneIn(8)) parts.push(`ct_state=${v.ctState(random)}`);
  if (random.oneIn(30)) parts.push(`ct_zone=${random.pick([0, 1, 10])}`);
  if (random.oneIn(30)) parts.push(`ct_mark=${v.small(random)}${random.pick(['', '/0xff'])}`);
  if (random.oneIn(40)) parts.push(`ct_label=${v.small(random)}${random.pick(['', '/0x1', '/0xff'])}`);
  if (random.oneIn(25)) parts.push(`tun_id=${v.tunnelId(random)}${random.pick(['', '/0xf'])}`);
  if (random.oneIn(60)) parts.push(`tun_src=172.31.0.${random.between(1, 3)}${random.pick(['', '/24'])}`);
  if (random.oneIn(60)) parts.push(`tun_dst=172.31.0.${random.between(1, 3)}`);
  if (random.oneIn(50)) parts.push(`xreg1=${v.small(random)}`);
  return parts;
}

/** A match, and what actions may count on: the protocol, a VLAN tag, a connection that is known. `wide`: with conditions of wide.mjs. */
export function makeMatch(random, wide) {
  const protocol = random.weighted([
    [4, 'any'],
    [4, 'ip'],
    [2, 'ipv6'],
    [4, 'tcp'],
    [4, 'udp'],
    [1, 'sctp'],
    [2, 'tcp6'],
    [2, 'udp6'],
    [1, 'icmp'],
    [1, 'icmp6'],
    [1, 'ns'],
    [1, 'na'],
    [2, 'arp'],
    [1, 'mpls'],
    [1, 'lldp'],
  ]);
  const parts = [];
  if (random.oneIn(4)) parts.push(`in_port=${v.port(random)}`);
  if (random.oneIn(8)) parts.push(`dl_src=${v.mac(random)}${random.pick(['', '', '/ff:ff:ff:00:00:00'])}`);
  if (random.oneIn(6))
    parts.push(
      `dl_dst=${random.weighted([
        [5, v.anyMac(random)],
        [1, '01:00:00:00:00:00/01:00:00:00:00:00'],
      ])}`,
    );
  parts.push(...vlanWords(random), ...protocols[protocol](random), ...metadata(random));
  if (wide) parts.push(...wideMatch(random, protocol));
  const text = parts.join(',');
  const tagged = /dl_vlan=|vlan_vid=|vlan_tci=0x1000/.test(text);
  const tracked = /ct_state=[^,]*\+(new|est|rel|snat)/.test(text);
  return { text, protocol, tagged, tracked };
}
