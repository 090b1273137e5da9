import type { FlowFieldName } from '../fields/index.js';

/** Reserved OpenFlow port numbers, in OVS's 16-bit form (openflow-common.h: OFPP_*). */
export const OFPP_MAX = 0xff00;
export const OFPP_UNSET = 0xfff7;
export const OFPP_IN_PORT = 0xfff8;
export const OFPP_TABLE = 0xfff9;
export const OFPP_NORMAL = 0xfffa;
export const OFPP_FLOOD = 0xfffb;
export const OFPP_ALL = 0xfffc;
export const OFPP_CONTROLLER = 0xfffd;
export const OFPP_LOCAL = 0xfffe;
export const OFPP_NONE = 0xffff;

/** A bit range of one flow field, e.g. NXM_NX_REG0[0..15]. Bit 0 is the field's least significant bit. */
export interface Subfield {
  readonly field: MatchField;
  readonly offset: number;
  readonly bits: number;
}

/** How a field's value is written in text. */
export type FieldFormat =
  | 'decimal'
  | 'hexadecimal'
  | 'mac'
  | 'ipv4'
  | 'ipv6'
  | 'port'
  | 'frag'
  | 'tcp_flags'
  | 'ct_state'
  | 'packet_type'
  | 'tun_flags';

/** A field as OpenFlow names it: a bit range of a flow field, with the packets it exists in (ovs-fields(7)). */
export interface MatchField {
  /** Name printed, e.g. `nw_src`. */
  readonly name: string;
  /** Other names accepted, e.g. `ip_src`, `NXM_OF_IP_SRC`. */
  readonly aliases: readonly string[];
  readonly flow: FlowFieldName;
  /** First word of the flow field, number of words, bits of the match field, and its shift within the last word. */
  readonly word: number;
  readonly words: number;
  readonly bits: number;
  readonly shift: number;
  readonly format: FieldFormat;
  readonly maskable: boolean;
  readonly writable: boolean;
  /** What must hold of a packet for the field to exist. */
  readonly prerequisite: Prerequisite;
}

export type Prerequisite =
  | 'none'
  | 'ethernet'
  | 'vlan'
  | 'ipv4'
  | 'ipv6'
  | 'ip'
  | 'arp'
  | 'mpls'
  | 'tcp'
  | 'udp'
  | 'sctp'
  | 'icmpv4'
  | 'icmpv6'
  | 'nd'
  | 'nd_solicit'
  | 'nd_advert'
  | 'nsh'
  | 'ct';

/** What a rule matches: `key` has no bit outside `mask`. FLOW_WORDS words each; in_port is the OpenFlow port. */
export interface FlowMatch {
  readonly key: Int32Array;
  readonly mask: Int32Array;
}

export type MultipathFields =
  | 'eth_src'
  | 'symmetric_l4'
  | 'symmetric_l3l4'
  | 'symmetric_l3l4+udp'
  | 'nw_src'
  | 'nw_dst'
  | 'symmetric_l3';
export type MultipathAlgorithm = 'modulo_n' | 'hash_threshold' | 'hrw' | 'iter_hash';

/**
 * One OpenFlow action, in the order given by the rule (`goto_table` is the last when present). `set_field` carries value
 * and mask as flow words from `field.word` on, already shifted into place, so that it is applied as
 * `flow[w] = (flow[w] & ~mask) | value`.
 */
export type Action =
  | { readonly type: 'output'; readonly port: number; readonly maxLen: number }
  | { readonly type: 'output_reg'; readonly source: Subfield; readonly maxLen: number }
  | {
      readonly type: 'controller';
      readonly maxLen: number;
      readonly reason: number;
      readonly controllerId: number;
    }
  | { readonly type: 'resubmit'; readonly port: number; readonly table: number }
  | { readonly type: 'goto_table'; readonly table: number }
  | {
      readonly type: 'set_field';
      readonly field: MatchField;
      readonly value: Int32Array;
      readonly mask: Int32Array;
    }
  | { readonly type: 'move'; readonly source: Subfield; readonly target: Subfield }
  | { readonly type: 'push_vlan'; readonly tpid: number }
  | { readonly type: 'pop_vlan' }
  | { readonly type: 'set_vlan_vid'; readonly vid: number; readonly pushIfAbsent: boolean }
  | { readonly type: 'set_vlan_pcp'; readonly pcp: number; readonly pushIfAbsent: boolean }
  | { readonly type: 'dec_ttl' }
  | {
      readonly type: 'multipath';
      readonly fields: MultipathFields;
      readonly basis: number;
      readonly algorithm: MultipathAlgorithm;
      /** Number of links, n_links as written. */
      readonly links: number;
      readonly arg: number;
      readonly target: Subfield;
    };

/** Priority of a flow that names none (OFP_DEFAULT_PRIORITY). */
export const DEFAULT_PRIORITY = 0x8000;

/** Flags of a flow (OFPFF_*). */
export const FLOW_SEND_REMOVED = 1;
export const FLOW_CHECK_OVERLAP = 2;
export const FLOW_RESET_COUNTS = 4;
export const FLOW_NO_PACKET_COUNTS = 8;
export const FLOW_NO_BYTE_COUNTS = 16;

/** A rule of a flow table. One object per rule, shared by the classifier and the effects that credit it. */
export interface Rule {
  readonly table: number;
  readonly priority: number;
  readonly match: FlowMatch;
  readonly actions: readonly Action[];
  /** 64-bit cookie, high and low word. */
  readonly cookieHigh: number;
  readonly cookieLow: number;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly importance: number;
  /** FLOW_* bits; none if absent. */
  readonly flags?: number;
  /** Credited by effects; owned by the switch. */
  packets: number;
  bytes: number;
}

/** A flow as it is asked for: a rule without counters. */
export interface FlowSpec extends Omit<Rule, 'packets' | 'bytes' | 'flags'> {
  /** FLOW_* bits. */
  readonly flags: number;
}
