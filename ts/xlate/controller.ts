import { F_IN_PORT, F_METADATA, F_REG0, FLOW_WORDS } from '../fields/index.js';
import { COOKIE_BYTES } from '../flow/index.js';
import { OFPP_NONE, type Rule } from '../openflow/index.js';
import { commit } from './commit.js';
import { errorNumber, type Pass } from './pass.js';
import type { FrozenState } from './types.js';

/** Why a packet goes to a controller (openflow-1.5, ofp_packet_in_reason; 1 is a plain action). */
export const OFPR_ACTION = 1;
export const OFPR_INVALID_TTL = 2;
/** OVS's own: an action of a table-miss rule. Told apart in 1.3 and later. */
export const OFPR_EXPLICIT_MISS = 6;

const NO_RECIRC_ID = errorNumber('no_recirculation_context');

/** A rule that matches everything with priority 0 is its table's miss entry (OpenFlow 1.3, 5.4). */
function isTableMiss(rule: Rule): boolean {
  if (rule.priority !== 0) return false;
  const { mask } = rule.match;
  for (let w = 0; w < FLOW_WORDS; w++) if (mask[w] !== 0) return false;
  return true;
}

/** The state of the pipeline that goes with the packet. The registers are a view: whoever keeps the state copies them. */
function freeze(pass: Pass): FrozenState {
  const { flow, bridge, table } = pass;
  return {
    bridge,
    table,
    inPort: flow[F_IN_PORT],
    metadataHigh: flow[F_METADATA],
    metadataLow: flow[F_METADATA + 1],
    registers: flow.subarray(F_REG0, F_REG0 + 16),
  };
}

/**
 * Sends the packet as it stands now to a controller: a userspace action whose cookie says which (OVS:
 * xlate_controller_action). Not on the path of ordinary packets, so it allocates the frozen state.
 */
export function toController(pass: Pass, maxLen: number, reason: number, controllerId: number): void {
  commit(pass);
  const { rule, snapshot, cookie, bridge } = pass;
  const shown = reason === OFPR_ACTION && rule !== null && isTableMiss(rule) ? OFPR_EXPLICIT_MISS : reason;
  const id = snapshot.recirc.idFor(freeze(pass));
  if (id === 0) {
    pass.error = NO_RECIRC_ID;
    pass.note('no recirculation id is free, packet dropped');
    return;
  }
  cookie.putController(
    OFPP_NONE,
    bridge.uuid,
    shown,
    id,
    rule === null ? 0 : rule.cookieHigh,
    rule === null ? 0 : rule.cookieLow,
    controllerId,
    maxLen,
    pass.dontSend,
  );
  pass.writer.userspace(snapshot.upcallPid(pass.odpPort), cookie.bytes, 0, COOKIE_BYTES);
}
