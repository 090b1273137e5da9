import type { ActionHandlers, ActionList } from './action-list.js';
import { TABLE_LAST } from './constants.js';
import { addToMatch, emptyMatch, PREREQUISITE_HINTS, prerequisiteHolds } from './match.js';
import { findField, parseField, parseSubfield, parseTarget } from './subfield.js';
import {
  fail,
  type Item,
  parseBig,
  parseNumber,
  parseTable,
  slice,
  splitItems,
  type Token,
} from './syntax.js';
import {
  type Action,
  DEFAULT_PRIORITY,
  type FlowMatch,
  LEARN_DELETE_LEARNED,
  LEARN_SEND_FLOW_REM,
  LEARN_WRITE_RESULT,
  type LearnSpec,
  type Subfield,
} from './types.js';
import { parseValue } from './values.js';

type LearnAction = Extract<Action, { type: 'learn' }>;
type Mutable<T> = { -readonly [name in keyof T]: T[name] };
type LearnInProgress = Mutable<Omit<LearnAction, 'specs'>> & { readonly specs: LearnSpec[] };

/** Numbers of learn that are plain numbers of the action. */
const NUMBERS = {
  priority: ['priority', 0xffff],
  idle_timeout: ['idleTimeout', 0xffff],
  hard_timeout: ['hardTimeout', 0xffff],
  fin_idle_timeout: ['finIdleTimeout', 0xffff],
  fin_hard_timeout: ['finHardTimeout', 0xffff],
  limit: ['limit', 0xffffffff],
} as const;

const FLAGS: Readonly<Record<string, number>> = {
  send_flow_rem: LEARN_SEND_FLOW_REM,
  delete_learned: LEARN_DELETE_LEARNED,
};

function learn(list: ActionList, item: Item): void {
  const action: LearnInProgress = {
    type: 'learn',
    table: 1,
    priority: DEFAULT_PRIORITY,
    idleTimeout: 0,
    hardTimeout: 0,
    finIdleTimeout: 0,
    finHardTimeout: 0,
    cookieHigh: 0,
    cookieLow: 0,
    flags: 0,
    limit: 0,
    result: null,
    specs: [],
  };
  const learned = emptyMatch();
  for (const argument of item.value === undefined ? [] : splitItems(item.value)) {
    if (acceptSetting(list, action, argument)) continue;
    const spec = parseSpec(list, argument);
    if (!list.context.unchecked) checkSpec(list, argument.key, spec, learned);
    action.specs.push(spec);
  }
  list.push(action);
}

/**
 * Checks that the packets that learn have what a clause takes, and that the learned flow matches what its target needs; adds
 * what it matches to `learned`.
 */
