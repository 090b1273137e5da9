// What record/control.mjs asks of Open vSwitch.

export const GROUPS = [
  'group_id=1,type=select,bucket=weight:1,output:2,bucket=weight:2,output:3',
  'group_id=2,type=all,bucket=output:2,bucket=output:3',
];

/** Flows that OpenFlow 1.0 with Nicira's extensions can say. */
const FLOWS_10 = [
  'priority=10,cookie=0x5,idle_timeout=6000,hard_timeout=10000,send_flow_rem,tcp actions=resubmit(,4)',
  'priority=11,tcp,tcp_flags=+syn-ack,tp_dst=2000 actions=ct(commit,table=6,zone=reg0[0..15],exec(set_field:5->ct_mark,move:NXM_NX_REG0[]->NXM_NX_CT_LABEL[0..31]),nat(src=10.0.0.1-10.0.0.9:5-10,random))',
  'priority=9,icmp actions=group:2',
  'priority=9,arp,check_overlap,arp_op=1,arp_spa=10.0.0.1,arp_sha=00:00:00:00:00:01 actions=NORMAL',
  'priority=8,ipv6,ipv6_src=fd00::/8,ipv6_label=0x12345 actions=dec_ttl,output:3,learn(table=7,idle_timeout=3,in_port=2,NXM_OF_ETH_DST[]=NXM_OF_ETH_SRC[],load:NXM_OF_IN_PORT[]->NXM_NX_REG1[0..15],output:NXM_OF_IN_PORT[])',
  'priority=8,dl_vlan=99,dl_vlan_pcp=3 actions=strip_vlan,output:4',
  'priority=8,vlan_tci=0x1000/0x1000 actions=pop_vlan,LOCAL',
  'priority=8,vlan_tci=0x2005/0x3fff actions=output:4',
  'priority=8,mpls,mpls_label=5,mpls_tc=3,mpls_bos=1 actions=pop_mpls:0x800,output:4',
  'priority=7,mpls actions=set_mpls_label:7,set_mpls_tc:2,set_mpls_ttl:9,dec_mpls_ttl,push_mpls:0x8847,set_field:9->mpls_label,output:1',
  'priority=8,dl_type=0x88a8 actions=drop',
  'priority=7,ip,ip_frag=later,nw_tos=32,nw_ecn=2,nw_ttl=64 actions=output:2',
  'priority=6,in_port=1,metadata=0x5/0xff,reg0=7,xreg1=0x1234567890 actions=load:0x5->NXM_NX_REG0[],load:1->NXM_NX_REG1[3..7],move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],set_field:0x10/0xf0->reg3,output:LOCAL',
  'priority=5,ip,nw_dst=224.0.0.0/4 actions=controller:128,controller(reason=no_match,id=5,max_len=99,userdata=01.02,pause),FLOOD',
  'priority=0,in_port=LOCAL actions=NORMAL',
  'priority=1,tun_id=0x5,tun_src=1.2.3.4,tun_flags=+oam actions=set_tunnel:0,set_tunnel:7,set_tunnel64:8,set_tunnel64:0x1234567890,output:1',
  'priority=2,pkt_mark=5/0xf,conj_id=5,ip actions=note:01.02,enqueue:2:5,set_queue:3,pop_queue,all,IN_PORT',
  'table=4,ip actions=push_vlan:0x8100,set_field:4103->vlan_vid,set_field:10.1.1.1->ip_dst,set_field:5->nw_ttl,output:2,in_port,clone(mod_nw_tos:4,output:3)',
  'table=4,priority=3,udp actions=mod_tp_dst:53,mod_nw_ecn:2,mod_nw_ttl:7,mod_dl_src:00:00:00:00:00:01,mod_nw_src:1.2.3.4,mod_vlan_vid:5,mod_vlan_pcp:3,output:3',
  'table=4,priority=5,ip actions=set_field:2->nw_ecn,set_field:9->nw_ttl,set_field:3->ip_dscp,output:1',
  'table=4,priority=4,tcp6 actions=set_field:fd00::1->ipv6_src,set_field:80->tcp_dst,set_field:1/1->ipv6_label,output(port=3,max_len=100),output:NXM_NX_REG0[0..15]',
  'table=6,ct_state=+trk+new,tcp actions=output:3',
  'table=6,priority=1 actions=drop',
  'table=7,priority=1 actions=multipath(symmetric_l4,1024,modulo_n,4,0,NXM_NX_REG0[0..3]),bundle(eth_src,0,hrw,ofport,members:2,3),sample(probability=100,collector_set_id=3,obs_domain_id=1,obs_point_id=2,sampling_port=3,egress),exit',
  'table=9,tcp actions=fin_timeout(idle_timeout=5,hard_timeout=6),check_pkt_larger(1400)->NXM_NX_REG0[0],push:NXM_NX_REG0[],pop:NXM_NX_REG1[],resubmit:3,resubmit(4,5),dec_ttl(1,2)',
  'table=20,tun_id=0x5,tun_dst=1.2.3.4 actions=conjunction(5,1/2),conjunction(6,2/2)',
  'table=22,icmp6,icmp_type=135,nd_target=fd00::1,nd_sll=00:00:00:00:00:05 actions=set_field:fd00::2->nd_target,output:2',
  'table=21,sctp,tp_src=5/0xff actions=output:4',
  'table=253,priority=65535,dl_src=00:00:00:00:00:01/01:00:00:00:00:01 actions=exit',
];

