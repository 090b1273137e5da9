import { type ActionContext, type ActionHandlers, ActionList, type ActionPlace } from './action-list.js';
import { REASON_ACTION } from './constants.js';
import { CONTROL_HANDLERS } from './actions-control.js';
import { CT_HANDLERS } from './actions-ct.js';
import { FIELD_HANDLERS } from './actions-field.js';
import { HEADER_HANDLERS } from './actions-header.js';
import { LEARN_HANDLERS } from './actions-learn.js';
import { OUTPUT_HANDLERS, outputTo } from './actions-output.js';
import { matchHasVlan } from './match.js';
import { findPort } from './ports.js';
import { fail, type Item, splitItems, type Token } from './syntax.js';
import type { Action } from './types.js';
import { asSent } from './wire.js';

/** All actions by name; names are looked up in lower case. */
const HANDLERS = new Map(
  Object.entries({
    ...OUTPUT_HANDLERS,
    ...FIELD_HANDLERS,
    ...HEADER_HANDLERS,
    ...CT_HANDLERS,
    ...LEARN_HANDLERS,
    ...CONTROL_HANDLERS,
  } satisfies ActionHandlers),
);

/** Instructions in the order in which a packet meets them; 2 is the actions themselves. */
const ORDER: Readonly<Partial<Record<Action['type'], number>>> = {
  meter: 1,
  clear_actions: 3,
  write_actions: 4,
  write_metadata: 5,
  goto_table: 6,
};
const ACTIONS_ORDER = 2;

/** Parses one action into the list. */
function acceptAction(list: ActionList, item: Item): void {
  const name = item.key.text;
  const handler = HANDLERS.get(name) ?? HANDLERS.get(name.toLowerCase());
  if (handler !== undefined && !(item.delimiter === '' && list.portNames?.has(name))) {
    handler(list, item);
    return;
  }
  const port = findPort(name, list.portNames);
  if (port === undefined) {
    fail(item.key, `"${name}" is no known action: expected an action of ovs-actions(7) or a port`);
  }
  list.push(outputTo(item.key, port));
}

function acceptItems(list: ActionList, items: readonly Item[]): void {
  const drop = items.find((item) => item.key.text.toLowerCase() === 'drop');
  if (drop !== undefined && items.length > 1) fail(drop.key, 'drop must be the only action');
  if (drop !== undefined) return;
  for (const item of items) {
    const before = list.actions.length;
    acceptAction(list, item);
    checkOrder(list, before, item.key);
  }
}

/** Whether an action set can hold an action (OpenFlow 1.5, 5.6; OVS takes some of its own besides). */
function mayBeInActionSet(action: Action): boolean {
  if (action.type === 'output') return action.maxLen === 0;
  if (action.type === 'controller') return isPlainController(action);
  return IN_ACTION_SET.has(action.type);
}

function isPlainController(action: Extract<Action, { type: 'controller' }>): boolean {
  const { reason, controllerId, userdata, pause, meterId } = action;
  return (
    reason === REASON_ACTION &&
    controllerId === 0 &&
    userdata === undefined &&
    pause === undefined &&
    meterId === undefined
  );
}

const IN_ACTION_SET = new Set<Action['type']>([
  'resubmit',
  'set_field',
  'move',
  'push_vlan',
  'pop_vlan',
  'set_vlan_vid',
  'set_vlan_pcp',
  'dec_ttl',
  'push_mpls',
  'pop_mpls',
  'set_mpls_label',
  'set_mpls_tc',
  'set_mpls_ttl',
  'dec_mpls_ttl',
  'set_tunnel',
  'set_queue',
  'group',
  'ct',
  'ct_clear',
  'encap',
  'decap',
  'dec_nsh_ttl',
]);

/** As OVS, refuses instructions in an order that OpenFlow 1.1 and later cannot express. */
function checkOrder({ actions, place }: ActionList, before: number, at: Token): void {
  if (actions.length === before) return;
  const action = actions[before];
  const order = ORDER[action.type] ?? ACTIONS_ORDER;
  if (place !== 'flow') {
    if (order !== ACTIONS_ORDER && !(place === 'bucket' && action.type === 'meter')) {
      fail(at, `${at.text} cannot stand inside ${place}: it is an instruction of the flow`);
    }
    if (place === 'write_actions' && !actions.slice(before).every(mayBeInActionSet)) {
      fail(at, `${at.text} cannot stand inside write_actions: an action set has no place for it`);
    }
    return;
  }
  if (before === 0) return;
  const last = actions[before - 1];
  const lastOrder = ORDER[last.type] ?? ACTIONS_ORDER;
  if (order < lastOrder || (order === lastOrder && order !== ACTIONS_ORDER)) {
    fail(
      at,
      `${at.text} after ${last.type}: expected meter, actions, clear_actions, write_actions, write_metadata, goto_table in this order`,
    );
  }
}

/** The actions of a flow as ovs-ofctl would send them. `drop` and no action at all are an empty list. Throws SyntaxProblem. */
export function parseActions(text: Token, context: ActionContext, place: ActionPlace = 'flow'): Action[] {
  const list = new ActionList(context, place, acceptItems);
  acceptItems(list, splitItems(text));
  checkConjunctions(list.actions, text);
  const actions = context.openFlow15 || context.unchecked ? list.actions : withoutMeter(list.actions, text);
  return asSent(actions, context.openFlow15, place === 'bucket' ? null : matchHasVlan(context.match));
}

/** OpenFlow 1.0 has no meters. ovs-ofctl refuses to send them, but for flows with a clone, of which they get lost. */
function withoutMeter(actions: readonly Action[], at: Token): readonly Action[] {
  const others = actions.filter(({ type }) => type !== 'meter');
  if (others.length < actions.length && !others.some(({ type }) => type === 'clone'))
    fail(at, 'OpenFlow 1.0 has no meters: say it in OpenFlow 1.3 or later');
  return others;
}

/** A flow with a conjunction does nothing else: OVS never runs its actions. */
function checkConjunctions(actions: readonly Action[], at: Token): void {
  if (!actions.some((action) => action.type === 'conjunction')) return;
  const other = actions.find((action) => action.type !== 'conjunction' && action.type !== 'note');
  if (other !== undefined) {
    fail(
      at,
      `conjunction may stand only with note, not with ${other.type}: give the flow that matches conj_id other actions`,
    );
  }
}
