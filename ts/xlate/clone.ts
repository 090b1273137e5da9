import {
  OVS_ACTION_ATTR_CLONE,
  OVS_ACTION_ATTR_SAMPLE,
  OVS_SAMPLE_ATTR_ACTIONS,
  OVS_SAMPLE_ATTR_PROBABILITY,
} from '../fields/index.js';
import type { Action } from '../openflow/index.js';
import { doActionSet } from './action-set.js';
import { commit } from './commit.js';
import { finishFreezing } from './freeze.js';
import { FRAME_LAST } from './frames.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

/** Nesting of sample actions that a datapath must stand to have clones made of them (OVS). */
const SAMPLE_NESTING_FOR_CLONES = 3;
const ALWAYS = -1;

/** Actions whose effect on the datapath's packet cannot be taken back by setting fields. */
const IRREVERSIBLE: ReadonlySet<Action['type']> = new Set<Action['type']>([
  'ct',
  'meter',
  'encap',
  'decap',
  'dec_nsh_ttl',
]);

/** Whether the packet can be brought back to what it was after these actions (OVS: reversible_actions). */
function areReversible(actions: readonly Action[]): boolean {
  for (let i = 0; i < actions.length; i++) {
    const action = actions[i];
    if (IRREVERSIBLE.has(action.type) || (action.type === 'output' && action.maxLen !== 0)) return false;
  }
  return true;
}

/** Does actions to the end of the pipeline: the action set after them, and the recirculation if they froze. */
export function runToEnd(
  pass: Pass,
  actions: readonly Action[],
  from: number,
  size: number,
  last: boolean,
): void {
  pass.pipeline.execute(actions, size, last ? FRAME_LAST : 0, from);
  if (!pass.freezing) doActionSet(pass);
  if (pass.freezing && pass.error === 0) finishFreezing(pass);
}

/**
 * Does actions on a copy of the packet (OVS: clone_xlate_actions): in line when what they do can be taken back or nothing follows,
 * else in a clone action of the datapath, or a sample that always hits.
 */
export function cloneActions(pass: Pass, actions: readonly Action[], last: boolean): void {
  const scope = pass.openScope();
  if (scope === null) return;
  scope.keepSets(pass);
  if (last || areReversible(actions)) {
    scope.keepFlow(pass);
    runToEnd(pass, actions, 0, actions.length, last);
  } else {
    commit(pass);
    scope.keepFlow(pass);
    scope.keepBase(pass);
    scope.keepTracking(pass);
    datapathClone(pass, actions);
    scope.restoreTracking(pass);
    scope.restoreBase(pass);
  }
  scope.restoreSets(pass);
  scope.restoreFlow(pass);
  pass.closeScope();
}

function datapathClone(pass: Pass, actions: readonly Action[]): void {
  const { writer } = pass;
  const { support } = pass.snapshot;
  pass.cloned = true;
  const before = writer.length;
  if (support.clone) {
    const clone = writer.begin(OVS_ACTION_ATTR_CLONE);
    const start = writer.length;
    runToEnd(pass, actions, 0, actions.length, true);
    if (writer.length === start) writer.truncate(before);
    else writer.end(clone);
  } else if (support.sampleNesting > SAMPLE_NESTING_FOR_CLONES) {
    const sample = writer.begin(OVS_ACTION_ATTR_SAMPLE);
    const nested = writer.begin(OVS_SAMPLE_ATTR_ACTIONS);
    const start = writer.length;
    runToEnd(pass, actions, 0, actions.length, true);
    if (writer.length === start) {
      writer.truncate(before);
    } else {
      writer.end(nested);
      writer.u32(OVS_SAMPLE_ATTR_PROBABILITY, ALWAYS);
      writer.end(sample);
    }
  } else {
    pass.note('Failed to compose clone action', 'error');
  }
}

export function actClone(pass: Pass, action: ActionOf<'clone'>): Outcome {
  cloneActions(pass, action.actions, pass.last);
  return 'continue';
}
