import { MatchParser } from './parse-match.js';
import { parseActions } from './parse-actions.js';
import {
  fail,
  type Item,
  parseBig,
  parseNumber,
  requireValue,
  slice,
  splitItems,
  type Token,
} from './syntax.js';
import { emptyMatch, normalizeVlan } from './match.js';
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

export interface ParseFlowOptions {
  /** OpenFlow numbers of ports that may be given by name. */
  readonly portNames?: ReadonlyMap<string, number>;
  /**
   * What the flow would be after ovs-ofctl sent it in that version. It is about VLANs: how `mod_vlan_vid` and `mod_vlan_pcp` act on untagged packets. OpenFlow10 (ovs-ofctl's default): they push a tag where
   * there is none. OpenFlow15: they become push_vlan and set_field unless the flow matches a tag, and `vlan_tci` in the match
   * becomes what that version can say of VLANs. In OpenFlow10
   * goto_table becomes resubmit, and adding a flow resets the counters of the one that it replaces.
   */
  readonly version?: 'OpenFlow10' | 'OpenFlow15';
  /**
   * Takes actions on fields that the match does not promise. Flows that came in OpenFlow 1.0 may have them, so what a switch
   * lists (dump-flows) is read this way.
   */
  readonly loose?: boolean;
  /** Line that errors name; 1 if not given. */
  readonly line?: number;
}

const FLAGS: Readonly<Record<string, number>> = {
  send_flow_rem: FLOW_SEND_REMOVED,
  check_overlap: FLOW_CHECK_OVERLAP,
  reset_counts: FLOW_RESET_COUNTS,
  no_packet_counts: FLOW_NO_PACKET_COUNTS,
  no_byte_counts: FLOW_NO_BYTE_COUNTS,
};

type Mutable<T> = { -readonly [name in keyof T]: T[name] };
type Attributes = Mutable<Omit<FlowSpec, 'match' | 'actions'>>;

/** What stands beside the match in a flow, by name; each parses its value. */
const ATTRIBUTES: Readonly<Record<string, (flow: Attributes, value: Token) => void>> = {
  table(flow, value) {
    flow.table = parseNumber(value, 'table', 254);
  },
  priority(flow, value) {
    flow.priority = parseNumber(value, 'priority', 0xffff);
  },
  cookie(flow, value) {
    const slash = value.text.indexOf('/');
    if (slash >= 0) fail(slice(value, slash), 'a cookie mask has no meaning when a flow is added');
    const cookie = parseBig(value, 'cookie', 0xffff_ffff_ffff_ffffn);
    flow.cookieHigh = Number(cookie >> 32n);
    flow.cookieLow = Number(cookie & 0xffff_ffffn);
  },
  idle_timeout(flow, value) {
    flow.idleTimeout = parseNumber(value, 'idle_timeout (seconds)', 0xffff);
  },
  hard_timeout(flow, value) {
    flow.hardTimeout = parseNumber(value, 'hard_timeout (seconds)', 0xffff);
  },
  importance(flow, value) {
    flow.importance = parseNumber(value, 'importance', 0xffff);
  },
};

/** Takes an item that is no part of the match; false when it is none of those. */
function acceptAttribute(flow: Attributes, item: Item): boolean {
  const name = item.key.text;
  if (item.delimiter === '' && Object.hasOwn(FLAGS, name)) {
    flow.flags |= FLAGS[name];
    return true;
  }
  if (!Object.hasOwn(ATTRIBUTES, name)) return false;
  ATTRIBUTES[name](flow, requireValue(item, `${name}=1`));
  return true;
}

/** Splits a flow into what stands before `actions=` and the action list. */
function splitActions(text: Token): { head: Token; list: Token } {
  const found = /(^|[\s,])actions?\s*=/.exec(text.text);
  if (found === null)
    fail(text, 'a flow must say what it does: expected actions=… (actions=drop for nothing)');
  return { head: slice(text, 0, found.index), list: slice(text, found.index + found[0].length) };
}

/**
 * Parses one flow in the syntax of `ovs-ofctl add-flow`. Throws SyntaxProblem with line and column of what is wrong; also
 * for what ovs-ofctl only warns of, such as a match on ports without tcp or udp, which it would leave out of the match.
 */
export function parseFlow(text: string, options: ParseFlowOptions = {}): FlowSpec {
  const { head, list } = splitActions(slice({ text, line: options.line ?? 1, column: 1 }, 0));
  const openFlow15 = options.version === 'OpenFlow15';
  const attributes: Attributes = {
    table: 0,
    priority: DEFAULT_PRIORITY,
    cookieHigh: 0,
    cookieLow: 0,
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    flags: openFlow15 ? 0 : FLOW_RESET_COUNTS,
  };
  const match = emptyMatch();
  const matchParser = new MatchParser(match, options.portNames);
  for (const item of splitItems(head)) {
    if (matchParser.accept(item) || acceptAttribute(attributes, item)) continue;
    fail(
      item.key,
      `"${item.key.text}" is no known keyword: expected a match field or an attribute of a flow`,
    );
  }
  matchParser.finish();
  if (openFlow15) normalizeVlan(match);
  const actions = parseActions(list, {
    match,
    table: attributes.table,
    portNames: options.portNames,
    openFlow15,
    unchecked: options.loose ?? false,
  });
  return { ...attributes, match, actions };
}

/** Parses a file of flows, one a line; `#` starts a comment, blank lines are skipped. Throws as parseFlow does. */
export function parseFlows(text: string, options: Omit<ParseFlowOptions, 'line'> = {}): FlowSpec[] {
  const flows: FlowSpec[] = [];
  text.split('\n').forEach((raw, index) => {
    const content = raw.replace(/#.*/, '').trimEnd();
    if (content.trim() !== '') flows.push(parseFlow(content, { ...options, line: index + 1 }));
  });
  return flows;
}

/** A rule as a flow table holds it, with nothing counted yet. */
export function toRule(flow: FlowSpec): Rule {
  return { ...flow, packets: 0, bytes: 0 };
}
