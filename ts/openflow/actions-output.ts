import {
  type ActionHandlers,
  type ActionList,
  namedArguments,
  oneOf,
  parseHexBytes,
  requireBare,
} from './action-list.js';
import {
  BUNDLE_ALGORITHMS,
  GROUP_MAX,
  HASH_FIELDS,
  MAX_LEN_ALL,
  METER_MAX,
  MULTIPATH_ALGORITHMS,
  REASON_ACTION,
  REASONS,
  TABLE_CURRENT,
} from './constants.js';
import { findPort, parsePort } from './ports.js';
import { findField, parseSubfield, parseTarget } from './subfield.js';
import {
  fail,
  type Item,
  parseNumber,
  parseTable,
  requireValue,
  slice,
  splitCommas,
  type Token,
} from './syntax.js';
import { type Action, OFPP_CONTROLLER, OFPP_IN_PORT, OFPP_LOCAL, OFPP_MAX, OFPP_NONE } from './types.js';

/** Least length that a packet can be cut to: its Ethernet header. */
const MIN_TRUNCATED = 14;

function toController(maxLen: number): Action {
  return { type: 'controller', maxLen, reason: REASON_ACTION, controllerId: 0 };
}

/** An action that outputs to a port given by number or name. */
export function outputTo(at: Token, port: number): Action {
  if (port === OFPP_NONE) fail(at, 'NONE is no port to send to: leave the output out, or write drop');
  return port === OFPP_CONTROLLER ? toController(MAX_LEN_ALL) : { type: 'output', port, maxLen: 0 };
}

function output(list: ActionList, item: Item): void {
  const value = requireValue(item, 'output:1');
  if (item.delimiter === '(' && value.text.includes('=')) {
    outputTruncated(list, value);
    return;
  }
  const port = findPort(value.text, list.portNames);
  if (port !== undefined) list.push(outputTo(value, port));
  else if (findField(value) !== undefined) {
    const source = parseSubfield(value);
    list.requirePrerequisite(value, source.field);
    list.push({ type: 'output_reg', source, maxLen: MAX_LEN_ALL });
  } else parsePort(value, list.portNames);
}

function outputTruncated(list: ActionList, value: Token): void {
  const args = namedArguments(value, ['port', 'max_len']);
  if (args.port === undefined || args.max_len === undefined) {
    fail(value, 'output(…) needs port and max_len, as in output(port=1,max_len=100)');
  }
  const maxLen = parseNumber(args.max_len, 'max_len', 0xffffffff, MIN_TRUNCATED);
  const port = parsePort(args.port, list.portNames);
  if (port >= OFPP_MAX && port !== OFPP_LOCAL && port !== OFPP_IN_PORT) {
    fail(args.port, 'output(…) can cut packets only to ports, LOCAL and IN_PORT');
  }
  list.push({ type: 'output', port, maxLen });
}

/** `controller`, `controller:LENGTH`, `controller(…)`. */
function controller(list: ActionList, item: Item): void {
  if (item.value === undefined || item.value.text === '') {
    list.push(toController(MAX_LEN_ALL));
  } else if (/^[0-9]/.test(item.value.text)) {
    list.push(toController(parseNumber(item.value, 'controller length', 0xffff)));
  } else {
    list.push(controllerWith(item.value));
  }
}

function controllerWith(value: Token): Action {
  const args = namedArguments(value, ['max_len', 'reason', 'id', 'userdata', 'meter_id'], ['pause']);
  const maxLen = args.max_len === undefined ? MAX_LEN_ALL : parseNumber(args.max_len, 'max_len', 0xffff);
  return {
    type: 'controller',
    maxLen,
    reason: args.reason === undefined ? REASON_ACTION : REASONS.indexOf(oneOf(args.reason, REASONS)),
    controllerId: args.id === undefined ? 0 : parseNumber(args.id, 'controller id', 0xffff),
    ...(args.userdata === undefined ? {} : { userdata: parseHexBytes(args.userdata, 'userdata') }),
    ...(args.pause === undefined ? {} : { pause: true }),
    ...(args.meter_id === undefined
      ? {}
      : { meterId: parseNumber(args.meter_id, 'meter_id', 0xffffffff, 1) }),
  };
}

/** `enqueue:PORT:QUEUE` or `enqueue(PORT,QUEUE)`. */
function enqueue(list: ActionList, item: Item): void {
  const value = requireValue(item, '1:2');
  const at = value.text.search(/[:,]/);
  if (at < 0) fail(value, `"${value.text}": expected a port and a queue, as in enqueue:1:2`);
  const port = parsePort(slice(value, 0, at), list.portNames);
  if (port >= OFPP_MAX && port !== OFPP_IN_PORT && !/^local/i.test(value.text)) {
    fail(value, 'enqueue: expected a port that has queues: a number, LOCAL or IN_PORT');
  }
  list.push({ type: 'enqueue', port, queue: parseNumber(slice(value, at + 1), 'queue', 0xffffffff) });
}

