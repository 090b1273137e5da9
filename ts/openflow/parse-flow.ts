import { F_VLAN_TCI } from '../fields/index.js';
import { GROUP_ANY, GROUP_MAX } from './constants.js';
import { type FlowCommand, type FlowMod, TABLE_ALL } from './flow-mod.js';
import { emptyMatch, normalizeVlan, VLAN_CFI } from './match.js';
import { parseActions } from './parse-actions.js';
import { MatchParser } from './parse-match.js';
import { parsePort } from './ports.js';
import {
  fail,
  type Item,
  parseBig,
  parseNumber,
  parseTable,
  requireValue,
  slice,
  splitItems,
  type Token,
  type FieldSource,
} from './syntax.js';
import {
  DEFAULT_PRIORITY,
  FLOW_CHECK_OVERLAP,
  FLOW_NO_BYTE_COUNTS,
  FLOW_NO_PACKET_COUNTS,
  FLOW_RESET_COUNTS,
  FLOW_SEND_REMOVED,
  type FlowMatch,
  type FlowSpec,
  OFPP_NONE,
  type Rule,
} from './types.js';

export interface ParseFlowOptions {
  /** OpenFlow numbers of ports that may be given by name. */
  readonly portNames?: ReadonlyMap<string, number>;
  /** Numbers of tables that may be given by name. */
  readonly tableNames?: ReadonlyMap<string, number>;
  /**
   * What the flow would be after ovs-ofctl sent it in that version; OpenFlow10, ovs-ofctl's own, if not given. In OpenFlow15,
   * actions on what the match does not promise are errors, VLAN actions become push_vlan and set_field, and `vlan_tci` in the
   * match becomes what that version can say of VLANs. In OpenFlow10 there are no meters, goto_table becomes resubmit, write_actions and
   * clear_actions get lost, set_field becomes what there is of older actions, adding a flow resets the counters of the one that it
   * replaces, and modifying none adds one. 'as-needed': OpenFlow15 for flows with instructions that OpenFlow 1.0 would lose, else OpenFlow10.
   */
  readonly version?: 'OpenFlow10' | 'OpenFlow15' | 'as-needed';
  /**
   * Takes actions on fields that the match does not promise. Flows that came in OpenFlow 1.0 may have them, so what a switch
   * lists (dump-flows) is read this way.
   */
  readonly loose?: boolean;
  /** Fields tun_metadataN that the switch knows. */
  readonly tlvMap?: FieldSource;
  /** Line that errors name; 1 if not given. */
  readonly line?: number;
}

/** A text to be parsed, with where its names come from. */
function toToken(text: string, line: number, { tlvMap }: ParseFlowOptions): Token {
  return slice(
    tlvMap === undefined ? { text, line, column: 1 } : { text, line, column: 1, fields: tlvMap },
    0,
  );
}

const FLAGS: Readonly<Record<string, number>> = {
  send_flow_rem: FLOW_SEND_REMOVED,
  check_overlap: FLOW_CHECK_OVERLAP,
  reset_counts: FLOW_RESET_COUNTS,
  no_packet_counts: FLOW_NO_PACKET_COUNTS,
  no_byte_counts: FLOW_NO_BYTE_COUNTS,
};

const ALL_64 = 0xffff_ffff_ffff_ffffn;

type Mutable<T> = { -readonly [name in keyof T]: T[name] };

/** A FlowMod being parsed. */
interface Draft {
  readonly options: ParseFlowOptions;
  readonly mod: Mutable<FlowMod>;
}

/** A 64-bit number; `-1` stands for all ones, as usual with cookie masks. */
function parseCookie(value: Token, what: string): bigint {
  return value.text === '-1' ? ALL_64 : parseBig(value, what, ALL_64);
}

function seconds(draft: Draft, member: 'idleTimeout' | 'hardTimeout', name: string, value: Token): void {
  draft.mod[member] = parseNumber(value, `${name} (seconds)`, 0xffff);
}

const high = (number: bigint) => Number(BigInt.asIntN(32, number >> 32n));
const low = (number: bigint) => Number(BigInt.asIntN(32, number));

function setCookie(draft: Draft, value: Token): void {
  const slash = value.text.indexOf('/');
  if (slash < 0) {
    if (draft.mod.command.startsWith('delete')) {
      fail(value, `flows are found by cookie with a mask: expected cookie=${value.text}/-1`);
    }
    const cookie = parseCookie(value, 'cookie');
    draft.mod.cookieHigh = high(cookie);
    draft.mod.cookieLow = low(cookie);
    draft.mod.setsCookie = draft.options.version !== 'OpenFlow15';
    return;
  }
  if (draft.mod.command === 'add')
    fail(slice(value, slash), 'a cookie mask has no meaning when a flow is added');
  const mask = parseCookie(slice(value, slash + 1), 'cookie mask');
  const cookie = parseCookie(slice(value, 0, slash), 'cookie') & mask;
  draft.mod.cookieMatchHigh = high(cookie);
  draft.mod.cookieMatchLow = low(cookie);
  draft.mod.cookieMaskHigh = high(mask);
  draft.mod.cookieMaskLow = low(mask);
}

