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
  /**
   * Word and bit of the flow key that say whether the packet has the field: matching it demands the bit, writing it sets the bit,
   * delete_field clears it. Only tun_metadata fields have one.
   */
  readonly presence?: { readonly word: number; readonly mask: number };
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

/** Which hash a bundle action chooses its member by (ovs-actions(7)). */
export type BundleAlgorithm = 'hrw' | 'active_backup';

/**
 * One clause of a learn action: what the learned flow matches or does with some bits (nicira-ext.h: NX_LEARN_*). `value` is the
 * number for the `target.bits` bits of the range, not shifted: ceil(target.bits / 32) words, most significant first.
 */
export type LearnSpec =
  | { readonly type: 'match_field'; readonly target: Subfield; readonly source: Subfield }
  | { readonly type: 'match_value'; readonly target: Subfield; readonly value: Int32Array }
  | { readonly type: 'load_field'; readonly target: Subfield; readonly source: Subfield }
  | { readonly type: 'load_value'; readonly target: Subfield; readonly value: Int32Array }
  | { readonly type: 'output'; readonly source: Subfield };

/** Flags of learn (NX_LEARN_F_*). */
export const LEARN_SEND_FLOW_REM = 1;
export const LEARN_DELETE_LEARNED = 2;
export const LEARN_WRITE_RESULT = 4;

/** Address translation of a ct action. */
export interface NatSpec {
  /** null: apply what the connection has already (`nat` without arguments). */
  readonly type: 'src' | 'dst' | null;
  /** Range of addresses in text form as given (`10.0.0.1`, `fe80::1`), null for none. */
  readonly addressMin: string | null;
  readonly addressMax: string | null;
  /** Range of ports, 0 for none. */
  readonly portMin: number;
  readonly portMax: number;
  readonly persistent: boolean;
  readonly portHash: boolean;
  readonly portRandom: boolean;
  /** Given behind exec(…), which only the text shows. */
  readonly afterExec?: boolean;
}

/**
 * One OpenFlow action, in the order given by the rule; instructions follow it in OVS's order (meter first, then actions, clear_actions,
 * write_actions, write_metadata, goto_table). `set_field` carries value and mask as flow words from `field.word` on, already shifted into
 * place, so that it is applied as `flow[w] = (flow[w] & ~mask) | value`.
 */