function resubmit(list: ActionList, item: Item): void {
  const value = requireValue(item, '(,1)');
  const [port, table, ct, ...rest] = splitCommas(value);
  if (rest.length > 0) fail(rest[0], 'resubmit has at most three arguments: (port,table,ct)');
  const noTable = table === undefined || table.text === '';
  if (port.text === '' && noTable) fail(value, 'resubmit needs a port or a table, as in resubmit(,1)');
  const target = noTable
    ? TABLE_CURRENT
    : parseTable(table, list.context.tableNames, 'resubmit table', TABLE_CURRENT);
  if (port.text === '' && target === TABLE_CURRENT)
    fail(value, 'resubmit(,255) is the same table: name a port too');
  if (ct !== undefined && ct.text !== 'ct') fail(ct, `"${ct.text}": expected ct`);
  if (ct !== undefined && !list.tracked && !list.context.unchecked)
    fail(ct, 'resubmit(…,ct) needs a flow that matches ct_state=+trk+est or the like');
  list.push({
    type: 'resubmit',
    port: port.text === '' ? OFPP_IN_PORT : parsePort(port, list.portNames),
    table: target,
    ...(ct === undefined ? {} : { withCt: true }),
  });
}

function multipath(list: ActionList, item: Item): void {
  const value = requireValue(item, '(eth_src,0,modulo_n,4,0,NXM_NX_REG0[])');
  const args = splitCommas(value);
  if (args.length !== 6) {
    fail(value, `multipath has ${args.length} arguments: expected fields,basis,algorithm,n_links,arg,dst`);
  }
  const target = parseTarget(args[5]);
  list.requirePrerequisite(args[5], target.field);
  const links = parseNumber(args[3], 'n_links', 0x10000, 1);
  if (target.bits < 16 && links > 1 << target.bits) {
    fail(args[3], `${links} links do not fit ${target.bits} bits: expected at most ${1 << target.bits}`);
  }
  list.push({
    type: 'multipath',
    fields: oneOf(args[0], HASH_FIELDS),
    basis: parseNumber(args[1], 'basis', 0xffff),
    algorithm: oneOf(args[2], MULTIPATH_ALGORITHMS),
    links,
    arg: parseNumber(args[4], 'arg', 0xffffffff),
    target,
  });
}

const BUNDLE_EXAMPLE = '(eth_src,0,hrw,ofport,members:1,2)';

/** bundle(fields,basis,algorithm,ofport,members:…); bundle_load has its destination before the members. */
function bundle(list: ActionList, item: Item, load: boolean): void {
  const value = requireValue(item, BUNDLE_EXAMPLE);
  const start = /(^|,)\s*(members|slaves)\s*:/.exec(value.text);
  if (start === null) fail(value, `${item.key.text}: expected members:, as in bundle${BUNDLE_EXAMPLE}`);
  const args = splitCommas(slice(value, 0, start.index));
  const expected = load ? 5 : 4;
  if (args.length !== expected) {
    fail(
      value,
      `${item.key.text}: expected ${expected} arguments before members, as in bundle${BUNDLE_EXAMPLE}`,
    );
  }
  oneOf(args[3], ['ofport']);
  const target = load ? parseTarget(args[4]) : null;
  if (target !== null) {
    list.requirePrerequisite(args[4], target.field);
    if (target.bits < 16) fail(args[4], `bundle_load: a port needs 16 bits, not ${target.bits}`);
  }
  const members = splitCommas(slice(value, start.index + start[0].length)).filter(({ text }) => text !== '');
  list.push({
    type: 'bundle',
    fields: oneOf(args[0], HASH_FIELDS),
    basis: parseNumber(args[1], 'basis', 0xffff),
    algorithm: oneOf(args[2], BUNDLE_ALGORITHMS),
    members: members.map((member) => parsePort(member, list.portNames)),
    target,
  });
}

export const OUTPUT_HANDLERS: ActionHandlers = {
  output,
  controller,
  enqueue,
  resubmit,
  multipath,
  bundle: (list, item) => bundle(list, item, false),
  bundle_load: (list, item) => bundle(list, item, true),
  group: (list, item) => {
    list.push({ type: 'group', group: parseNumber(requireValue(item, '1'), 'group', GROUP_MAX) });
  },
  set_queue: (list, item) => {
    list.push({ type: 'set_queue', queue: parseNumber(requireValue(item, '1'), 'queue', 0xffffffff) });
  },
  pop_queue: (list, item) => {
    requireBare(item);
    list.push({ type: 'pop_queue' });
  },
  meter: (list, item) => {
    list.push({ type: 'meter', meter: parseNumber(requireValue(item, '1'), 'meter', METER_MAX, 1) });
  },
};
