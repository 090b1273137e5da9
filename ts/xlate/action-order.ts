import type { Action } from '../openflow/index.js';

/** Place of each kind that is done once, the last one given (OVS: ACTION_SET_ORDER). */
const SLOTS: { readonly [T in Action['type']]?: number } = {
  pop_vlan: 0,
  pop_mpls: 1,
  decap: 2,
  encap: 3,
  push_mpls: 4,
  push_vlan: 5,
  dec_ttl: 6,
  dec_mpls_ttl: 7,
  dec_nsh_ttl: 8,
};
const SLOT_COUNT = 9;
/** OFPR_ACTION: an action sent the packet. */
const REASON_ACTION = 1;

/** Which of the kinds that end a set is done when there are several: the highest. */
const FINAL: { readonly [T in Action['type']]?: number } = {
  ct: 1,
  ct_clear: 2,
  resubmit: 3,
  output: 4,
  group: 5,
};

/** Whether a controller action says no more than an output to the port CONTROLLER can: then it is one when it reaches a switch. */
export function isOutputToController(action: Action): boolean {
  return (
    action.type === 'controller' &&
    action.reason === REASON_ACTION &&
    action.controllerId === 0 &&
    action.userdata === undefined &&
    action.meterId === undefined &&
    action.pause !== true
  );
}

/** Kinds that are all done, in the order given. */
const SETTERS: ReadonlySet<Action['type']> = new Set<Action['type']>([
  'set_field',
  'move',
  'set_vlan_vid',
  'set_vlan_pcp',
  'set_mpls_label',
  'set_mpls_tc',
  'set_mpls_ttl',
  'set_tunnel',
  'set_queue',
]);

const slots: (Action | null)[] = new Array<Action | null>(SLOT_COUNT).fill(null);

/**
 * Writes to `list` what an action set does, in the order of OpenFlow 1.5 section 5.6, and returns how many actions. A set without
 * anything that sends the packet somewhere does nothing.
 */
export function executionOrder(set: readonly Action[], size: number, list: Action[]): number {
  let final: Action | null = null;
  let rank = 0;
  slots.fill(null);
  for (let i = 0; i < size; i++) {
    const action = set[i];
    const slot = SLOTS[action.type];
    if (slot !== undefined) slots[slot] = action;
    const finality = isOutputToController(action) ? FINAL.output : FINAL[action.type];
    if (finality !== undefined && finality >= rank) {
      final = action;
      rank = finality;
    }
  }
  if (final === null) return 0;
  let n = 0;
  for (let i = 0; i < SLOT_COUNT; i++) {
    const action = slots[i];
    if (action !== null) list[n++] = action;
  }
  for (let i = 0; i < size; i++) if (SETTERS.has(set[i].type)) list[n++] = set[i];
  list[n++] = final;
  return n;
}
