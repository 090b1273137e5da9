// Switch configurations as ovs-vsctl words: six ports of a bridge br0, and what is set on them.
import * as v from './values.mjs';
import { WIDE_TOPOLOGIES } from './wide-topology.mjs';
import { bridge, dummies, dummy, EXPORTERS, patch, six, tunnel } from './words.mjs';

const list = (random, values, most) => random.sample(values, random.between(1, most)).join(',');

/** VLAN settings of one port. */
function vlanSettings(random, name) {
  return random.weighted([
    [2, () => ''],
    [4, () => ` -- set port ${name} tag=${v.vlan(random)}`],
    [3, () => ` -- set port ${name} trunks=${list(random, v.VLANS, 3)}`],
    [
      2,
      () =>
        ` -- set port ${name} vlan_mode=native-tagged tag=${v.vlan(random)} trunks=${list(random, v.VLANS, 2)}`,
    ],
    [2, () => ` -- set port ${name} vlan_mode=native-untagged tag=${v.vlan(random)}`],
    [
      1,
      () =>
        ` -- set port ${name} tag=${v.vlan(random)} other_config:priority-tags=${random.pick(['always', 'if-nonzero'])}`,
    ],
  ])();
}

function tunnels(random) {
  const vxlan = random.pick([
    'options:remote_ip=flow options:local_ip=flow options:key=flow',
    'options:remote_ip=172.31.0.1 options:key=flow options:df_default=false',
    'options:remote_ip=172.31.0.1 options:key=7 options:ttl=9',
  ]);
  const gre = random.pick([
    'options:remote_ip=172.31.0.2 options:key=flow',
    'options:remote_ip=172.31.0.2 options:in_key=1 options:out_key=2 options:csum=true',
  ]);
  const geneve = random.pick([
    'options:remote_ip=172.31.0.3 options:local_ip=172.31.0.1 options:key=5 options:tos=inherit options:ttl=inherit options:csum=true',
    'options:remote_ip=172.31.0.3 options:key=flow options:tos=12',
    'options:remote_ip=flow options:key=flow options:egress_pkt_mark=3',
  ]);
  const ports = [
    ['p4', 4, 'vxlan', vxlan],
    ['p5', 5, 'gre', gre],
    ['p6', 6, 'geneve', geneve],
  ];
  return bridge('br0', 0) + dummies(1, 2, 3) + ports.map((port) => tunnel(...port)).join('');
}

function bonds(random) {
  const mode = random.pick(['balance-slb', 'balance-slb', 'balance-tcp lacp=off', 'active-backup']);
  const members = [3, 4, 5, 6].map((n) => ` -- set Interface p${n} type=dummy ofport_request=${n}`);
  // Which member is active would be decided by the order in which links come up. Balanced bonds have no primary; see makeTopology.
  const basis = random.oneIn(3) ? ' -- set port bond0 other_config:bond-hash-basis=7' : '';
  const primary = (bond, ...names) => ` -- set port ${bond} other_config:bond-primary=${random.pick(names)}`;
  const extra = `${mode === 'active-backup' ? primary('bond0', 'p3', 'p4') : ''}${basis}`;
  const [a, b, c, d] = members;
  return `${bridge('br0', 0)}${dummies(1, 2)} -- add-bond br0 bond0 p3 p4 bond_mode=${mode}${a}${b}${extra} -- add-bond br0 bond1 p5 p6 bond_mode=active-backup${c}${d}${primary('bond1', 'p5', 'p6')}`;
}

function patches() {
  const second = `${patch('q5', 'p5', 5, 'br1')}${patch('q6', 'p6', 6, 'br1')}${dummy('p11', 11, 'br1')}${dummy('p12', 12, 'br1')}`;
  return `${bridge('br0', 0)}${dummies(1, 2, 3, 4)}${patch('p5', 'q5', 5, 'br0')}${patch('p6', 'q6', 6, 'br0')} -- ${bridge('br1', 1)}${second}`;
}

function mirrors(random) {
  const named = (...ports) => ports.map((p) => ` -- --id=@${p} get Port ${p}`).join('');
  const what = random.pick([
    [' select_all=true', []],
    [' select_src_port=@p1', ['p1']],
    [' select_dst_port=@p2 select_src_port=@p1', ['p1', 'p2']],
    [' select_all=true select_vlan=10,20', []],
  ]);
  const where = random.oneIn(2) ? [' output_port=@p6', ['p6']] : [` output_vlan=${v.vlan(random)}`, []];
  const cut = random.oneIn(4) ? ' snaplen=100' : '';
  return six(
    ` -- set Bridge br0 mirrors=@m${named(...what[1], ...where[1])} -- --id=@m create Mirror name=m0${what[0]}${where[0]}${cut}`,
  );
}

/** [weight, name, words]. */
const KINDS = [
  [20, 'plain', () => six()],
  [8, 'vlans', (random) => six([1, 2, 3, 4, 5].map((n) => vlanSettings(random, `p${n}`)).join(''))],
  [8, 'tunnel', tunnels],
  [6, 'patch', patches],
  [4, 'bonds', bonds],
  [4, 'mirrors', mirrors],
  [3, 'ipfix', () => six(EXPORTERS.ipfix)],
  [2, 'sflow', () => six(EXPORTERS.sflow)],
  [1, 'netflow', () => six(EXPORTERS.netflow)],
  [
    2,
    'standalone',
    () =>
      six(
        ' -- set bridge br0 fail-mode=standalone other-config:forward-bpdu=true -- set port p5 protected=true -- set port p6 protected=true',
      ),
  ],
  [
    2,
    'snooping',
    (random) =>
      six(
        ` -- set bridge br0 mcast_snooping_enable=true other_config:mcast-snooping-disable-flood-unregistered=${random.pick(['true', 'false'])}`,
      ),
  ],
  [
    2,
    'qinq',
    (random) =>
      six(
        ` -- set Open_vSwitch . other_config:vlan-limit=2 -- set port p1 vlan_mode=dot1q-tunnel tag=100 -- set port p2 vlan_mode=dot1q-tunnel tag=100 cvlans=${list(random, [10, 20, 30], 2)} -- set port p3 trunks=100`,
      ),
  ],
];

/** ovs-appctl's words for a kind. The active member of a balanced bond is the one that we take without being told. */
const KERNEL_TUNNELS = [['dpif/set-dp-features', 'br0', 'tnl_push_pop', 'false']];
const COMMANDS = {
  tunnel: KERNEL_TUNNELS,
  options: KERNEL_TUNNELS,
  bonds: [['bond/set-active-member', 'bond0', 'p4']],
};

/** A configuration: { name, vsctl, appctl }; `wide`: one of those of wide-topology.mjs as well. Tunnels are the kernel's to encapsulate, as on a kernel datapath. */
export function makeTopology(random, wide) {
  const kinds = wide ? [...KINDS, ...WIDE_TOPOLOGIES] : KINDS;
  const [name, words] = random.weighted(kinds.map(([weight, ...kind]) => [weight, kind]));
  const vsctl = words(random)
    .split(' ')
    .filter((word) => word !== '');
  // The one that is set would not stay active beside a primary.
  const needless = name === 'bonds' && !vsctl.some((word) => word.startsWith('bond_mode=balance-'));
  return { name, vsctl, appctl: needless ? [] : (COMMANDS[name] ?? []) };
}
