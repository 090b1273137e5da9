import { expect } from 'chai';
import {
  type PolicyActions,
  type PolicyPacket,
  SETTABLE,
  type SettableField,
} from '../../ts/policy/index.js';
import { PolicyBench } from '../support/policy.js';

const UDP =
  'udp,dl_src=50:54:00:00:00:01,dl_dst=50:54:00:00:00:02,nw_src=10.0.0.1,nw_dst=10.0.0.2,nw_ttl=64,udp_src=1,udp_dst=2';
const GROUPS = ['group_id=7,type=all,bucket=actions=output:2,bucket=actions=output:3'];
const METERS = ['meter=4,pktps,band=type=drop,rate=100'];

/** Datapath actions of what `run` decides about a packet. */
function done(run: (act: PolicyActions, pkt: PolicyPacket) => unknown, packet = UDP): string {
  const bench = new PolicyBench((pkt, act) => void run(act, pkt), {
    groups: GROUPS,
    meters: METERS,
    flows: ['table=6 actions=output:3'],
  });
  const { actions } = bench.decide(packet);
  expect(bench.policy.stats.lastError).to.equal(null);
  return actions;
}

/** What it throws. */
function mistake(run: (act: PolicyActions) => unknown): string | null {
  const bench = new PolicyBench((_pkt, act) => void run(act));
  expect(bench.decide(UDP).actions).to.equal('drop');
  return bench.policy.stats.lastError;
}

