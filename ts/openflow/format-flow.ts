import { formatActions, formatActions10 } from './format-actions.js';
import { formatMatch } from './format-match.js';
import type { PortLabels } from './ports.js';
import type { TlvMap } from './tlv-map.js';
import { matchHasVlan, normalizeVlan } from './match.js';
import {
  DEFAULT_PRIORITY,
  FLOW_CHECK_OVERLAP,
  FLOW_NO_BYTE_COUNTS,
  FLOW_NO_PACKET_COUNTS,
  FLOW_RESET_COUNTS,
  FLOW_SEND_REMOVED,
  type FlowSpec,
  type Rule,
} from './types.js';

const FLAG_NAMES: readonly (readonly [number, string])[] = [
  [FLOW_SEND_REMOVED, 'send_flow_rem'],
  [FLOW_CHECK_OVERLAP, 'check_overlap'],
  [FLOW_RESET_COUNTS, 'reset_counts'],
  [FLOW_NO_PACKET_COUNTS, 'no_packet_counts'],
  [FLOW_NO_BYTE_COUNTS, 'no_byte_counts'],
];

/** The 64-bit cookie in hexadecimal, without 0x. */
function formatCookie(high: number, low: number): string {
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16);
}

/** Milliseconds as OVS writes durations: `7s`, `7.500s`. */
function formatDuration(ms: number): string {
  const whole = Math.max(0, Math.floor(ms));
  return `${(whole / 1000).toFixed(whole % 1000 === 0 ? 0 : 3)}s`;
}

/** How `ovs-ofctl dump-flows` is asked to show flows. */
export interface FlowFormat {
  /** -O: matches and actions are told in the words of this version. OpenFlow 1.0 (with Nicira's extensions) has no flags, importance, meter and action set. */
  readonly version?: 'OpenFlow10' | 'OpenFlow15';
  /** Names in place of port numbers. */
  readonly ports?: PortLabels;
  readonly tlvMap?: TlvMap;
}

function conditionsOf(flow: FlowSpec | Rule, { version, ports, tlvMap }: FlowFormat): string {
  const shown = { key: flow.match.key.slice(), mask: flow.match.mask.slice() };
  if (version !== 'OpenFlow10') normalizeVlan(shown);
  const match = formatMatch(shown, tlvMap, ports);
  const priority = flow.priority === DEFAULT_PRIORITY ? '' : `priority=${flow.priority}`;
  return [priority, match].filter((part) => part !== '').join(',');
}

/** What a rule matches, with its priority when that is not the default: `priority=10,arp`. */
export function formatRuleMatch(flow: FlowSpec | Rule, tlvMap?: TlvMap): string {
  return conditionsOf(flow, tlvMap === undefined ? {} : { tlvMap });
}

/** What a rule matches and does: `priority=10,arp actions=NORMAL`. */
function formatBody(flow: FlowSpec | Rule, format: FlowFormat): string {
  const conditions = conditionsOf(flow, format);
  const formatList = format.version === 'OpenFlow10' ? formatActions10 : formatActions;
  const actions = formatList(flow.actions, matchHasVlan(flow.match), format.ports);
  return `${conditions === '' ? '' : `${conditions} `}actions=${actions}`;
}

/** Timeouts, and in OpenFlow 1.5 flags and importance, each with what separates it from what follows. */
function formatProperties(flow: FlowSpec | Rule, version: FlowFormat['version']): string {
  let text = '';
  if (flow.idleTimeout !== 0) text += `idle_timeout=${flow.idleTimeout}, `;
  if (flow.hardTimeout !== 0) text += `hard_timeout=${flow.hardTimeout}, `;
  if (version === 'OpenFlow10') return text;
  for (const [flag, name] of FLAG_NAMES) if (((flow.flags ?? 0) & flag) !== 0) text += `${name} `;
  if (flow.importance !== 0) text += `importance=${flow.importance}, `;
  return text;
}

/** A rule with its statistics as a line of `ovs-ofctl dump-flows`, with the blank in front. `now` in monotonic milliseconds. */
export function formatFlowReply(rule: Rule, now: number, format: FlowFormat = {}): string {
  const { created = now, modified = created, used = created } = rule;
  const seconds = (since: number) => Math.max(0, Math.floor((now - since) / 1000));
  const counts = [
    `cookie=0x${formatCookie(rule.cookieHigh, rule.cookieLow)}`,
    `duration=${formatDuration(now - created)}`,
    `table=${rule.table}`,
    `n_packets=${rule.packets}`,
    `n_bytes=${rule.bytes}`,
  ];
  const ages = [`idle_age=${seconds(used)}`];
  // OpenFlow 1.5 has no word for the time since a modification.
  if (format.version !== 'OpenFlow15' && seconds(modified) !== seconds(created))
    ages.push(`hard_age=${seconds(modified)}`);
  const properties = formatProperties(rule, format.version);
  return ` ${counts.join(', ')}, ${properties}${ages.join(', ')}, ${formatBody(rule, format)}`;
}

/**
 * A rule with its statistics: the line of OpenFlow 1.0 with Nicira's extensions, which knows nothing of flags and importance, but with all that the rule
 * does, in OpenFlow 1.5's words. With the blank in front; `now` in monotonic milliseconds.
 */
export function formatFlowStats(rule: Rule, now: number, tlvMap?: TlvMap): string {
  return formatFlowReply({ ...rule, flags: 0, importance: 0 }, now, tlvMap === undefined ? {} : { tlvMap });
}

/** Why a rule went: OFPRR_* in lower case, in the order of their numbers. */
export const FLOW_REMOVED_REASONS = [
  'idle_timeout',
  'hard_timeout',
  'delete',
  'group_delete',
  'meter_delete',
  'eviction',
] as const;

export type FlowRemovedReason = (typeof FLOW_REMOVED_REASONS)[number];

/** The flow-removed message of a rule as `ovs-ofctl monitor` prints it, from the match on. */
export function formatFlowRemoved(
  rule: Rule,
  reason: FlowRemovedReason,
  durationMs: number,
  tlvMap?: TlvMap,
): string {
  const cookie = formatCookie(rule.cookieHigh, rule.cookieLow);
  const parts = [
    formatRuleMatch(rule, tlvMap),
    `reason=${reason.replace('_timeout', '')}`,
    `table_id=${rule.table}`,
    ...(cookie === '0' ? [] : [`cookie:0x${cookie}`]),
    `duration${formatDuration(durationMs)}`,
    `idle${rule.idleTimeout}`,
    ...(rule.hardTimeout === 0 ? [] : [`hard${rule.hardTimeout}`]),
    `pkts${rule.packets} bytes${rule.bytes}`,
  ];
  return parts.join(' ');
}

/** A rule as `ovs-ofctl -O OpenFlow15 --no-stats dump-flows` prints it, without the blank in front; or in OpenFlow 1.0's words. */
export function formatFlow(flow: FlowSpec | Rule, tlvMap?: TlvMap, format: FlowFormat = {}): string {
  let text = '';
  if (flow.cookieHigh !== 0 || flow.cookieLow !== 0) {
    text += `cookie=0x${formatCookie(flow.cookieHigh, flow.cookieLow)}, `;
  }
  if (flow.table !== 0) text += `table=${flow.table}, `;
  text += formatProperties(flow, format.version);
  return text + formatBody(flow, tlvMap === undefined ? format : { ...format, tlvMap });
}
