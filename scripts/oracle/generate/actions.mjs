// Actions of flows and buckets. Each kind has a weight, a feature that it shows, protocols that it needs, and words.
import * as nested from './nested.mjs';
import * as v from './values.mjs';
import { WIDE_ACTIONS } from './wide.mjs';

const register = (random) => `NXM_NX_REG${random.below(4)}`;
const IP = new Set(['ip', 'tcp', 'udp', 'sctp', 'icmp', 'ipv6', 'tcp6', 'udp6', 'icmp6', 'ns', 'na']);
const IPV4 = new Set(['ip', 'tcp', 'udp', 'sctp', 'icmp']);
const IPV6 = new Set(['ipv6', 'tcp6', 'udp6', 'icmp6', 'ns', 'na']);
const TCP = new Set(['tcp', 'tcp6']);
const L4 = new Set(['tcp', 'udp', 'tcp6', 'udp6']);
const L4OF = new Set([...L4, 'sctp']);
const ND = new Set(['ns', 'na']);

/** [weight, feature, what it needs (null: nothing), words]. `scope` says where the action is; see makeActions. */
const KINDS = [
  [24, null, null, (random) => `output:${v.port(random)}`],
  [3, null, null, () => 'in_port'],
  [2, null, null, () => 'LOCAL'],
  [3, 'normal', null, () => 'NORMAL'],
  [2, 'flood', null, () => 'FLOOD'],
  [1, 'flood', null, () => 'ALL'],
  [
    2,
    null,
    null,
    (random) =>
      `output:${random.pick(['NXM_NX_REG0[0..15]', 'NXM_NX_REG1[]', 'NXM_OF_IN_PORT[]', 'reg2[16..31]'])}`,
  ],
  [3, 'trunc', null, (random) => `output(port=${v.port(random)},max_len=${random.pick([64, 100, 200])})`],
  [2, 'controller', null, nested.controller],
  [10, null, null, (random, scope) => nested.resubmit(random, scope)],
  [2, 'resub_same', null, (random) => `resubmit:${v.port(random)}`],
  [
    6,
    'ct_resubmit',
    ({ tracked }) => tracked,
    (random, scope) => `resubmit(,${nested.laterTable(random, scope)},ct)`,
  ],
  [6, 'group', null, (random, scope) => nested.group(random, scope)],
  [5, null, null, (random) => setField(random)],
  [
    3,
    null,
    null,
    (random) =>
      `load:${random.pick(['0x1', '0x2', '0x5', '0x1234'])}->${random.pick([`${register(random)}[]`, `${register(random)}[0..15]`, 'OXM_OF_METADATA[]', 'OXM_OF_PKT_REG2[0..31]', 'NXM_NX_XXREG1[0..31]', 'NXM_NX_PKT_MARK[]'])}`,
  ],
  [
    3,
    null,
    null,
    (random) =>
      `move:${random.pick(['NXM_NX_REG0[]->NXM_NX_REG1[]', 'NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15]', 'NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[]', 'NXM_NX_REG1[0..15]->NXM_NX_REG0[16..31]', 'NXM_OF_VLAN_TCI[0..11]->NXM_NX_REG2[0..11]', 'NXM_OF_ETH_TYPE[]->NXM_NX_REG3[0..15]'])}`,
  ],
  [
    1,
    null,
    IPV4,
    (random) => `move:${random.pick(['NXM_OF_IP_SRC[]->NXM_NX_REG0[]', 'NXM_OF_IP_SRC[]->NXM_OF_IP_DST[]'])}`,
  ],
  [2, null, null, (random) => `mod_dl_src:${v.mac(random)}`],
  [2, null, null, (random) => `mod_dl_dst:${v.anyMac(random)}`],
  [3, 'vlan', null, (random) => `mod_vlan_vid:${v.vlan(random)}`],
  [1, 'vlan', null, (random) => `mod_vlan_pcp:${v.pcp(random)}`],
  [4, 'vlan', ({ tagged }) => tagged, () => 'strip_vlan'],
  [1, 'vlan', ({ tagged }) => !tagged, () => 'strip_vlan'],
  [2, 'vlan', null, () => 'push_vlan:0x8100,strip_vlan'],
  [3, 'vlan', null, (random) => `push_vlan:${random.pick(['0x8100', '0x88a8'])}`],
  [3, 'vlan', null, (random) => `push_vlan:0x8100,set_field:${v.vlan(random) | 0x1000}->vlan_vid`],
  [3, 'dec_ttl', IP, (random) => random.pick(['dec_ttl', 'dec_ttl', 'dec_ttl(1,2)'])],
  [2, null, IP, (random) => `mod_nw_tos:${random.pick([0, 32, 184])}`],
  [1, null, IP, (random) => `mod_nw_ecn:${random.pick([0, 1, 3])}`],
  [1, null, IP, (random) => `mod_nw_ttl:${random.pick([1, 64, 255])}`],
  [3, null, IPV4, (random) => `mod_nw_${random.pick(['src', 'dst'])}:${v.ipv4(random)}`],
  [
    3,
    null,
    IPV4,
    (random) =>
      `set_field:${random.pick([v.ipv4(random), '10.3.0.0/255.255.0.0', '0.0.0.4/0.0.0.255'])}->ip_${random.pick(['src', 'dst'])}`,
  ],
  [1, null, IPV4, (random) => `load:${random.below(4)}->NXM_OF_IP_${random.pick(['SRC', 'DST'])}[0..7]`],
  [2, null, L4, (random) => `mod_tp_${random.pick(['src', 'dst'])}:${v.l4Port(random)}`],
  [2, null, L4OF, (random, { protocol }) => setPort(random, protocol)],
  [1, null, new Set(['icmp']), () => 'set_field:3->icmp_type'],
  [2, 'nd', ND, (random, { protocol }) => setNeighbour(random, protocol)],
  [1, null, IPV6, (random) => `set_field:${v.ipv6(random)}->ipv6_${random.pick(['src', 'dst'])}`],
  [1, null, IPV6, () => 'set_field:0x111->ipv6_label'],
  [
    1,
    null,
    new Set(['arp']),
    (random) =>
      random.pick([
        `set_field:${v.mac(random)}->arp_tha`,
        'move:NXM_OF_ARP_SPA[]->NXM_OF_ARP_TPA[]',
        'move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[]',
        'set_field:2->arp_op',
        `set_field:${v.ipv4(random)}->arp_spa`,
      ]),
  ],
  [2, 'mpls', new Set([...IP, 'mpls']), () => 'push_mpls:0x8847'],
  [
    6,
    'mpls',
    new Set(['mpls']),
    (random) =>
      random.pick([
        'pop_mpls:0x0800',
        'pop_mpls:0x8847',
        'set_mpls_label:16',
        'set_mpls_tc:3',
        'set_mpls_ttl:5',
        'dec_mpls_ttl',
        'set_field:500->mpls_label',
      ]),
  ],
  [2, 'stack', null, () => 'push:NXM_NX_REG0[],push:NXM_NX_REG1[],pop:NXM_NX_REG0[],pop:NXM_NX_REG1[]'],
  [
    1,
    'stack',
    null,
    () => 'push:NXM_OF_ETH_SRC[],push:NXM_OF_ETH_DST[],pop:NXM_OF_ETH_SRC[],pop:NXM_OF_ETH_DST[]',
  ],
  [1, 'stack', null, (random) => `${random.pick(['push', 'pop'])}:${register(random)}[0..15]`],
  [2, null, null, (random) => `set_tunnel:${v.tunnelId(random)}`],
  [
    1,
    null,
    null,
    (random) => `set_field:172.31.0.${random.between(1, 3)}->tun_${random.pick(['src', 'dst'])}`,
  ],
  [1, 'queue', null, (random) => random.pick(['set_queue:5', 'set_queue:0', 'pop_queue', 'enqueue:6:1'])],
  [3, 'multipath', null, nested.multipath],
  [3, 'bundle', null, nested.bundle],
  [3, 'learn', null, nested.learn],
  [1, null, TCP, () => 'fin_timeout(idle_timeout=5)'],
  [1, 'note', null, () => 'note:0a.0b.0c'],
  [2, 'sample', null, nested.sample],
  [3, 'clone', null, (random, scope) => nested.clone(random, scope, makeActions)],
  [1, 'exit', null, () => 'exit'],
  [6, 'ct', IP, nested.ct],
  [2, 'ct_clear', null, () => 'ct_clear'],
  [
    1,
    null,
    null,
    (random) =>
      random.pick(['move:NXM_NX_TUN_ID[0..31]->NXM_NX_REG1[]', 'move:NXM_NX_REG1[]->NXM_NX_TUN_ID[0..31]']),
  ],
  [
    1,
    null,
    ({ tracked }) => tracked,
    (random) =>
      random.pick(['move:NXM_NX_CT_MARK[]->NXM_NX_REG0[]', 'move:NXM_NX_CT_LABEL[0..31]->NXM_NX_REG1[]']),
  ],
  [
    1,
    'check_pkt_larger',
    null,
    (random) =>
      `check_pkt_larger(${random.pick([100, 1500])})->NXM_NX_REG${random.below(2)}[${random.below(2)}]`,
  ],
  [
    1,
    'nsh',
    null,
    (random) =>
      random.pick([
        'encap(nsh(md_type=1)),set_field:0x1234->nsh_spi',
        'encap(ethernet)',
        'decap()',
        'encap(mpls)',
        'encap(nsh(md_type=2)),set_field:0x12->nsh_ttl,dec_nsh_ttl',
        'encap(nsh(md_type=1)),encap(ethernet)',
        'encap(nsh(md_type=1)),decap()',
        'set_field:3->nsh_si',
      ]),
  ],
];

