import { F_IN_PORT, F_METADATA, F_REG0, F_TUN_ID, F_TUN_OPTS, F_TUN_OPTS_LEN } from '../fields/index.js';
import { COOKIE_BYTES } from '../flow/index.js';
import { type Action, OFPP_NONE } from '../openflow/index.js';
import { commit } from './commit.js';
import type { Outcome } from './handler.js';
import { errorNumber, type Pass } from './pass.js';
import type { FrozenState } from './types.js';

const NO_RECIRC_ID = errorNumber('no_recirculation_context');
const REGISTERS = 16;
const NO_ACTIONS: readonly Action[] = [];
const NO_WORDS = new Int32Array(0);

/** Actions that tell controllers the table and cookie they are of. */
function isRelative(action: Action): boolean {
  switch (action.type) {
    case 'output':
    case 'output_reg':
    case 'group':
    case 'controller':
    case 'dec_ttl':
    case 'dec_mpls_ttl':
    case 'dec_nsh_ttl':
    case 'enqueue':
      return true;
    case 'resubmit':
      return action.table === 255;
    default:
      return false;
  }
}

/** Puts actions[from … to) with those that are to be done after the recirculation (OVS: freeze_unroll_actions). */
export function freezeRest(pass: Pass, actions: readonly Action[], from: number, to: number): void {
  const { frozen, table, cookieHigh, cookieLow } = pass;
  for (let i = from; i < to; i++) {
    if (actions[i].type === 'note' || actions[i].type === 'conjunction') continue;
    if (isRelative(actions[i]) && !isLabelled(frozen, table, cookieHigh, cookieLow)) {
      frozen.push({ type: 'unroll', table, cookieHigh, cookieLow });
    }
    frozen.push(actions[i]);
  }
}

/** Whether the frozen actions so far end under this table and cookie. */
function isLabelled(
  frozen: readonly Action[],
  table: number,
  cookieHigh: number,
  cookieLow: number,
): boolean {
  for (let i = frozen.length - 1; i >= 0; i--) {
    const label = frozen[i];
    if (label.type !== 'unroll') continue;
    return label.table === table && label.cookieHigh === cookieHigh && label.cookieLow === cookieLow;
  }
  return false;
}

/** Whether any tunnel field is set: a key alone counts, although only a destination makes an encapsulation. */
function hasTunnelFields(flow: Int32Array): boolean {
  for (let w = F_TUN_ID; w < F_METADATA; w++) if (flow[w] !== 0) return true;
  return false;
}

/**
 * The state of the pipeline that goes with the packet; `whole` with the actions that are left, else without (for controllers
 * that only look). Rows in it are views: whoever keeps the state copies them.
 */
export function frozenState(
  pass: Pass,
  table: number,
  whole: boolean,
  userdata: Uint8Array | null,
): FrozenState {
  const { flow, bridge, actionSet } = pass;
  return {
    bridge,
    table,
    inPort: flow[F_IN_PORT],
    metadataHigh: flow[F_METADATA],
    metadataLow: flow[F_METADATA + 1],
    registers: pass.registers,
    tunnel: hasTunnelFields(flow) ? pass.tunnelFields : null,
    tunnelOptions: flow[F_TUN_OPTS_LEN] === 0 ? null : pass.tunnelOptions,
    stack: pass.stack.length === 0 ? NO_WORDS : pass.stack.toWords(),
    mirrors: pass.mirrors,
    isCopy: !whole,
    conntracked: pass.conntracked,
    actions: whole && pass.frozen.length > 0 ? pass.frozen.slice() : NO_ACTIONS,
    actionSet: whole && actionSet.length > 0 ? actionSet.actions.slice(0, actionSet.length) : NO_ACTIONS,
    userdata,
    bond: null,
  };
}

/** The flow's pipeline fields as they were when `state` was made. */
export function thawFlow(flow: Int32Array, state: FrozenState): void {
  flow[F_IN_PORT] = state.inPort;
  flow[F_METADATA] = state.metadataHigh;
  flow[F_METADATA + 1] = state.metadataLow;
  for (let i = 0; i < REGISTERS; i++) flow[F_REG0 + i] = state.registers[i];
  if (state.tunnel === null) flow.fill(0, F_TUN_ID, F_METADATA);
  else flow.set(state.tunnel, F_TUN_ID);
  if (state.tunnelOptions !== null) flow.set(state.tunnelOptions, F_TUN_OPTS_LEN);
  else if (flow[F_TUN_OPTS_LEN] !== 0) flow.fill(0, F_TUN_OPTS_LEN, F_TUN_OPTS + 64);
}

/**
 * Writes the recirculation that goes on in `table`, or with the frozen actions if there are any; a controller that holds the
 * packet gets it instead. The pipeline is no longer freezing then. Returns the recirculation id, 0 when there is none.
 */
export function recirculate(pass: Pass, table: number): number {
  const { pause, writer, snapshot } = pass;
  const id = snapshot.recirc.idFor(frozenState(pass, table, true, pause?.userdata ?? null));
  if (id === 0) {
    pass.fail(NO_RECIRC_ID, 'Failed to allocate recirculation id');
    return 0;
  }
  if (pause !== null) {
    if (pass.dontSend) return 0;
    pass.cookie.putController(
      OFPP_NONE,
      pass.bridge.uuid,
      pause.reason,
      id,
      pass.cookieHigh,
      pass.cookieLow,
      pause.controllerId,
      pause.maxLen,
      false,
      true,
    );
    writer.userspace(snapshot.upcallPid(pass.odpPort), pass.cookie.bytes, 0, COOKIE_BYTES);
  } else {
    if (pass.updateDpHash) writer.hash(pass.dpHashAlgorithm, pass.dpHashBasis);
    writer.recirc(id);
  }
  pass.cancelFreeze();
  return id;
}

/** Ends a pipeline that froze (OVS: finish_freezing). */
export function finishFreezing(pass: Pass): void {
  commit(pass);
  recirculate(pass, 0);
}

/** Recirculates for the sake of it. */
export function actDebugRecirc(pass: Pass): Outcome {
  pass.freeze();
  return 'frozen';
}
