// What the recorded cases do not have, and rarely meets: kinds of actions, matches, groups and packets that `--wide` adds to the others.
import * as v from './values.mjs';

/** What Geneve options are called, as `ovs-ofctl add-tlv-map` takes it. */
export const TLV_MAP =
  '{class=0xffff,type=0,len=4}->tun_metadata0,{class=0xffff,type=1,len=8}->tun_metadata1,{class=0xffff,type=0x82,len=20}->tun_metadata2';

const IPV4 = new Set(['ip', 'tcp', 'udp', 'sctp', 'icmp']);
const IPV6 = new Set(['ipv6', 'tcp6', 'udp6', 'icmp6', 'ns', 'na']);
const IP = new Set([...IPV4, ...IPV6]);
const one =
  (...texts) =>
  (random) =>
    random.pick(texts);

/** As KINDS of actions.mjs. */
export const WIDE_ACTIONS = [
  [8, null, null, (random) => `set_field:${v.small(random)}->reg${random.below(4)}`],
  [
    4,
    null,
    null,
    (random) =>
      `load:${v.small(random)}->NXM_NX_REG${random.below(4)}[${random.pick(['0..15', '16..31', '3', '4..7'])}]`,
  ],
  [
    1,
    null,
    null,
    one(
      'output:NONE',
      'output:LOCAL',
      'output(port=reg0[0..15],max_len=100)',
      'output(port=LOCAL,max_len=70)',
      'resubmit(LOCAL,3)',
      'resubmit:LOCAL',
    ),
  ],
  [
    1,
    null,
    null,
    (random) =>
      one(
        'load:0->NXM_OF_IN_PORT[]',
        `load:${v.port(random)}->NXM_OF_IN_PORT[]`,
        `set_field:${v.port(random)}->in_port`,
        'load:0xfffe->NXM_OF_IN_PORT[]',
      )(random),
  ],
  [
    3,
    null,
    null,
    one(
      'set_field:0x1/0xf->xxreg0',
      'set_field:0x123456789abcdef0123->xxreg1',
      'move:NXM_NX_XXREG0[0..47]->NXM_OF_ETH_DST[]',
      'move:NXM_OF_ETH_SRC[]->NXM_NX_XXREG0[16..63]',
      'set_field:0x55->metadata',
      'load:0x3->OXM_OF_METADATA[40..44]',
      'set_field:0x100000000/0xf00000000->xreg0',
      'move:NXM_OF_ETH_SRC[0..15]->NXM_OF_ETH_DST[32..47]',
      'move:NXM_NX_PKT_MARK[]->NXM_NX_REG0[]',
      'push:OXM_OF_METADATA[],pop:NXM_NX_XXREG1[0..63]',
      'push:NXM_NX_XXREG0[],pop:NXM_NX_XXREG1[]',
      'move:NXM_OF_ETH_TYPE[]->NXM_NX_REG0[0..15]',
      'move:OXM_OF_PACKET_TYPE[]->NXM_NX_REG1[]',
    ),
  ],
  [
    2,
    null,
    IP,
    one(
      'set_field:184->nw_tos',
      'set_field:46->ip_dscp',
      'set_field:1->nw_ecn',
      'set_field:2->ip_ecn',
      'set_field:9->nw_ttl',
      'load:3->NXM_NX_IP_ECN[]',
      'move:NXM_NX_IP_TTL[]->NXM_NX_REG0[0..7]',
      'move:NXM_OF_IP_TOS[]->NXM_NX_REG1[0..7]',
      'move:NXM_NX_REG0[0..7]->NXM_NX_IP_TTL[]',
      'move:NXM_OF_IP_PROTO[]->NXM_NX_REG2[0..7]',
      'move:NXM_NX_IP_FRAG[]->NXM_NX_REG2[0..1]',
    ),
  ],
  [
    1,
    null,
    new Set(['tcp', 'tcp6']),
    one(
      'move:NXM_OF_TCP_DST[]->NXM_OF_TCP_SRC[]',
      'move:NXM_NX_TCP_FLAGS[]->NXM_NX_REG3[0..11]',
      'load:7->NXM_OF_TCP_SRC[3..5]',
      'fin_timeout(idle_timeout=5,hard_timeout=9)',
      'push:NXM_OF_TCP_DST[],pop:NXM_NX_REG0[0..15]',
    ),
  ],
  [
    1,
    null,
    new Set(['udp', 'udp6']),
    one(
      'move:NXM_OF_UDP_SRC[]->NXM_OF_UDP_DST[]',
      'load:7->NXM_OF_UDP_DST[0..2]',
      'push:NXM_OF_UDP_DST[],pop:NXM_NX_REG0[0..15]',
    ),
  ],
  [
    1,
    null,
    IPV6,
    one(
      'set_field:::1/::ff->ipv6_src',
      'move:NXM_NX_IPV6_SRC[]->NXM_NX_XXREG0[]',
      'move:NXM_NX_IPV6_SRC[]->NXM_NX_IPV6_DST[]',
      'move:NXM_NX_IPV6_LABEL[]->NXM_NX_REG0[0..19]',
      'set_field:0x5/0xf->ipv6_label',
    ),
  ],
  [
    1,
    null,
    new Set(['icmp']),
    one('set_field:1->icmp_code', 'move:NXM_OF_ICMP_TYPE[]->NXM_NX_REG0[0..7]', 'set_field:0->icmp_type'),
  ],
  [
    1,
    null,
    new Set(['icmp6']),
    one('set_field:1->icmpv6_code', 'move:NXM_NX_ICMPV6_TYPE[]->NXM_NX_REG0[0..7]'),
  ],
  [
    1,
    null,
    new Set(['ns', 'na']),
    one(
      'move:NXM_NX_IPV6_SRC[]->NXM_NX_ND_TARGET[]',
      'set_field:136->icmpv6_type',
      'move:NXM_NX_ND_TARGET[]->NXM_NX_IPV6_DST[]',
    ),
  ],
  [
    2,
    null,
    new Set(['arp']),
    one(
      'set_field:50:54:00:00:00:03->arp_sha',
      'move:NXM_OF_ETH_SRC[]->NXM_NX_ARP_THA[]',
      'load:2->NXM_OF_ARP_OP[]',
      'move:NXM_OF_ARP_TPA[]->NXM_NX_REG0[]',
      'set_field:10.0.0.0/255.0.0.0->arp_tpa',
    ),
  ],
  [
    1,
    null,
    null,
    one(
      'set_tunnel64:0x100000001',
      'set_field:9->tun_id',
      'set_field:fd00::31->tun_ipv6_dst',
      'set_field:fd00::30->tun_ipv6_src',
      'set_field:7->tun_gbp_id',
      'set_field:8->tun_gbp_flags',
      'set_field:0x11->tun_erspan_idx',
      'set_field:1->tun_erspan_ver',
      'move:NXM_NX_TUN_IPV4_SRC[]->NXM_NX_TUN_IPV4_DST[]',
      'load:1->NXM_NX_TUN_FLAGS[0]',
      'load:0->NXM_NX_TUN_IPV4_DST[]',
      'set_field:+oam->tun_flags',
    ),
  ],
  [
    1,
    null,
    null,
    one(
      'set_field:0x12345678->tun_metadata0',
      'set_field:0x1/0xff->tun_metadata1',
      'delete_field:tun_metadata0',
      'delete_field:tun_metadata1',
      'move:NXM_NX_TUN_METADATA0[]->NXM_NX_REG0[]',
      'move:NXM_NX_REG0[]->NXM_NX_TUN_METADATA0[]',
      'set_field:0xabc->tun_metadata2',
      'load:5->NXM_NX_TUN_METADATA2[3..9]',
    ),
  ],
  [
    1,
    'mpls',
    new Set([...IP, 'mpls', 'arp']),
    one(
      'push_mpls:0x8848',
      'push_mpls:0x8847,set_mpls_label:100',
      'push_mpls:0x8847,push_mpls:0x8847,set_field:1->mpls_tc',
      'push_mpls:0x8847,pop_mpls:0x0800',
    ),
  ],
  [
    2,
    'mpls',
    new Set(['mpls']),
    one(
      'pop_mpls:0x86dd',
      'pop_mpls:0x8848',
      'pop_mpls:0x0806',
      'pop_mpls:0x6558',
      'set_field:3->mpls_tc',
      'set_field:9->mpls_ttl',
      'move:OXM_OF_MPLS_LABEL[]->NXM_NX_REG0[0..19]',
      'move:OXM_OF_MPLS_BOS[]->NXM_NX_REG0[0]',
      'pop_mpls:0x8847,pop_mpls:0x0800',
      'push_mpls:0x8847',
    ),
  ],
  [
    1,
    'vlan',
    null,
    one(
      'push_vlan:0x88a8,push_vlan:0x8100',
      'move:NXM_NX_REG0[0..11]->OXM_OF_VLAN_VID[0..11]',
      'load:5->NXM_OF_VLAN_TCI[13..15]',
    ),
  ],
  [
    1,
    'vlan',
    ({ tagged }) => tagged,
    one(
      'set_field:5->vlan_pcp',
      'set_field:4106->vlan_vid',
      'strip_vlan,strip_vlan',
      'move:OXM_OF_VLAN_PCP[]->NXM_NX_REG0[0..2]',
      'set_vlan_vid:30',
      'set_vlan_pcp:1',
      'strip_vlan,push_vlan:0x8100,set_field:4116->vlan_vid',
    ),
  ],
  [
    2,
    'ct',
    IPV4,
    one(
      'ct(commit,zone=1,alg=tftp,table=4)',
      'ct(table=3,zone=NXM_NX_REG1[3..9])',
      'ct(commit,nat(src=10.9.9.9,persistent,random),exec(move:NXM_NX_REG0[]->NXM_NX_CT_LABEL[32..63],set_field:0x3/0x7->ct_mark))',
      'ct(table=4,nat),output:1',
      'ct(commit,force,table=3,zone=2)',
      'ct(commit,exec(set_field:0x0123456789abcdef0123456789abcdef->ct_label))',
      'ct_clear,ct(table=2)',
      'ct(nat(dst=10.0.0.5-10.0.0.9:80-90,random),commit,table=4)',
    ),
  ],
  [
    1,
    'ct',
    ({ tracked }) => tracked,
    one(
      'move:NXM_NX_CT_STATE[]->NXM_NX_REG0[]',
      'move:NXM_NX_CT_ZONE[]->NXM_NX_REG1[0..15]',
      'move:NXM_NX_CT_LABEL[]->NXM_NX_XXREG0[]',
      'ct(table=4,zone=NXM_NX_CT_ZONE[],nat)',
      'move:NXM_NX_CT_NW_SRC[]->NXM_NX_REG0[]',
    ),
  ],
  [
    1,
    'learn',
    null,
    one(
      'learn(table=5,dl_dst=dl_src,reg0=0x5,output:in_port)',
      'learn(table=6,in_port=3,load:1->reg1[],output:reg0[0..15])',
      'learn(table=5,send_flow_rem,metadata[0..7]=reg0[0..7],load:in_port->reg2[])',
      'learn(table=5,NXM_NX_REG0[0..15]=NXM_OF_IN_PORT[],load:0xff->NXM_NX_REG1[3..10])',
      'learn(table=6,hard_timeout=5,vlan_tci[0..11],limit=2,output:2)',
      'learn(table=0,priority=1,cookie=0x9,delete_learned,eth_dst=50:54:00:00:00:01,load:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[])',
    ),
  ],
  [
    1,
    'nsh',
    null,
    one(
      'encap(nsh(md_type=1)),set_field:9->nsh_ttl,set_field:0x1->nsh_c1',
      'encap(nsh(md_type=2,tlv(0x1000,10,0x12345678)))',
      'encap(mpls_mc)',
      'encap(mpls(ether_type=0x8847))',
      'encap(ethernet),decap()',
      'encap(nsh),encap(ethernet),decap(),decap()',
      'decap(),decap()',
      'encap(mpls),decap(packet_type(ns=1,type=0x800))',
      'encap(nsh(md_type=1)),move:NXM_NX_REG0[]->OXM_OF_NSH_C2[]',
      'encap(ethernet),set_field:50:54:00:00:00:09->eth_src',
    ),
  ],
  [
    1,
    'controller',
    null,
    one(
      'controller(reason=invalid_ttl,id=7)',
      'controller(pause),output:2',
      'controller(meter_id=1)',
      'controller(userdata=01.02,pause,max_len=64),output:3',
      'controller(id=3,max_len=0)',
    ),
  ],
  [
    2,
    'stack',
    null,
    one(
      'pop:NXM_NX_REG0[]',
      'push:NXM_NX_REG0[3..9],pop:NXM_OF_ETH_DST[0..6]',
      'push:NXM_OF_IN_PORT[],pop:NXM_NX_REG2[16..31]',
    ),
  ],
  [
    1,
    'multipath',
    null,
    one(
      'multipath(symmetric_l4,0,modulo_n,4,0,OXM_OF_METADATA[8..15])',
      'multipath(eth_src,9,hrw,7,3,NXM_NX_XXREG0[100..107])',
      'multipath(nw_src,5,iter_hash,3,0,NXM_NX_REG3[])',
    ),
  ],
  [
    1,
    'sample',
    null,
    one(
      'sample(probability=30000,collector_set_id=1,obs_domain_id=1,obs_point_id=NXM_NX_REG0[])',
      'sample(probability=65535,collector_set_id=1,sampling_port=LOCAL,egress)',
    ),
  ],
  [1, 'note', null, one('note:', 'note:00.11.22.33.44.55.66.77')],
];

