import { F_IN_PORT, F_METADATA, F_REG0, F_TUN_ID, F_TUN_OPTS_LEN, F_ACTSET_OUTPUT } from '../fields/index.js';
import { OFPP_UNSET } from '../openflow/index.js';
import { doActionSet } from './action-set.js';
import { cloneActions } from './clone.js';
import { clearConntrack } from './conntrack.js';
import { finishFreezing } from './freeze.js';
import type { Pass } from './pass.js';
import type { XPort } from './types.js';

/** Looks the packet up in table 0 of the bridge it came into, and does what the rule says on a copy. */
function enterBridge(pass: Pass, port: XPort): void {
  const { pipeline } = pass;
  if (pass.wasMpls) {
    pass.freeze();
    return;
  }
  if (!pipeline.checkResources()) return;
  const { rule: oldRule, table, cookieHigh, cookieLow, inBucket, last } = pass;
  const rule = pipeline.lookup(port.ofport, 0, true, true);
  pass.resubmits++;
  pass.depth++;
  if (rule !== null) {
    pass.rule = rule;
    pass.cookieHigh = rule.cookieHigh;
    pass.cookieLow = rule.cookieLow;
  }
  pass.inBucket = false;
  if (pipeline.actions.length > 0) cloneActions(pass, pipeline.actions, last);
  else if (pass.tracer !== null) pass.tracer.drop();
  if (pass.tracer !== null) pass.tracer.leave();
  pass.inBucket = inBucket;
  pass.depth--;
  pass.rule = oldRule;
  pass.table = table;
  pass.cookieHigh = cookieHigh;
  pass.cookieLow = cookieLow;
}

/**
 * The packet crosses to the bridge behind a patch port (OVS: patch_port_output). Nothing that happens there shows here
 * afterwards: not to the packet, nor errors, nor an end of its pipeline.
 */
export function patchOutput(pass: Pass, from: XPort, to: XPort): void {
  const scope = pass.openScope();
  if (scope === null) return;
  const { flow, mask, mirrors, bridge } = pass;
  scope.keepFlow(pass);
  scope.keepSets(pass);
  scope.keepTracking(pass);
  scope.keepTunnelMask(mask);
  // Each bridge has its own fields of tunnel options.
  const options = bridge.tlvMap !== undefined || to.bridge.tlvMap !== undefined;
  if (options) scope.keepOptionsMask(mask);
  flow[F_IN_PORT] = to.ofport;
  flow[F_METADATA] = 0;
  flow[F_METADATA + 1] = 0;
  flow.fill(0, F_TUN_ID, F_METADATA);
  if (flow[F_TUN_OPTS_LEN] !== 0) flow.fill(0, F_TUN_OPTS_LEN);
  flow.fill(0, F_REG0, F_REG0 + 16);
  flow[F_ACTSET_OUTPUT] = OFPP_UNSET;
  clearConntrack(pass);
  pass.stack.clear();
  pass.actionSet.clear();
  if (to.bridge !== from.bridge) pass.mirrors = 0;
  pass.bridge = to.bridge;
  if (pass.tracer !== null) pass.tracer.bridge(to.bridge);
  if (!to.noRecv) {
    enterBridge(pass, to);
    if (!pass.freezing) doActionSet(pass);
    if (pass.freezing && pass.error === 0) finishFreezing(pass);
  }
  if (pass.tracer !== null) pass.tracer.leave();
  pass.mirrors = mirrors;
  pass.bridge = bridge;
  if (options) scope.restoreOptionsMask(mask);
  scope.restoreTunnelMask(mask);
  scope.restoreTracking(pass);
  scope.restoreSets(pass);
  scope.restoreFlow(pass);
  pass.exit = false;
  pass.error = 0;
  pass.closeScope();
}
