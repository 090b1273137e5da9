import { expect } from 'chai';
import { SyntaxProblem } from '../../ts/errors/index.js';
import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_NW_PROTO,
  F_TP_SRC,
  F_TUN_FLAGS,
  F_VLAN_TCI,
} from '../../ts/fields/index.js';
import {
  formatFlow,
  formatMatch,
  OFPP_LOCAL,
  type ParseFlowOptions,
  parseFlow,
  parseFlowKey,
  parseFlows,
} from '../../ts/openflow/index.js';

/** Line and column of the error that a text gives, with its message. */
function problem(
  text: string,
  version: ParseFlowOptions['version'] = 'OpenFlow15',
): { line: number; column: number; message: string } {
  try {
    parseFlows(text, { version });
  } catch (error) {
    expect(error).to.be.instanceOf(SyntaxProblem);
    const { line, column, message } = error as SyntaxProblem;
    return { line, column, message };
  }
  throw new Error(`no error from ${text}`);
}

describe('parseFlow', () => {
  const errors: readonly (readonly [text: string, column: number, message: RegExp])[] = [
    ['ip', 1, /expected actions=/],
    ['priority=70000 actions=drop', 10, /out of range, expected 0 to 65535/],
    ['ip,foo=3 actions=drop', 4, /"foo" is no known keyword/],
    ['  tp_src=80 actions=drop', 3, /add tcp or tcp6 to the match/],
    ['nw_src=1.2.3.4 actions=drop', 1, /add ip to the match/],
    ['ip,nw_src=1.2.3 actions=drop', 11, /expected an IPv4 address/],
    ['ip,nw_src=1.2.3.4/33 actions=drop', 19, /out of range/],
    ['in_port=eth9 actions=drop', 9, /"eth9" is no port/],
    ['ip,nw_ttl=3/1 actions=drop', 12, /cannot be masked/],
    ['ip,nw_tos=17 actions=drop', 11, /ECN/],
    ['tcp,tcp_flags=+sin actions=drop', 15, /expected \+ or -/],
    ['actions=learn(table=255)', 21, /out of range, expected 0 to 254/],
    ['actions=output:1,frobnicate', 18, /no known action/],
    ['actions=output:1,drop', 18, /drop must be the only action/],
    ['actions=output(port=1', 15, /never closed/],
    ['actions=set_field:10.0.0.1->ip_dst', 29, /needs a flow that matches ip/],
    ['actions=load:16->NXM_NX_REG0[0..3]', 14, /out of range, expected 0 to 15/],
    ['actions=load:1->NXM_NX_REG0[40]', 29, /out of range/],
    ['actions=move:NXM_NX_REG0[]->NXM_NX_REG1[0..3]', 29, /same width/],
    ['ip actions=set_field:1->nw_proto', 25, /read-only/],
    ['table=3 actions=goto_table:3', 28, /expected a higher table/],
    ['actions=goto_table:3,output:1', 22, /output after goto_table/],
    ['actions=dec_ttl', 9, /ip or ipv6/],
    ['actions=set_field:4100->vlan_vid', 25, /needs a VLAN tag/],
    ['actions=push_vlan:0x1234', 19, /0x8100 or 0x88a8/],
    ['dl_vlan=5 actions=push_vlan:0x8100,push_vlan:0x8100', 46, /two VLAN tags already/],
  ];
  for (const [text, column, message] of errors) {
    it(`says where "${text.trim()}" is wrong`, () => {
      // On the third line of a file, after a comment and a blank one.
      const found = problem(`# comment\n\n${text}`);
      expect(found.message).to.match(message);
      expect([found.line, found.column]).to.deep.equal([3, column]);
    });
  }

  it('skips comments and blank lines', () => {
    const flows = parseFlows('# all\n\n  priority=3,ip actions=drop # end\n actions=NORMAL\r\n');
    expect(flows.map((flow) => formatFlow({ ...flow, flags: 0 }))).to.deep.equal([
      'priority=3,ip actions=drop',
      'actions=NORMAL',
    ]);
  });

  it('leaves conditions of neighbour discovery out where the match does not ask for it, as ovs-ofctl does', () => {
    const print = (text: string) => formatFlow({ ...parseFlow(`${text} actions=drop`), flags: 0 });
    expect(print('icmp6,nd_reserved=1')).to.equal('icmp6 actions=drop');
    expect(print('icmp6,nd_target=fd00::1,nd_options_type=2')).to.equal('icmp6 actions=drop');
    expect(print('icmp6,icmp_type=135,nd_reserved=1')).to.equal(
      'icmp6,icmp_type=135,nd_reserved=1 actions=drop',
    );
    expect(problem('icmp6,icmp_type=135,nd_tll=50:54:00:00:00:01 actions=drop').message).to.match(/nd_tll/);
  });

  it('gives a packet without an Ethernet header the Ethernet type of its packet type', () => {
    expect(parseFlowKey('packet_type=(1,0x894f),nsh_np=1')[F_ETH_TYPE]).to.equal(0x894f);
    expect(parseFlowKey('packet_type=(0,0)')[F_ETH_TYPE]).to.equal(0);
  });

  it('prints the flags of tunnels that megaflows match', () => {
    const { match } = parseFlow('actions=drop');
    match.mask[F_TUN_FLAGS] = 0xe;
    match.key[F_TUN_FLAGS] = 8;
    expect(formatMatch(match)).to.equal('tun_flags=-df-csum+key');
    match.mask[F_TUN_FLAGS] = 0xf;
    expect(formatMatch(match)).to.equal('tun_flags=key');
    match.key[F_TUN_FLAGS] = 0;
    expect(formatMatch(match)).to.equal('tun_flags=0');
  });

  it('takes port names and reserved ports', () => {
    const portNames = new Map([['eth1', 3]]);
    const flow = parseFlow('in_port=eth1 actions=eth1,output:LOCAL,resubmit(eth1,2)', { portNames });
    expect(flow.match.key[F_IN_PORT]).to.equal(3);
    expect(flow.actions).to.deep.equal([
      { type: 'output', port: 3, maxLen: 0 },
      { type: 'output', port: OFPP_LOCAL, maxLen: 0 },
      { type: 'resubmit', port: 3, table: 2 },
    ]);
  });

  const words: readonly (readonly [match: string, word: number, key: number, mask: number])[] = [
    ['dl_vlan=5', F_VLAN_TCI, 0x1005, 0x1fff],
    ['dl_vlan=0xffff', F_VLAN_TCI, 0, 0xffff],
    ['vlan_tci=0x0000', F_VLAN_TCI, 0, 0xffff],
    ['dl_vlan=5,dl_vlan_pcp=3', F_VLAN_TCI, 0x7005, 0xffff],
    ['icmp,icmp_type=8', F_TP_SRC, 8, 0xffff],
    ['icmp6,icmp_type=135', F_TP_SRC, 135, 0xffff],
    ['arp,arp_op=2', F_NW_PROTO, 2, 0xff],
    ['udp,tp_src=0x50/0xf0', F_TP_SRC, 0x50, 0xf0],
  ];
  for (const [match, word, key, mask] of words) {
    it(`puts ${match} in its place of the flow key`, () => {
      const flow = parseFlow(`${match} actions=drop`);
      expect([flow.match.key[word], flow.match.mask[word]]).to.deep.equal([key, mask]);
    });
  }

  it('pushes a tag for mod_vlan_vid as the OpenFlow version has it', () => {
    const text = 'actions=mod_vlan_vid:5,mod_vlan_pcp:3';
    expect(parseFlow(text).actions).to.deep.equal([
      { type: 'set_vlan_vid', vid: 5, pushIfAbsent: true },
      { type: 'set_vlan_pcp', pcp: 3, pushIfAbsent: true },
    ]);
    const printed = 'actions=push_vlan:0x8100,set_field:4101->vlan_vid,set_field:3->vlan_pcp';
    expect(formatFlow(parseFlow(text, { version: 'OpenFlow15' }))).to.equal(printed);
  });

  it('remembers the matched tag behind a pushed one', () => {
    const sent = (text: string) => formatFlow(parseFlow(text, { version: 'OpenFlow15' }));
    expect(sent('dl_vlan=5 actions=push_vlan:0x8100,strip_vlan,strip_vlan,mod_vlan_vid:3')).to.equal(
      'dl_vlan=5 actions=push_vlan:0x8100,pop_vlan,pop_vlan,push_vlan:0x8100,set_field:4099->vlan_vid',
    );
    expect(sent('dl_vlan=5 actions=push_vlan:0x8100,strip_vlan,mod_vlan_vid:3')).to.equal(
      'dl_vlan=5 actions=push_vlan:0x8100,pop_vlan,set_field:4099->vlan_vid',
    );
    expect(() => sent('dl_vlan=5 actions=push_vlan:0x8100,strip_vlan,strip_vlan,strip_vlan')).to.throw(
      /needs a VLAN tag/,
    );
  });

  // What ovs-ofctl 3.1 -O OpenFlow15 parse-flow says to each; null: refused.
  const TRACKED = 'ct_state=+new+trk';
  const connections: readonly (readonly [text: string, printed: string | null])[] = [
    [`${TRACKED},ct_nw_proto=6 actions=drop`, `${TRACKED},ct_nw_proto=6 actions=drop`],
    [`arp,${TRACKED},ct_nw_proto=6 actions=drop`, `${TRACKED},ct_nw_proto=6,arp actions=drop`],
    ['ct_nw_proto=6 actions=drop', null],
    ['ip,ct_state=-trk,ct_nw_proto=6 actions=drop', null],
    [`${TRACKED},ct_nw_src=1.2.3.4 actions=drop`, null],
    [`ipv6,${TRACKED},ct_nw_src=1.2.3.4 actions=drop`, null],
    [`ip,${TRACKED},ct_ipv6_src=fd00::1 actions=drop`, null],
    ['tcp,ct_zone=1,ct_tp_dst=3 actions=drop', 'ct_zone=1,tcp actions=drop'],
    [
      `${TRACKED} actions=move:NXM_NX_CT_NW_SRC[]->NXM_NX_REG0[]`,
      `${TRACKED} actions=move:NXM_NX_CT_NW_SRC[]->NXM_NX_REG0[]`,
    ],
    ['tcp actions=write_actions(set_mpls_tc(5))', null],
    ['tcp actions=write_actions(set_mpls_ttl(5))', 'tcp actions=write_actions(set_mpls_ttl(5))'],
  ];
  for (const [text, printed] of connections) {
    it(`${printed === null ? 'refuses' : 'takes'} ${text}`, () => {
      const take = () => formatFlow(parseFlow(text, { version: 'OpenFlow15' }));
      if (printed === null) expect(take).to.throw(SyntaxProblem);
      else expect(take()).to.equal(printed);
    });
  }
});
