import type { Action, FlowSpec, GroupType, MatchField, Rule, TlvMap } from '../openflow/index.js';
import type { DatapathSupport } from '../ovs/index.js';
import type { Lacp, LacpEffect } from './lacp.js';
import type { StateEffect, XPolicy } from './policy.js';
import type { NetflowVersion, XSampling } from './sampling.js';

export type { DatapathSupport, NetflowVersion, XSampling };

/** VLAN handling of a port (ovs-vswitchd.conf.db(5), Port vlan_mode). */
export type VlanMode = 'access' | 'trunk' | 'native-tagged' | 'native-untagged' | 'dot1q-tunnel';

/** A bridge port as translation sees it. */
export interface XPort {
  readonly name: string;
  /** OpenFlow port number (OFPP_LOCAL for the bridge's own). */
  readonly ofport: number;
  /** Datapath port number. */
  readonly odpPort: number;
  readonly bridge: XBridge;
  /** What the bridge's VLANs, NORMAL, mirrors and bonds know the port as; null for a port that belongs to none. */
  readonly bundle: XBundle | null;
  /** Link is up and administratively enabled: packets may leave here. */
  readonly mayForward: boolean;
  /** OpenFlow's port configuration (OFPPC_*): not flooded to, nothing taken from, nothing sent to, no packet-ins. */
  readonly noFlood: boolean;
  readonly noRecv: boolean;
  /** Nothing but this decides for STP's messages (OFPPC_NO_RECV_STP); like noRecv false if absent. */
  readonly noRecvStp?: boolean;
  readonly noFwd: boolean;
  readonly noPacketIn: boolean;
  /** The other end of a patch port (odpPort is then -1); null for other ports. */
  readonly peer: XPort | null;
  /** Encapsulation; null for other ports. odpPort is the tunnel vport's, shared by all tunnels of a type and UDP port. */
  readonly tunnel: XTunnel | null;
  /** Index of the network device, as sFlow names ports; 0 without one. */
  readonly ifindex?: number;
  /** DSCP (in place, low two bits 0) that packets leave with, by skb_priority; null when no queue of the port has one. */
  readonly queues: ReadonlyMap<number, number> | null;
}

/**
 * What a bridge's VLANs, NORMAL, the MAC table, mirrors and bonds know: one Port record of OVSDB with its interfaces (OVS:
 * xbundle). Most have one port; a bond has several; the internal port of the bridge is a bundle too.
 */
export interface XBundle {
  readonly name: string;
  /** Members in order of name. */
  readonly ports: readonly XPort[];
  readonly vlanMode: VlanMode;
  /** Access, native or service VLAN id; 0 for none. */
  readonly tag: number;
  /** VLANs carried by a trunk as a bitmap of 4096 bits (128 words); null carries all. */
  readonly trunks: Int32Array | null;
  /** Customer VLANs that a dot1q-tunnel port takes, likewise. */
  readonly cvlans: Int32Array | null;
  /** TPID of the service tag that a dot1q-tunnel port adds: 0x88a8 or 0x8100. */
  readonly qinqTpid: number;
  /** When packets without a VLAN leave an access port with a priority tag (Port other_config:priority-tags). */
  readonly priorityTags: 'never' | 'if-nonzero' | 'always';
  /** Protected ports do not forward to each other. */
  readonly protected: boolean;
  /** No port of it is excluded from floods. */
  readonly floodable: boolean;
  readonly bond: XBond | null;
  /** The ports speak LACP (Port lacp): messages of it are theirs. Absent: they do not. */
  readonly lacp?: Lacp | null;
}

/**
 * A bond as translation sees it; its hash table changes only by effects and between batches. As a table it has a rule for each hash entry:
 * what packets meet that the datapath hashed and recirculated.
 */
export interface XBond extends TableView {
  readonly mode: 'active-backup' | 'balance-slb' | 'balance-tcp';
  /** Members are chosen by a hash that the datapath can make. */
  readonly hashedByDatapath: boolean;
  /** Basis of the datapath's hash. */
  readonly hashBasis: number;
  /**
   * Member for a packet that leaves in `vlan` (0: without a tag), or null when none may be used. Marks the bits that it looks at, if there is a
   * mask.
   */
  chooseOutput(flow: Int32Array, mask: Int32Array | null, vlan: number): XPort | null;
  /** Index of the hash entry that such a packet belongs to; -1 for active-backup, which has none. */
  entryOf(flow: Int32Array, vlan: number): number;
  /** Whether a packet that came in by `port` is taken (OVS: bond_check_admissibility). */
  admits(port: XPort, ethDstHigh: number): 'accept' | 'drop' | 'drop_if_moved';
}