/** More conditions for a match, one or none. */
export function wideMatch(random, protocol) {
  const any = [
    `xxreg0=${random.pick(['0x1', '0x5/0xff', '0x100000000000000000/0xf00000000000000000'])}`,
    `xreg0=${v.small(random)}/0xffff`,
    'tun_metadata0',
    'tun_metadata0=0x5/0xff',
    'tun_metadata1=0x1',
    'tun_flags=+oam',
    'tun_flags=-oam',
    'tun_gbp_id=7',
    'tun_gbp_flags=0x8/0x8',
    'tun_ipv6_src=fd00::30',
    'tun_ipv6_dst=fd00::/64',
    'tun_ttl=64',
    'tun_tos=0',
    'tun_erspan_ver=1',
    'dp_hash=0x1/0x3',
    'dp_hash=0',
    'recirc_id=0',
    'skb_priority=0x1',
    'packet_type=(0,0)',
    'actset_output=unset',
    'actset_output=3',
    'in_port_oxm=2',
    'vlan_tci=0x2000/0xe000',
    'vlan_tci=0x100a/0x100f',
    'dl_vlan=0xffff',
    'vlan_vid=0',
    'metadata=0x5/0x0f',
    'pkt_mark=0x1/0x1',
    'ct_mark=0x1',
    'ct_label=0x2/0x2',
    'ct_state=0x20/0x20',
    'ct_state=+dnat',
    'ct_zone=1',
    'dl_src=50:54:00:00:00:01/ff:ff:ff:ff:ff:fe',
    'dl_dst=50:54:00:00:00:00/ff:ff:00:00:00:00',
  ].filter((text) => !/^skb_priority/.test(text));
  const four = [
    'nw_src=10.0.0.0/255.0.0.255',
    'ct_nw_src=10.0.0.1,ct_nw_proto=6',
    'ct_state=+trk,ct_nw_dst=10.0.0.0/8',
    'ct_tp_dst=80,ct_nw_proto=17',
  ];
  const six = ['ipv6_src=fd00::1/ffff::ff', 'ct_ipv6_src=fd00::1', 'ipv6_label=0/0xff'];
  const nd = ['nd_options_type=2', 'nd_reserved=0', 'nd_options_type=1'];
  const fitting = [
    ...any,
    ...(IPV4.has(protocol) ? four : []),
    ...(IPV6.has(protocol) ? six : []),
    ...(/^n[as]$/.test(protocol) ? nd : []),
  ];
  return random.oneIn(3) ? [random.pick(fitting)] : [];
}

