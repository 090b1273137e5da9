import {
  F_ETH_TYPE,
  F_IPV6_LABEL,
  F_NW_PROTO,
  F_NW_SRC,
  F_NW_TOS,
  F_NW_TTL,
  F_VLAN_TCI,
  F_VLAN_TPID,
} from '../fields/index.js';
import { addField, type MatchField } from '../openflow/index.js';
import { OFPR_INVALID_TTL, toController, WHOLE_PACKET } from './controller.js';
import type { ActionOf, Outcome } from './handler.js';
import { applyMultipath } from './multipath.js';
import { noteSubfield } from './notes.js';
import type { Pass } from './pass.js';
import { prerequisiteHolds } from './prerequisites.js';
import { ETH_TYPE_IP, ETH_TYPE_VLAN, isIp, VLAN_CFI } from './protocols.js';
import { copySubfield, markSubfield, readSubfield, writeSubfield } from './subfield.js';

const DEFAULT_CONTROLLER: readonly number[] = [0];

/**
 * Fields of an IP header, in which the datapath changes nothing when the protocol is 0: those with which OVS matches on it at once
 * (mf_set_mask_l3_prereqs). For the others that is done when a change is due.
 */
function isIpHeader({ word, name }: MatchField): boolean {
  return (
    (word >= F_NW_SRC && word <= F_IPV6_LABEL) ||
    (word === F_NW_TOS && (name === 'nw_ecn' || name === 'nw_tos')) ||
    word === F_NW_TTL
  );
}

/** To be called before `field` of the flow is written. */
export function touchField(pass: Pass, field: MatchField): void {
  if (field.presence !== undefined) {
    pass.mask[field.presence.word] |= field.presence.mask;
    addField(pass.flow, field.presence);
    return;
  }
  if (field.name === 'nw_ecn' && isIp(pass.flow)) pass.mask[F_NW_PROTO] = 0xff;
  pass.touch(field.word);
}

/** Sets the field if the packet has it (OVS: mf_are_prereqs_ok, then the masked value). */
export function actSetField(pass: Pass, action: ActionOf<'set_field'>): Outcome {
  const { flow, mask } = pass;
  const { field } = action;
  if (!prerequisiteHolds(field.prerequisite, flow, mask)) {
    if (pass.tracer !== null) pass.note(`unmet prerequisites for ${field.name}, set_field ignored`, 'warn');
    return 'continue';
  }
  touchField(pass, field);
  if (isIpHeader(field) && isIp(flow)) mask[F_NW_PROTO] = 0xff;
  for (let i = 0; i < field.words; i++) {
    const w = field.word + i;
    mask[w] |= action.mask[i];
    flow[w] = (flow[w] & ~action.mask[i]) | action.value[i];
  }
  if (field.flow === 'vlan_tci') completeTag(flow, field);
  return 'continue';
}

/** A tag that was set comes into being: its presence bit (whole TCIs bring their own) and its TPID. */
export function completeTag(flow: Int32Array, field: MatchField): void {
  if (field.name === 'dl_vlan' || field.bits === 3) flow[F_VLAN_TCI] |= VLAN_CFI;
  if (flow[F_VLAN_TCI] !== 0 && flow[F_VLAN_TPID] === 0) flow[F_VLAN_TPID] = ETH_TYPE_VLAN;
}

export function actMove(pass: Pass, action: ActionOf<'move'>): Outcome {
  const { flow, mask } = pass;
  const { source, target } = action;
  if (
    !prerequisiteHolds(target.field.prerequisite, flow, mask) ||
    !prerequisiteHolds(source.field.prerequisite, flow, mask)
  ) {
    if (pass.tracer !== null) noteSubfield(pass, target);
    return 'continue';
  }
  touchField(pass, target.field);
  markSubfield(mask, source);
  markSubfield(mask, target);
  copySubfield(flow, source, target);
  if (target.field.flow === 'vlan_tci') completeTag(flow, target.field);
  if (pass.tracer !== null) noteSubfield(pass, target);
  return 'continue';
}

export function actPush(pass: Pass, action: ActionOf<'push'>): Outcome {
  const { source } = action;
  markSubfield(pass.mask, source);
  readSubfield(pass.flow, source, pass.value);
  pass.stack.push(pass.value, source.bits);
  return 'continue';
}

export function actPop(pass: Pass, action: ActionOf<'pop'>): Outcome {
  const { target } = action;
  if (!pass.stack.pop(pass.value)) {
    pass.note('stack underflow', 'error');
    return 'continue';
  }
  touchField(pass, target.field);
  markSubfield(pass.mask, target);
  writeSubfield(pass.flow, target, pass.value);
  if (target.field.flow === 'vlan_tci') completeTag(pass.flow, target.field);
  if (pass.tracer !== null) noteSubfield(pass, target);
  return 'continue';
}

/** TTL 0 or 1 cannot be lowered: the packet goes to the controllers and its rule ends (OpenFlow 1.5, 7.2.4). */
export function actDecTtl(pass: Pass, action: ActionOf<'dec_ttl'>): Outcome {
  if (!isIp(pass.flow)) return 'continue';
  pass.mask[F_NW_TTL] = 0xff;
  pass.mask[F_NW_PROTO] = 0xff;
  if (pass.flow[F_NW_TTL] > 1) {
    pass.touch(F_NW_TTL);
    pass.flow[F_NW_TTL]--;
    return 'continue';
  }
  const ids = action.controllerIds ?? DEFAULT_CONTROLLER;
  for (let i = 0; i < ids.length; i++) toController(pass, WHOLE_PACKET, OFPR_INVALID_TTL, ids[i], null, -1);
  if (pass.tracer !== null) {
    pass.note(`IPv${pass.flow[F_ETH_TYPE] === ETH_TYPE_IP ? 4 : 6} decrement TTL exception`, 'warn');
  }
  return 'stop';
}

export function actMultipath(pass: Pass, action: ActionOf<'multipath'>): Outcome {
  touchField(pass, action.target.field);
  applyMultipath(action, pass.flow, pass.mask, pass.words);
  if (pass.tracer !== null) noteSubfield(pass, action.target);
  return 'continue';
}
