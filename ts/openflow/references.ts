import { type Action, OFPP_CONTROLLER } from './types.js';

/** Every action of a list, those inside clone, write_actions and exec too. */
export function* flattened(actions: readonly Action[]): Generator<Action> {
  for (const action of actions) {
    yield action;
    if (action.type === 'clone' || action.type === 'write_actions') yield* flattened(action.actions);
    else if (action.type === 'ct') yield* flattened(action.exec);
  }
}

/** Whether a list of actions outputs to this port by name. As in OVS, one that cuts packets short does not count. */
export function outputsToPort(actions: readonly Action[], port: number): boolean {
  for (const action of flattened(actions)) {
    if (action.type === 'output' && action.port === port && action.maxLen === 0) return true;
    if (action.type === 'enqueue' && action.port === port) return true;
    if (action.type === 'controller' && port === OFPP_CONTROLLER) return true;
  }
  return false;
}

/** Whether a list of actions sends packets to this group. */
export function outputsToGroup(actions: readonly Action[], group: number): boolean {
  for (const action of flattened(actions)) if (action.type === 'group' && action.group === group) return true;
  return false;
}

/** Whether a list of actions uses this meter. */
export function usesMeter(actions: readonly Action[], meter: number): boolean {
  for (const action of flattened(actions)) if (action.type === 'meter' && action.meter === meter) return true;
  return false;
}
