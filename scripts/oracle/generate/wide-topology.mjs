// Switch configurations that `--wide` adds: settings that the recorded cases do not have, and more than one of what they have.
import { bridge, dummies, dummy, EXPORTERS, patch, six, tunnel } from './words.mjs';
import * as v from './values.mjs';

const port = (name, words) => ` -- set port ${name} ${words}`;

/** Tunnels with extensions, Geneve options, IPv6 and layer 3. */
function options(random) {
  const vxlan = random.pick([
    'options:remote_ip=172.31.0.3 options:key=flow options:exts=gbp',
    'options:remote_ip=fd00::31 options:local_ip=fd00::30 options:key=7 options:csum=true',
    'options:remote_ip=172.31.0.3 options:key=flow options:dst_port=8472 options:tos=inherit',
    'options:remote_ip=172.31.0.3 options:key=flow options:packet_type=ptap options:exts=gpe',
  ]);
  const gre = random.pick([
    'options:remote_ip=172.31.0.3 options:key=flow options:seq=true',
    'options:remote_ip=172.31.0.3 options:key=7 options:packet_type=legacy_l3',
    'options:remote_ip=flow options:in_key=flow options:out_key=9 options:ttl=inherit',
  ]);
  const geneve = random.pick([
    'options:remote_ip=172.31.0.3 options:key=flow',
    'options:remote_ip=flow options:key=5 options:df_default=false options:csum=false',
    'options:remote_ip=fd00::33 options:key=flow options:tos=inherit options:ttl=inherit',
  ]);
  const ports = [
    ['p4', 4, 'vxlan', vxlan],
    ['p5', 5, 'gre', gre],
    ['p6', 6, 'geneve', geneve],
  ];
  return bridge('br0', 0) + dummies(1, 2, 3) + ports.map((words) => tunnel(...words)).join('');
}

/** Two or three mirrors at a time. */
function manyMirrors(random) {
  const named = [1, 2, 3, 4, 5, 6].map((n) => ` -- --id=@p${n} get Port p${n}`).join('');
  const mirrors = [
    'select_src_port=@p1,@p2 output_port=@p6',
    'select_dst_port=@p3 select_vlan=10,30 output_port=@p5',
    `select_all=true output_port=@p5${random.oneIn(2) ? ' snaplen=64' : ''}`,
    'select_dst_port=@p2,@p3,@p4 output_port=@p6 snaplen=200',
    'select_vlan=20,100 select_all=true output_port=@p4',
  ];
  const chosen = random.sample(mirrors, random.between(2, 3));
  const made = chosen.map((words, i) => ` -- --id=@m${i} create Mirror name=m${i} ${words}`).join('');
  const vlans = random.oneIn(2) ? port('p1', 'tag=10') + port('p3', 'trunks=10,30') : '';
  return six(`${vlans}${named} -- set Bridge br0 mirrors=${chosen.map((_, i) => `@m${i}`).join(',')}${made}`);
}

/** VLAN modes and their settings, any with any. */
function vlanModes(random) {
  const modes = [
    'vlan_mode=access tag=20',
    'vlan_mode=trunk trunks=10,20,30',
    'vlan_mode=native-tagged tag=10 trunks=10,20',
    'vlan_mode=native-untagged tag=100 trunks=10,100',
    'vlan_mode=dot1q-tunnel tag=30',
    'vlan_mode=dot1q-tunnel tag=30 cvlans=10,20',
    'vlan_mode=dot1q-tunnel tag=100 other_config:qinq-ethtype=802.1q',
    'vlan_mode=trunk',
    'tag=0',
    'vlan_mode=native-untagged tag=20 other_config:priority-tags=always',
    'trunks=0,20 other_config:priority-tags=if-nonzero',
  ];
  const ports = [1, 2, 3, 4, 5].map((n) =>
    port(`p${n}`, `${random.pick(modes)}${random.oneIn(6) ? ' protected=true' : ''}`),
  );
  const limit = random.pick([
    '',
    ' -- set Open_vSwitch . other_config:vlan-limit=2',
    ' -- set Open_vSwitch . other_config:vlan-limit=0',
  ]);
  return six(`${limit}${ports.join('')}`);
}

