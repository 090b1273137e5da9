import { SlowpathError } from '../errors/index.js';
import { formatAction } from './format-actions.js';
import { formatMeter } from './format-meter.js';
import type { Action, GroupType, MeterBandSpec } from './types.js';

/**
 * Flows, groups and meters as plain objects, for programs that put them together. They are written in the syntax of ovs-ofctl and read from there,
 * so that both mean the same and are checked alike.
 */

/** Names of match fields (ovs-fields(7)); `tp_src` and `tp_dst` are the ports of whatever protocol the match has. */
export type FieldName =
  | `${'dp_hash' | 'packet_type' | 'conj_id' | 'metadata' | 'in_port' | 'pkt_mark' | 'skb_priority' | 'actset_output' | 'in_port_oxm'}`
  | `tun_${'id' | 'src' | 'dst' | 'ipv6_src' | 'ipv6_dst' | 'flags' | 'ttl' | 'tos' | 'gbp_id' | 'gbp_flags'}`
  | `tun_${'erspan_idx' | 'erspan_ver' | 'erspan_dir' | 'erspan_hwid' | 'gtpu_flags' | 'gtpu_msgtype'}`
  | `tun_metadata${number}`
  | `ct_${'state' | 'zone' | 'mark' | 'label' | 'nw_proto' | 'nw_src' | 'nw_dst' | 'ipv6_src' | 'ipv6_dst' | 'tp_src' | 'tp_dst'}`
  | `${'reg' | 'xreg' | 'xxreg'}${number}`
  | `eth_${'src' | 'dst' | 'type'}`
  | `dl_${'src' | 'dst' | 'type' | 'vlan' | 'vlan_pcp'}`
  | `vlan_${'tci' | 'vid' | 'pcp'}`
  | `mpls_${'label' | 'tc' | 'bos' | 'ttl'}`
  | `nw_${'src' | 'dst' | 'proto' | 'tos' | 'ecn' | 'ttl'}`
  | `ip_${'src' | 'dst' | 'dscp' | 'frag'}`
  | `ipv6_${'src' | 'dst' | 'label'}`
  | `arp_${'op' | 'spa' | 'tpa' | 'sha' | 'tha'}`
  | `${'tcp' | 'udp' | 'sctp' | 'tp'}_${'src' | 'dst'}`
  | 'tcp_flags'
  | `${'icmp' | 'icmpv6'}_${'type' | 'code'}`
  | `nd_${'target' | 'sll' | 'tll' | 'reserved' | 'options_type'}`
  | `nsh_${'flags' | 'ttl' | 'mdtype' | 'np' | 'spi' | 'si' | 'c1' | 'c2' | 'c3' | 'c4'}`
  | 'recirc_id';

/** Words that stand for an Ethernet type and protocol. */
export type ProtocolName =
  | `${'eth' | 'ip' | 'ipv4' | 'ipv6' | 'ip6' | 'icmp' | 'icmp6' | 'arp' | 'rarp' | 'mpls' | 'mplsm'}`
  | `${'tcp' | 'udp' | 'sctp'}${'' | '6'}`;

/** A number, or text as ovs-ofctl takes it: `10.0.0.0/8`, `02:00:00:00:00:01`, `0x10/0xff`, `+trk-new`, a port's name. */
export type FieldValue = string | number | bigint;

/** What a flow matches, by field; `{ tcp: true, nw_dst: '10.0.0.0/8', tcp_dst: 80 }`. Field values in host byte order. */
export type MatchObject = { readonly [name in ProtocolName]?: boolean } & {
  readonly [name in FieldName]?: FieldValue;
};

/** An action in the syntax of ovs-ofctl (`output:2`, `set_field:10.0.0.1->nw_src`, `ct(table=1)`), or as an object. */
export type FlowAction = string | Action;

/** A flow to add or to modify. */
export interface FlowObject {
  /** 0 to 253. Default 0. */
  readonly table?: number;
  /** Default 32768. */
  readonly priority?: number;
  /** 64 bits. Default 0. */
  readonly cookie?: number | bigint;
  /** Seconds without packets, and seconds of life, after which the flow goes; 0 for never, the default. */
  readonly idleTimeout?: number;
  readonly hardTimeout?: number;
  /** Where a table evicts flows, those of least importance go first. */
  readonly importance?: number;
  readonly flags?: readonly (
    | 'send_flow_rem'
    | 'check_overlap'
    | 'reset_counts'
    | 'no_packet_counts'
    | 'no_byte_counts'
  )[];
  /** Default: all packets. */
  readonly match?: string | MatchObject;
  /** In this order; none: the packet is dropped. */
  readonly actions: FlowAction | readonly FlowAction[];
}

/** Which flows are meant: those in `table` (default: all) that match no packet which `match` does not. */
export interface FlowFilter {
  readonly table?: number;
  readonly match?: string | MatchObject;
  /** Cookie, with mask: `0x5/-1`. */
  readonly cookie?: string;
  /** Only flows that output to this port. */
  readonly outPort?: string | number;
  /** Only flows of this priority and exactly this match. */
  readonly strict?: { readonly priority: number };
}

/** A bucket of a group. */
export interface BucketObject {
  readonly actions: FlowAction | readonly FlowAction[];
  readonly bucketId?: number;
  /** Share of a select group. Default 1. */
  readonly weight?: number;
  /** Port and group whose liveness decides for this bucket. */
  readonly watchPort?: string | number;
  readonly watchGroup?: number;
}