/** Sets a port by its OpenFlow field; a mask now and then. */
function setPort(random, protocol) {
  const field = `${protocol.replace('6', '')}_${random.pick(['src', 'dst'])}`;
  return `set_field:${random.pick([v.l4Port(random), '0x10/0xf0'])}->${field}`;
}

function setNeighbour(random, protocol) {
  return random.pick([
    `set_field:${v.mac(random)}->nd_${protocol === 'ns' ? 's' : 't'}ll`,
    `set_field:${v.ipv6(random)}->nd_target`,
    'set_field:0->icmpv6_code',
    'set_field:2->nd_options_type',
    'load:0x1->ERICOXM_OF_ICMPV6_ND_RESERVED[]',
  ]);
}

function setField(random) {
  return random.pick([
    `set_field:${v.mac(random)}->eth_${random.pick(['src', 'dst'])}`,
    `set_field:00:00:00:00:00:0${random.between(1, 7)}/00:00:00:00:00:ff->eth_dst`,
    `set_field:${v.small(random)}->reg${random.below(4)}`,
    `set_field:0x5/0xff->reg${random.below(4)}`,
    `set_field:${v.small(random)}->pkt_mark`,
    `set_field:${v.small(random)}->xreg1`,
  ]);
}

/** The kinds that may be in a scope: `needs` is a set of protocols, or a question about the match. */
function kindsFor(scope) {
  const fits = ([, , needs]) =>
    needs === null || (typeof needs === 'function' ? needs(scope) : needs.has(scope.protocol));
  const kinds = scope.wide ? [...KINDS, ...WIDE_ACTIONS] : KINDS;
  return kinds.filter(fits).map((kind) => [kind[0], kind]);
}

