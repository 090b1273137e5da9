import {
  type Action,
  addField,
  FLOW_SEND_REMOVED,
  type FlowSpec,
  formatMatch,
  formatSent,
  LEARN_SEND_FLOW_REM,
  type LearnSpec,
  OFPP_ALL,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_LOCAL,
  OFPP_MAX,
  type Subfield,
  type TlvMap,
} from '../openflow/index.js';
import { FLOW_WORDS } from '../fields/index.js';
import { touchField } from './actions-field.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import { markSubfield, readSubfield, writeSubfield, writeSubfieldNumber } from './subfield.js';

type Learn = ActionOf<'learn'>;

/** A value of 128 bits, right-aligned. */
const WORDS = 4;

/** Right-aligned value of a clause: bits of the packet, or its own. */
function clauseValue(spec: LearnSpec, flow: Int32Array): Int32Array {
  const value = new Int32Array(WORDS);
  if ('source' in spec) readSubfield(flow, spec.source, value);
  else value.set(spec.value, WORDS - spec.value.length);
  return value;
}

/** The set_field that loads a value into some bits. */
function load(target: Subfield, value: Int32Array): Action {
  const { field } = target;
  const bits = new Int32Array(FLOW_WORDS);
  const words = new Int32Array(FLOW_WORDS);
  markSubfield(bits, target);
  writeSubfield(words, target, value);
  const cut = (row: Int32Array) => row.slice(field.word, field.word + field.words);
  return { type: 'set_field', field, value: cut(words), mask: cut(bits) };
}

/** Ports that a learned flow may output to; others are left out. */
function isOutput(port: number): boolean {
  return (
    port < OFPP_MAX ||
    port === OFPP_IN_PORT ||
    port === OFPP_FLOOD ||
    port === OFPP_LOCAL ||
    port === OFPP_ALL
  );
}

/** The flow that a learn action adds for this packet (OVS: learn_execute). */
export function learnedFlow(learn: Learn, flow: Int32Array): FlowSpec {
  const match = { key: new Int32Array(FLOW_WORDS), mask: new Int32Array(FLOW_WORDS) };
  const actions: Action[] = [];
  if (learn.finIdleTimeout !== 0 || learn.finHardTimeout !== 0) {
    actions.push({
      type: 'fin_timeout',
      idleTimeout: learn.finIdleTimeout,
      hardTimeout: learn.finHardTimeout,
    });
  }
  for (const spec of learn.specs) {
    const value = clauseValue(spec, flow);
    if (spec.type === 'match_field' || spec.type === 'match_value') {
      markSubfield(match.mask, spec.target);
      if (spec.target.field.presence !== undefined) addField(match.key, spec.target.field.presence);
      writeSubfield(match.key, spec.target, value);
    } else if (spec.type === 'output') {
      const fits = (value[0] | value[1] | value[2]) === 0 && value[3] >>> 16 === 0;
      if (fits && isOutput(value[3])) actions.push({ type: 'output', port: value[3], maxLen: 0 });
    } else {
      actions.push(load(spec.target, value));
    }
  }
  return {
    table: learn.table,
    priority: learn.priority,
    match,
    actions,
    cookieHigh: learn.cookieHigh,
    cookieLow: learn.cookieLow,
    idleTimeout: learn.idleTimeout,
    hardTimeout: learn.hardTimeout,
    importance: 0,
    flags: (learn.flags & LEARN_SEND_FLOW_REM) !== 0 ? FLOW_SEND_REMOVED : 0,
  };
}

/** The flow in the words of ofproto/trace. */
function describe(flow: FlowSpec, tlvMap: TlvMap | undefined): string {
  const match = formatMatch(flow.match, tlvMap);
  const cookie = (BigInt(flow.cookieHigh >>> 0) << 32n) | BigInt(flow.cookieLow >>> 0);
  const parts = [`table=${flow.table}`, ...(match === '' ? [] : [match]), `priority=${flow.priority}`];
  if (cookie !== 0n) parts.push(`cookie=0x${cookie.toString(16)}`);
  if (flow.idleTimeout !== 0) parts.push(`idle=${flow.idleTimeout}`);
  if (flow.hardTimeout !== 0) parts.push(`hard=${flow.hardTimeout}`);
  if (flow.flags !== 0) parts.push('send_flow_rem');
  return `${parts.join(' ')} actions=${formatSent(flow.actions)}`;
}

/**
 * The learn action (OVS: xlate_learn_action): reports the flow that is to be added as an effect. What the flow is made of was looked
 * at. Where the number of flows is limited, whether there is room goes to the result field. Nothing is learned of a packet that is only
 * traced, so it has no result.
 */
export function actLearn(pass: Pass, action: Learn): Outcome {
  const { flow, mask, bridge } = pass;
  for (let i = 0; i < action.specs.length; i++) {
    const spec = action.specs[i];
    if ('source' in spec) markSubfield(mask, spec.source);
  }
  const learned = learnedFlow(action, flow);
  if (pass.tracer !== null) {
    if (pass.dontSend) pass.note('suppressing side effects, so learn action ignored', 'warn');
    else pass.note(describe(learned, bridge.tlvMap));
  }
  if (pass.trail !== null && action.limit !== 0) pass.trail.everything = true;
  const room =
    action.limit === 0 ||
    pass.dontSend ||
    bridge.roomToLearn === undefined ||
    bridge.roomToLearn(learned, action.limit);
  if (action.result !== null && !pass.dontSend) {
    touchField(pass, action.result.field);
    markSubfield(mask, action.result);
    writeSubfieldNumber(flow, action.result, room ? 1 : 0);
  }
  if (room)
    pass.effects[pass.effectCount++] = { type: 'learn_flow', bridge, flow: learned, limit: action.limit };
  return 'continue';
}

/** A rule with conjunctions is part of another's match and is not to be executed. */
export function actConjunction(pass: Pass): Outcome {
  pass.note('executing no-op conjunction action', 'error');
  return 'continue';
}
