import { formatActions } from './format-actions.js';
import { formatMatch } from './format-match.js';
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

function formatCookie(high: number, low: number): string {
  return ((BigInt(high >>> 0) << 32n) | BigInt(low >>> 0)).toString(16);
}

/** A rule as `ovs-ofctl -O OpenFlow15 dump-flows --no-stats` prints it, without the blank in front. */
export function formatFlow(flow: FlowSpec | Rule, tlvMap?: TlvMap): string {
  let text = '';
  if (flow.cookieHigh !== 0 || flow.cookieLow !== 0) {
    text += `cookie=0x${formatCookie(flow.cookieHigh, flow.cookieLow)}, `;
  }
  if (flow.table !== 0) text += `table=${flow.table}, `;
  if (flow.idleTimeout !== 0) text += `idle_timeout=${flow.idleTimeout}, `;
  if (flow.hardTimeout !== 0) text += `hard_timeout=${flow.hardTimeout}, `;
  for (const [flag, name] of FLAG_NAMES) if (((flow.flags ?? 0) & flag) !== 0) text += `${name} `;
  if (flow.importance !== 0) text += `importance=${flow.importance}, `;
  const shown = { key: flow.match.key.slice(), mask: flow.match.mask.slice() };
  normalizeVlan(shown);
  const match = formatMatch(shown, tlvMap);
  const priority = flow.priority === DEFAULT_PRIORITY ? '' : `priority=${flow.priority}`;
  const conditions = [priority, match].filter((part) => part !== '').join(',');
  const actions = formatActions(flow.actions, matchHasVlan(flow.match));
  return `${text}${conditions === '' ? '' : `${conditions} `}actions=${actions}`;
}