/** A group to add or to modify. */
export interface GroupObject {
  readonly groupId: number;
  readonly type: GroupType;
  readonly buckets: readonly BucketObject[];
  /** Select groups: how a bucket is chosen. */
  readonly selectionMethod?: 'hash' | 'dp_hash';
  /** selectionMethod hash: the fields that count. */
  readonly fields?: readonly FieldName[];
}

/** A meter to add or to modify. */
export interface MeterObject {
  readonly meterId: number;
  /** Whether rates are in kbit/s or packets/s. */
  readonly unit: 'kbps' | 'pktps';
  /** Counts are kept. Default true. */
  readonly stats?: boolean;
  /** `rate` and `burstSize` (kbit or packets; default: none is given) of packets that are dropped beyond. */
  readonly bands: readonly { readonly rate: number; readonly burstSize?: number }[];
}

/** Text from the program that must not become more than a value: what ends one in the syntax is refused. */
function value(name: string, given: FieldValue): string {
  const text = String(given);
  if (text !== '' && !/[\s,=()#]/.test(text)) return text;
  throw new SlowpathError('ERR_BAD_FLOW', `${name}: ${JSON.stringify(text)} is no value of a field`);
}

/** A match in the syntax of ovs-ofctl. Throws ERR_BAD_FLOW for what could not be a value. */
export function matchText(match: string | MatchObject): string {
  if (typeof match === 'string') return match;
  const parts = Object.entries(match).flatMap(([name, given]): string[] => {
    if (given === undefined || given === false) return [];
    if (!/^\w+$/.test(name))
      throw new SlowpathError('ERR_BAD_FLOW', `${JSON.stringify(name)} is no match field`);
    return [given === true ? name : `${name}=${value(name, given as FieldValue)}`];
  });
  return parts.join(',');
}

/** Actions in the syntax of ovs-ofctl; `drop` for none. */
export function actionsText(actions: FlowAction | readonly FlowAction[]): string {
  const list = Array.isArray(actions) ? (actions as readonly FlowAction[]) : [actions as FlowAction];
  const parts = list.map((action) => (typeof action === 'string' ? action : formatAction(action)));
  const text = parts.join(',');
  // A line is one flow: the rest of it would be another, or be read as a remark.
  if (/[\n#]/.test(text)) throw new SlowpathError('ERR_BAD_FLOW', `actions: ${JSON.stringify(text)}`);
  return text === '' ? 'drop' : text;
}

/** `name=value` for each that is given. */
function pairs(given: Readonly<Record<string, FieldValue | undefined>>): string[] {
  return Object.entries(given).flatMap(([name, one]) =>
    one === undefined ? [] : [`${name}=${value(name, one)}`],
  );
}

/** A flow as `ovs-ofctl add-flow` takes it. */
export function flowText(flow: string | FlowObject): string {
  if (typeof flow === 'string') return flow;
  const attributes = pairs({
    table: flow.table,
    priority: flow.priority,
    cookie: flow.cookie,
    idle_timeout: flow.idleTimeout,
    hard_timeout: flow.hardTimeout,
    importance: flow.importance,
  });
  const head = [...attributes, ...(flow.flags ?? []), matchText(flow.match ?? '')].filter(
    (part) => part !== '',
  );
  return `${head.join(',')} actions=${actionsText(flow.actions)}`;
}

/** The argument of `ovs-ofctl del-flows` that means these flows. */
export function filterText(filter: string | FlowFilter): string {
  if (typeof filter === 'string') return filter;
  const { table, match = '', cookie, outPort, strict } = filter;
  const attributes = pairs({ table, priority: strict?.priority, out_port: outPort });
  // The only value with a slash that is no field's.
  if (cookie !== undefined) attributes.push(`cookie=${value('cookie', cookie)}`);
  return [...attributes, matchText(match)].filter((part) => part !== '').join(',');
}

/** A group as `ovs-ofctl add-group` takes it. */
export function groupText(group: string | GroupObject): string {
  if (typeof group === 'string') return group;
  const { groupId, type, buckets, selectionMethod, fields } = group;
  const head = pairs({ group_id: groupId, type, selection_method: selectionMethod });
  if (fields !== undefined) head.push(`fields(${fields.map((name) => value('fields', name)).join(',')})`);
  const texts = buckets.map(({ actions, bucketId, weight, watchPort, watchGroup }) => {
    const settings = pairs({ bucket_id: bucketId, weight, watch_port: watchPort, watch_group: watchGroup });
    return `bucket=${[...settings, `actions=${actionsText(actions)}`].join(',')}`;
  });
  return [...head, ...texts].join(',');
}

/** A meter as `ovs-ofctl add-meter` takes it. */
export function meterText(meter: string | MeterObject): string {
  if (typeof meter === 'string') return meter;
  const { meterId, unit, stats = true } = meter;
  const bands = meter.bands.map(
    ({ rate, burstSize = 0 }): MeterBandSpec => ({ type: 'drop', rate, burstSize, precLevel: 0 }),
  );
  const burst = bands.some(({ burstSize }) => burstSize !== 0);
  return formatMeter({ meterId, unit, burst, stats, bands });
}
