import { F_VLAN1_TCI } from '../fields/index.js';
import { requireField } from '../openflow/index.js';
import { CT_STATE_FLAGS, TCP_FLAGS } from '../util/index.js';
import type { Cursor, Presence } from './cursor.js';
import {
  BigField,
  type FieldSource,
  fieldSource,
  FlagsField,
  Ipv4Field,
  Ipv6Field,
  MacField,
  NumberField,
} from './fields.js';
import { InPortField } from './in-port.js';

export type TcpFlag = 'fin' | 'syn' | 'rst' | 'psh' | 'ack' | 'urg' | 'ece' | 'cwr' | 'ns';
export type CtStateFlag = 'new' | 'est' | 'rel' | 'rpl' | 'inv' | 'trk' | 'snat' | 'dnat';

/** Makes an accessor; kinds of values are kinds of accessors. */
type Maker<F> = (cursor: Cursor) => F;

type FieldClass<F> = new (cursor: Cursor, source: FieldSource) => F;

/** The field that OpenFlow calls `openflow`; `presence`: which packets have it, where OpenFlow says nothing of it or something else. */
const of =
  <F>(type: FieldClass<F>) =>
  (name: string, openflow: string, presence?: Presence): Maker<F> => {
    const field = requireField(openflow);
    const source = fieldSource(name, field, presence ?? field.prerequisite);
    return (cursor) => new type(cursor, source);
  };

const flags = <Name extends string>(name: string, openflow: string, names: readonly (string | null)[]) => {
  const field = requireField(openflow);
  const source = fieldSource(name, field, field.prerequisite);
  return (cursor: Cursor) => new FlagsField<Name>(cursor, source, names);
};

/** A field of the second VLAN tag, which OpenFlow has no name for: the one of the outer tag, two words on. */
const secondTag = (name: string, outer: string) => {
  const source = fieldSource(name, { ...requireField(outer), word: F_VLAN1_TCI }, 'vlan1');
  return (cursor: Cursor) => new NumberField(cursor, source);
};

const number = of(NumberField);
const mac = of(MacField);
const ipv4 = of(Ipv4Field);
const ipv6 = of(Ipv6Field);
const big = of(BigField);