/** Mirror record. Bundles are told by identity. */
export interface XMirror {
  readonly name: string;
  /** Packets that come from / go to these are mirrored; null selects all. */
  readonly selectSrc: ReadonlySet<XBundle> | null;
  readonly selectDst: ReadonlySet<XBundle> | null;
  /** VLANs mirrored as a bitmap; null for all. */
  readonly vlans: Int32Array | null;
  /** Where to: a bundle, or a VLAN (0…4095) when it is null; -1 for neither. */
  readonly outBundle: XBundle | null;
  readonly outVlan: number;
  /** Bytes of each packet that are mirrored, 0 for all. */
  readonly snaplen: number;
}

/** Multicast snooping as translation reads it (OVS: mcast-snooping). */
export interface McastView {
  readonly floodUnregistered: boolean;
  /** Bundles where the IPv4 group has members in `vlan`; null when nobody joined. */
  lookup4(vlan: number, group: number): readonly XBundle[] | null;
  /** Likewise for the IPv6 group that is the four words from words[at]. */
  lookup6(vlan: number, words: Int32Array, at: number): readonly XBundle[] | null;
  /** Bundles in `vlan` where routers are. */
  routers(vlan: number): readonly XBundle[];
  /** Bundles that get all reports / all multicast (Port other_config:mcast-snooping-flood-reports, mcast-snooping-flood). */
  readonly reportPorts: readonly XBundle[];
  readonly floodPorts: readonly XBundle[];
}

/** Tunnel options of an Interface (ovs-vswitchd.conf.db(5)); encapsulation itself is the datapath's. */
export interface XTunnel {
  readonly type:
    | 'vxlan'
    | 'geneve'
    | 'gre'
    | 'erspan'
    | 'ip6erspan'
    | 'ip6gre'
    | 'lisp'
    | 'stt'
    | 'gtpu'
    | 'bareudp';
  /** Fixed addresses as four words (IPv4-mapped for IPv4), or null when the flow sets them. */
  readonly remoteIp: Int32Array | null;
  readonly localIp: Int32Array | null;
  readonly remoteFromFlow: boolean;
  readonly localFromFlow: boolean;
  /** Fixed keys in and out; FromFlow: the flow's tun_id; absent: no key. */
  readonly inKeyPresent: boolean;
  readonly inKeyFromFlow: boolean;
  readonly inKeyHigh: number;
  readonly inKeyLow: number;
  readonly outKeyPresent: boolean;
  readonly outKeyFromFlow: boolean;
  readonly outKeyHigh: number;
  readonly outKeyLow: number;
  readonly tos: number;
  readonly tosInherit: boolean;
  /** 0: the default, 64. */
  readonly ttl: number;
  readonly ttlInherit: boolean;
  readonly dontFragment: boolean;
  readonly csum: boolean;
  /** UDP port of the outer header, 0 for none. */
  readonly dstPort: number;
  /** VXLAN: group-based policy. */
  readonly gbp: boolean;
  /** Layers of the payload: packets have Ethernet headers, or not, or it follows the packet type. */
  readonly packetType: 'legacy_l2' | 'legacy_l3' | 'ptap';
  /** Header of ERSPAN, each -1 where the flow sets it. */
  readonly erspan: {
    readonly version: number;
    readonly index: number;
    readonly direction: number;
    readonly hwid: number;
  } | null;
  /** Packet mark (skb_mark) of encapsulated packets, where the options give one. */
  readonly egressMark?: number;
}

/** A bucket with what decides whether it may be used. */
export interface XBucket {
  readonly bucketId: number;
  readonly weight: number;
  readonly watchPort: number;
  readonly watchGroup: number;
  readonly actions: readonly Action[];
}