export type Action =
  | { readonly type: 'output'; readonly port: number; readonly maxLen: number }
  | { readonly type: 'output_reg'; readonly source: Subfield; readonly maxLen: number }
  /**
   * Also what `output:CONTROLLER` is: reason 1 (action), id 0 and none of the optional members. Only that form takes the reason
   * of its place (group, action set) when it is executed; OVS keeps no difference between the two texts.
   */
  | {
      readonly type: 'controller';
      readonly maxLen: number;
      readonly reason: number;
      readonly controllerId: number;
      /** Bytes handed back with the packet; none if absent. */
      readonly userdata?: Uint8Array;
      /** The pipeline stops here until the controller resumes it. */
      readonly pause?: boolean;
      /** OpenFlow meter that limits these packet-ins; the controller meter if absent. */
      readonly meterId?: number;
    }
  | { readonly type: 'enqueue'; readonly port: number; readonly queue: number }
  | {
      readonly type: 'resubmit';
      readonly port: number;
      readonly table: number;
      /** Looks the table up with the connection's original tuple in place of the packet's. */
      readonly withCt?: boolean;
    }
  | { readonly type: 'goto_table'; readonly table: number }
  | {
      readonly type: 'set_field';
      readonly field: MatchField;
      readonly value: Int32Array;
      readonly mask: Int32Array;
      /** Given as mod_FIELD or load, which only the text and the way to a switch show. */
      readonly form?: 'mod' | 'load';
    }
  | { readonly type: 'move'; readonly source: Subfield; readonly target: Subfield }
  | { readonly type: 'push'; readonly source: Subfield }
  | { readonly type: 'pop'; readonly target: Subfield }
  | { readonly type: 'push_vlan'; readonly tpid: number }
  /** `form`: how OpenFlow 1.0 calls it. */
  | { readonly type: 'pop_vlan'; readonly form?: 'strip' }
  | { readonly type: 'set_vlan_vid'; readonly vid: number; readonly pushIfAbsent: boolean }
  | { readonly type: 'set_vlan_pcp'; readonly pcp: number; readonly pushIfAbsent: boolean }
  | { readonly type: 'dec_ttl'; readonly controllerIds?: readonly number[] }
  | { readonly type: 'dec_nsh_ttl' }
  | { readonly type: 'push_mpls'; readonly ethType: number }
  | { readonly type: 'pop_mpls'; readonly ethType: number }
  | { readonly type: 'set_mpls_label'; readonly label: number }
  | { readonly type: 'set_mpls_tc'; readonly tc: number }
  | { readonly type: 'set_mpls_ttl'; readonly ttl: number }
  | { readonly type: 'dec_mpls_ttl' }
  /** Sets the 64-bit tunnel key without looking at it (OpenFlow 1.0 and 1.1 set_tunnel; later versions have set_field). */
  | {
      readonly type: 'set_tunnel';
      readonly idHigh: number;
      readonly idLow: number;
      /** Given as set_tunnel64; wide keys are so in any case. */
      readonly form?: 'set_tunnel64';
    }
  | { readonly type: 'set_queue'; readonly queue: number }
  | { readonly type: 'pop_queue' }
  | { readonly type: 'group'; readonly group: number }
  | { readonly type: 'meter'; readonly meter: number }
  | { readonly type: 'write_actions'; readonly actions: readonly Action[] }
  | { readonly type: 'clear_actions' }
  | {
      readonly type: 'write_metadata';
      readonly valueHigh: number;
      readonly valueLow: number;
      readonly maskHigh: number;
      readonly maskLow: number;
    }
  | {
      readonly type: 'multipath';
      readonly fields: MultipathFields;
      readonly basis: number;
      readonly algorithm: MultipathAlgorithm;
      /** Number of links, n_links as written. */
      readonly links: number;
      readonly arg: number;
      readonly target: Subfield;
    }
  | {
      /** bundle (output to the chosen member; `target` null) and bundle_load (its number goes to `target`). */
      readonly type: 'bundle';
      readonly fields: MultipathFields;
      readonly basis: number;
      readonly algorithm: BundleAlgorithm;
      /** OpenFlow ports. */
      readonly members: readonly number[];
      readonly target: Subfield | null;
    }
  | {
      readonly type: 'learn';
      readonly table: number;
      readonly priority: number;
      readonly idleTimeout: number;
      readonly hardTimeout: number;
      readonly finIdleTimeout: number;
      readonly finHardTimeout: number;
      readonly cookieHigh: number;
      readonly cookieLow: number;
      /** LEARN_* bits. */
      readonly flags: number;
      /** Flows with this cookie that may be learned in this table, 0 for any number. */
      readonly limit: number;
      /** Where 1 or 0 goes, for whether there was room; null for nowhere. */
      readonly result: Subfield | null;
      readonly specs: readonly LearnSpec[];
    }
  | { readonly type: 'fin_timeout'; readonly idleTimeout: number; readonly hardTimeout: number }
  | { readonly type: 'note'; readonly data: Uint8Array }
  | {
      readonly type: 'sample';
      /** Of 65536. */
      readonly probability: number;
      readonly collectorSetId: number;
      readonly obsDomainId: number;
      readonly obsPointId: number;
      /** OpenFlow port whose egress is sampled; OFPP_NONE for none. */
      readonly samplingPort: number;
      readonly direction: 'default' | 'ingress' | 'egress';
    }
  | { readonly type: 'clone'; readonly actions: readonly Action[] }
  | { readonly type: 'exit' }
  /** `clause` counts from 1, as written. */
  | { readonly type: 'conjunction'; readonly id: number; readonly clause: number; readonly clauses: number }
  | {
      readonly type: 'ct';
      readonly commit: boolean;
      readonly force: boolean;
      /** The zone, or the bits that hold it. */
      readonly zone: number | Subfield;
      /** Table where the packet goes on after tracking; null: it does not. */
      readonly table: number | null;
      /** Application-level gateway: `ftp`, `tftp`; null for none. */
      readonly alg: 'ftp' | 'tftp' | null;
      readonly nat: NatSpec | null;
      /** set_field and move onto ct_mark and ct_label. */
      readonly exec: readonly Action[];
    }
  | { readonly type: 'ct_clear' }
  | { readonly type: 'check_pkt_larger'; readonly length: number; readonly target: Subfield }
  | {
      readonly type: 'encap';
      /** Namespace in the upper 16 bits, type in the lower, as field packet_type. */
      readonly packetType: number;
      /** NSH properties, in the order given; empty for other headers. */
      readonly properties: readonly EncapProperty[];
    }
  /** `packetType` null: what the header says. */
  | { readonly type: 'decap'; readonly packetType: number | null }
  | { readonly type: 'delete_field'; readonly field: MatchField }
  /** Not in rules: between actions that are left to do after a recirculation, says what table and rule the next ones are of. */
  | {
      readonly type: 'unroll';
      readonly table: number;
      readonly cookieHigh: number;
      readonly cookieLow: number;
    }
  | { readonly type: 'debug_recirc' }
  | { readonly type: 'debug_slow' };

