import { expect } from 'chai';
import { F_VLAN1_TCI, F_VLAN1_TPID, F_VLAN_TCI, F_VLAN_TPID } from '../../ts/fields/index.js';
import { parseFlowKey, parseTlvMap } from '../../ts/openflow/index.js';
import { PACKET_FIELDS, type PacketFieldName, type PolicyPacket } from '../../ts/policy/index.js';
import { PolicyBench } from '../support/policy.js';

/** Reads by `read` from a packet: what it gave, and the megaflow. */
function look(packet: string, read: (pkt: PolicyPacket) => unknown) {
  let value: unknown;
  const bench = new PolicyBench((pkt) => {
    value = read(pkt);
  });
  const { megaflow } = bench.decide(packet);
  expect(bench.warnings).to.deep.equal([]);
  return { value, megaflow };
}

const TCP =
  'tcp,nw_src=10.0.0.1,nw_dst=10.1.2.3,nw_tos=0x28,nw_ecn=1,nw_ttl=64,tcp_src=1000,tcp_dst=80,tcp_flags=syn|ack';
const TRACKED = 'ct_state=trk|est,ct_zone=5,ct_mark=7,ct_label=0x90000000000000008';
const MAC = 0x50540000000a;

/** Of each field: a packet that has it, its value, what a read of it adds to the megaflow; and a packet that has it not. */
const FIELDS: Partial<
  Record<PacketFieldName, readonly [packet: string, value: unknown, megaflow: string, without?: string]>
