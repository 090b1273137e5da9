import { F_ACTSET_OUTPUT } from '../fields/index.js';
import { type Action, OFPP_CONTROLLER, OFPP_UNSET } from '../openflow/index.js';
import { executionOrder, isOutputToController } from './action-order.js';
import { FRAME_LAST } from './frames.js';
import type { ActionOf, Outcome } from './handler.js';
import { noteActionSet } from './notes.js';
import type { Pass } from './pass.js';
import type { ActionSet } from './scope.js';

/** Adds to the action set and keeps actset_output up to date: the port of its output, unless there is a group. */
export function addToSet(flow: Int32Array, set: ActionSet, actions: readonly Action[]): void {
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i];
    set.add(action);
    if (set.hasGroup) continue;
    if (action.type === 'output') {
      flow[F_ACTSET_OUTPUT] = action.port;
    } else if (isOutputToController(action)) {
      flow[F_ACTSET_OUTPUT] = OFPP_CONTROLLER;
    } else if (action.type === 'group') {
      flow[F_ACTSET_OUTPUT] = OFPP_UNSET;
      set.hasGroup = true;
    }
  }
}

export function actWriteActions(pass: Pass, action: ActionOf<'write_actions'>): Outcome {
  addToSet(pass.flow, pass.actionSet, action.actions);
  if (pass.tracer !== null) noteActionSet(pass, 'is', pass.actionSet);
  return 'continue';
}

export function actClearActions(pass: Pass): Outcome {
  if (pass.tracer !== null) noteActionSet(pass, 'was', pass.actionSet);
  pass.actionSet.clear();
  pass.flow[F_ACTSET_OUTPUT] = OFPP_UNSET;
  return 'continue';
}

/** Carries the action set out and empties it (OVS: xlate_action_set). After an error nothing is done, but told all the same. */
export function doActionSet(pass: Pass): void {
  const { actionSet } = pass;
  if (actionSet.length === 0) return;
  const scope = pass.openScope();
  if (scope === null) return;
  const size = executionOrder(actionSet.actions, actionSet.length, scope.list);
  actionSet.clear();
  if (size > 0) {
    pass.inActionSet = true;
    if (pass.tracer !== null) pass.tracer.actionSet();
    if (pass.error === 0) pass.pipeline.execute(scope.list, size, FRAME_LAST);
    if (pass.tracer !== null) pass.tracer.leave();
    pass.inActionSet = false;
  }
  pass.closeScope();
}