function checkSpec(list: ActionList, at: Token, spec: LearnSpec, learned: FlowMatch): void {
  if ('source' in spec) list.requirePrerequisite(at, spec.source.field);
  if (spec.type === 'output') return;
  const { field, offset } = spec.target;
  if (!prerequisiteHolds(learned, field.prerequisite)) {
    fail(
      at,
      `learn: ${field.name} needs a learned flow that matches ${PREREQUISITE_HINTS[field.prerequisite]} before`,
    );
  }
  if (spec.type !== 'match_value') return;
  const value = spec.value.reduce((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
  const mask = (1n << BigInt(spec.target.bits)) - 1n;
  addToMatch(learned, field, { value: value << BigInt(offset), mask: mask << BigInt(offset) });
}

/** Takes an argument that is no clause; false when it is one. */
function acceptSetting(list: ActionList, action: LearnInProgress, { key, value }: Item): boolean {
  const name = key.text;
  if (name === 'table' && value !== undefined) {
    action.table = parseTable(value, list.context.tableNames, 'learn table', TABLE_LAST);
    return true;
  }
  if (Object.hasOwn(FLAGS, name)) {
    action.flags |= FLAGS[name];
    return true;
  }
  if (!Object.hasOwn(NUMBERS, name) && name !== 'cookie' && name !== 'result_dst') return false;
  if (value === undefined) return fail(key, `learn: ${name} needs a value`);
  if (name === 'cookie') {
    const cookie = parseBig(value, 'learn cookie', 0xffff_ffff_ffff_ffffn);
    action.cookieHigh = Number(BigInt.asIntN(32, cookie >> 32n));
    action.cookieLow = Number(BigInt.asIntN(32, cookie));
  } else if (name === 'result_dst') {
    action.result = parseTarget(value);
    if (action.result.bits !== 1) fail(value, `learn: result_dst is one bit, not ${action.result.bits}`);
    action.flags |= LEARN_WRITE_RESULT;
  } else {
    const [member, max] = NUMBERS[name as keyof typeof NUMBERS];
    action[member] = parseNumber(value, `learn ${name}`, max);
  }
  return true;
}

function parseSpec(list: ActionList, item: Item): LearnSpec {
  const { key, value } = item;
  const name = key.text;
  if (name === 'load') return parseLoad(item);
  if (name === 'output') {
    if (value === undefined)
      fail(key, 'learn: output needs the field that holds the port, as in output:NXM_OF_IN_PORT[]');
    return { type: 'output', source: parseSubfield(value) };
  }
  if (findField(key) === undefined) {
    fail(key, `learn: "${name}" is no known keyword: expected a setting, a field to match, load or output`);
  }
  const target = name.includes('[') ? parseSubfield(key) : wholeField(key);
  if (value === undefined || value.text === '') return { type: 'match_field', target, source: target };
  const source = sourceOf(value);
  if (source !== undefined) {
    checkWidth(value, source, target);
    return { type: 'match_field', target, source };
  }
  return { type: 'match_value', target, value: immediate(list, value, target) };
}

function wholeField(key: Token): Subfield {
  const field = parseField(key);
  return { field, offset: 0, bits: field.bits };
}

/** The bits that a value names, or undefined when it is a value of its own. */
function sourceOf(value: Token): Subfield | undefined {
  return findField(value) === undefined ? undefined : parseSubfield(value);
}

function checkWidth(at: Token, source: Subfield, target: Subfield): void {
  if (source.bits === target.bits) return;
  fail(at, `learn: ${source.bits} bits cannot go to ${target.bits}: expected ranges of the same width`);
}

function parseLoad({ key, value }: Item): LearnSpec {
  const at = value?.text.indexOf('->') ?? -1;
  if (value === undefined || at < 0) fail(key, 'learn: expected load:VALUE->FIELD[…]');
  const from = slice(value, 0, at);
  const target = parseTarget(slice(value, at + 2));
  const source = sourceOf(from);
  if (source === undefined) {
    return {
      type: 'load_value',
      target,
      value: numberWords(parseBig(from, 'learn load', maxOf(target)), target.bits),
    };
  }
  checkWidth(from, source, target);
  return { type: 'load_field', target, source };
}

function maxOf({ bits }: Subfield): bigint {
  return (1n << BigInt(bits)) - 1n;
}

/** A value in the format of the field where all of it is meant, else a number. */
function immediate(list: ActionList, token: Token, target: Subfield): Int32Array {
  const { field, bits } = target;
  if (bits !== field.bits || /^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(token.text)) {
    return numberWords(parseBig(token, `value of ${field.name}`, maxOf(target)), bits);
  }
  if (token.text.includes('/')) fail(token, 'learn matches exact values: expected no mask');
  return numberWords(parseValue(field, token, list.portNames), bits);
}

function numberWords(number: bigint, bits: number): Int32Array {
  const words = Math.ceil(bits / 32);
  return Int32Array.from({ length: words }, (_, i) =>
    Number(BigInt.asIntN(32, number >> BigInt(32 * (words - 1 - i)))),
  );
}

export const LEARN_HANDLERS: ActionHandlers = { learn };
