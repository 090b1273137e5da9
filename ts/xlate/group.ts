import { F_DP_HASH } from '../fields/index.js';
import { executionOrder } from './action-order.js';
import { FRAME_BUCKET, FRAME_LAST } from './frames.js';
import { finishFreezing } from './freeze.js';
import type { ActionOf, Outcome } from './handler.js';
import { hash2Words } from './hash.js';
import { hashGroupFields } from './group-hash.js';
import { hashFields, markHashFields } from './multipath.js';
import { noteDeadBucket } from './notes.js';
import { errorNumber, type Pass } from './pass.js';
import type { Tracer } from './trace.js';
import { groupTag, portTag } from './trail.js';
import type { XBucket, XGroup } from './types.js';

/** Groups that watch groups, one after another (OVS: MAX_LIVENESS_RECURSION). */
const MAX_WATCHED = 128;
const NO_PORT = 0xffff;
const NO_GROUP = 0xffffffff;

const TOO_DEEP = errorNumber('too_deep');
const TOO_MANY_RESUBMITS = errorNumber('too_many_resubmits');
const STACK_TOO_DEEP = errorNumber('stack_too_deep');
const TOO_LONG = errorNumber('actions_too_long');

/** Errors that are limits of the whole translation, not the fault of one bucket. */
function isLimit(error: number): boolean {
  return error === TOO_DEEP || error === TOO_MANY_RESUBMITS || error === STACK_TOO_DEEP || error === TOO_LONG;
}

/** Whether what a bucket watches is up; buckets that watch nothing always live, but select groups use none without weight. */
function isAlive(pass: Pass, group: XGroup, bucket: XBucket, depth: number): boolean {
  const { watchPort, watchGroup } = bucket;
  if (group.type === 'select' && bucket.weight === 0) return false;
  if (watchPort === NO_PORT && watchGroup === NO_GROUP) return true;
  if (depth >= MAX_WATCHED) return false;
  if (pass.trail !== null && watchPort !== NO_PORT) pass.trail.tag(portTag(pass.bridge, watchPort));
  if (watchPort !== NO_PORT && pass.bridge.ports.get(watchPort)?.mayForward === true) return true;
  return watchGroup !== NO_GROUP && isGroupAlive(pass, watchGroup, depth + 1);
}

function isGroupAlive(pass: Pass, groupId: number, depth: number): boolean {
  if (pass.trail !== null) pass.trail.tag(groupTag(pass.bridge, groupId));
  const group = pass.bridge.groups.get(groupId);
  return group !== undefined && firstAlive(pass, group, depth) !== null;
}

function firstAlive(pass: Pass, group: XGroup, depth: number): XBucket | null {
  const { buckets } = group;
  for (let i = 0; i < buckets.length; i++) {
    if (isAlive(pass, group, buckets[i], depth)) return buckets[i];
    if (pass.tracer !== null) noteDeadBucket(pass, buckets[i]);
  }
  return null;
}

/** The live bucket with the best score for this hash (OVS: group_best_live_bucket). */
function bestAlive(pass: Pass, group: XGroup, basis: number): XBucket | null {
  const { buckets } = group;
  let best: XBucket | null = null;
  let bestScore = 0;
  for (let i = 0; i < buckets.length; i++) {
    const bucket = buckets[i];
    if (!isAlive(pass, group, bucket, 0)) {
      if (pass.tracer !== null) noteDeadBucket(pass, bucket);
      continue;
    }
    const score = ((hash2Words(bucket.bucketId, basis) & 0xffff) * bucket.weight) >>> 0;
    if (pass.tracer !== null) pass.note(`bucket ${bucket.bucketId}: score ${score}`);
    if (score < bestScore) continue;
    best = bucket;
    bestScore = score;
  }
  return best;
}

/** The datapath hashes; its hash picks a slot, and the first slot from there with a live bucket wins. */
function byDatapathHash(pass: Pass, group: XGroup): XBucket | null {
  const hash = pass.flow[F_DP_HASH];
  const map = group.hashMap!;
  if (hash === 0) {
    pass.freeze();
    pass.updateDpHash = true;
    pass.dpHashAlgorithm = group.hashAlgorithm;
    pass.dpHashBasis = group.hashBasis;
    return null;
  }
  const last = map.length - 1;
  pass.mask[F_DP_HASH] |= last;
  for (let i = 0; i <= last; i++) {
    const bucket = group.buckets[map[(hash + i) & last]];
    if (isAlive(pass, group, bucket, 0)) return bucket;
  }
  return null;
}

function select(pass: Pass, group: XGroup): XBucket | null {
  const { flow, mask } = pass;
  switch (group.selection) {
    case 'dp_hash':
      return byDatapathHash(pass, group);
    case 'hash':
      return bestAlive(pass, group, hashGroupFields(pass, group));
    default: {
      const basis = hashFields(flow, 'symmetric_l4', 0, pass.words);
      markHashFields(flow, 'symmetric_l4', mask);
      return bestAlive(pass, group, basis);
    }
  }
}

/** Does a bucket on a copy of the packet (OVS: xlate_group_bucket). */
function doBucket(pass: Pass, bucket: XBucket, last: boolean): void {
  const scope = pass.openScope();
  if (scope === null) return;
  if (pass.tracer !== null) pass.tracer.bucket(bucket);
  scope.keepFlow(pass);
  const { wasMpls } = pass;
  const size = executionOrder(bucket.actions, bucket.actions.length, scope.list);
  pass.depth++;
  pass.pipeline.execute(scope.list, size, last ? FRAME_LAST | FRAME_BUCKET : FRAME_BUCKET);
  pass.depth--;
  if (pass.freezing) finishFreezing(pass);
  scope.restoreFlow(pass);
  pass.wasMpls = wasMpls;
  pass.exit = false;
  if (!isLimit(pass.error)) pass.error = 0;
  if (pass.tracer !== null) pass.tracer.leave();
  pass.closeScope();
}

/** OVS tells of the buckets behind a limit too, though it does nothing in them. */
function skipBucket(tracer: Tracer, bucket: XBucket): void {
  tracer.bucket(bucket);
  if (executionOrder(bucket.actions, bucket.actions.length, []) === 0) tracer.drop();
  tracer.leave();
}

/** Sends the packet to a group (OVS: xlate_group_action). A group that is not there ends the list. */
export function actGroup(pass: Pass, action: ActionOf<'group'>): Outcome {
  if (!pass.pipeline.checkResources()) return 'continue';
  if (pass.trail !== null) pass.trail.tag(groupTag(pass.bridge, action.group));
  const group = pass.bridge.groups.get(action.group);
  if (group === undefined) {
    if (pass.tracer !== null) pass.note(`output to nonexistent group ${action.group}`, 'warn');
    return 'stop';
  }
  const { buckets, type } = group;
  const { last } = pass;
  if (type === 'all' || type === 'indirect') {
    for (let i = 0; i < buckets.length; i++) {
      if (isLimit(pass.error)) {
        if (pass.tracer !== null) skipBucket(pass.tracer, buckets[i]);
        continue;
      }
      doBucket(pass, buckets[i], last && i === buckets.length - 1);
      pass.creditBucket(group, buckets[i]);
    }
    return 'continue';
  }
  const bucket = type === 'select' ? select(pass, group) : firstAlive(pass, group, 0);
  if (bucket === null) {
    pass.note('no live bucket');
    return 'continue';
  }
  if (pass.tracer !== null) pass.note(`using bucket ${bucket.bucketId}`);
  doBucket(pass, bucket, last);
  pass.creditBucket(group, bucket);
  return 'continue';
}
