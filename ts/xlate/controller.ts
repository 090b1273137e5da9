import { FLOW_WORDS } from '../fields/index.js';
import { COOKIE_BYTES } from '../flow/index.js';
import { OFPP_NONE, type Rule } from '../openflow/index.js';
import { isOutputToController } from './action-order.js';
import { commit } from './commit.js';
import { frozenState } from './freeze.js';
import type { ActionOf, Outcome } from './handler.js';
import { errorNumber, type Pass } from './pass.js';

/** Why a packet goes to a controller (openflow-1.5, ofp_packet_in_reason). */
export const OFPR_ACTION = 1;
export const OFPR_INVALID_TTL = 2;
const OFPR_ACTION_SET = 3;
const OFPR_GROUP = 4;
/** OVS's own: an action of a table-miss rule. Told apart in 1.3 and later. */
export const OFPR_EXPLICIT_MISS = 6;

/** Bytes that a packet which is no longer valid is sent to the controller with: all of them. */
export const WHOLE_PACKET = 0xffff;
/** The meter that limits packets to controllers when their action names none (OpenFlow 1.5, OFPM_CONTROLLER). */
const CONTROLLER_METER = 0xfffffffd;
/** Of 2^32: every packet. */
const ALWAYS = -1;

const NO_RECIRC_ID = errorNumber('no_recirculation_context');

/** A rule that matches everything with priority 0 is its table's miss entry (OpenFlow 1.3, 5.4). */
function isTableMiss(rule: Rule): boolean {
  if (rule.priority !== 0) return false;
  const { mask } = rule.match;
  for (let w = 0; w < FLOW_WORDS; w++) if (mask[w] !== 0) return false;
  return true;
}

/**
 * Sends the packet as it stands now to a controller: a userspace action whose cookie says which (OVS:
 * xlate_controller_action). `meter`: OpenFlow meter, -1 for the controller meter if there is one. Not on the path of
 * ordinary packets, so it allocates the frozen state.
 */
export function toController(
  pass: Pass,
  maxLen: number,
  reason: number,
  controllerId: number,
  userdata: Uint8Array | null,
  meter: number,
): void {
  commit(pass);
  const { rule, snapshot, cookie, bridge, writer } = pass;
  const shown = reason === OFPR_ACTION && rule !== null && isTableMiss(rule) ? OFPR_EXPLICIT_MISS : reason;
  const id = snapshot.recirc.idFor(frozenState(pass, pass.table, false, userdata));
  if (id === 0) {
    pass.fail(NO_RECIRC_ID, 'Failed to allocate recirculation id');
    return;
  }
  const limit = bridge.meters.get(meter === -1 ? CONTROLLER_METER : meter);
  const sample = limit === undefined ? -1 : writer.beginSample(ALWAYS);
  if (limit !== undefined) writer.meter(limit);
  cookie.putController(
    OFPP_NONE,
    bridge.uuid,
    shown,
    id,
    pass.cookieHigh,
    pass.cookieLow,
    controllerId,
    maxLen,
    pass.dontSend,
    false,
  );
  writer.userspace(snapshot.upcallPid(pass.odpPort), cookie.bytes, 0, COOKIE_BYTES);
  if (sample >= 0) writer.endSample(sample);
}

/** A controller action; one that pauses lets the pipeline go on only when the controller says so. */
export function actController(pass: Pass, action: ActionOf<'controller'>): Outcome {
  if (action.pause === true) {
    pass.pause = action;
    pass.freeze();
    return 'frozen';
  }
  const { maxLen, controllerId, userdata, meterId } = action;
  const reason = isOutputToController(action) ? outputReason(pass) : action.reason;
  toController(pass, maxLen, reason, controllerId, userdata ?? null, meterId ?? -1);
  return 'continue';
}

/** Why an output to the port CONTROLLER sends a packet there: by where it stands. */
export function outputReason(pass: Pass): number {
  if (pass.inBucket) return OFPR_GROUP;
  return pass.inActionSet ? OFPR_ACTION_SET : OFPR_ACTION;
}