/** What stands beside the match in a flow, by name, with the commands that it has a meaning for; each parses its value. */
const ATTRIBUTES: Readonly<
  Record<string, { commands: RegExp; parse: (draft: Draft, value: Token) => void }>
> = {
  table: {
    commands: /./,
    parse: (draft, value) =>
      (draft.mod.table = parseTable(value, draft.options.tableNames, 'table', TABLE_ALL)),
  },
  priority: {
    commands: /^(add|modify|.*_strict)$/,
    parse: (draft, value) => (draft.mod.priority = parseNumber(value, 'priority', 0xffff)),
  },
  cookie: { commands: /./, parse: setCookie },
  idle_timeout: {
    commands: /^(add|modify.*)$/,
    parse: (draft, value) => seconds(draft, 'idleTimeout', 'idle_timeout', value),
  },
  hard_timeout: {
    commands: /^(add|modify.*)$/,
    parse: (draft, value) => seconds(draft, 'hardTimeout', 'hard_timeout', value),
  },
  importance: {
    commands: /^(add|modify.*)$/,
    parse: (draft, value) => (draft.mod.importance = parseNumber(value, 'importance', 0xffff)),
  },
  out_port: {
    commands: /^delete/,
    parse: (draft, value) => (draft.mod.outPort = parsePort(value, draft.options.portNames)),
  },
  out_group: {
    commands: /^delete/,
    parse: (draft, value) => (draft.mod.outGroup = parseNumber(value, 'out_group', GROUP_MAX)),
  },
};

/** What dump-flows says of a flow's life; reading a dump skips it. */
const STATISTICS = new Set(['duration', 'n_packets', 'n_bytes', 'idle_age', 'hard_age']);

/** Takes an item that is no part of the match; false when it is none of those. */
function acceptAttribute(draft: Draft, item: Item): boolean {
  const name = item.key.text;
  if (item.delimiter === '') {
    if (!Object.hasOwn(FLAGS, name) || draft.mod.command.startsWith('delete')) return false;
    draft.mod.flags |= FLAGS[name];
    return true;
  }
  if (STATISTICS.has(name)) return true;
  if (!Object.hasOwn(ATTRIBUTES, name)) return false;
  const { commands, parse } = ATTRIBUTES[name];
  if (!commands.test(draft.mod.command))
    fail(item.key, `${name} has no meaning for ${draft.mod.command}: leave it out`);
  parse(draft, requireValue(item, `${name}=1`));
  return true;
}

/** Splits a flow into what stands before `actions=` and the action list, null when there is none. */
function splitActions(text: Token): { head: Token; list: Token | null } {
  const found = /(^|[\s,])actions?\s*=/.exec(text.text);
  if (found === null) return { head: text, list: null };
  return { head: slice(text, 0, found.index), list: slice(text, found.index + found[0].length) };
}

function emptyDraft(command: FlowCommand, options: ParseFlowOptions): Draft {
  const openFlow10 = options.version !== 'OpenFlow15';
  const mod: Mutable<FlowMod> = {
    match: emptyMatch(),
    actions: [],
    command,
    table: command === 'add' ? 0 : TABLE_ALL,
    priority: DEFAULT_PRIORITY,
    cookieHigh: 0,
    cookieLow: 0,
    setsCookie: false,
    cookieMatchHigh: 0,
    cookieMatchLow: 0,
    cookieMaskHigh: 0,
    cookieMaskLow: 0,
    outPort: OFPP_NONE,
    outGroup: GROUP_ANY,
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    flags: openFlow10 && command === 'add' ? FLOW_RESET_COUNTS : 0,
    mayAdd: false,
  };
  return { options, mod };
}

function parseActionsOf(
  draft: Draft,
  whole: Token,
  list: Token | null,
  match: FlowMatch,
): FlowMod['actions'] {
  if (draft.mod.command.startsWith('delete')) {
    if (list !== null) fail(list, `actions have no meaning for ${draft.mod.command}: leave them out`);
    return [];
  }
  if (list === null) {
    fail(whole, 'a flow must say what it does: expected actions=… (actions=drop for nothing)');
  }
  return parseActions(list, {
    match,
    table: draft.mod.table === TABLE_ALL ? 0 : draft.mod.table,
    portNames: draft.options.portNames,
    tableNames: draft.options.tableNames,
    openFlow15: draft.options.version === 'OpenFlow15',
    unchecked: draft.options.loose ?? false,
  });
}

/** Parses the text of a change of flow tables. Throws as parseFlow does. */
export function parseFlowMod(text: string, command: FlowCommand, options: ParseFlowOptions = {}): FlowMod {
  return parseToken(toToken(text, options.line ?? 1, options), command, options);
}