/** A group of its own number: kinds of buckets that the others do not have. */
export function wideGroup(random) {
  return random.pick([
    'group_id=20,type=fast_failover,bucket=watch_group:9,actions=output:1,bucket=watch_port:2,actions=output:2',
    'group_id=20,type=fast_failover,bucket=watch_group:9,watch_port:4,actions=group:9,bucket=watch_port:LOCAL,actions=output:3',
    'group_id=20,type=all,bucket=actions=set_field:0x5->reg0,resubmit(,3),bucket=actions=dec_ttl,output:2,bucket=actions=clone(set_field:50:54:00:00:00:05->eth_dst,output:3),output:4',
    'group_id=20,type=select,selection_method=hash,fields(reg0),bucket=actions=output:1,bucket=actions=output:2',
    'group_id=20,type=select,selection_method=hash,fields(in_port,eth_type,ip_proto),bucket=weight:3,actions=output:1,bucket=weight:0,actions=output:2,bucket=weight:9,actions=output:3',
    'group_id=20,type=select,selection_method=dp_hash,selection_method_param=0x100000001,bucket=weight:300,actions=output:1,bucket=weight:1,actions=output:2',
    'group_id=20,type=indirect,bucket=actions=push_vlan:0x8100,set_field:4126->vlan_vid,group:9',
    'group_id=20,type=select,bucket=watch_port:3,actions=ct(commit),output:3,bucket=weight:2,actions=controller,bucket=actions=NORMAL',
    'group_id=20,type=all',
    'group_id=20,type=all,bucket=actions=ALL,bucket=actions=in_port,bucket=actions=push_mpls:0x8847,output:4',
  ]);
}