/** A group, ready to be translated. */
export interface XGroup {
  readonly id: number;
  readonly type: GroupType;
  readonly buckets: readonly XBucket[];
  /** How a select group chooses, after OVS's rules for the datapath's support and the selection method. */
  readonly selection: 'default' | 'hash' | 'dp_hash';
  readonly hashBasis: number;
  /** 'dp_hash': hash & (hashMap.length - 1) → index into buckets. */
  readonly hashMap: Int32Array | null;
  /** 'dp_hash': OVS_HASH_ALG_* of the hash action. */
  readonly hashAlgorithm: number;
  /** 'hash': fields looked at. */
  readonly fields: readonly { readonly field: MatchField; readonly mask: Int32Array }[];
}

/** Where a learned address is; read by translation, changed only by applying effects. */
export interface MacTableView {
  /** Bundle that (vlan, mac) was learned on, or null. `macHigh` has 16 bits. */
  lookup(vlan: number, macHigh: number, macLow: number): XBundle | null;
  /**
   * Whether seeing (vlan, mac) on `bundle` would change the table, or refresh an entry that is due for it. Translation
   * reports a learn effect only then, so that the ordinary packet costs none.
   */
  wouldLearn(vlan: number, macHigh: number, macLow: number, bundle: XBundle, gratuitousArp: boolean): boolean;
  /** Whether a gratuitous ARP told lately that (vlan, mac) is not behind a bond, so that one over a bond is not believed. */
  isGratuitousArpLocked(vlan: number, macHigh: number, macLow: number): boolean;
}

/** What a flow table offers to translation. The classifier implements it. */
export interface TableView {
  /**
   * The rule of highest priority that `flow` (at `base`) matches, or null. Sets in `wildcards` (at `wildcardsBase`) each bit
   * that was looked at to decide that.
   */
  lookup(flow: Int32Array, base: number, wildcards: Int32Array, wildcardsBase: number): Rule | null;
}

/** What becomes of packets that no rule of a table matches (OpenFlow 1.1's OFPTC_TABLE_MISS_*). */
export type TableMiss = 'continue' | 'controller' | 'drop';

export interface XBridge {
  readonly name: string;
  /** ofproto UUID, four words, as cookies of userspace actions carry it. */
  readonly uuid: Int32Array;
  /** Flow tables 0 to 253; absent tables are empty. */
  readonly tables: readonly (TableView | undefined)[];
  /** By table: what decides there instead of rules. */
  readonly policies?: ReadonlyMap<number, XPolicy> | undefined;
  /** By OpenFlow port number. */
  readonly ports: ReadonlyMap<number, XPort>;
  /** The same in the order in which FLOOD and ALL output to them. */
  readonly portList: readonly XPort[];
  /** What NORMAL floods to, in this order: that in which they were added. */
  readonly bundles: readonly XBundle[];
  readonly fdb: MacTableView;
  /** What packets meet that no rule of a table matches; tables that are not in it drop them. None at all if absent. */
  readonly tableMiss?: ReadonlyMap<number, TableMiss>;
  /**
   * Fragments: rules see them without ports (OpenFlow's default), with those that the first one has, or all are dropped. Absent: normal.
   */
  readonly fragments?: 'normal' | 'nx-match' | 'drop';
  /** What happens to a packet that no rule matches: standalone forwards as NORMAL, secure drops. */
  readonly failMode: 'standalone' | 'secure';
  readonly groups: ReadonlyMap<number, XGroup>;
  /** Datapath meter of each OpenFlow meter. */
  readonly meters: ReadonlyMap<number, number>;
  readonly mirrors: readonly XMirror[];
  readonly mcast: McastView | null;
  readonly sampling: XSampling | null;
  /** Reserved destination addresses are forwarded by NORMAL (Bridge other_config:forward-bpdu). */
  readonly forwardBpdu: boolean;
  /** Geneve options that flows know as tun_metadataN; none, if absent. */
  readonly tlvMap?: TlvMap | undefined;
  /** Datapath meter that limits samples (OpenFlow's meter `slowpath`); none if absent. */
  readonly slowPathMeter?: number;
  /** Whether a learned flow may be added where `limit` flows with its cookie may be in its table; always, if absent. */
  roomToLearn?(flow: FlowSpec, limit: number): boolean;
}

/** Finds ports by what packets were encapsulated with. */
export interface TunnelLookup {
  /** The tunnel port that the packet with key `keys[base …]` came in by, null for none; in_port is the datapath's. */
  find(keys: Int32Array, base: number): XPort | null;
}

