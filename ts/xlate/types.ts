import type { Rule } from '../openflow/index.js';
import type { DatapathSupport } from '../ovs/index.js';

export type { DatapathSupport };

/** VLAN handling of a port (ovs-vswitchd.conf.db(5), Port vlan_mode). */
export type VlanMode = 'access' | 'trunk' | 'native-tagged' | 'native-untagged';

/** A bridge port as translation sees it. */
export interface XPort {
  readonly name: string;
  /** OpenFlow port number (OFPP_LOCAL for the bridge's own). */
  readonly ofport: number;
  /** Datapath port number. */
  readonly odpPort: number;
  readonly bridge: XBridge;
  readonly vlanMode: VlanMode;
  /** Access or native VLAN id; 0 for none. */
  readonly tag: number;
  /** VLANs carried by a trunk as a bitmap of 4096 bits (128 words); null carries all. */
  readonly trunks: Int32Array | null;
  /** Link is up and administratively enabled: packets may leave here. */
  readonly mayForward: boolean;
  /** OpenFlow's no_flood. */
  readonly noFlood: boolean;
}

/** Where a learned address is; read by translation, changed only by applying effects. */
export interface MacTableView {
  /** Port that (vlan, mac) was learned on, or null. `macHigh` has 16 bits. */
  lookup(vlan: number, macHigh: number, macLow: number): XPort | null;
  /**
   * Whether seeing (vlan, mac) on `port` would change the table, or refresh an entry that is due for it. Translation
   * reports a learn effect only then, so that the ordinary packet costs none.
   */
  wouldLearn(vlan: number, macHigh: number, macLow: number, port: XPort, gratuitousArp: boolean): boolean;
}

/** What a flow table offers to translation. The classifier implements it. */
export interface TableView {
  /**
   * The rule of highest priority that `flow` (at `base`) matches, or null. Sets in `wildcards` (at `wildcardsBase`) each bit
   * that was looked at to decide that.
   */
  lookup(flow: Int32Array, base: number, wildcards: Int32Array, wildcardsBase: number): Rule | null;
}

export interface XBridge {
  readonly name: string;
  /** ofproto UUID, four words, as cookies of userspace actions carry it. */
  readonly uuid: Int32Array;
  /** Flow tables 0 to 253; absent tables are empty. */
  readonly tables: readonly (TableView | undefined)[];
  /** By OpenFlow port number. */
  readonly ports: ReadonlyMap<number, XPort>;
  /** The same in order of ofport, for floods. */
  readonly portList: readonly XPort[];
  readonly fdb: MacTableView;
  /** What happens to a packet that no rule matches: standalone forwards as NORMAL, secure drops. */
  readonly failMode: 'standalone' | 'secure';
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
}

/**
 * Everything translation may read. It does not change while a batch is being translated; whatever changes it makes a new
 * generation between batches.
 */
export interface Snapshot {
  readonly generation: number;
  /** Index: datapath port number. */
  readonly portsByOdp: readonly (XPort | undefined)[];
  readonly support: DatapathSupport;
  readonly recirc: RecircIds;
  /** Netlink port id that userspace actions of a flow from this datapath port must name. */
  upcallPid(odpPort: number): number;
}

/** Effects are data: translation reports them, the caller applies them (or not, when tracing or revalidating). */
export type Effect = {
  readonly type: 'learn';
  readonly bridge: XBridge;
  readonly port: XPort;
  readonly vlan: number;
  readonly macHigh: number;
  readonly macLow: number;
  readonly gratuitousArp: boolean;
};

/** Why a flow's packets must come to userspace (OVS: slow_path_reason); 0 is none. Bits. */
export const SLOW_CFM = 1;
export const SLOW_BFD = 2;
export const SLOW_LACP = 4;
export const SLOW_STP = 8;
export const SLOW_LLDP = 16;
export const SLOW_ACTION = 32;
export const SLOW_MATCH = 64;

/** Why a translation ended early; the flow then drops. Index = value. */
export const XLATE_ERRORS = [
  'ok',
  'too_deep',
  'too_many_resubmits',
  'no_bridge',
  'invalid_tunnel',
  'no_recirculation_context',
  'actions_too_long',
] as const;

/**
 * What one translation decided. The object and its buffers belong to the translator and are overwritten by the next call:
 * copy what must outlive it.
 */
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
  /** SLOW_* bits. */
  readonly slow: number;
  /** Index of XLATE_ERRORS. */
  readonly error: number;
}