const ipHead = 'nw_tos=0,nw_ecn=0,nw_ttl=64';

/** A packet of a kind that the others do not have, in ovs-ofctl words without in_port, or null. */
export function widePacket(random) {
  if (!random.oneIn(5)) return null;
  const ethernet = `dl_src=${v.mac(random)},dl_dst=${v.anyMac(random)}`;
  const addresses = `nw_src=${v.ipv4(random)},nw_dst=${v.ipv4Destination(random)},${ipHead}`;
  const six = `ipv6_src=${v.ipv6(random)},ipv6_dst=${v.ipv6(random)},${ipHead}`;
  return random.pick([
    `dl_type=0x1234,${ethernet}`,
    `dl_type=0x22f0,${ethernet}`,
    `dl_type=0x8809,dl_src=${v.mac(random)},dl_dst=01:80:c2:00:00:02`,
    `dl_type=0x05ff,${ethernet}`,
    `icmp,${ethernet},${addresses},icmp_type=11,icmp_code=0`,
    `icmp6,${ethernet},${six},icmpv6_type=1,icmpv6_code=0`,
    `icmp6,${ethernet},${six},icmpv6_type=143,icmpv6_code=0`,
    `icmp6,${ethernet},${six},icmpv6_type=131,icmpv6_code=0`,
    `ip,${ethernet},${addresses},nw_proto=${random.pick([0, 4, 50, 51, 132])}`,
    `ipv6,${ethernet},${six},nw_proto=${random.pick([0, 43, 44, 59, 60])}`,
    `mpls,${ethernet},mpls_label=${random.pick([0, 3, 200, 1048575])},mpls_tc=7,mpls_ttl=0,mpls_bos=${random.below(2)}`,
    `mplsm,${ethernet},mpls_label=16,mpls_tc=0,mpls_ttl=64,mpls_bos=1`,
    `arp,dl_src=${v.mac(random)},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=1,arp_spa=10.0.0.1,arp_tpa=10.0.0.1,arp_sha=${v.mac(random)},arp_tha=00:00:00:00:00:00`,
    `arp,dl_src=${v.mac(random)},dl_dst=ff:ff:ff:ff:ff:ff,arp_op=2,arp_spa=10.0.0.1,arp_tpa=10.0.0.1,arp_sha=${v.mac(random)},arp_tha=ff:ff:ff:ff:ff:ff`,
    `rarp,${ethernet},arp_op=3,arp_spa=0.0.0.0,arp_tpa=0.0.0.0,arp_sha=${v.mac(random)},arp_tha=${v.mac(random)}`,
    `tcp,${ethernet},${addresses},tcp_src=0,tcp_dst=0,tcp_flags=0x0`,
    `udp,${ethernet},nw_src=0.0.0.0,nw_dst=255.255.255.255,${ipHead},udp_src=68,udp_dst=67`,
    `dl_type=0x8100,${ethernet},vlan_tci=0x0000`,
  ]);
}

const geneveOptions = ['tun_metadata0=0x5', 'tun_metadata0=0x12345678,tun_metadata1=0x1', 'tun_flags=oam'];

/** Words of metadata that packets from a tunnel, or any, carry. */
export function wideMetadata(random, topology, inPort) {
  const words = [];
  if (topology === 'options' && inPort >= 4) {
    words.push('tun_src=172.31.0.3,tun_dst=172.31.0.1,tun_ttl=64');
    words.push(`tun_id=${random.pick(['0x5', '0x7', '0'])}`);
    if (inPort === 6) words.push(random.pick(geneveOptions));
    if (inPort === 4 && random.oneIn(2)) words.push('tun_gbp_id=7,tun_gbp_flags=0x8');
  }
  if (random.oneIn(12))
    words.push(
      random.pick([
        'dp_hash=0x1',
        'ct_mark=0x1',
        'ct_state=trk|new,ct_zone=1',
        'reg0=0x5',
        'metadata=0x5',
        'ct_state=trk|est|rpl|snat',
      ]),
    );
  return words;
}
