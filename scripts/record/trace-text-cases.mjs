// Hand-made switches and packets of which each tells of something that ofproto/trace has words for. See trace-text.mjs.

const PROTOCOLS = 'protocols=[OpenFlow10,OpenFlow11,OpenFlow12,OpenFlow13,OpenFlow14,OpenFlow15]';

function bridge(name, last, failMode = 'secure') {
  const settings = `datapath-type=dummy fail-mode=${failMode} other-config:datapath-id=fedcba987654321${last}`;
  return `add-br ${name} -- set bridge ${name} ${settings} other-config:hwaddr=aa:55:aa:55:00:0${last} ${PROTOCOLS}`;
}
const dummy = (name, number, br = 'br0') =>
  ` -- add-port ${br} ${name} -- set Interface ${name} type=dummy ofport_request=${number}`;
const plain = `${bridge('br0', 0)}${[1, 2, 3, 4].map((n) => dummy(`p${n}`, n)).join('')}`;
const patch = (name, peer, number, br) =>
  ` -- add-port ${br} ${name} -- set Interface ${name} type=patch options:peer=${peer} ofport_request=${number}`;
const bond = (settings) =>
  ` -- add-bond br0 bond0 p3 p4 ${settings} -- set Interface p3 type=dummy ofport_request=3 -- set Interface p4 type=dummy ofport_request=4`;
const tunnel = (name, number, type, options) =>
  ` -- add-port br0 ${name} -- set Interface ${name} type=${type} ${options} ofport_request=${number}`;