/** Property of an NSH encapsulation. */
export type EncapProperty =
  | { readonly type: 'md_type'; readonly mdType: 1 | 2 }
  | { readonly type: 'tlv'; readonly class: number; readonly tlvType: number; readonly data: Uint8Array };

/** Kinds of groups (OpenFlow 1.3, 5.6.1). */
export type GroupType = 'all' | 'select' | 'indirect' | 'fast_failover';

export interface GroupBucketSpec {
  readonly bucketId: number;
  /** Share of a select group. */
  readonly weight: number;
  /** OpenFlow port and group whose liveness decides for this bucket; OFPP_NONE / 0xffffffff for none. */
  readonly watchPort: number;
  readonly watchGroup: number;
  /** As given; they are executed as an action set. */
  readonly actions: readonly Action[];
}

/** A group as `ovs-ofctl add-group` takes it. */
export interface GroupSpec {
  readonly groupId: number;
  readonly type: GroupType;
  readonly buckets: readonly GroupBucketSpec[];
  /** Extension of OVS for select groups: '' (default), 'hash' or 'dp_hash'. */
  readonly selectionMethod: '' | 'hash' | 'dp_hash';
  readonly selectionMethodParamHigh: number;
  readonly selectionMethodParamLow: number;
  /** Fields that 'hash' looks at, with masks; null for the default ones. */
  readonly fields: readonly { readonly field: MatchField; readonly mask: Int32Array }[] | null;
}

export interface MeterBandSpec {
  readonly type: 'drop' | 'dscp_remark';
  /** kbit/s or packets/s. */
  readonly rate: number;
  readonly burstSize: number;
  /** dscp_remark only. */
  readonly precLevel: number;
}

/** A meter as `ovs-ofctl add-meter` takes it. */
export interface MeterSpec {
  readonly meterId: number;
  readonly unit: 'kbps' | 'pktps';
  readonly burst: boolean;
  readonly stats: boolean;
  readonly bands: readonly MeterBandSpec[];
}

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
  /** When it was added, added or modified last, and last used (creation until then): monotonic milliseconds; absent outside of a switch. */
  created?: number;
  modified?: number;
  used?: number;
  /** It left its table because its hard timeout had passed. */
  timedOut?: boolean;
  /** The rule that took this one's place and its counters: what packets are credited to this one goes to that. */
  heir?: Rule;
  /** What its table counts; absent outside of a bridge's tables. */
  counter?: TableCounter;
  /** What decided instead of a rule of the table, in words; absent for rules. */
  readonly origin?: string;
}

/** Lookups in a flow table. */
export interface TableCounter {
  /** Packets of which a rule matched, and of which none did. */
  matched: number;
  missed: number;
}

/** A flow as it is asked for: a rule without counters. */
export interface FlowSpec
  extends Omit<
    Rule,
    'packets' | 'bytes' | 'created' | 'modified' | 'used' | 'heir' | 'counter' | 'origin' | 'flags'
  > {
  /** FLOW_* bits. */
  readonly flags: number;
}
