import { expect } from 'chai';
import { traceCase } from '../../ts/trace/index.js';

/** Two dummy ports. */
const VSCTL =
  'add-br br0 -- set bridge br0 datapath-type=dummy fail-mode=secure ' +
  '-- add-port br0 p1 -- set Interface p1 type=dummy ofport_request=1 ' +
  '-- add-port br0 p2 -- set Interface p2 type=dummy ofport_request=2';

const TCP =
  'in_port=1,tcp,dl_src=00:00:00:00:00:01,dl_dst=00:00:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=9,nw_tos=252,tcp_src=1,tcp_dst=2';
const MPLS = 'in_port=1,mpls,mpls_label=5,mpls_ttl=9,mpls_bos=0,mpls_tc=1';
const BOTTOM = 'in_port=1,mpls,mpls_label=5,mpls_ttl=9,mpls_bos=1,mpls_tc=1';
const NSH = 'in_port=1,dl_type=0x894f,nsh_mdtype=1,nsh_np=3,nsh_spi=5,nsh_si=4,nsh_ttl=9,nsh_c1=7';

/** Flow, packet, and what ofproto/trace of Debian's ovs-vswitchd 3.1.0 said: datapath actions, megaflow. */
const ASKED: readonly (readonly [string, string, string, string?])[] = [
  [
    'actions=encap(nsh(md_type=1)),set_field:0x1234->nsh_spi,set_field:0x11223344->nsh_c1,encap(ethernet),set_field:11:22:33:44:55:66->eth_dst,2',
    TCP,
    'push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x1234,si=255,c1=0x11223344,c2=0x0,c3=0x0,c4=0x0),push_eth(src=00:00:00:00:00:00,dst=11:22:33:44:55:66),2',
    'recirc_id=0,eth,ip,in_port=1,dl_dst=00:00:00:00:00:02,nw_frag=no',
  ],
  [
    'actions=encap(nsh(md_type=2,tlv(0x1000,10,0x12345678),tlv(0x2000,20,0xfedcba9876543210))),set_field:0x1234->nsh_spi,encap(ethernet),2',
    TCP,
    'push_nsh(flags=0,ttl=63,mdtype=2,np=3,spi=0x1234,si=255,md2=0x10000a041234567820001408fedcba9876543210),push_eth(src=00:00:00:00:00:00,dst=00:00:00:00:00:00),2',
    'recirc_id=0,eth,ip,in_port=1,nw_frag=no',
  ],
  [
    'actions=encap(nsh(md_type=1)),encap(ethernet),set_field:11:22:33:44:55:66->eth_dst,decap,decap,2',
    TCP,
    'push_nsh(flags=0,ttl=63,mdtype=1,np=3,spi=0x0,si=255,c1=0x0,c2=0x0,c3=0x0,c4=0x0),push_eth(src=00:00:00:00:00:00,dst=11:22:33:44:55:66),pop_eth,pop_nsh(),recirc(R1)',
    'recirc_id=0,eth,ip,in_port=1,dl_dst=00:00:00:00:00:02,nw_frag=no',
  ],
  [
    'actions=encap(mpls),encap(ethernet),set_field:11:22:33:44:55:66->eth_dst,decap,decap,2',
    TCP,
    'add_mpls(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),push_eth(src=00:00:00:00:00:00,dst=11:22:33:44:55:66),pop_eth,pop_mpls(eth_type=0xfffe),recirc(R1)',
    'recirc_id=0,eth,ip,in_port=1,dl_dst=00:00:00:00:00:02,nw_frag=no',
  ],
  ['actions=decap,2', TCP, 'drop', 'recirc_id=0,eth,ip,in_port=1,nw_frag=no'],
  [
    'actions=decap,encap(ethernet),set_field:11:22:33:44:55:66->eth_dst,2',
    TCP,
    'pop_eth,push_eth(src=00:00:00:00:00:00,dst=11:22:33:44:55:66),2',
    'recirc_id=0,eth,ip,in_port=1,dl_dst=00:00:00:00:00:02,nw_frag=no',
  ],
  [
    'actions=encap(mpls),set_mpls_label:5,encap(mpls),encap(ethernet),2',
    TCP,
    'add_mpls(label=5,tc=0,ttl=64,bos=1,eth_type=0x8847),add_mpls(label=5,tc=0,ttl=64,bos=0,eth_type=0x8847),push_eth(src=00:00:00:00:00:00,dst=00:00:00:00:00:00),2',
    'recirc_id=0,eth,ip,in_port=1,nw_frag=no',
  ],
  [
    'actions=decap,encap(mpls),encap(ethernet),2',
    TCP,
    'pop_eth,add_mpls(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),push_eth(src=00:00:00:00:00:00,dst=00:00:00:00:00:00),2',
    'recirc_id=0,eth,ip,in_port=1,nw_frag=no',
  ],
  [
    'actions=push_mpls:0x8847,set_mpls_label:5,push_mpls:0x8848,2',
    TCP,
    'push_mpls(label=5,tc=7,ttl=9,bos=1,eth_type=0x8848),push_mpls(label=5,tc=7,ttl=9,bos=0,eth_type=0x8848),2',
    'recirc_id=0,eth,ip,in_port=1,nw_tos=252,nw_ttl=9,nw_frag=no',
  ],
  [
    'actions=push_mpls:0x8847,2',
    'in_port=1,ip,nw_ttl=0',
    'push_mpls(label=0,tc=0,ttl=64,bos=1,eth_type=0x8847),2',
  ],
  [
    'actions=push_mpls:0x8847,2',
    'in_port=1,ipv6,nw_ttl=3,nw_tos=252',
    'push_mpls(label=2,tc=7,ttl=3,bos=1,eth_type=0x8847),2',
    'recirc_id=0,eth,ipv6,in_port=1,nw_tos=252,nw_ttl=3,nw_frag=no',
  ],
  [
    'mpls actions=pop_mpls:0x0800,2',
    BOTTOM,
    'pop_mpls(eth_type=0x800),2',
    'recirc_id=0,eth,mpls,in_port=1,mpls_bos=1',
  ],
  [
    'mpls actions=pop_mpls:0x0800,2',
    MPLS,
    'pop_mpls(eth_type=0x800),2',
    'recirc_id=0,eth,mpls,in_port=1,mpls_bos=0,mpls_lse1=0x00000000/0x00000100,mpls_lse2=0x00000000/0x00000100',
  ],
  [
    'mpls actions=pop_mpls:0x0800,set_field:00:00:00:00:00:07->eth_src,dec_ttl,2',
    BOTTOM,
    'set(eth(src=00:00:00:00:00:07)),pop_mpls(eth_type=0x800),recirc(R1)',
    'recirc_id=0,eth,mpls,in_port=1,dl_src=00:00:00:00:00:00,mpls_bos=1',
  ],
  [
    'mpls actions=pop_mpls:0x0800,move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],2',
    BOTTOM,
    'pop_mpls(eth_type=0x800),recirc(R1)',
  ],
  [
    'mpls actions=dec_mpls_ttl,2,set_mpls_label:6,set_mpls_ttl:1,2,dec_mpls_ttl,2',
    BOTTOM,
    'set(mpls(label=5,tc=1,ttl=8,bos=1)),2,set(mpls(label=6,tc=1,ttl=1,bos=1)),2,userspace(pid=0,controller(reason=2,dont_send=1,continuation=0,recirc_id=R1,rule_cookie=0,controller_id=0,max_len=65535))',
  ],
  [
    'mpls actions=push_mpls:0x8847,push_mpls:0x8847,2,pop_mpls:0x8847,set_mpls_label:9,2,pop_mpls:0x8847,2',
    BOTTOM,
    'push_mpls(label=5,tc=1,ttl=9,bos=0,eth_type=0x8847),push_mpls(label=5,tc=1,ttl=9,bos=0,eth_type=0x8847),2,pop_mpls(eth_type=0x8847),set(mpls(label=9,tc=1,ttl=9,bos=0)),2,pop_mpls(eth_type=0x8847),2',
  ],
  [
    'ip actions=mod_dl_src:00:00:00:00:00:09,mod_nw_src:1.2.3.4,push_mpls:0x8847,mod_dl_src:00:00:00:00:00:08,2,pop_mpls:0x0800,2,mod_nw_src:5.6.7.8,2',
    TCP,
    'set(eth(src=00:00:00:00:00:09)),set(ipv4(src=1.2.3.4)),set(eth(src=00:00:00:00:00:08)),push_mpls(label=0,tc=7,ttl=9,bos=1,eth_type=0x8847),2,pop_mpls(eth_type=0x800),2,recirc(R1)',
    'recirc_id=0,eth,tcp,in_port=1,dl_src=00:00:00:00:00:01,nw_src=10.0.0.1,nw_tos=252,nw_ttl=9,nw_frag=no',
  ],
  [
    'ip actions=mod_vlan_vid:7,push_mpls:0x8847,mod_vlan_vid:8,2',
    TCP,
    'push_vlan(vid=7,pcp=0),push_mpls(label=0,tc=7,ttl=9,bos=1,eth_type=0x8847),pop_vlan,push_vlan(vid=8,pcp=0),2',
    'recirc_id=0,eth,ip,in_port=1,nw_tos=252,nw_ttl=9,nw_frag=no',
  ],
  [
    'actions=decap,decap(packet_type(ns=0,type=0)),2',
    BOTTOM,
    'pop_eth,pop_mpls(eth_type=0x6558),recirc(R1)',
    'recirc_id=0,eth,mpls,in_port=1,mpls_bos=1',
  ],
  [
    'actions=decap,decap(packet_type(ns=1,type=0x800)),encap(ethernet),2',
    BOTTOM,
    'pop_eth,pop_mpls(eth_type=0x800),recirc(R1)',
    'recirc_id=0,eth,mpls,in_port=1,mpls_bos=1',
  ],
  [
    'dl_type=0x894f,nsh_spi=5 actions=dec_nsh_ttl,set_field:4->nsh_c2,2',
    NSH,
    'set(nsh(ttl=8,spi=0x5,c2=0x4)),2',
  ],
  [
    'dl_type=0x894f actions=decap,decap,2',
    NSH,
    'pop_eth,pop_nsh(),recirc(R1)',
    'recirc_id=0,eth,in_port=1,dl_type=0x894f,nsh_np=3',
  ],
  [
    'dl_type=0x894f actions=dec_nsh_ttl,2',
    'in_port=1,dl_type=0x894f,nsh_mdtype=2,nsh_np=3,nsh_spi=5,nsh_si=4,nsh_ttl=1',
    'userspace(pid=0,controller(reason=2,dont_send=1,continuation=0,recirc_id=R1,rule_cookie=0,controller_id=0,max_len=65535))',
    'recirc_id=0,eth,in_port=1,dl_type=0x894f,nsh_ttl=1',
  ],
];

describe('golden: MPLS, NSH, encap and decap', () => {
  for (const [flow, packet, actions, megaflow] of ASKED) {
    it(`${flow} on ${packet}`, () => {
      const [answer] = traceCase({
        topology: { vsctl: VSCTL.split(' ') },
        flows: [flow],
        traces: [{ bridge: 'br0', flow: packet }],
      }).traces;
      expect(answer.datapathActions).to.equal(actions);
      if (megaflow !== undefined) expect(answer.megaflow).to.equal(megaflow);
    });
  }

  it('drops packets that would have more labels than a key holds', () => {
    const [answer] = traceCase({
      topology: { vsctl: VSCTL.split(' ') },
      flows: ['actions=push_mpls:0x8847,push_mpls:0x8848,push_mpls:0x8847,push_mpls:0x8847,2'],
      traces: [{ bridge: 'br0', flow: TCP }],
    }).traces;
    expect(answer.datapathActions).to.equal('drop');
    expect(answer.translationError).to.equal('Translation failed (Too many MPLS labels), packet is dropped.');
  });
});