/** What a policy can read of a packet. ovs-fields(7) says what each is; the name in the second place is the one it has there. */
export const PACKET_FIELDS = {
  /** OpenFlow port that the packet came in by. Always part of the megaflow. */
  inPort: (cursor: Cursor) => new InPortField(cursor, fieldSource('inPort', requireField('in_port'), 'none')),
  /** Ethernet source address. */
  ethSrc: mac('ethSrc', 'eth_src'),
  /** Ethernet destination address. */
  ethDst: mac('ethDst', 'eth_dst'),
  /** Ethernet type behind tags. Always part of the megaflow. */
  ethType: number('ethType', 'eth_type'),
  /** Namespace and type of packets without an Ethernet header; 0 of those that have one. */
  packetType: number('packetType', 'packet_type'),
  /** VLAN id of the outer tag; packets without a tag have none. */
  vlanVid: number('vlanVid', 'dl_vlan', 'vlan'),
  /** VLAN priority of the outer tag. */
  vlanPcp: number('vlanPcp', 'vlan_pcp'),
  /** VLAN id and priority of the tag behind the outer one (IEEE 802.1ad), where the switch looks at two (other_config:vlan-limit=2). */
  innerVlanVid: secondTag('innerVlanVid', 'dl_vlan'),
  innerVlanPcp: secondTag('innerVlanPcp', 'vlan_pcp'),
  /** Label, traffic class, bottom of stack and TTL of the outer MPLS label. */
  mplsLabel: number('mplsLabel', 'mpls_label'),
  mplsTc: number('mplsTc', 'mpls_tc'),
  mplsBos: number('mplsBos', 'mpls_bos'),
  mplsTtl: number('mplsTtl', 'mpls_ttl'),
  /** IPv4 source address. */
  ipv4Src: ipv4('ipv4Src', 'ip_src'),
  /** IPv4 destination address. */
  ipv4Dst: ipv4('ipv4Dst', 'ip_dst'),
  /** IPv6 source address. */
  ipv6Src: ipv6('ipv6Src', 'ipv6_src'),
  /** IPv6 destination address. */
  ipv6Dst: ipv6('ipv6Dst', 'ipv6_dst'),
  /** IPv6 flow label. */
  ipv6Label: number('ipv6Label', 'ipv6_label'),
  /** IP protocol, IPv4 and IPv6. */
  ipProto: number('ipProto', 'nw_proto'),
  /** Differentiated services code point, 0 to 63. */
  ipDscp: number('ipDscp', 'ip_dscp'),
  /** Explicit congestion notification, 0 to 3. */
  ipEcn: number('ipEcn', 'nw_ecn'),
  /** TTL or hop limit. */
  ipTtl: number('ipTtl', 'nw_ttl'),
  /** 0: no fragment; 1: the first; 3: a later one. Always part of the megaflow of IP packets. */
  ipFrag: number('ipFrag', 'ip_frag'),
  /** ARP operation: 1 asks, 2 answers. */
  arpOp: number('arpOp', 'arp_op'),
  /** ARP sender's and target's addresses. */
  arpSpa: ipv4('arpSpa', 'arp_spa'),
  arpTpa: ipv4('arpTpa', 'arp_tpa'),
  arpSha: mac('arpSha', 'arp_sha'),
  arpTha: mac('arpTha', 'arp_tha'),
  /** Source port of TCP, UDP or SCTP. */
  tpSrc: number('tpSrc', 'tcp_src', 'transport'),
  /** Destination port of TCP, UDP or SCTP. */
  tpDst: number('tpDst', 'tcp_dst', 'transport'),
  tcpSrc: number('tcpSrc', 'tcp_src'),
  tcpDst: number('tcpDst', 'tcp_dst'),
  tcpFlags: flags<TcpFlag>('tcpFlags', 'tcp_flags', TCP_FLAGS),
  udpSrc: number('udpSrc', 'udp_src'),
  udpDst: number('udpDst', 'udp_dst'),
  sctpSrc: number('sctpSrc', 'sctp_src'),
  sctpDst: number('sctpDst', 'sctp_dst'),
  icmpType: number('icmpType', 'icmp_type'),
  icmpCode: number('icmpCode', 'icmp_code'),
  icmpv6Type: number('icmpv6Type', 'icmpv6_type'),
  icmpv6Code: number('icmpv6Code', 'icmpv6_code'),
  /** Neighbour discovery: target, and the link-layer addresses of solicitations and advertisements. */
  ndTarget: ipv6('ndTarget', 'nd_target'),
  ndSll: mac('ndSll', 'nd_sll'),
  ndTll: mac('ndTll', 'nd_tll'),
  /** NSH header. */
  nshFlags: number('nshFlags', 'nsh_flags'),
  nshTtl: number('nshTtl', 'nsh_ttl'),
  nshMdtype: number('nshMdtype', 'nsh_mdtype'),
  nshNp: number('nshNp', 'nsh_np'),
  nshSpi: number('nshSpi', 'nsh_spi'),
  nshSi: number('nshSi', 'nsh_si'),
  nshC1: number('nshC1', 'nsh_c1'),
  nshC2: number('nshC2', 'nsh_c2'),
  nshC3: number('nshC3', 'nsh_c3'),
  nshC4: number('nshC4', 'nsh_c4'),
  /** The tunnel that the packet came out of, 0 for none: key (VNI), outer addresses, TTL, DSCP and ECN, VXLAN's group policy. */
  tunId: big('tunId', 'tun_id'),
  tunSrc: ipv4('tunSrc', 'tun_src'),
  tunDst: ipv4('tunDst', 'tun_dst'),
  tunIpv6Src: ipv6('tunIpv6Src', 'tun_ipv6_src'),
  tunIpv6Dst: ipv6('tunIpv6Dst', 'tun_ipv6_dst'),
  tunTtl: number('tunTtl', 'tun_ttl'),
  tunTos: number('tunTos', 'tun_tos'),
  tunGbpId: number('tunGbpId', 'tun_gbp_id'),
  tunGbpFlags: number('tunGbpFlags', 'tun_gbp_flags'),
  /** What the connection tracker found (`act.ct` with `resume` first). */
  ctState: flags<CtStateFlag>('ctState', 'ct_state', CT_STATE_FLAGS),
  ctZone: number('ctZone', 'ct_zone'),
  ctMark: number('ctMark', 'ct_mark'),
  ctLabel: big('ctLabel', 'ct_label'),
  /** The connection's original direction. */
  ctNwProto: number('ctNwProto', 'ct_nw_proto'),
  ctNwSrc: ipv4('ctNwSrc', 'ct_nw_src'),
  ctNwDst: ipv4('ctNwDst', 'ct_nw_dst'),
  ctIpv6Src: ipv6('ctIpv6Src', 'ct_ipv6_src'),
  ctIpv6Dst: ipv6('ctIpv6Dst', 'ct_ipv6_dst'),
  ctTpSrc: number('ctTpSrc', 'ct_tp_src'),
  ctTpDst: number('ctTpDst', 'ct_tp_dst'),
  /** Mark of the packet in the kernel (skb->mark), and its priority. */
  pktMark: number('pktMark', 'pkt_mark'),
  skbPriority: number('skbPriority', 'skb_priority'),
  /** Hash and recirculation id of packets that come again. */
  dpHash: number('dpHash', 'dp_hash'),
  recircId: number('recircId', 'recirc_id'),
  /** What tables before this one, or the passes before, left there. No part of the megaflow. */
  metadata: big('metadata', 'metadata'),
  reg0: number('reg0', 'reg0'),
  reg1: number('reg1', 'reg1'),
  reg2: number('reg2', 'reg2'),
  reg3: number('reg3', 'reg3'),
  reg4: number('reg4', 'reg4'),
  reg5: number('reg5', 'reg5'),
  reg6: number('reg6', 'reg6'),
  reg7: number('reg7', 'reg7'),
  reg8: number('reg8', 'reg8'),
  reg9: number('reg9', 'reg9'),
  reg10: number('reg10', 'reg10'),
  reg11: number('reg11', 'reg11'),
  reg12: number('reg12', 'reg12'),
  reg13: number('reg13', 'reg13'),
  reg14: number('reg14', 'reg14'),
  reg15: number('reg15', 'reg15'),
};

export type PacketFieldName = keyof typeof PACKET_FIELDS;

/** The accessors of a packet, by name. */
export type PacketFields = { readonly [N in PacketFieldName]: ReturnType<(typeof PACKET_FIELDS)[N]> };