/**
 * A list of actions. `scope`: { protocol, tagged and tracked (the match says that there is a VLAN tag, a connection), table (of the
 * flow), groups (ids that may be named), depth (of nesting), features (a set to add to), meters, wide (also the kinds of wide.mjs) }.
 */
export function makeActions(random, scope, most = 4) {
  const kinds = kindsFor(scope);
  const actions = random.some(random.between(1, most), () => {
    const [, feature, , words] = random.weighted(kinds);
    if (feature !== null) scope.features.add(feature);
    return words(random, scope);
  });
  return actions.join(',');
}

/** The instructions around the actions of a flow, in the order that OpenFlow wants them. */
export function makeInstructions(random, scope) {
  const { features, table } = scope;
  const parts = [];
  const add = (feature, text) => {
    features.add(feature);
    parts.push(text);
  };
  if (scope.meters && random.oneIn(12)) add('meter', `meter:${random.between(1, 2)}`);
  parts.push(makeActions(random, scope));
  if (random.oneIn(16)) add('action_set', 'clear_actions');
  if (random.oneIn(8)) add('action_set', `write_actions(${nested.actionSet(random, scope)})`);
  if (random.oneIn(16)) parts.push(`write_metadata:${random.pick(['0x1', '0x5'])}/0xff`);
  if (table < v.TABLES.at(-1) && random.oneIn(5))
    add('goto', `goto_table:${random.between(table + 1, v.TABLES.at(-1))}`);
  return parts.join(',');
}