const TOPOLOGIES = {
  plain,
  standalone: `${bridge('br0', 0, 'standalone')}${dummy('p1', 1)}${dummy('p2', 2)}${patch('p3', 'q3', 3, 'br0')} -- ${bridge('br1', 1, 'standalone')}${patch('q3', 'p3', 1, 'br1')}${dummy('p11', 11, 'br1')}`,
  patch: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)}${patch('p3', 'q3', 3, 'br0')}${patch('p4', 'q4', 4, 'br0')} -- ${bridge('br1', 1)}${patch('q3', 'p3', 1, 'br1')}${patch('q4', 'p4', 2, 'br1')}${dummy('p11', 11, 'br1')}`,
  vlans: `${plain} -- set port p1 tag=10 -- set port p2 trunks=10,20 -- set port p3 vlan_mode=native-untagged tag=20 trunks=10 -- set port p4 vlan_mode=dot1q-tunnel tag=30 cvlans=10,11`,
  'odd names': `${bridge('br0', 0)}${['p-1', 'normal', 'in_port', '5', 'A"B', 'p.1'].map((name, i) => dummy(name, i + 1)).join('')}`,
  protected: `${plain} -- set port p1 protected=true -- set port p2 protected=true`,
  mirror: `${plain} -- --id=@p4 get Port p4 -- --id=@m create Mirror name=m0 select_all=true output_port=@p4 -- set Bridge br0 mirrors=@m`,
  mirrorvlan: `${plain} -- set port p1 tag=10 -- set port p2 trunks=20 -- --id=@p1 get Port p1 -- --id=@m create Mirror name=m0 select_src_port=@p1 output_vlan=20 -- set Bridge br0 mirrors=@m`,
  snooping: `${plain} -- set bridge br0 mcast_snooping_enable=true -- set bridge br0 other_config:mcast-snooping-disable-flood-unregistered=true -- set port p3 other_config:mcast-snooping-flood=true -- set port p4 other_config:mcast-snooping-flood-reports=true`,
  flooding: `${plain} -- set bridge br0 mcast_snooping_enable=true`,
  bond: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)} -- add-bond br0 bond0 p3 p4 bond_mode=balance-slb -- set Interface p3 type=dummy ofport_request=3 -- set Interface p4 type=dummy ofport_request=4`,
  backup: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)}${bond('bond_mode=active-backup other_config:bond-primary=p4')}`,
  lacp: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)}${bond('bond_mode=balance-tcp lacp=active')}`,
  lacpfallback: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)}${bond('bond_mode=balance-tcp lacp=active other_config:lacp-fallback-ab=true other_config:bond-primary=p4')}`,
  lacppassive: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)}${bond('bond_mode=balance-tcp lacp=passive other_config:lacp-fallback-ab=true other_config:bond-primary=p4')}`,
  tcpbond: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)} -- add-bond br0 bond0 p3 p4 bond_mode=balance-tcp lacp=off -- set Interface p3 type=dummy ofport_request=3 -- set Interface p4 type=dummy ofport_request=4`,
  tunnel: `${bridge('br0', 0)}${dummy('p1', 1)}${dummy('p2', 2)}${tunnel('p4', 4, 'vxlan', 'options:remote_ip=flow options:key=flow')}${tunnel('p5', 5, 'gre', 'options:remote_ip=172.31.0.2 options:key=5')}${tunnel('p6', 6, 'geneve', 'options:remote_ip=172.31.0.3 options:key=flow')}`,
  ipfix: `${plain} -- --id=@i create IPFIX targets="127.0.0.1:14739" sampling=400 -- set Bridge br0 ipfix=@i -- --id=@br0 get Bridge br0 -- --id=@i2 create IPFIX targets="127.0.0.1:14740" -- --id=@cs create Flow_Sample_Collector_Set id=1 bridge=@br0 ipfix=@i2`,
};

const NO_PUSH = [['dpif/set-dp-features', 'br0', 'tnl_push_pop', 'false']];
const TCP =
  'in_port=1,tcp,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,tcp_src=1000,tcp_dst=80';
const TCP6 =
  'in_port=1,tcp6,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,ipv6_src=fd00::1,ipv6_dst=fd00::2,nw_ttl=64,tcp_src=1000,tcp_dst=80';
const ARP =
  'in_port=1,arp,dl_src=50:54:00:00:00:01,dl_dst=ff:ff:ff:ff:ff:ff,arp_spa=10.0.0.1,arp_tpa=10.0.0.2,arp_op=1,arp_sha=50:54:00:00:00:01';
const UDP_TO = (mac, ip) =>
  `in_port=1,udp,dl_src=50:54:00:00:00:01,dl_dst=${mac},nw_src=10.0.0.1,nw_dst=${ip},nw_ttl=1,udp_src=5,udp_dst=6`;
const MPLS =
  'in_port=1,mpls,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,mpls_label=16,mpls_ttl=1,mpls_bos=1';
const LACPDU = 'in_port=3,dl_type=0x8809,dl_src=50:54:00:00:00:01,dl_dst=01:80:c2:00:00:02';
const tagged = (vlan, packet = TCP) => `${packet},dl_vlan=${vlan}`;
const ttl = (packet, n) => packet.replace('nw_ttl=64', `nw_ttl=${n}`);
const from = (port, packet = TCP) => packet.replace('in_port=1,', port === null ? '' : `in_port=${port},`);

/** Actions of a switch's only flow, one case each. */
const ACTIONS = [
  // Fields, the stack.
  'set_field:5->reg0,set_field:1/1->reg1,load:7->NXM_NX_REG2[4..7],output:2',
  'move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],move:NXM_OF_ETH_SRC[0..15]->NXM_NX_REG3[16..31],output:2',
  'push:NXM_NX_REG0[],push:NXM_OF_ETH_SRC[],pop:NXM_NX_REG1[],pop:NXM_NX_REG2[0..3],pop:NXM_NX_REG3[],output:2',
  'push:OXM_OF_METADATA[],pop:NXM_NX_XXREG1[],output:2',
  'set_field:0x123456789abcdef->xreg1,move:NXM_NX_XXREG0[0..63]->NXM_NX_XXREG1[64..127],output:NXM_NX_REG3[]',
  'set_field:0x10002->reg5,output:NXM_NX_REG5[],output:NXM_NX_REG5[0..15]',
  'set_field:1->reg5,output:NXM_NX_REG5[],set_field:0xfffd->reg5,output:NXM_NX_REG5[0..15]',
  'multipath(eth_src,50,modulo_n,4,0,NXM_NX_REG0[0..7]),output:NXM_NX_REG0[0..7]',
  'bundle(eth_src,0,hrw,ofport,members:2,3),bundle(eth_src,0,active_backup,ofport,members:9)',
  'bundle_load(eth_src,0,active_backup,ofport,NXM_NX_REG0[],members:2,3),output:NXM_NX_REG0[]',
  'push_vlan:0x8100,set_field:4196->vlan_vid,move:OXM_OF_VLAN_VID[]->NXM_NX_REG0[0..12],output:2,pop_vlan,output:3',
  'move:NXM_OF_IN_PORT[]->NXM_NX_REG0[0..15],move:NXM_OF_ETH_TYPE[]->NXM_NX_REG1[0..15],output:2',
  'move:NXM_OF_IP_SRC[]->NXM_NX_REG0[],move:NXM_OF_IP_SRC[]->NXM_OF_IP_DST[],move:NXM_OF_TCP_SRC[]->NXM_OF_TCP_DST[],output:2',
  // Outputs.
  'output:9,output:1,IN_PORT,LOCAL,output:2',
  'output(port=2,max_len=100),output(port=1,max_len=100),output(port=9,max_len=100)',
  'FLOOD',
  'ALL',
  'NORMAL',
  'CONTROLLER,controller(max_len=12,id=5,reason=no_match),controller(userdata=01.02,pause),output:2',
  'enqueue:2:3,set_queue:2,output:2,pop_queue,output:3,pop_queue,output:3,enqueue:1:1',
  'note:11.22.33.44.55.66.77,output:2',
  'exit,output:2',
  'drop',
  // Tables.
  'resubmit(,0)',
  'resubmit(2,1),resubmit:3,TABLE',
  'resubmit(,7),resubmit(,8)',
  'goto_table:1',
  'write_metadata:0x5/0xf,goto_table:7',
  'resubmit(,1,ct),output:2',
  // Action sets.
  'write_actions(output:2,set_field:1->reg0,push_vlan:0x8100,dec_ttl)',
  'write_actions(output:2),clear_actions,write_actions(set_field:1->reg0)',
  'clear_actions,write_actions(group:1),write_actions(output:3)',
  'write_actions(output:2),clear_actions,goto_table:7',
  // Groups.
  'group:1',
  'group:2,group:3,group:4',
  'group:5,group:6,group:7,group:8,group:9,group:99,output:2',
  // Copies and branches.
  'clone(),clone(set_field:1->reg0,output:2),output:3',
  'clone(ct(commit),output:2),clone(exit,output:3),output:3',
  'check_pkt_larger(100)->NXM_NX_REG0[0],output:2',
  'check_pkt_larger(100)->NXM_NX_REG0[0]',
  'check_pkt_larger(100)->NXM_NX_REG0[3],move:NXM_NX_REG0[3]->NXM_NX_REG1[0],goto_table:1',
  'sample(probability=1000,collector_set_id=1),sample(probability=65535,collector_set_id=1,sampling_port=9),output:2',
  'meter:1,output:2',
  // Connections.
  'ct(table=1),output:2',
  'ct(commit,table=2,zone=5,exec(set_field:1->ct_mark,set_field:3->ct_label)),ct_clear,output:2',
  'ct(commit,nat(src=10.1.1.1-10.1.1.9:1000-2000)),output:2',
  'ct(commit,nat(src=10.1.1.1:5000),table=1,exec(load:7->NXM_NX_CT_MARK[]))',
  'ct(commit,nat(dst=10.1.1.1),table=3,alg=ftp)',
  'ct(nat,table=1),ct(table=3,zone=NXM_NX_REG0[0..15])',
  'write_actions(output:3),ct(table=1)',
  'set_field:7->reg4,push:NXM_NX_REG4[],ct(table=5)',
  'ct(table=6)',
  'ct(force,commit)',
  // Learning.
  'learn(table=1,priority=5,idle_timeout=10,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:2',
  'learn(table=1,limit=3,result_dst=NXM_NX_REG0[0],NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],output:NXM_OF_IN_PORT[]),output:2',
  'fin_timeout(idle_timeout=5),output:2',
  // Headers.
  'dec_ttl,output:2',
  'dec_ttl(1,2),output:2',
  'push_mpls:0x8847,set_mpls_label:5,dec_mpls_ttl,output:2,pop_mpls:0x0800,output:3,dec_ttl,output:3',
  'push_mpls:0x8847,push_mpls:0x8847,push_mpls:0x8847,push_mpls:0x8847,output:2',
  'encap(nsh(md_type=1)),set_field:0x1234->nsh_spi,encap(ethernet),output:2',
  'encap(ethernet),output:2',
  'encap(nsh),output:2',
  'decap,output:2',
  'push_vlan:0x8100,decap,output:2',
  'encap(mpls),set_mpls_label:5,encap(ethernet),output:2',
  'set_field:10.0.0.9->ip_src,set_field:81->tcp_dst,output:2',
  'mod_nw_tos:16,mod_tp_dst:8080,mod_nw_ecn:2,mod_nw_ttl:7,output:2',
];

/** What the other tables of those switches have. */
const TABLES = [
  'table=1,priority=7,cookie=0xabc,tcp,tcp_dst=80 actions=set_field:9->reg9,output:3',
  'table=1,priority=6,ipv6 actions=NORMAL',
  'table=1,priority=0 actions=drop',
  'table=2,priority=3,ct_state=+trk+est,ip actions=ct_clear,output:2',
  'table=2,priority=2,ct_state=+trk+new,ip actions=ct(commit,table=3),dec_ttl,output:3',
  'table=2,priority=2,ct_state=+trk+inv actions=drop',
  'table=3,priority=1,ip,nw_src=10.1.1.0/24 actions=set_field:10.1.1.200->ip_dst,output:3',
  'table=3,priority=1,ct_zone=5 actions=exit',
  'table=5,priority=1 actions=pop:NXM_NX_REG5[],output:2',
  'table=6,priority=1 actions=ct(table=6)',
];

const GROUPS = [
  'group_id=1,type=all,bucket=actions=output:2,bucket=set_field:3->reg0,output:3,bucket=actions=drop',
  'group_id=2,type=indirect,bucket=dec_ttl,output:2',
  'group_id=3,type=ff,bucket=watch_port:9,actions=output:2,bucket=watch_port:3,watch_group:99,actions=output:3',
  'group_id=4,type=ff,bucket=watch_port:9,watch_group:99,actions=output:2',
  'group_id=5,type=select,selection_method=hash,fields(eth_src,ip_dst),bucket=weight:10,actions=output:2,bucket=weight:20,actions=output:3,bucket=weight:0,actions=output:4',
  'group_id=6,type=select,bucket=weight:10,actions=output:2,bucket=weight:10,watch_port:9,actions=output:3',
  'group_id=7,type=select,selection_method=hash,bucket=weight:0,actions=output:2',
  'group_id=8,type=all',
  'group_id=9,type=select,selection_method=dp_hash,bucket=weight:10,actions=output:2,bucket=weight:20,actions=output:3',
];

const CT_NEXT = [[], ['--ct-next', 'trk,est,rpl'], ['--ct-next', 'trk,inv', '--ct-next', 'new']];

/** A case: names of what it is about, its topology, what is in it, packets as [flow, options, bridge]. */
function make(id, kind, given, packets) {
  return {
    schema: 'xlate/1',
    id,
    features: [id.replace(/-\d+$/, '')],
    topology: { name: kind, vsctl: TOPOLOGIES[kind].split(' '), appctl: kind === 'tunnel' ? NO_PUSH : [] },
    meters: ['meter=1,kbps,bands=type=drop,rate=1000'],
    groups: [],
    flows: [],
    flowsOf10: [],
    bridgeFlows: {},
    fdb: [],
    ...given,
    traces: packets.map((packet) => {
      const [flow, options = [], bridgeName = 'br0'] = [packet].flat(1);
      return { bridge: bridgeName, flow, options };
    }),
  };
}

/** One case for each list of actions, with a packet that it is about and one that it does not fit. */
function actionCases() {
  return ACTIONS.map((actions, i) => {
    const first = actions.includes('sample(') ? 'ipfix' : 'plain';
    const match = /nsh|decap|encap|arp/.test(actions) ? '' : ',tcp';
    const packets = /^(resubmit|ct|write_actions\(output:3\),ct)|ct\(/.test(actions)
      ? CT_NEXT.map((options) => [TCP, options])
      : [[TCP], [ttl(TCP, 1)]];
    const flows = [`table=0,priority=10,cookie=0x${i.toString(16)}${match} actions=${actions}`, ...TABLES];
    return make(`action-${i}`, first, { flows, groups: GROUPS }, [...packets, [ARP]]);
  });
}

/** OpenFlow 1.0's actions, as they are shown under their old names. */
const OF10 = [
  'mod_dl_src:00:11:22:33:44:55,mod_dl_dst:00:11:22:33:44:66,mod_nw_src:1.2.3.4,mod_nw_dst:4.3.2.1,mod_nw_tos:184,mod_tp_src:1,mod_tp_dst:2,output:2',
  'mod_vlan_vid:5,mod_vlan_pcp:3,output:2,strip_vlan,output:3',
  'load:5->NXM_NX_REG0[],load:3->NXM_NX_REG1[4..7],set_field:7->reg2,set_tunnel:5,resubmit(,1),enqueue:2:1',
  'set_field:1->nw_ttl,mod_nw_ecn:1,mod_nw_ttl:9,output:2',
];

const NORMAL = ['priority=0 actions=NORMAL'];
const FDB = [
  ['p2', 0, '50:54:00:00:00:02'],
  ['p1', 0, '50:54:00:00:00:03'],
  ['p2', 10, '50:54:00:00:00:02'],
];
const LEARNED = { flows: NORMAL, fdb: FDB };

/** Everything that hangs on the configuration. */
function topologyCases() {
  const learned = TCP.replace('dl_dst=50:54:00:00:00:02', 'dl_dst=50:54:00:00:00:03');
  const unknown = TCP.replace('dl_dst=50:54:00:00:00:02', 'dl_dst=50:54:00:00:00:77');
  const reserved = TCP.replace('dl_dst=50:54:00:00:00:02', 'dl_dst=01:80:c2:00:00:00');
  const group = UDP_TO('01:00:5e:01:01:01', '239.1.1.1');
  const local = UDP_TO('01:00:5e:00:00:05', '224.0.0.5');
  const igmp = (type) =>
    `in_port=1,ip,dl_src=50:54:00:00:00:01,dl_dst=01:00:5e:01:01:01,nw_src=10.0.0.1,nw_dst=239.1.1.1,nw_proto=2,nw_ttl=1,tp_src=${type},tp_dst=0`;
  const mld = (type) =>
    `in_port=1,icmp6,dl_src=50:54:00:00:00:01,dl_dst=33:33:00:00:00:05,ipv6_src=fe80::1,ipv6_dst=ff02::5,icmpv6_type=${type},icmpv6_code=0`;
  const tunnelled = (tos) =>
    `in_port=5,tun_id=5,tun_src=172.31.0.2,tun_dst=172.31.0.1,tun_tos=${tos},tun_ttl=64,tcp,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64`;
  const multicast = [group, local, igmp(17), igmp(22), igmp(23), mld(130), mld(131), TCP];
  return [
    make('normal-0', 'plain', LEARNED, [
      TCP,
      learned,
      unknown,
      reserved,
      ARP,
      from(null),
      from(9),
      from('LOCAL'),
    ]),
    make('normal-1', 'vlans', LEARNED, [
      ...[TCP, tagged(5), tagged(10), from(2, tagged(10)), from(2, tagged(30)), from(3), from(3, tagged(7))],
      ...[from(4), from(4, tagged(10)), from(4, tagged(12))],
    ]),
    make('normal-2', 'protected', { flows: [...NORMAL, 'priority=5,udp actions=output:2'] }, [TCP, group]),
    make('standalone-0', 'standalone', { flows: NORMAL, bridgeFlows: { br1: NORMAL } }, [
      TCP,
      [from(11), [], 'br1'],
    ]),
    make('mirror-0', 'mirror', LEARNED, [TCP, from(4), unknown, from(2, learned)]),
    make('mirror-1', 'mirrorvlan', LEARNED, [TCP, tagged(10), reserved]),
    make('mirror-2', 'mirror', { flows: ['priority=0 actions=output:2,output:3,output:4'] }, [TCP]),
    make('snooping-0', 'snooping', LEARNED, multicast),
    make('snooping-1', 'flooding', LEARNED, multicast),
    make('bond-0', 'bond', LEARNED, [TCP, from(3), from(4)]),
    make('bond-1', 'tcpbond', LEARNED, [TCP, TCP6]),
    make('bond-2', 'backup', LEARNED, [TCP, unknown, from(3), from(4), from(3, ARP), from(4, ARP)]),
    ...['lacp', 'lacpfallback', 'lacppassive'].map((kind) =>
      make(`bond-${kind}`, kind, LEARNED, [TCP, unknown, from(3), from(4), from(4, ARP), LACPDU]),
    ),
    make('tunnel-0', 'tunnel', { flows: ['priority=0 actions=output:4,output:5,output:6,output:2'] }, [
      ...[TCP, tunnelled(0), tunnelled(3)],
    ]),
    make(
      'tunnel-1',
      'tunnel',
      { flows: ['actions=set_field:172.31.0.9->tun_dst,set_field:7->tun_id,NORMAL'] },
      [...[TCP, tunnelled(2)]],
    ),
    make(
      'patch-0',
      'patch',
      {
        flows: [
          'priority=0 actions=output:3,output:2',
          'priority=5,udp actions=NORMAL',
          'in_port=4 actions=output:1',
        ],
        bridgeFlows: {
          br1: [
            'priority=3,tcp,in_port=1 actions=set_field:6->reg0,output:2,output:11',
            'priority=3,udp actions=write_actions(output:11),goto_table:1',
            'table=1,priority=0 actions=ct(table=2),output:2',
          ],
        },
      },
      [TCP, group, ARP, [from(11), [], 'br1'], [from(1), ['--ct-next', 'est'], 'br1']],
    ),
    make(
      'match-0',
      'plain',
      {
        flows: [
          'priority=9,tcp,tcp_dst=0x50/0xfff0,reg0=0/0xf,dl_vlan=5 actions=output:2',
          'priority=8,in_port=LOCAL,ipv6,ipv6_src=fd00::/16 actions=output:2',
          'priority=7,conj_id=3 actions=output:4',
          'priority=7,in_port=1 actions=conjunction(3,1/2)',
          'priority=7,tcp,tcp_dst=80 actions=conjunction(3,2/2)',
          'priority=6,arp,arp_op=1,arp_tpa=10.0.0.2 actions=load:2->NXM_OF_ARP_OP[],move:NXM_NX_ARP_SHA[]->NXM_NX_ARP_THA[],IN_PORT',
          'priority=5,mpls,mpls_label=16 actions=dec_mpls_ttl,output:2',
          'cookie=0xffffffffffffffff,priority=65535,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ip actions=output:3',
        ],
      },
      [TCP, tagged(5), TCP6.replace('in_port=1', 'in_port=LOCAL'), ARP, MPLS, group],
    ),
    make(
      'limits-0',
      'plain',
      {
        flows: [
          'priority=0 actions=resubmit(,1),resubmit(,1)',
          'table=1,priority=0 actions=resubmit(,2),resubmit(,2)',
          'table=2,priority=0 actions=resubmit(,3),group:1',
          'priority=5,arp actions=resubmit(,0),output:2',
          'priority=5,mpls actions=group:2',
        ],
        groups: ['group_id=1,type=all,bucket=output:2', 'group_id=2,type=all,bucket=group:2,bucket=output:2'],
      },
      [TCP, ARP],
    ),
    ...OF10.map((actions, i) =>
      make(`of10-${i}`, 'plain', { flows: TABLES, flowsOf10: [`priority=1,tcp actions=${actions}`] }, [
        TCP,
        tagged(3),
      ]),
    ),
  ];
}

const times = (count, action) => Array.from({ length: count }, () => action).join(',');

/** Packets that meet a limit: what it is called, and what becomes of them. Their texts are long. */
function limitCases() {
  const flows = (...lines) => ({ flows: lines });
  const deep = ['group_id=1,type=indirect,bucket=resubmit(,0)'];
  return [
    make('limits-deep', 'plain', flows('priority=0 actions=output:2,resubmit(,0),output:3'), [TCP]),
    make('limits-deep-groups', 'plain', { ...flows('priority=0 actions=group:1'), groups: deep }, [TCP]),
    make('limits-deep-clones', 'plain', flows('priority=0 actions=clone(resubmit(,0)),output:2'), [TCP]),
    make(
      'limits-deep-patch',
      'patch',
      {
        ...flows('priority=0 actions=output:3', 'in_port=3 actions=IN_PORT'),
        bridgeFlows: { br1: ['priority=0 actions=IN_PORT'] },
      },
      [TCP],
    ),
    make(
      'limits-resubmits',
      'plain',
      flows(
        `priority=0 actions=${times(64, 'resubmit(,1)')}`,
        `table=1,priority=0 actions=${times(64, 'resubmit(,2)')},output:2`,
      ),
      [TCP],
    ),
    make(
      'limits-stack',
      'plain',
      flows(
        `priority=0 actions=${times(16, 'resubmit(,1)')},output:2`,
        `table=1,priority=0 actions=${times(300, 'push:NXM_NX_XXREG0[]')}`,
      ),
      [TCP],
    ),
    make(
      'limits-oversize',
      'plain',
      flows(
        `priority=0 actions=${times(12, 'resubmit(,1)')},output:2`,
        `table=1,priority=0,ip actions=${times(300, 'ct(commit,zone=7)')}`,
      ),
      [TCP],
    ),
    make(
      'limits-outputs',
      'plain',
      flows(
        `priority=0 actions=${times(4, 'resubmit(,1)')}`,
        `table=1,priority=0 actions=${times(150, 'output:2,output:3')}`,
      ),
      [TCP],
    ),
  ];
}

/** Ports by name instead of number, in everything that tells of them. */
function namesCases() {
  const named = (packet, bridgeName = 'br0') => [packet, ['--names'], bridgeName];
  const everything =
    'output(port=2,max_len=100),enqueue:2:3,bundle(eth_src,0,active_backup,ofport,members:1,2,3),set_field:2->in_port,' +
    'resubmit(3,1),resubmit:4,learn(table=9,in_port=3,output:NXM_OF_IN_PORT[]),clone(output:4),load:4->NXM_OF_IN_PORT[],' +
    'push:NXM_OF_IN_PORT[],ct(commit,exec(load:1->NXM_NX_CT_MARK[])),group:3,CONTROLLER,LOCAL,IN_PORT,output:9,write_actions(output:4)';
  return [
    make(
      'names-0',
      'plain',
      {
        flows: [
          ...['1', 'LOCAL'].map((port) => `ip,in_port=${port} actions=${everything}`),
          'table=1,in_port=3 actions=bundle_load(eth_src,0,hrw,ofport,NXM_NX_REG0[0..15],members:1,2,3),output:NXM_NX_REG0[0..15]',
        ],
        groups: GROUPS,
      },
      [named(TCP), named(from('LOCAL')), [TCP]],
    ),
    make(
      'names-1',
      'patch',
      {
        flows: ['in_port=1 actions=output:3', 'in_port=3 actions=output:2,FLOOD'],
        bridgeFlows: {
          br1: [
            'ip,in_port=1 actions=output:11,IN_PORT,ct(table=2)',
            'table=2,in_port=1 actions=output:11,IN_PORT',
          ],
        },
      },
      [named(TCP), named(from(11), 'br1')],
    ),
    make('names-2', 'tunnel', { flows: ['priority=0 actions=output:5,output:6,output:2'] }, [named(TCP)]),
    make(
      'names-3',
      'odd names',
      { flows: ['in_port=1 actions=ALL', 'actions=output:1,output:2,output:3,output:4,output:5,output:6'] },
      [...[1, 2, 3, 4, 5, 6].map((port) => named(from(port)))],
    ),
  ];
}

/** All of them, as test/fixtures/xlate-dev.jsonl.gz has cases. */
export function handMadeCases() {
  return [...actionCases(), ...topologyCases(), ...limitCases(), ...namesCases()];
}