/** Names a frozen pipeline state; equal states get equal ids, so asking is not a side effect that a caller could see. */
export interface RecircIds {
  idFor(state: FrozenState): number;
  lookup(id: number): FrozenState | undefined;
}

/** Pipeline state kept in userspace under a recirculation id, or under a controller action's cookie. */
export interface FrozenState {
  readonly bridge: XBridge;
  readonly table: number;
  /** OpenFlow in_port of the packet. */
  readonly inPort: number;
  readonly metadataHigh: number;
  readonly metadataLow: number;
  /** reg0 to reg15. */
  readonly registers: Int32Array;
  /** Tunnel fields (the words from tun_id up to metadata), null when no tunnel is set; options likewise, from tun_opts_len on. */
  readonly tunnel: Int32Array | null;
  readonly tunnelOptions: Int32Array | null;
  /** The stack of push and pop, as `ValueStack.toWords` gives it. */
  readonly stack: Int32Array;
  /** Mirrors that the packet went to: a bit each. */
  readonly mirrors: number;
  /** The state goes to a controller with a copy of the packet, which itself goes on. */
  readonly isCopy: boolean;
  /** ct_* fields are valid; else they are cleared when the packet goes on. */
  readonly conntracked: boolean;
  /** Actions to go on with; when there are none, `table` is looked up. */
  readonly actions: readonly Action[];
  readonly actionSet: readonly Action[];
  /** What the controller that gets the packet is given back; null for none. */
  readonly userdata: Uint8Array | null;
  /** The bond that the datapath hashes the packet for; its members are what the internal table has. null for none. */
  readonly bond: XBond | null;
}

/** Everything translation may read. It does not change within a batch: whatever changes it makes a new generation between batches. */
export interface Snapshot {
  readonly generation: number;
  /** Index: datapath port number. */
  readonly portsByOdp: readonly (XPort | undefined)[];
  /** Ports of packets that came out of a tunnel; when absent, portsByOdp tells them too. */
  readonly tunnels?: TunnelLookup;
  readonly support: DatapathSupport;
  readonly recirc: RecircIds;
  /** VLAN tags that flows tell apart (Open_vSwitch other_config:vlan-limit), at most what the datapath supports. */
  readonly vlanLimit: number;
  /** skb_priority of a queue (set_queue, enqueue), or -1 when the datapath cannot name it. */
  queuePriority(queue: number): number;
  /** Netlink port id that userspace actions of a flow from this datapath port must name. */
  upcallPid(odpPort: number): number;
}

/** The address was seen in the VLAN behind the bundle. */
export interface LearnEffect {
  readonly type: 'learn';
  readonly bridge: XBridge;
  readonly bundle: XBundle;
  readonly vlan: number;
  readonly macHigh: number;
  readonly macLow: number;
  readonly gratuitousArp: boolean;
}

/** The packet was mirrored: the mirror's counters are credited with it. */
export interface MirrorEffect {
  readonly type: 'mirror';
  readonly mirror: XMirror;
}

/** The packet left by a hash entry of the bond, whose load it adds to; the entry now belongs to `port`. */
export interface BondEffect {
  readonly type: 'bond';
  readonly bond: XBond;
  readonly entry: number;
  readonly port: XPort;
}

/** An IGMP or MLD message told that behind the bundle somebody joined or left a group, or is a router. */
export interface McastEffect {
  readonly type: 'mcast';
  readonly bridge: XBridge;
  readonly bundle: XBundle;
  readonly vlan: number;
  readonly change: 'join' | 'leave' | 'router';
  /** Four words, IPv4 as ::ffff:a.b.c.d; none for a router. */
  readonly group: Int32Array;
}

/** A packet went through a bucket, and so through its group. */
export interface BucketEffect {
  readonly type: 'bucket';
  readonly bridge: XBridge;
  readonly group: XGroup;
  readonly bucket: XBucket;
}

/** A learn action wants the flow in its table: `FlowTables.learn` puts it there, or makes it last longer. */
export interface LearnFlowEffect {
  readonly type: 'learn_flow';
  readonly bridge: XBridge;
  readonly flow: FlowSpec;
  /** Flows with this cookie in the table at most, 0 for any number. */
  readonly limit: number;
}