/** Flows that are said in OpenFlow 1.5; those with instructions lose them in 1.0. */
const FLOWS_15 = [
  'priority=10,cookie=0x5,idle_timeout=6000,hard_timeout=10000,importance=3,send_flow_rem,reset_counts,tcp actions=resubmit(,4)',
  'priority=9,udp,nw_src=10.9.0.0/16 actions=meter:1,output:2',
  'priority=9,icmp6,no_packet_counts,no_byte_counts actions=group:1',
  'priority=9,arp,check_overlap actions=NORMAL',
  'priority=8,dl_vlan=99 actions=strip_vlan,output:4',
  'priority=7,vlan_vid=0 actions=push_vlan:0x88a8,set_field:4101->vlan_vid,output:3',
  'priority=7,vlan_vid=0x1000/0x1000 actions=mod_vlan_pcp:3,pop_vlan,LOCAL',
  'priority=6,in_port=1,reg0=7 actions=load:0x5->NXM_NX_REG0[],set_field:0x10/0xf0->reg3,set_field:fd00::2->tun_ipv6_dst,enqueue:2:5',
  'table=4,udp actions=mod_tp_dst:53,mod_nw_ecn:2,mod_dl_src:00:00:00:00:00:01,mod_nw_tos:8,mod_vlan_vid:5,output:3',
  'table=4,priority=3,mpls actions=set_mpls_label:7,set_mpls_tc:2,set_tunnel:5,goto_table:9',
  'table=5,priority=4 actions=output:3,write_metadata:5/0xf',
  'table=5 actions=write_actions(group:1,output:3),goto_table:9',
  'table=5,priority=6 actions=output:3,clear_actions',
  'table=21 actions=drop',
];

const MATCHES = [
  'table=4',
  'tcp',
  'ip,table=0',
  'cookie=0x5/-1',
  'out_port=2',
  'out_port=p3',
  'out_port=LOCAL',
  'out_port=CONTROLLER',
  'in_port=p1',
  'dl_vlan=99',
  'table=99',
];

/** Flows, the version they are added in, and what is asked then: options of `ovs-ofctl dump-flows`, matches. */
export const FLOW_SETS = [
  {
    version: 'OpenFlow10',
    flows: FLOWS_10,
    asked: [
      ...[[], ['--no-stats'], ['--names'], ['--no-stats', '--names']].map((options) => [options, '']),
      ...MATCHES.map((match) => [[], match]),
    ],
  },
  {
    version: 'OpenFlow15',
    flows: FLOWS_15,
    asked: [
      ...[[], ['--no-stats'], ['--names'], ['--no-stats', '--names']].flatMap((options) => [
        [options, ''],
        [['-O', 'OpenFlow15', ...options], ''],
      ]),
      ...['out_group=1', 'out_group=2', 'out_port=3'].map((match) => [['-O', 'OpenFlow15'], match]),
    ],
  },
];

/** `filter=` of dpctl/dump-flows. */
const FILTERS = [
  ...[
    '',
    'ip',
    'in_port=1',
    'in_port=p1,tcp',
    'in_port(1)',
    'eth_type=0x800,nw_proto=17',
    'ip,nw_src=10.9.0.1',
  ],
  ...[
    'tcp,tp_dst=2000',
    'dl_vlan=99',
    'ct_state=trk',
    'recirc_id=0x5',
    'tun_id=5',
    'in_port=p1 udp',
    'in_port=p1,',
  ],
  ...['vlan_tci=0x1000', 'conj_id=3', 'metadata=5', 'icmp,icmp_type=8', 'arp,arp_op=1'],
  // Refused.
  ...[
    'nonsense',
    'ip,table=5',
    'eth()',
    'actions=drop',
    'priority=5',
    'cookie=5',
    '=',
    'tp_dst=5',
    'nw_src=10.9.0.0/16',
  ],
  ...[
    'tp_dst=5,tcp',
    'ip,ip',
    'tcp,udp',
    'udp,nw_proto=17',
    'dl_type=5,dl_type=6',
    'nw_proto=6',
    'in_port=1,in_port=2',
  ],
  ...['in_port=nope', 'in_port', 'ip,nw_src=zz', 'tcp,tp_dst=70000'],
];

