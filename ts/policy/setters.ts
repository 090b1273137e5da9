import { SlowpathError } from '../errors/index.js';
import {
  type Action,
  fieldWordsOf,
  type MatchField,
  parseFieldWords,
  requireField,
} from '../openflow/index.js';

/** Values remembered for each field; then all are forgotten. */
const CAPACITY = 4096;

/** Fields that actions can write, and what OpenFlow calls them. */
export const SETTABLE = {
  ethSrc: 'eth_src',
  ethDst: 'eth_dst',
  vlanVid: 'dl_vlan',
  vlanPcp: 'vlan_pcp',
  mplsLabel: 'mpls_label',
  mplsTc: 'mpls_tc',
  mplsTtl: 'mpls_ttl',
  ipv4Src: 'ip_src',
  ipv4Dst: 'ip_dst',
  ipv6Src: 'ipv6_src',
  ipv6Dst: 'ipv6_dst',
  ipv6Label: 'ipv6_label',
  ipDscp: 'ip_dscp',
  ipEcn: 'nw_ecn',
  ipTtl: 'nw_ttl',
  arpOp: 'arp_op',
  arpSpa: 'arp_spa',
  arpTpa: 'arp_tpa',
  arpSha: 'arp_sha',
  arpTha: 'arp_tha',
  tcpSrc: 'tcp_src',
  tcpDst: 'tcp_dst',
  udpSrc: 'udp_src',
  udpDst: 'udp_dst',
  sctpSrc: 'sctp_src',
  sctpDst: 'sctp_dst',
  icmpType: 'icmp_type',
  icmpCode: 'icmp_code',
  icmpv6Type: 'icmpv6_type',
  icmpv6Code: 'icmpv6_code',
  ndTarget: 'nd_target',
  ndSll: 'nd_sll',
  ndTll: 'nd_tll',
  nshFlags: 'nsh_flags',
  nshTtl: 'nsh_ttl',
  nshSpi: 'nsh_spi',
  nshSi: 'nsh_si',
  nshC1: 'nsh_c1',
  nshC2: 'nsh_c2',
  nshC3: 'nsh_c3',
  nshC4: 'nsh_c4',
  tunId: 'tun_id',
  tunSrc: 'tun_src',
  tunDst: 'tun_dst',
  tunIpv6Src: 'tun_ipv6_src',
  tunIpv6Dst: 'tun_ipv6_dst',
  tunGbpId: 'tun_gbp_id',
  tunGbpFlags: 'tun_gbp_flags',
  pktMark: 'pkt_mark',
  metadata: 'metadata',
  reg0: 'reg0',
  reg1: 'reg1',
  reg2: 'reg2',
  reg3: 'reg3',
  reg4: 'reg4',
  reg5: 'reg5',
  reg6: 'reg6',
  reg7: 'reg7',
  reg8: 'reg8',
  reg9: 'reg9',
  reg10: 'reg10',
  reg11: 'reg11',
  reg12: 'reg12',
  reg13: 'reg13',
  reg14: 'reg14',
  reg15: 'reg15',
} as const;

export type SettableField = keyof typeof SETTABLE;

/** A number, or a text in the field's format, with `/mask` where only some bits are to be set. */
export type SetValue = number | bigint | string;

/** Writes fields: `act.set.ipv4Dst('10.0.0.1')`. Packets that have not the field are left as they are. `A`: what the calls give back. */
export type FieldSetters<A> = { readonly [N in SettableField]: (value: SetValue) => A };

/** Makes the setters; each hands its action to `add` and gives back what that does. */
export function makeSetters<A>(add: (action: Action) => A): FieldSetters<A> {
  const setters: Record<string, (value: SetValue) => A> = {};
  for (const [name, openflow] of Object.entries(SETTABLE)) {
    const known = new Map<SetValue, Action>();
    const field = requireField(openflow);
    setters[name] = (value) => {
      let action = known.get(value);
      if (action === undefined) {
        action = setAction(name, field, value);
        if (known.size >= CAPACITY) known.clear();
        known.set(value, action);
      }
      return add(action);
    };
  }
  return setters as FieldSetters<A>;
}

/** Throws ERR_POLICY_VALUE. */
function setAction(name: string, field: MatchField, value: SetValue): Action {
  if (field.flow === 'vlan_tci') return setTagAction(name, field, value);
  if (typeof value === 'string') {
    try {
      return { type: 'set_field', field, ...parseFieldWords(field, value) };
    } catch (error) {
      throw new SlowpathError('ERR_POLICY_VALUE', `set.${name}: ${(error as Error).message}`, {
        cause: error,
      });
    }
  }
  return { type: 'set_field', field, ...fieldWordsOf(field, checked(name, field, value)) };
}

/** Parts of a tag change tags that are there, and put none on. */
function setTagAction(name: string, field: MatchField, value: SetValue): Action {
  const number = Number(checked(name, field, typeof value === 'string' ? Number(value) : value));
  return name === 'vlanVid'
    ? { type: 'set_vlan_vid', vid: number, pushIfAbsent: false }
    : { type: 'set_vlan_pcp', pcp: number, pushIfAbsent: false };
}

function checked(name: string, field: MatchField, value: number | bigint): bigint {
  const isWhole = typeof value === 'bigint' || Number.isSafeInteger(value);
  if (isWhole && value >= 0 && BigInt(value) >> BigInt(field.bits) === 0n) return BigInt(value);
  throw new SlowpathError(
    'ERR_POLICY_VALUE',
    `set.${name}: expected a whole number of ${field.bits} bits, not ${value}`,
  );
}
