import { isIPv4, isIPv6 } from 'node:net';
import { type ActionHandlers, type ActionList, oneOf, requireBare } from './action-list.js';
import { TABLE_LAST } from './constants.js';
import { parseSubfield } from './subfield.js';
import { fail, type Item, parseNumber, parseTable, slice, splitItems, type Token } from './syntax.js';
import type { Action, NatSpec, Subfield } from './types.js';

type CtAction = Extract<Action, { type: 'ct' }>;
type Mutable<T> = { -readonly [name in keyof T]: T[name] };

const ARGUMENTS = ['commit', 'force', 'table', 'zone', 'nat', 'alg', 'exec'] as const;
/** What an exec(…) may do: label the connection. */
const EXEC_FIELDS = new Set(['ct_mark', 'ct_label']);

function ct(list: ActionList, item: Item): void {
  const action: Mutable<CtAction> = {
    type: 'ct',
    commit: false,
    force: false,
    zone: 0,
    table: null,
    alg: null,
    nat: null,
    exec: [],
  };
  for (const argument of item.value === undefined ? [] : splitItems(item.value)) {
    acceptArgument(list, action, argument);
  }
  if (action.force && !action.commit) fail(item.key, 'ct: force needs commit');
  if (action.exec.length > 0 && !action.commit) fail(item.key, 'ct: exec needs commit');
  if (action.nat !== null && action.nat.type !== null && !action.commit) {
    fail(item.key, `ct: nat(${action.nat.type}) needs commit`);
  }
  if (!list.context.unchecked) checkMatch(list, item.key, action);
  list.push(action);
}

/** Checks that the flow matches what the action works on. */
function checkMatch(list: ActionList, at: Token, { alg, nat }: CtAction): void {
  if (!list.holds('ip')) fail(at, 'ct needs a flow that matches ip or ipv6');
  if (alg !== null && !list.holds(alg === 'ftp' ? 'tcp' : 'udp')) {
    fail(at, `ct: alg=${alg} needs a flow that matches ${alg === 'ftp' ? 'tcp' : 'udp'}`);
  }
  if (nat === null || nat.addressMin === null) return;
  const family = isIPv4(nat.addressMin) ? 'ipv4' : 'ipv6';
  if (!list.holds(family)) fail(at, `ct: nat to ${nat.addressMin} needs a flow that matches ${family}`);
}

function acceptArgument(list: ActionList, action: Mutable<CtAction>, { key, value }: Item): void {
  const name = oneOf(key, ARGUMENTS);
  if (name === 'commit' || name === 'force') {
    action[name] = true;
  } else if (name === 'nat') {
    action.nat = parseNat(value);
    if (action.exec.length > 0) action.nat = { ...action.nat, afterExec: true };
  } else if (value === undefined) {
    fail(key, `ct: ${name} needs a value`);
  } else if (name === 'table') {
    action.table = parseTable(value, list.context.tableNames, 'ct table', TABLE_LAST);
  } else if (name === 'zone') {
    action.zone = parseZone(list, value);
  } else if (name === 'alg') {
    action.alg = oneOf(value, ['ftp', 'tftp'] as const);
  } else {
    const items = splitItems(value);
    const nat = items.find((item) => item.key.text === 'nat');
    if (nat !== undefined) action.nat = { ...parseNat(nat.value), afterExec: true };
    action.exec = parseExec(
      list,
      value,
      items.filter((item) => item !== nat),
    );
  }
}

function parseZone(list: ActionList, value: Token): number | Subfield {
  if (/^[0-9]/.test(value.text)) return parseNumber(value, 'ct zone', 0xffff);
  const source = parseSubfield(value);
  if (source.bits !== 16)
    fail(value, `ct zone: expected 16 bits, as in NXM_NX_REG0[0..15], not ${source.bits}`);
  list.requirePrerequisite(value, source.field);
  return source;
}