/** When packets have TCP's FIN or RST, the timeouts of the rule are lowered to these (seconds, 0 for as they are). */
export interface FinTimeoutEffect {
  readonly type: 'fin_timeout';
  readonly bridge: XBridge;
  readonly rule: Rule;
  readonly idleTimeout: number;
  readonly hardTimeout: number;
}

/** The packet came in by, or left by, a port that the datapath does not count for: a patch port, or one of several tunnels of a vport. */
export interface PortEffect {
  readonly type: 'port';
  readonly port: XPort;
  readonly received: boolean;
}

/**
 * A table was looked up and no rule matched, or (`matched`) what matched is no rule of anybody's: a fragment that is dropped. Lookups that found a
 * rule show in `rules`.
 */
export interface TableEffect {
  readonly type: 'table';
  readonly bridge: XBridge;
  readonly table: number;
  readonly matched: boolean;
}

/** The packet is of a flow that the bridge's NetFlow counts: what a record tells of it (OVS: netflow_flow_update). */
export interface NetflowEffect {
  readonly type: 'netflow';
  readonly bridge: XBridge;
  /** OpenFlow port that it came in by. */
  readonly inPort: number;
  /** OpenFlow port that it left by, or NETFLOW_DROP, _MULTI, _FLOOD. */
  readonly output: number;
  /** 6 only where NetFlow is version 9. */
  readonly ipVersion: 4 | 6;
  /** Addresses and ports as the pipeline left the packet, host byte order: four words each, an IPv4 address in the first. */
  readonly src: Int32Array;
  readonly dst: Int32Array;
  /** Type and code where ICMP has them. */
  readonly tpSrc: number;
  readonly tpDst: number;
  readonly nwProto: number;
  /** DSCP in place; the low two bits are 0. */
  readonly nwTos: number;
  /** VLAN ids that the packet came with and that the pipeline left it with, 0 for none; 0 where NetFlow is version 5, which does not ask. */
  readonly vlanIn: number;
  readonly vlanOut: number;
}

/** Effects are data: translation reports them, the caller applies them (or not, when tracing or revalidating). */
export type Effect =
  | LearnEffect
  | MirrorEffect
  | BondEffect
  | McastEffect
  | BucketEffect
  | LearnFlowEffect
  | FinTimeoutEffect
  | PortEffect
  | TableEffect
  | NetflowEffect
  | LacpEffect
  | StateEffect;

/** Outputs in a NetFlow record (OVS: NF_OUT_*): none, several, a flood. */
export const NETFLOW_DROP = 0xfffd;
export const NETFLOW_MULTI = 0xfffe;
export const NETFLOW_FLOOD = 0xffff;

export * from './slow-reasons.js';

/** Why a translation ended early; the flow then drops. Index = value. */
export const XLATE_ERRORS = [
  'ok',
  'too_deep',
  'too_many_resubmits',
  'no_bridge',
  'invalid_tunnel',
  'no_recirculation_context',
  'actions_too_long',
  'stack_too_deep',
  'unsupported_packet_type',
  'too_many_mpls_labels',
] as const;

/** What one translation decided. Object and buffers are the translator's, overwritten by its next call: copy what must outlive it. */
export interface Translation {
  /** Datapath actions: netlink bytes actions[0 … actionsLength). Length 0: drop. */
  readonly actions: Uint8Array;
  readonly actionsLength: number;
  /** Bits of the key that were looked at, FLOW_WORDS words; the megaflow matches on exactly these. */
  readonly mask: Int32Array;
  /** Rules the packet went through, rules[0 … ruleCount). Each is credited with the packet. */
  readonly rules: readonly Rule[];
  readonly ruleCount: number;
  /** Other effects, effects[0 … effectCount), in order of occurrence. */
  readonly effects: readonly Effect[];
  readonly effectCount: number;
  /** Where the packet went, for NetFlow: an OpenFlow port, or NETFLOW_DROP, _MULTI, _FLOOD (OVS: nf_output_iface). */
  readonly netflowOutput: number;
  /** SLOW_* bits. */
  readonly slow: number;
  /** Index of XLATE_ERRORS. */
  readonly error: number;
  /** A policy decides later; until then its default stands in. */
  readonly provisional: boolean;
}