> = {
  inPort: ['in_port=2,arp', 2, 'eth,arp,in_port=2'],
  ethSrc: ['arp,dl_src=50:54:00:00:00:0a', MAC, 'eth,arp,in_port=1,dl_src=50:54:00:00:00:0a'],
  ethDst: ['arp,dl_dst=50:54:00:00:00:0a', MAC, 'eth,arp,in_port=1,dl_dst=50:54:00:00:00:0a'],
  ethType: ['arp', 0x806, 'eth,arp,in_port=1'],
  packetType: ['arp', 0, 'eth,arp,in_port=1'],
  vlanVid: ['arp,dl_vlan=17,dl_vlan_pcp=3', 17, 'eth,arp,in_port=1,dl_vlan=17', 'arp'],
  vlanPcp: ['arp,dl_vlan=17,dl_vlan_pcp=3', 3, 'eth,arp,in_port=1,dl_vlan_pcp=3', 'arp'],
  mplsLabel: ['mpls,mpls_label=70', 70, 'eth,mpls,in_port=1,mpls_label=70', 'arp'],
  mplsTc: ['mpls,mpls_tc=5', 5, 'eth,mpls,in_port=1,mpls_tc=5', 'arp'],
  mplsBos: ['mpls,mpls_bos=1', 1, 'eth,mpls,in_port=1,mpls_bos=1', 'arp'],
  mplsTtl: ['mpls,mpls_ttl=9', 9, 'eth,mpls,in_port=1,mpls_ttl=9', 'arp'],
  ipv4Src: [TCP, 0x0a000001, 'eth,ip,in_port=1,nw_src=10.0.0.1', 'tcp6'],
  ipv4Dst: [TCP, 0x0a010203, 'eth,ip,in_port=1,nw_dst=10.1.2.3', 'arp'],
  ipv6Src: ['tcp6,ipv6_src=fd00::1', undefined, 'eth,ipv6,in_port=1,ipv6_src=fd00::1', TCP],
  ipv6Dst: ['tcp6,ipv6_dst=fd00::1', undefined, 'eth,ipv6,in_port=1,ipv6_dst=fd00::1', TCP],
  ipv6Label: ['tcp6,ipv6_label=0x123', 0x123, 'eth,ipv6,in_port=1,ipv6_label=0x00123', TCP],
  ipProto: [TCP, 6, 'eth,tcp,in_port=1', 'arp'],
  ipDscp: [TCP, 10, 'eth,ip,in_port=1,nw_tos=40', 'arp'],
  ipEcn: [TCP, 1, 'eth,ip,in_port=1,nw_ecn=1', 'arp'],
  ipTtl: [TCP, 64, 'eth,ip,in_port=1,nw_ttl=64', 'arp'],
  ipFrag: [TCP, 0, 'eth,ip,in_port=1', 'arp'],
  arpOp: ['arp,arp_op=2', 2, 'eth,arp,in_port=1,arp_op=2', TCP],
  arpSpa: ['arp,arp_spa=10.0.0.1', 0x0a000001, 'eth,arp,in_port=1,arp_spa=10.0.0.1', TCP],
  arpTpa: ['arp,arp_tpa=10.0.0.1', 0x0a000001, 'eth,arp,in_port=1,arp_tpa=10.0.0.1', TCP],
  arpSha: ['arp,arp_sha=50:54:00:00:00:0a', MAC, 'eth,arp,in_port=1,arp_sha=50:54:00:00:00:0a', TCP],
  arpTha: ['arp,arp_tha=50:54:00:00:00:0a', MAC, 'eth,arp,in_port=1,arp_tha=50:54:00:00:00:0a', TCP],
  tpSrc: ['udp,udp_src=53', 53, 'eth,udp,in_port=1,tp_src=53', 'icmp'],
  tpDst: ['sctp,sctp_dst=53', 53, 'eth,sctp,in_port=1,tp_dst=53', 'arp'],
  tcpSrc: [TCP, 1000, 'eth,tcp,in_port=1,tp_src=1000', 'udp'],
  tcpDst: [TCP, 80, 'eth,tcp,in_port=1,tp_dst=80', 'udp'],
  tcpFlags: [TCP, 0x12, 'eth,tcp,in_port=1,tcp_flags=syn|ack', 'udp'],
  udpSrc: ['udp,udp_src=53', 53, 'eth,udp,in_port=1,tp_src=53', TCP],
  udpDst: ['udp,udp_dst=53', 53, 'eth,udp,in_port=1,tp_dst=53', TCP],
  sctpSrc: ['sctp,sctp_src=53', 53, 'eth,sctp,in_port=1,tp_src=53', TCP],
  sctpDst: ['sctp,sctp_dst=53', 53, 'eth,sctp,in_port=1,tp_dst=53', TCP],
  icmpType: ['icmp,icmp_type=8', 8, 'eth,icmp,in_port=1,icmp_type=0x8/0xff', 'icmp6'],
  icmpCode: ['icmp,icmp_code=3', 3, 'eth,icmp,in_port=1,icmp_code=0x3/0xff', 'icmp6'],
  icmpv6Type: ['icmp6,icmpv6_type=128', 128, 'eth,icmp6,in_port=1,icmp_type=0x80/0xff', 'icmp'],
  icmpv6Code: ['icmp6,icmpv6_code=3', 3, 'eth,icmp6,in_port=1,icmp_code=0x3/0xff', 'icmp'],
  ndTarget: [
    'icmp6,icmpv6_type=135,nd_target=fd00::1',
    undefined,
    'eth,icmp6,in_port=1,icmp_type=0x87/0xff,icmp_code=0x0/0xff,nd_target=fd00::1',
    'icmp6,icmpv6_type=1',
  ],
  ndSll: [
    'icmp6,icmpv6_type=135,nd_sll=50:54:00:00:00:0a',
    MAC,
    'eth,icmp6,in_port=1,icmp_type=0x87/0xff,icmp_code=0x0/0xff,nd_sll=50:54:00:00:00:0a',
    'icmp6,icmpv6_type=136',
  ],
  ndTll: [
    'icmp6,icmpv6_type=136,nd_tll=50:54:00:00:00:0a',
    MAC,
    'eth,icmp6,in_port=1,icmp_type=0x88/0xff,icmp_code=0x0/0xff,nd_tll=50:54:00:00:00:0a',
    'icmp6,icmpv6_type=135',
  ],
  nshFlags: ['dl_type=0x894f,nsh_flags=2', 2, 'eth,in_port=1,dl_type=0x894f,nsh_flags=2', TCP],
  nshTtl: ['dl_type=0x894f,nsh_ttl=63', 63, 'eth,in_port=1,dl_type=0x894f,nsh_ttl=63', TCP],
  nshMdtype: ['dl_type=0x894f,nsh_mdtype=1', 1, 'eth,in_port=1,dl_type=0x894f,nsh_mdtype=1', TCP],
  nshNp: ['dl_type=0x894f,nsh_np=3', 3, 'eth,in_port=1,dl_type=0x894f,nsh_np=3', TCP],
  nshSpi: ['dl_type=0x894f,nsh_spi=0x1234', 0x1234, 'eth,in_port=1,dl_type=0x894f,nsh_spi=0x1234', TCP],
  nshSi: ['dl_type=0x894f,nsh_si=255', 255, 'eth,in_port=1,dl_type=0x894f,nsh_si=255', TCP],
  nshC1: ['dl_type=0x894f,nsh_c1=0x11', 0x11, 'eth,in_port=1,dl_type=0x894f,nsh_c1=0x11', TCP],
  nshC2: ['dl_type=0x894f,nsh_c2=0x12', 0x12, 'eth,in_port=1,dl_type=0x894f,nsh_c2=0x12', TCP],
  nshC3: ['dl_type=0x894f,nsh_c3=0x13', 0x13, 'eth,in_port=1,dl_type=0x894f,nsh_c3=0x13', TCP],
  nshC4: ['dl_type=0x894f,nsh_c4=0x14', 0x14, 'eth,in_port=1,dl_type=0x894f,nsh_c4=0x14', TCP],
  tunId: ['tun_id=0x500000007,tun_src=1.1.1.1,tun_dst=2.2.2.2,arp', 0x500000007n, 'TUNNEL'],
  tunSrc: ['tun_id=7,tun_src=1.1.1.1,tun_dst=2.2.2.2,arp', 0x01010101, 'TUNNEL'],
  tunDst: ['tun_id=7,tun_src=1.1.1.1,tun_dst=2.2.2.2,arp', 0x02020202, 'TUNNEL'],
  tunIpv6Src: ['tun_ipv6_src=fd00::1,tun_ipv6_dst=fd00::2,arp', undefined, 'TUNNEL'],
  tunIpv6Dst: ['tun_ipv6_src=fd00::1,tun_ipv6_dst=fd00::2,arp', undefined, 'TUNNEL'],
  tunTtl: ['tun_id=7,tun_dst=2.2.2.2,tun_ttl=64,arp', 64, 'TUNNEL'],
  tunTos: ['tun_id=7,tun_dst=2.2.2.2,tun_tos=4,arp', 4, 'TUNNEL'],
  tunGbpId: ['tun_id=7,tun_dst=2.2.2.2,tun_gbp_id=9,arp', 9, 'TUNNEL'],
  tunGbpFlags: ['tun_id=7,tun_dst=2.2.2.2,tun_gbp_flags=1,arp', 1, 'TUNNEL'],
  ctState: [`${TRACKED},tcp`, 0x22, 'ct_state=est|trk,eth,ip,in_port=1'],
  ctZone: [`${TRACKED},tcp`, 5, 'ct_zone=5,eth,ip,in_port=1'],
  ctMark: [`${TRACKED},tcp`, 7, 'ct_mark=0x7,eth,ip,in_port=1'],
  ctLabel: [`${TRACKED},tcp`, 0x90000000000000008n, 'ct_label=0x90000000000000008,eth,ip,in_port=1'],
  ctNwProto: [
    `${TRACKED},ct_nw_proto=6,tcp`,
    6,
    'ct_state=-new+est-rpl,ct_nw_proto=6,eth,ip,in_port=1',
    'tcp',
  ],
  ctNwSrc: [
    `${TRACKED},ct_nw_src=10.0.0.1,tcp`,
    0x0a000001,
    'ct_state=-new+est-rpl,ct_nw_src=10.0.0.1,eth,ip,in_port=1',
    'tcp',
  ],
  ctNwDst: [
    `${TRACKED},ct_nw_dst=10.0.0.1,tcp`,
    0x0a000001,
    'ct_state=-new+est-rpl,ct_nw_dst=10.0.0.1,eth,ip,in_port=1',
    'tcp',
  ],
  ctIpv6Src: [
    `${TRACKED},ct_ipv6_src=fd00::1,tcp6`,
    undefined,
    'ct_state=-new+est-rpl,ct_ipv6_src=fd00::1,eth,ipv6,in_port=1',
    'tcp6',
  ],
  ctIpv6Dst: [
    `${TRACKED},ct_ipv6_dst=fd00::1,tcp6`,
    undefined,
    'ct_state=-new+est-rpl,ct_ipv6_dst=fd00::1,eth,ipv6,in_port=1',
    'tcp6',
  ],
  ctTpSrc: [
    `${TRACKED},ct_nw_proto=6,ct_tp_src=9,tcp`,
    9,
    'ct_state=-new+est-rpl,ct_tp_src=9,eth,ip,in_port=1',
    'tcp',
  ],
  ctTpDst: [
    `${TRACKED},ct_nw_proto=6,ct_tp_dst=9,tcp`,
    9,
    'ct_state=-new+est-rpl,ct_tp_dst=9,eth,ip,in_port=1',
    'tcp',
  ],
  pktMark: ['pkt_mark=5,arp', 5, 'pkt_mark=0x5,eth,arp,in_port=1'],
  skbPriority: ['skb_priority=5,arp', 5, 'skb_priority=0x5,eth,arp,in_port=1'],
  dpHash: ['dp_hash=5,arp', 5, 'dp_hash=0x5,eth,arp,in_port=1'],
  recircId: ['arp', 0, 'eth,arp,in_port=1'],
  metadata: ['metadata=0x100000005,arp', 0x100000005n, 'eth,arp,in_port=1'],
};