function parseExec(list: ActionList, value: Token, items: readonly Item[]): Action[] {
  const actions = list.nestedItems(items, 'ct');
  for (const action of actions) {
    const field =
      action.type === 'set_field' ? action.field : action.type === 'move' ? action.target.field : undefined;
    if (field === undefined || !EXEC_FIELDS.has(field.name)) {
      fail(value, 'exec(…): expected actions that write ct_mark or ct_label: set_field, load or move');
    }
  }
  return actions;
}

const NAT_ARGUMENTS = ['src', 'dst', 'persistent', 'hash', 'random'] as const;

/** `nat`, `nat(src)`, `nat(dst=10.0.0.1-10.0.0.9:80-90,random)`. */
function parseNat(value: Token | undefined): NatSpec {
  const nat: Mutable<NatSpec> = {
    type: null,
    addressMin: null,
    addressMax: null,
    portMin: 0,
    portMax: 0,
    persistent: false,
    portHash: false,
    portRandom: false,
  };
  for (const { key, value: argument } of value === undefined ? [] : splitItems(value)) {
    const name = oneOf(key, NAT_ARGUMENTS);
    if (name === 'persistent') nat.persistent = true;
    else if (name === 'hash') nat.portHash = true;
    else if (name === 'random') nat.portRandom = true;
    else {
      if (nat.type !== null) fail(key, 'nat: expected src or dst, not both');
      nat.type = name;
      if (argument !== undefined && argument.text !== '') parseNatRange(nat, argument);
    }
  }
  checkNat(nat, value);
  return nat;
}

function checkNat(nat: NatSpec, at: Token | undefined): void {
  if (at === undefined) return;
  const flagged = nat.persistent || nat.portHash || nat.portRandom;
  if (nat.portHash && nat.portRandom) fail(at, 'nat: expected hash or random, not both');
  if (flagged && nat.type === null) fail(at, 'nat: persistent, hash and random need src or dst');
}

/** `A`, `A-B`, `A:P`, `A-B:P-Q`; IPv6 addresses with ports stand in brackets. */
const RANGE =
  /^(?:\[([^\]]*)\]|([0-9.]+)|([0-9a-fA-F:.]+))(?:-(?:\[([^\]]*)\]|([0-9.]+)|([0-9a-fA-F:.]+)))?(?::(\d+)(?:-(\d+))?)?$/;

function isUnspecified(address: string): boolean {
  return isIPv4(address) ? address === '0.0.0.0' : /^[0:]+$/.test(address);
}

function parseNatRange(nat: Mutable<NatSpec>, token: Token): void {
  const found = RANGE.exec(token.text);
  if (found === null) {
    fail(
      token,
      `nat: "${token.text}": expected an address, a range of them, and ports, as in 10.0.0.1-10.0.0.9:80-90`,
    );
  }
  const min = found[1] ?? found[2] ?? found[3];
  const max = found[4] ?? found[5] ?? found[6] ?? min;
  for (const address of [min, max]) {
    if (!isIPv4(address) && !isIPv6(address)) {
      fail(token, `nat: "${address}" is no IPv4 or IPv6 address`);
    }
  }
  if (isIPv4(min) !== isIPv4(max)) fail(token, 'nat: expected both ends of the range in one address family');
  if (isUnspecified(min)) {
    // OpenFlow has no other word for the address 0 than none at all.
    if (max !== min || found[7] !== undefined) fail(token, 'nat: a range cannot begin with the address 0');
    return;
  }
  nat.addressMin = min;
  nat.addressMax = max;
  if (found[7] === undefined) return;
  nat.portMin = parseNumber(slice({ ...token, text: found[7] }, 0), 'nat port', 0xffff);
  nat.portMax =
    found[8] === undefined
      ? nat.portMin
      : parseNumber(slice({ ...token, text: found[8] }, 0), 'nat port', 0xffff, nat.portMin);
  if (nat.portMin === 0 && nat.portMax !== 0) fail(token, 'nat: a range cannot begin with port 0');
}

export const CT_HANDLERS: ActionHandlers = {
  ct,
  ct_clear: (list, item) => {
    requireBare(item);
    list.push({ type: 'ct_clear' });
  },
  nat: (_list, item) => fail(item.key, 'nat stands only inside ct(…)'),
};
