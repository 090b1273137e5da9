import {
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER,
  OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
} from '../fields/index.js';
import type { Action } from '../openflow/index.js';
import { touchField } from './actions-field.js';
import { runToEnd } from './clone.js';
import { commit } from './commit.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import type { Scope } from './scope.js';
import { writeSubfieldNumber } from './subfield.js';
import { SLOW_ACTION } from './types.js';

/** Without the datapath's help each packet's own length decides, so every packet must come here. */
function inUserspace(pass: Pass, action: ActionOf<'check_pkt_larger'>): Outcome {
  const length = pass.packet?.length ?? 0;
  touchField(pass, action.target.field);
  writeSubfieldNumber(pass.flow, action.target, length > action.length ? 1 : 0);
  pass.slow |= SLOW_ACTION;
  return 'continue';
}

function branch(
  pass: Pass,
  scope: Scope,
  action: ActionOf<'check_pkt_larger'>,
  larger: boolean,
  list: readonly Action[],
  from: number,
  size: number,
): void {
  const { writer } = pass;
  const nested = writer.begin(
    larger ? OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_GREATER : OVS_CHECK_PKT_LEN_ATTR_ACTIONS_IF_LESS_EQUAL,
  );
  touchField(pass, action.target.field);
  writeSubfieldNumber(pass.flow, action.target, larger ? 1 : 0);
  runToEnd(pass, list, from, size, true);
  writer.end(nested);
  scope.restoreBase(pass);
  scope.restoreTracking(pass);
  scope.restoreFlow(pass);
}

/**
 * Tells long packets from short ones (OVS: xlate_check_pkt_larger). The datapath does: all that follows in the list is
 * translated twice, once for each kind, and then the list is done.
 */
export function actCheckPktLarger(pass: Pass, action: ActionOf<'check_pkt_larger'>): Outcome {
  if (!pass.snapshot.support.checkPktLen) return inUserspace(pass, action);
  const scope = pass.openScope();
  if (scope === null) return 'stop';
  const { writer } = pass;
  const { actions: list, position: from, size } = pass.pipeline.frames;
  scope.keepSets(pass);
  commit(pass);
  scope.keepFlow(pass);
  scope.keepBase(pass);
  scope.keepTracking(pass);
  const check = writer.beginCheckPktLen(action.length);
  branch(pass, scope, action, true, list, from, size);
  const { exit } = pass;
  pass.exit = false;
  branch(pass, scope, action, false, list, from, size);
  writer.end(check);
  scope.restoreSets(pass);
  pass.exit = exit;
  pass.closeScope();
  return 'stop';
}