/** Instructions of OpenFlow 1.1 and later. */
const INSTRUCTIONS = /\b(meter|write_actions|clear_actions|goto_table)\b/;

function parseToken(whole: Token, command: FlowCommand, given: ParseFlowOptions): FlowMod {
  const { head, list } = splitActions(whole);
  const newer = list !== null && INSTRUCTIONS.test(list.text);
  const options: ParseFlowOptions =
    given.version === 'as-needed' ? { ...given, version: newer ? 'OpenFlow15' : 'OpenFlow10' } : given;
  const draft = emptyDraft(command, options);
  const { match } = draft.mod;
  const matchParser = new MatchParser(match, options.portNames);
  for (const item of splitItems(head)) {
    if (matchParser.accept(item) || acceptAttribute(draft, item)) continue;
    fail(
      item.key,
      `"${item.key.text}" is no known keyword: expected a match field or an attribute of a flow`,
    );
  }
  matchParser.finish();
  const openFlow15 = options.version === 'OpenFlow15';
  if (openFlow15) {
    checkVlan(head, match);
    normalizeVlan(match);
  }
  draft.mod.actions = parseActionsOf(draft, whole, list, match);
  const filtered = (draft.mod.cookieMaskHigh | draft.mod.cookieMaskLow) !== 0;
  draft.mod.mayAdd = command.startsWith('modify') && !openFlow15 && !filtered;
  return draft.mod;
}

/** OpenFlow 1.2 and later know a VLAN priority of tagged packets only. */
function checkVlan(at: Token, { key, mask }: FlowMatch): void {
  if ((mask[F_VLAN_TCI] & 0xe000) === 0 || (key[F_VLAN_TCI] & VLAN_CFI) !== 0) return;
  if ((key[F_VLAN_TCI] & 0x0fff) === 0) return;
  fail(at, 'vlan_tci: a priority or id without the bit 0x1000 matches nothing: add 0x1000 to value and mask');
}

/** The flow that an addition asks for. */
export function toFlowSpec(mod: FlowMod): FlowSpec {
  return {
    // Who adds a flow to no table in particular means the first.
    table: mod.table === TABLE_ALL ? 0 : mod.table,
    priority: mod.priority,
    match: mod.match,
    actions: mod.actions,
    cookieHigh: mod.cookieHigh,
    cookieLow: mod.cookieLow,
    idleTimeout: mod.idleTimeout,
    hardTimeout: mod.hardTimeout,
    importance: mod.importance,
    flags: mod.flags,
  };
}

/**
 * Parses one flow in the syntax of `ovs-ofctl add-flow`. Throws SyntaxProblem with line and column of what is wrong; also
 * for what ovs-ofctl only warns of, such as a match on ports without tcp or udp, which it would leave out of the match.
 */
export function parseFlow(text: string, options: ParseFlowOptions = {}): FlowSpec {
  return toFlowSpec(parseFlowMod(text, 'add', options));
}

/** The lines of a file that say something, with their numbers: `#` starts a comment, blank lines are skipped. */
export function* meaningfulLines(text: string): Generator<{ content: string; line: number }> {
  let line = 0;
  for (const raw of text.split('\n')) {
    line++;
    const content = raw.replace(/#.*/, '').trimEnd();
    if (content.trim() !== '') yield { content, line };
  }
}

/** Parses a file of flows to add, one a line; `#` starts a comment, blank lines are skipped. Throws as parseFlow does. */
export function parseFlows(text: string, options: Omit<ParseFlowOptions, 'line'> = {}): FlowSpec[] {
  return Array.from(meaningfulLines(text), ({ content, line }) => parseFlow(content, { ...options, line }));
}

const COMMAND = /^(?:flow\s+)?(?:(add|modify|modify_strict|delete|delete_strict)(?=[\s,]|$)[\s,]*)?/;

/**
 * Parses a file of changes as `ovs-ofctl add-flows` and `bundle` take it, line by line: each may start with add (which it means without), modify,
 * modify_strict, delete or delete_strict, and in bundles with the word flow. Throws as parseFlow does.
 */
export function* eachFlowMod(
  text: string,
  options: Omit<ParseFlowOptions, 'line'> = {},
): Generator<FlowMod, void> {
  for (const { content, line } of meaningfulLines(text)) {
    const whole = toToken(content, line, options);
    const found = COMMAND.exec(whole.text)!;
    const command = (found[1] ?? 'add') as FlowCommand;
    yield parseToken(slice(whole, found[0].length), command, options);
  }
}

/** Parses a file of changes as a whole. Throws as parseFlow does. */
export function parseFlowMods(text: string, options: Omit<ParseFlowOptions, 'line'> = {}): FlowMod[] {
  return [...eachFlowMod(text, options)];
}

/** A rule as a flow table holds it, with nothing counted yet. */
export function toRule(flow: FlowSpec): Rule {
  return { ...flow, packets: 0, bytes: 0 };
}