/** Commands of ovs-appctl with words that are good or bad; `DP` stands for the datapath's name. */
export const COMMAND_LINES = [
  ...FILTERS.map((filter) => ['dpctl/dump-flows', `filter=${filter}`]),
  ...[
    ['-m'],
    ['-ms'],
    ['-xy'],
    ['-mx'],
    ['--xy'],
    ['--read-only'],
    ['--clear'],
    ['--may-create'],
    ['--'],
    ['-'],
    ['-n'],
    ['DP'],
    ['nope'],
    ['netdev@x'],
    ['foo@x'],
    ['@x'],
    [''],
    ['type='],
    ['type=ovs'],
    ['type=all'],
    ['type=ovs,'],
    ['type=ovs,,tc'],
    ['type=offloaded'],
    ['type=foo'],
    ['type=ovs,foo'],
    ['DP', 'filter=ip', 'type=ovs'],
    ['DP', 'type=ovs', 'filter=ip'],
    ['filter=ip', 'filter=tcp'],
    ['a', 'b', 'c', 'd', 'e', 'f', 'g'],
  ].map((words) => ['dpctl/dump-flows', ...words]),
  ...[
    ['-ms'],
    ['-xy'],
    ['--more'],
    ['-x'],
    ['--xy'],
    ['DP'],
    ['DP', 'DP'],
    ['DP', 'dummy@nope'],
    ['dummy@nope', 'dummy@nope2'],
    ['dummy@nope', '-s'],
  ].map((words) => ['dpctl/show', ...words]),
  ...[
    'upcall/show x',
    'upcall/set-flow-limit',
    'upcall/set-flow-limit 5 5',
    'fdb/show',
    'fdb/show nope',
    'fdb/show br0 br1',
    'fdb/flush nope',
    'fdb/flush br0 x',
    'fdb/stats-show',
    'fdb/stats-show nope',
    'fdb/stats-clear nope',
    'nonsense',
    'coverage/read-counter nonesuch',
    'coverage/read-counter',
    'coverage/show x',
    'lacp/show nope',
    'lacp/show-stats nope',
    'lacp/show bond0 x',
    'revalidator/wait x',
    'revalidator/purge x',
    'upcall/disable-ufid x',
    'list-commands x',
  ].map((line) => line.split(' ')),
];

/** Frames of 64 bytes that come in, by port: sums that are halfway between two tenths of a KiB, and one that is not. */
export const FRAMES = { p1: 36, p2: 20, p3: 28, p4: 16 };

export const TUNNELS = [
  'vxlan',
  'vxlan options:dst_port=4790',
  'geneve',
  'geneve options:dst_port=7000',
  'gre',
].map((words) => words.split(' '));

const member = (name, words = '') => `-- set interface ${name} type=dummy ${words}`;
/** Bonds that speak LACP to nobody. */
export const LACP = [
  'add-br br0 -- set bridge br0 datapath_type=dummy other_config:hwaddr=aa:55:aa:55:00:00',
  '-- add-bond br0 bond0 p1 p2 bond_mode=balance-tcp lacp=active other_config:lacp-time=fast',
  'other_config:lacp-system-id=aa:bb:cc:00:00:99 other_config:lacp-system-priority=100',
  member('p1', 'ofport_request=1 other_config:lacp-port-id=30 other_config:lacp-port-priority=5'),
  'other_config:lacp-aggregation-key=7',
  member('p2', 'ofport_request=2 other_config:lacp-aggregation-key=7'),
  '-- add-bond br0 bond1 p4 p3 bond_mode=active-backup lacp=passive',
  'other_config:lacp-system-id=aa:bb:cc:00:00:98',
  member('p3', 'ofport_request=3 other_config:lacp-aggregation-key=9'),
  member('p4', 'ofport_request=4 other_config:lacp-aggregation-key=9'),
]
  .join(' ')
  .split(/ +/);
export const LACP_COMMANDS = [
  'lacp/show',
  'lacp/show bond0',
  'lacp/show bond1',
  'lacp/show-stats',
  'lacp/show-stats bond1',
];
