import {
  type ActionHandlers,
  type ActionList,
  namedArguments,
  parseHexBytes,
  requireBare,
} from './action-list.js';
import { TABLE_LAST } from './constants.js';
import { parsePort } from './ports.js';
import { fail, type Item, parseNumber, parseTable, requireValue } from './syntax.js';
import { OFPP_NONE } from './types.js';

function sample(list: ActionList, item: Item): void {
  const args = namedArguments(
    item.value,
    ['probability', 'collector_set_id', 'obs_domain_id', 'obs_point_id', 'sampling_port'],
    ['ingress', 'egress'],
  );
  if (args.probability === undefined)
    fail(item.key, 'sample needs a probability, as in sample(probability=65535)');
  const id = (name: 'collector_set_id' | 'obs_domain_id' | 'obs_point_id') =>
    args[name] === undefined ? 0 : parseNumber(args[name], name, 0xffffffff);
  list.push({
    type: 'sample',
    probability: parseNumber(args.probability, 'probability', 0xffff, 1),
    collectorSetId: id('collector_set_id'),
    obsDomainId: id('obs_domain_id'),
    obsPointId: id('obs_point_id'),
    samplingPort:
      args.sampling_port === undefined ? OFPP_NONE : parsePort(args.sampling_port, list.portNames),
    direction: args.egress !== undefined ? 'egress' : args.ingress !== undefined ? 'ingress' : 'default',
  });
}

function conjunction(list: ActionList, item: Item): void {
  const value = requireValue(item, '(1,1/2)');
  const found = /^([^,]*),([^/]*)\/(.*)$/.exec(value.text);
  if (found === null)
    fail(value, 'expected an id, a clause and the number of clauses, as in conjunction(1,1/2)');
  const part = (index: number) => ({ ...value, text: found[index].trim() });
  const clauses = parseNumber(part(3), 'number of clauses', 64, 2);
  list.push({
    type: 'conjunction',
    id: parseNumber(part(1), 'conjunction id', 0xffffffff),
    clause: parseNumber(part(2), 'clause', clauses, 1),
    clauses,
  });
}

export const CONTROL_HANDLERS: ActionHandlers = {
  sample,
  conjunction,
  note: (list, item) => {
    const data = item.value === undefined ? new Uint8Array(0) : parseHexBytes(item.value, 'note');
    list.push({ type: 'note', data });
  },
  clone: (list, item) => {
    list.push({ type: 'clone', actions: item.value === undefined ? [] : list.nested(item.value, 'clone') });
  },
  exit: (list) => list.push({ type: 'exit' }),
  debug_recirc: (list) => list.push({ type: 'debug_recirc' }),
  debug_slow: (list) => list.push({ type: 'debug_slow' }),
  clear_actions: (list, item) => {
    requireBare(item);
    list.push({ type: 'clear_actions' });
  },
  write_actions: (list, item) => {
    const actions = item.value === undefined ? [] : list.nested(item.value, 'write_actions');
    // An instruction without actions does nothing, and OVS does not keep it.
    if (actions.length > 0) list.push({ type: 'write_actions', actions });
  },
  apply_actions: (_list, item) =>
    fail(item.key, 'apply_actions is what actions=… does: write its actions directly'),
  unroll_xlate: (_list, item) => fail(item.key, 'unroll_xlate belongs to OVS itself and is not for flows'),
  goto_table: (list, item) => {
    const token = requireValue(item, '1');
    const table = parseTable(token, list.context.tableNames, 'goto_table', TABLE_LAST);
    if (table <= list.context.table && !list.context.unchecked) {
      fail(token, `goto_table:${table} from table ${list.context.table}: expected a higher table`);
    }
    list.push({ type: 'goto_table', table });
  },
};