/** Bridges whose patch ports have VLANs, and a mirror behind. */
function vlanPatches(random) {
  const first = `${bridge('br0', 0)}${dummies(1, 2, 3, 4)}${patch('p5', 'q5', 5, 'br0')}${patch('p6', 'q6', 6, 'br0')}`;
  const second = `${bridge('br1', 1)}${patch('q5', 'p5', 5, 'br1')}${patch('q6', 'p6', 6, 'br1')}${dummy('p11', 11, 'br1')}${dummy('p12', 12, 'br1')}`;
  const vlans =
    port(random.pick(['p5', 'q5']), `tag=${v.vlan(random)}`) +
    port(random.pick(['p6', 'q6']), 'trunks=10,20') +
    port('p11', `tag=${v.vlan(random)}`);
  const mirror =
    ' -- --id=@p12 get Port p12 -- --id=@m create Mirror name=m0 select_all=true output_port=@p12 -- set Bridge br1 mirrors=@m';
  return `${first} -- ${second}${vlans}${random.oneIn(2) ? mirror : ''}`;
}

/** Bonds with VLANs, mirrored. */
function vlanBonds(random) {
  const members = [3, 4, 5, 6].map((n) => ` -- set Interface p${n} type=dummy ofport_request=${n}`).join('');
  const first = `bond_mode=active-backup other_config:bond-primary=${random.pick(['p3', 'p4'])} ${random.pick(['tag=10', 'trunks=10,20', 'vlan_mode=native-untagged tag=20', 'protected=true'])}`;
  const second = `bond_mode=active-backup other_config:bond-primary=${random.pick(['p5', 'p6'])} ${random.pick(['', 'tag=10', 'protected=true'])}`;
  const mirror =
    ' -- --id=@b get Port bond0 -- --id=@o get Port p1 -- --id=@m create Mirror name=m0 select_src_port=@b select_dst_port=@b output_port=@o -- set Bridge br0 mirrors=@m';
  return `${bridge('br0', 0)}${dummies(1, 2)} -- add-bond br0 bond0 p3 p4 -- add-bond br0 bond1 p5 p6${members}${port('bond0', first)}${port('bond1', second)}${random.oneIn(2) ? mirror : ''}`;
}

/** Multicast snooping with ports that floods or reports are sent to. */
function snoopingPorts(random) {
  const words = ['mcast-snooping-flood=true', 'mcast-snooping-flood-reports=true'];
  const ports = [2, 4, 6].map((n) => port(`p${n}`, `other_config:${random.pick(words)}`)).join('');
  const vlans = random.oneIn(2) ? port('p1', 'tag=10') + port('p2', 'tag=10') : '';
  return six(
    ` -- set bridge br0 mcast_snooping_enable=true other_config:mcast-snooping-disable-flood-unregistered=${random.oneIn(2)}${ports}${vlans}`,
  );
}

/** Exporters together, with samples of outputs too. */
function exporters(random) {
  const { sflow, ipfix, netflow } = EXPORTERS;
  const vlans = random.oneIn(2) ? port('p1', 'tag=10') + port('p2', 'tag=10') : '';
  return six(random.pick([sflow + ipfix, sflow + netflow, ipfix + netflow, sflow + ipfix + netflow]) + vlans);
}

const standalone = (random) =>
  six(
    ` -- set bridge br0 fail-mode=standalone other-config:forward-bpdu=${random.oneIn(2)} other-config:disable-in-band=true${[1, 3, 5].map((n) => port(`p${n}`, `protected=${random.oneIn(2)}`)).join('')}`,
  );

/** As KINDS of topology.mjs. */
export const WIDE_TOPOLOGIES = [
  [10, 'options', options],
  [6, 'mirrors2', manyMirrors],
  [10, 'modes', vlanModes],
  [5, 'patch', vlanPatches],
  [5, 'bonds', vlanBonds],
  [4, 'snooping', snoopingPorts],
  [4, 'exporters', exporters],
  [4, 'standalone', standalone],
];