describe('policy: actions', () => {
  it('outputs: ports by name, number and object, reserved ports, cut short, in order', () => {
    expect(done((act) => act.output('p2'))).to.equal('2');
    expect(done((act) => act.output(3).output({ ofport: 2 }))).to.equal('3,2');
    expect(done((act) => act.output('p1'))).to.equal('drop');
    expect(done((act) => act.inPort())).to.equal('1');
    expect(done((act) => act.local())).to.equal('100');
    expect(done((act) => act.flood())).to.equal('100,2,3');
    expect(done((act) => act.all())).to.equal('100,2,3');
    expect(done((act) => act.normal())).to.equal('100,2,3');
    expect(done((act) => act.output(2, { maxLen: 100 }))).to.equal('trunc(100),2');
    expect(done(() => {})).to.equal('drop');
  });

  it('drop takes back what was decided before', () => {
    expect(done((act) => act.output(2).drop())).to.equal('drop');
    expect(done((act) => act.drop('why').output(2))).to.equal('2');
  });

  it('tables, groups, meters, queues', () => {
    expect(done((act) => act.table(6).output(2))).to.equal('3,2');
    expect(done((act) => act.table(9))).to.equal('drop');
    expect(done((act) => act.group(7))).to.equal('2,3');
    expect(done((act) => act.meter(4).output(2))).to.match(/^meter\(\d+\),2$/);
    expect(done((act) => act.setQueue(3).output(2))).to.equal('set(skb_priority(0x3)),2');
  });

  it('VLAN tags and MPLS labels', () => {
    expect(done((act) => act.pushVlan({ vid: 5, pcp: 2 }).output(2))).to.equal('push_vlan(vid=5,pcp=2),2');
    expect(done((act) => act.pushVlan().output(2))).to.equal('push_vlan(vid=0,pcp=0),2');
    expect(done((act) => act.pushVlan({ vid: 5, tpid: 0x88a8 }).output(2))).to.equal(
      'push_vlan(tpid=0x88a8,vid=5,pcp=0),2',
    );
    expect(done((act) => act.popVlan().output(2), `${UDP},dl_vlan=7`)).to.equal('pop_vlan,2');
    expect(done((act) => act.pushMpls({ label: 5, tc: 1, ttl: 9 }).output(2))).to.equal(
      'push_mpls(label=5,tc=1,ttl=9,bos=1,eth_type=0x8847),2',
    );
    expect(done((act) => act.popMpls(0x800).output(2), 'mpls,mpls_label=5,mpls_bos=1')).to.match(
      /^pop_mpls\(eth_type=0x800\)/,
    );
    expect(done((act) => act.decMplsTtl().output(2), 'mpls,mpls_label=5,mpls_ttl=9,mpls_bos=1')).to.contain(
      'ttl=8',
    );
  });

  it('dec_ttl', () => {
    expect(done((act) => act.decTtl().output(2))).to.equal('set(ipv4(ttl=63)),2');
  });

  it('connection tracking: zone, commit, NAT, mark and label, helper, and where it goes on', () => {
    expect(done((act) => act.ct())).to.equal('ct');
    expect(done((act) => act.ct({ zone: 5, resume: true }))).to.match(/^ct\(zone=5\),recirc\(0x[0-9a-f]+\)$/);
    expect(done((act) => act.ct({ zone: 5, commit: true, mark: 7, label: 1n }).output(2))).to.match(
      /^ct\(commit,zone=5,mark=0x7\/0xffffffff,label=.*\),2$/,
    );
    expect(done((act) => act.ct({ commit: true, force: true, mark: '0x1/0xff' }))).to.contain(
      'force_commit,mark=0x1/0xff',
    );
    expect(done((act) => act.ct({ commit: true, alg: 'ftp' }))).to.contain('helper=ftp');
    expect(done((act) => act.ct({ nat: true, resume: 6 }))).to.match(/^ct\(nat\),recirc/);
    const nat = (options: object) =>
      done((act) => act.ct({ commit: true, nat: { type: 'dst', ...options } }));
    expect(nat({ address: '10.0.0.9' })).to.contain('nat(dst=10.0.0.9)');
    expect(
      nat({ address: '10.0.0.9-10.0.0.12', port: '80-90', select: 'hash', persistent: true }),
    ).to.contain('nat(dst=10.0.0.9-10.0.0.12:80-90,persistent,hash)');
    const six = done(
      (act) => act.ct({ commit: true, nat: { type: 'src', address: 'fd00::9', port: 80 } }),
      'tcp6',
    );
    expect(six).to.contain('nat(src=[fd00::9]:80)');
    expect(done((act) => act.ctClear().output(2))).to.equal('2');
  });

  it('the packet that comes back from the tracker is decided about again, with its state', () => {
    const bench = new PolicyBench((pkt, act) => {
      if (!pkt.ctState.has('trk')) act.set.reg3(pkt.udpDst.value ?? 0).ct({ zone: 5, resume: true });
      else if (pkt.ctState.has('new') && pkt.reg3.equals(2)) act.ct({ zone: 5, commit: true }).output(2);
    });
    const id = Number(/recirc\((0x[0-9a-f]+)\)/.exec(bench.decide(UDP).actions)![1]);
    const again = bench.decideAgain(UDP, id, 0x21);
    expect(again.actions).to.match(/^ct\(commit,zone=5.*\),2$/);
    expect(again.megaflow).to.equal(`recirc_id=0x${id.toString(16)},ct_state=+new+trk,eth,ip,in_port=1`);
    expect(bench.decideAgain(UDP, id, 0x22).actions).to.equal('drop');
  });

  it('controllers and samples', () => {
    expect(done((act) => act.controller().output(2))).to.match(
      /^userspace\(pid=0,controller\(reason=1,.*max_len=65535\)\),2$/,
    );
    expect(
      done((act) => act.controller({ maxLen: 50, controllerId: 7, userdata: Uint8Array.of(1, 0xab) })),
    ).to.match(/controller_id=7,max_len=50/);
    expect(
      done((act) =>
        act.sample({ probability: 100, collectorSet: 1, port: 'p2', direction: 'egress' }).output(2),
      ),
    ).to.equal('2');
  });

  it('copies: what happens to them does not happen to the packet', () => {
    expect(
      done((act) => act.clone((copy) => copy.set.ethDst('50:54:00:00:00:09').output(2)).output(3)),
    ).to.equal('set(eth(dst=50:54:00:00:00:09)),2,set(eth(dst=50:54:00:00:00:02)),3');
    expect(done((act) => act.clone(() => {}).output(3))).to.equal('3');
  });

  it('anything else in the words of ovs-actions(7)', () => {
    expect(done((act) => act.openflow('move:NXM_OF_ETH_SRC[]->NXM_OF_ETH_DST[],output:p2'))).to.equal(
      'set(eth(dst=50:54:00:00:00:01)),2',
    );
  });

  const VALUES: Partial<
    Record<SettableField, readonly [value: number | string | bigint, packet: string, actions: RegExp]>
  > = {
    ethSrc: ['50:54:00:00:00:09', UDP, /eth\(src=50:54:00:00:00:09\)/],
    ethDst: [0x505400000009, UDP, /eth\(dst=50:54:00:00:00:09\)/],
    vlanVid: [9, `${UDP},dl_vlan=7`, /push_vlan\(vid=9/],
    vlanPcp: [3, `${UDP},dl_vlan=7`, /vid=7,pcp=3/],
    mplsLabel: [9, 'mpls,mpls_label=5,mpls_bos=1', /label=9/],
    mplsTc: [3, 'mpls,mpls_label=5,mpls_bos=1', /tc=3/],
    mplsTtl: [3, 'mpls,mpls_label=5,mpls_bos=1', /ttl=3/],
    ipv4Src: ['10.0.0.9', UDP, /src=10.0.0.9/],
    ipv4Dst: ['10.0.9.0/0.0.255.0', UDP, /dst=0\.0\.9\.0\/0\.0\.255\.0/],
    ipv6Src: ['fd00::9', 'tcp6', /src=fd00::9/],
    ipv6Dst: ['fd00::9', 'tcp6', /dst=fd00::9/],
    ipv6Label: [9, 'tcp6', /label=0x9/],
    ipDscp: [10, UDP, /tos=0x28\/0xfc/],
    ipEcn: [1, UDP, /tos=0x1\/0x3/],
    ipTtl: [9, UDP, /ttl=9/],
    arpOp: [2, 'arp,arp_op=1', /op=2/],
    arpSpa: ['10.0.0.9', 'arp,arp_op=1', /sip=10.0.0.9/],
    arpTpa: ['10.0.0.9', 'arp,arp_op=1', /tip=10.0.0.9/],
    arpSha: ['50:54:00:00:00:09', 'arp,arp_op=1', /sha=50:54:00:00:00:09/],
    arpTha: ['50:54:00:00:00:09', 'arp,arp_op=1', /tha=50:54:00:00:00:09/],
    tcpSrc: [9, 'tcp', /tcp\(src=9\)/],
    tcpDst: [9, 'tcp', /tcp\(dst=9\)/],
    udpSrc: [9, UDP, /udp\(src=9\)/],
    udpDst: [9, UDP, /udp\(dst=9\)/],
    sctpSrc: [9, 'sctp', /sctp\(src=9\)/],
    sctpDst: [9, 'sctp', /sctp\(dst=9\)/],
    icmpType: [9, 'icmp', /icmp\(type=9/],
    icmpCode: [9, 'icmp', /code=9/],
    icmpv6Type: [9, 'icmp6', /type=9/],
    icmpv6Code: [9, 'icmp6', /code=9/],
    ndTarget: ['fd00::9', 'icmp6,icmpv6_type=135', /target=fd00::9/],
    ndSll: ['50:54:00:00:00:09', 'icmp6,icmpv6_type=135', /sll=50:54:00:00:00:09/],
    ndTll: ['50:54:00:00:00:09', 'icmp6,icmpv6_type=136', /tll=50:54:00:00:00:09/],
    nshFlags: [1, 'dl_type=0x894f,nsh_mdtype=1', /flags=1/],
    nshTtl: [9, 'dl_type=0x894f,nsh_mdtype=1', /ttl=9/],
    nshSpi: [9, 'dl_type=0x894f,nsh_mdtype=1', /spi=0x9/],
    nshSi: [9, 'dl_type=0x894f,nsh_mdtype=1', /si=9/],
    nshC1: [9, 'dl_type=0x894f,nsh_mdtype=1', /c1=0x9/],
    nshC2: [9, 'dl_type=0x894f,nsh_mdtype=1', /c2=0x9/],
    nshC3: [9, 'dl_type=0x894f,nsh_mdtype=1', /c3=0x9/],
    nshC4: [9, 'dl_type=0x894f,nsh_mdtype=1', /c4=0x9/],
    pktMark: ['0x5/0xff', UDP, /skb_mark\(0x5\/0xff\)/],
  };

  for (const name of Object.keys(SETTABLE) as SettableField[]) {
    it(`set.${name}`, () => {
      const given = VALUES[name];
      if (given !== undefined) {
        expect(done((act) => act.set[name](given[0]).output(2), given[1])).to.match(given[2]);
        return;
      }
      // Fields of the pipeline and of tunnels go with the packet to its next table.
      const value = /Ipv6/.test(name) ? 'fd00::9' : /^tun(Src|Dst)$/.test(name) ? '10.0.0.9' : 9;
      const bench = new PolicyBench((_pkt, act) => void act.set[name](value).table(6), {
        flows: [`table=6,${SETTABLE[name]}=${value} actions=output:2`],
      });
      expect(bench.decide(UDP).actions).to.match(/2$/);
    });
  }

  it('a packet without the field is left as it is', () => {
    expect(done((act) => act.set.tcpDst(9).set.vlanVid(3).output(2))).to.equal('2');
  });

  it('mistakes are throws that say what would be right', () => {
    expect(mistake((act) => act.output('nix'))).to.match(/^bridge br0 has no port called nix/);
    expect(mistake((act) => act.output(-1))).to.match(
      /^output: expected a whole number from 0 to 65535, not -1/,
    );
    expect(mistake((act) => act.table(254))).to.match(/^table: expected a whole number from 0 to 253/);
    expect(mistake((act) => act.set.udpDst(65536))).to.match(
      /^set.udpDst: expected a whole number of 16 bits, not 65536/,
    );
    expect(mistake((act) => act.set.ipv4Dst('10.0.0'))).to.match(/^set.ipv4Dst: .*IPv4 address/);
    expect(mistake((act) => act.set.vlanVid('x'))).to.match(/^set.vlanVid: /);
    expect(mistake((act) => act.pushVlan({ vid: 4096 }))).to.match(/^pushVlan: expected a VLAN id/);
    expect(mistake((act) => act.ct({ nat: { type: 'dst', port: 80 } }))).to.match(/needs an address/);
    expect(mistake((act) => act.ct({ zone: 70000 }))).to.match(/ct zone/);
    expect(mistake((act) => act.openflow('fin_timeout(idle_timeout=5)'))).to.match(
      /no rule that fin_timeout could be about/,
    );
    expect(mistake((act) => act.openflow('nonsense'))).to.match(/^nonsense: /);
  });

  it('after the decision nothing more is taken', () => {
    let kept: PolicyActions | undefined;
    const bench = new PolicyBench((_pkt, act) => {
      kept = act;
      act.output(2);
    });
    expect(bench.decide(UDP).actions).to.equal('2');
    expect(() => kept!.output(3))
      .to.throw()
      .with.property('code', 'ERR_POLICY_OVER');
    expect(() => kept!.count('late'))
      .to.throw()
      .with.property('code', 'ERR_POLICY_OVER');
  });
});