/** Likewise of registers. */
const REGISTERS = Array.from({ length: 16 }, (_, i) => `reg${i}` as PacketFieldName);
for (const register of REGISTERS)
  FIELDS[register] = [`${register}=0x80000005,arp`, 0x80000005, 'eth,arp,in_port=1'];

describe('policy: fields', () => {
  it('there is a case for each', () => {
    const elsewhere = ['innerVlanVid', 'innerVlanPcp'];
    expect([...Object.keys(FIELDS), ...elsewhere].sort()).to.deep.equal(Object.keys(PACKET_FIELDS).sort());
  });

  it('innerVlanVid, innerVlanPcp: the second tag, and no bits where there is none', () => {
    const tagged = (second: number) => {
      const key = parseFlowKey('in_port=1,arp,dl_vlan=17');
      if (second !== 0) [key[F_VLAN_TPID], key[F_VLAN1_TPID], key[F_VLAN1_TCI]] = [0x88a8, 0x8100, second];
      return key;
    };
    const values: unknown[] = [];
    const bench = new PolicyBench((pkt) => {
      values.push(pkt.innerVlanVid.equals(42), pkt.innerVlanPcp.value);
    });
    const { mask } = bench.decideKey(tagged(0x702a)).translation;
    expect([mask[F_VLAN_TCI], mask[F_VLAN1_TCI]]).to.deep.equal([0x1000, 0xffff]);
    expect(bench.decideKey(tagged(0x782a)).translation.mask[F_VLAN1_TCI]).to.equal(0xf800);
    expect(bench.decideKey(tagged(0)).translation.mask[F_VLAN1_TCI]).to.equal(0);
    expect(values).to.deep.equal([true, 3, false, 3, false, undefined]);
  });

  it('tunMetadata: options of tunnels by number, and by other numbers when the bridge has others', () => {
    const values: unknown[] = [];
    const tlvMap = '{class=0x102,type=1,len=4}->tun_metadata0,{class=0x102,type=2,len=8}->tun_metadata5';
    const bench = new PolicyBench(
      (pkt, act) => {
        const [short, long] = [pkt.tunMetadata(0), pkt.tunMetadata(5)];
        values.push(short.equals(0x1234), short.value, long.present, long.low);
        act.openflow('set_field:7->tun_metadata0').output(2);
      },
      { tlvMap },
    );
    const tunnel = 'tun_src=10.0.0.1,tun_dst=10.0.0.2,tcp';
    bench.decide(`${tunnel},tun_metadata0=0x1234`);
    bench.decide(`${tunnel},tun_metadata0=0x1235,tun_metadata5=0x100000002`);
    bench.decide('tcp');
    expect(values).to.deep.equal([
      ...[true, 0x1234n, false, undefined],
      ...[false, 0x1235n, true, 2],
      ...[false, undefined, false, undefined],
    ]);
    expect(bench.warnings).to.deep.equal([]);
    bench.bridge.setTlvMap(parseTlvMap('{class=0x102,type=2,len=8}->tun_metadata0'));
    bench.decide(`${tunnel},tun_metadata0=0x100000002`);
    expect(bench.warnings.join()).to.match(/tunMetadata\(5\): the bridge maps no option to that number/);
  });

  for (const [name, [packet, value, megaflow, without]] of Object.entries(FIELDS)) {
    it(`${name}: its value, and exactly that in the megaflow`, () => {
      const accessor = (pkt: PolicyPacket) => pkt[name as PacketFieldName] as PolicyPacket['ethSrc'];
      if (value === undefined) {
        const read = look(packet, (pkt) => accessor(pkt).text);
        expect(read.value).to.match(/^fd00::[12]$/);
        if (megaflow !== 'TUNNEL') expect(read.megaflow).to.equal(megaflow);
      } else {
        const read = look(packet, (pkt) => accessor(pkt).value);
        expect(read.value).to.equal(value);
        if (megaflow !== 'TUNNEL') expect(read.megaflow).to.equal(megaflow);
        expect(look(packet, (pkt) => accessor(pkt).equals(value as number)).value).to.equal(true);
        expect(look(packet, (pkt) => accessor(pkt).in([value as number])).value).to.equal(true);
      }
      expect(look(packet, (pkt) => accessor(pkt).present).value).to.equal(true);
      if (without === undefined) return;
      const missing = (pkt: PolicyPacket) => [
        accessor(pkt).present,
        accessor(pkt).text,
        accessor(pkt).equals('0' as never),
        accessor(pkt).in([1]),
      ];
      expect(look(without, missing).value).to.deep.equal([false, undefined, false, false]);
    });
  }

  it('of a prefix that the address is not in, the first bits are looked at down to the one that differs', () => {
    const read = (prefix: string) => look(TCP, (pkt) => pkt.ipv4Dst.inPrefix(prefix));
    expect(read('10.1.0.0/16')).to.deep.equal({
      value: true,
      megaflow: 'eth,ip,in_port=1,nw_dst=10.1.0.0/16',
    });
    expect(read('192.0.0.0/8')).to.deep.equal({
      value: false,
      megaflow: 'eth,ip,in_port=1,nw_dst=0.0.0.0/1',
    });
    expect(read('10.3.0.0/16')).to.deep.equal({
      value: false,
      megaflow: 'eth,ip,in_port=1,nw_dst=10.0.0.0/15',
    });
    expect(read('0.0.0.0/0')).to.deep.equal({ value: true, megaflow: 'eth,ip,in_port=1' });
    const six = (prefix: string) => look('tcp6,ipv6_dst=fd00:1::1', (pkt) => pkt.ipv6Dst.inPrefix(prefix));
    expect(six('fd00:1::/32')).to.deep.equal({
      value: true,
      megaflow: 'eth,ipv6,in_port=1,ipv6_dst=fd00:1::/32',
    });
    expect(six('fd00:1:8000::/40').megaflow).to.equal('eth,ipv6,in_port=1,ipv6_dst=fd00:1::/33');
    expect(six('2001::/16').megaflow).to.equal('eth,ipv6,in_port=1,ipv6_dst=8000::/1');
  });

  it('what is known already proves that a test fails: nothing more is looked at', () => {
    const { value, megaflow } = look(TCP, (pkt) => [
      pkt.ipv4Dst.inPrefix('192.0.0.0/8'),
      pkt.ipv4Dst.inPrefix('193.0.0.0/8'),
      pkt.ipv4Dst.equals('200.1.2.3'),
    ]);
    expect(value).to.deep.equal([false, false, false]);
    expect(megaflow).to.equal('eth,ip,in_port=1,nw_dst=0.0.0.0/1');
  });

  it('lists: all of a value that is in, as much as tells it from all others of one that is not', () => {
    const few = [53, 67, 68];
    const many = new Set([443, 8080, 22, 25, 53, 110, 143, 993, 995]);
    const read = (list: Iterable<number>, port: number) =>
      look(`udp,udp_dst=${port}`, (pkt) => pkt.udpDst.in(list)).megaflow.replace('eth,udp,in_port=1', '');
    for (const list of [few, many]) expect(read(list, 53)).to.equal(',tp_dst=53');
    expect(read(few, 69)).to.equal(',tp_dst=69');
    expect(read(few, 4096)).to.equal(',tp_dst=0x1000/0xf000');
    expect(read(many, 0xc000)).to.equal(',tp_dst=0x8000/0x8000');
    expect(read(many, 4096)).to.equal(',tp_dst=0x1000/0xf800');
    expect(look(TCP, (pkt) => pkt.ipv4Src.inAny(['192.168.0.0/16', '10.0.0.0/8'])).value).to.equal(true);
    expect(look(TCP, (pkt) => pkt.ipv4Src.inAny([])).value).to.equal(false);
    const macs = Array.from({ length: 20 }, (_, i) => 0x50540000_0000 + i);
    expect(look('arp,dl_src=50:54:00:00:00:0a', (pkt) => pkt.ethSrc.in(macs)).value).to.equal(true);
    expect(look('arp,dl_src=60:54:00:00:00:0a', (pkt) => pkt.ethSrc.in(macs)).megaflow).to.equal(
      'eth,arp,in_port=1,dl_src=60:00:00:00:00:00/e0:00:00:00:00:00',
    );
  });

  it('ranges: as many of the first bits as tell', () => {
    const read = (port: number) => look(`udp,udp_dst=${port}`, (pkt) => pkt.udpDst.between(1024, 65535));
    expect(read(80)).to.deep.equal({ value: false, megaflow: 'eth,udp,in_port=1,tp_dst=0x0/0xfc00' });
    expect(read(0xc000)).to.deep.equal({ value: true, megaflow: 'eth,udp,in_port=1,tp_dst=0x8000/0x8000' });
    expect(read(1024)).to.deep.equal({ value: true, megaflow: 'eth,udp,in_port=1,tp_dst=0x400/0xfc00' });
    expect(look(TCP, (pkt) => pkt.ipv4Src.between(0, 0xffffffff))).to.deep.equal({
      value: true,
      megaflow: 'eth,ip,in_port=1',
    });
  });

  it('single bits, flags, masks', () => {
    expect(look(TCP, (pkt) => pkt.tcpDst.bits(0xf0))).to.deep.equal({
      value: 80,
      megaflow: 'eth,tcp,in_port=1,tp_dst=0x50/0xf0',
    });
    expect(look(TCP, (pkt) => pkt.tcpFlags.has('syn'))).to.deep.equal({
      value: true,
      megaflow: 'eth,tcp,in_port=1,tcp_flags=+syn',
    });
    expect(look(TCP, (pkt) => pkt.tcpFlags.matches(2, 0x12)).value).to.equal(false);
    expect(look('arp,dl_dst=01:00:00:00:00:01', (pkt) => pkt.ethDst.multicast)).to.deep.equal({
      value: true,
      megaflow: 'eth,arp,in_port=1,dl_dst=01:00:00:00:00:00/01:00:00:00:00:00',
    });
    expect(
      look('arp,dl_dst=02:00:00:00:00:01', (pkt) => pkt.ethDst.matches('02:00:00:00:00:ff', 0xff0000000000))
        .value,
    ).to.equal(true);
    expect(look(`${TRACKED},tcp`, (pkt) => pkt.ctLabel.low)).to.deep.equal({
      value: 8,
      megaflow: 'ct_label=0x8/0xffffffff,eth,ip,in_port=1',
    });
  });

  it('kinds of packets, ports by name, hashes', () => {
    const kinds = (packet: string) =>
      look(packet, (pkt) =>
        (
          [
            'isIpv4',
            'isIpv6',
            'isIp',
            'isArp',
            'isTcp',
            'isUdp',
            'isIcmp',
            'isIcmpv6',
            'isTagged',
            'isMpls',
          ] as const
        ).filter((kind) => pkt[kind]),
      ).value;
    expect(kinds(TCP)).to.deep.equal(['isIpv4', 'isIp', 'isTcp']);
    expect(kinds('udp6,dl_vlan=5')).to.deep.equal(['isIpv6', 'isIp', 'isUdp', 'isTagged']);
    expect(kinds('icmp')).to.deep.equal(['isIpv4', 'isIp', 'isIcmp']);
    expect(kinds('icmp6')).to.deep.equal(['isIpv6', 'isIp', 'isIcmpv6']);
    expect(kinds('arp')).to.deep.equal(['isArp']);
    expect(kinds('mpls')).to.deep.equal(['isMpls']);
    const port = look('in_port=p2,arp', (pkt) => [
      pkt.inPort.portName,
      pkt.inPort.is('p2'),
      pkt.inPort.is('nix'),
      pkt.inPort.is(2),
      pkt.inPort.is({ ofport: 1 }),
    ]);
    expect(port.value).to.deep.equal(['p2', true, false, true, false]);
    const hash = (packet: string) => look(packet, (pkt) => pkt.hash('ipv4Src', 'tcpSrc'));
    expect(hash(TCP).megaflow).to.equal('eth,tcp,in_port=1,nw_src=10.0.0.1,tp_src=1000');
    expect(hash(TCP).value).to.equal(hash(TCP).value);
    expect(hash(TCP).value).not.to.equal(hash(TCP.replace('1000', '1001')).value);
  });

  it('fragments have no ports behind the first, and the first shows none to policies, as to rules', () => {
    expect(look('udp,nw_frag=later', (pkt) => [pkt.udpDst.value, pkt.tpDst.value]).value).to.deep.equal([
      undefined,
      undefined,
    ]);
    expect(
      look('udp,nw_frag=first,udp_dst=5', (pkt) => [pkt.udpDst.value, pkt.ipFrag.value]).value,
    ).to.deep.equal([0, 1]);
  });

  it('values that cannot be are mistakes of the policy: a throw that says so', () => {
    const mistake = (read: (pkt: PolicyPacket) => unknown) => {
      const bench = new PolicyBench((pkt) => void read(pkt));
      bench.decide(TCP);
      return bench.policy.stats.lastError;
    };
    expect(mistake((pkt) => pkt.tcpDst.equals(65536))).to.match(
      /^tcpDst: expected a whole number from 0 to 65535, not 65536/,
    );
    expect(mistake((pkt) => pkt.tcpDst.equals('web'))).to.match(/^tcpDst: /);
    expect(mistake((pkt) => pkt.ipv4Dst.inPrefix('10.1.0.0/255.0.255.0'))).to.match(
      /^ipv4Dst: expected a prefix such as/,
    );
    expect(mistake((pkt) => pkt.ipv4Dst.equals('10.1.0.0/16'))).to.match(
      /^ipv4Dst: expected a value without \/mask/,
    );
    expect(mistake((pkt) => pkt.ipv4Dst.equals('fd00::1'))).to.match(/^ipv4Dst: .*expected an IPv4 address/);
    expect(mistake((pkt) => pkt.ethDst.in([-1]))).to.match(
      /^ethDst: expected a whole number of 48 bits, not -1/,
    );
    expect(mistake((pkt) => pkt.tcpFlags.has('SYN' as 'syn'))).to.match(/no flag is called SYN/);
  });
});
