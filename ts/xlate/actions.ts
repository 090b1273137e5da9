import { F_IN_PORT, F_NW_TTL, F_VLAN_TCI, F_VLAN_TPID } from '../fields/index.js';
import {
  type Action,
  type MatchField,
  OFPP_ALL,
  OFPP_CONTROLLER,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_NONE,
  OFPP_NORMAL,
  OFPP_TABLE,
} from '../openflow/index.js';
import { popTag, pushTag } from './commit-vlan.js';
import { OFPR_ACTION, OFPR_INVALID_TTL, toController } from './controller.js';
import { applyMultipath } from './multipath.js';
import { normal } from './normal.js';
import { flood, outputToNumber, outputTruncated } from './output.js';
import type { Pass } from './pass.js';
import { prerequisiteHolds } from './prerequisites.js';
import { ETH_TYPE_VLAN, isIp, VLAN_CFI, VLAN_PCP_MASK, VLAN_PCP_SHIFT, VLAN_VID_MASK } from './protocols.js';
import { copySubfield, markSubfield, subfieldNumber } from './subfield.js';

/** What happens after an action: the next one; the rule ends; or `pass.nextTable` is looked up first. */
export type Outcome = 'continue' | 'stop' | 'table';

/** Table number of a resubmit that means the current table. */
const SAME_TABLE = 255;
/** Bytes that a packet which is no longer valid is sent to the controller with: all of them. */
const WHOLE_PACKET = 0xffff;

type ActionOf<T extends Action['type']> = Extract<Action, { type: T }>;

/** Does one action on the packet. Anything that needs a table is left to the caller. */
export function perform(pass: Pass, action: Action): Outcome {
  switch (action.type) {
    case 'output':
      if (action.maxLen === 0 || action.port === OFPP_CONTROLLER)
        return output(pass, action.port, action.maxLen);
      outputTruncated(pass, action.port, action.maxLen);
      return 'continue';
    case 'output_reg':
      return outputRegister(pass, action);
    case 'controller':
      toController(pass, action.maxLen, action.reason, action.controllerId);
      return 'continue';
    case 'resubmit':
      pass.nextInPort = action.port === OFPP_IN_PORT ? pass.flow[F_IN_PORT] : action.port;
      pass.nextTable = action.table === SAME_TABLE ? pass.table : action.table;
      return 'table';
    case 'goto_table':
      pass.nextInPort = pass.flow[F_IN_PORT];
      pass.nextTable = action.table;
      return 'table';
    case 'set_field':
      setField(pass, action);
      return 'continue';
    case 'move':
      move(pass, action);
      return 'continue';
    case 'dec_ttl':
      return decTtl(pass);
    case 'multipath':
      touchField(pass, action.target.field);
      applyMultipath(action, pass.flow, pass.mask, pass.words);
      return 'continue';
    case 'push_vlan':
    case 'pop_vlan':
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
      changeVlan(pass, action);
      return 'continue';
    default:
      return 'stop';
  }
}

function output(pass: Pass, port: number, maxLen: number): Outcome {
  switch (port) {
    case OFPP_NORMAL:
      normal(pass);
      break;
    case OFPP_IN_PORT:
      outputToNumber(pass, pass.flow[F_IN_PORT]);
      break;
    case OFPP_FLOOD:
      flood(pass, false);
      break;
    case OFPP_ALL:
      flood(pass, true);
      break;
    case OFPP_CONTROLLER:
      toController(pass, maxLen, OFPR_ACTION, 0);
      break;
    case OFPP_TABLE:
      pass.nextInPort = pass.flow[F_IN_PORT];
      pass.nextTable = 0;
      return 'table';
    case OFPP_NONE:
      break;
    default:
      if (port === pass.flow[F_IN_PORT]) pass.note('skipping output to input port');
      else outputToNumber(pass, port);
  }
  return 'continue';
}

/** The port number itself decides, so all of its bits are looked at, also when it is out of range. */
function outputRegister(pass: Pass, action: ActionOf<'output_reg'>): Outcome {
  const port = subfieldNumber(pass.flow, action.source);
  markSubfield(pass.mask, action.source);
  if (port >= 0 && port <= 0xffff) return output(pass, port, action.maxLen);
  pass.note('output port is out of range');
  return 'continue';
}

function touchField(pass: Pass, field: MatchField): void {
  pass.touch(field.word);
}

/** Sets the field if the packet has it (OVS: mf_are_prereqs_ok, then the masked value). */
function setField(pass: Pass, action: ActionOf<'set_field'>): void {
  const { flow, mask } = pass;
  const { field } = action;
  if (!prerequisiteHolds(field.prerequisite, flow, mask)) {
    if (pass.tracer !== null) pass.note(`packet has no ${field.name}, set_field ignored`);
    return;
  }
  touchField(pass, field);
  for (let i = 0; i < field.words; i++) {
    const w = field.word + i;
    mask[w] |= action.mask[i];
    flow[w] = (flow[w] & ~action.mask[i]) | action.value[i];
  }
  if (field.flow === 'vlan_tci') completeTag(flow, field);
}

/** A tag that was set comes into being: its presence bit (whole TCIs bring their own) and its TPID. */
function completeTag(flow: Int32Array, field: MatchField): void {
  if (field.name === 'dl_vlan' || field.bits === 3) flow[F_VLAN_TCI] |= VLAN_CFI;
  if (flow[F_VLAN_TCI] !== 0 && flow[F_VLAN_TPID] === 0) flow[F_VLAN_TPID] = ETH_TYPE_VLAN;
}

function move(pass: Pass, action: ActionOf<'move'>): void {
  const { flow, mask } = pass;
  const { source, target } = action;
  if (
    !prerequisiteHolds(target.field.prerequisite, flow, mask) ||
    !prerequisiteHolds(source.field.prerequisite, flow, mask)
  ) {
    pass.note('packet has not both fields, move ignored');
    return;
  }
  touchField(pass, target.field);
  markSubfield(mask, source);
  markSubfield(mask, target);
  copySubfield(flow, source, target);
  if (target.field.flow === 'vlan_tci') completeTag(flow, target.field);
}

/** TTL 0 or 1 cannot be lowered: the packet goes to the controller and its rule ends (OpenFlow 1.5, 7.2.4). */
function decTtl(pass: Pass): Outcome {
  if (!isIp(pass.flow)) return 'continue';
  pass.mask[F_NW_TTL] = 0xff;
  if (pass.flow[F_NW_TTL] > 1) {
    pass.touch(F_NW_TTL);
    pass.flow[F_NW_TTL]--;
    return 'continue';
  }
  pass.note('TTL cannot be decremented');
  toController(pass, WHOLE_PACKET, OFPR_INVALID_TTL, 0);
  return 'stop';
}

type VlanAction = ActionOf<'push_vlan' | 'pop_vlan' | 'set_vlan_vid' | 'set_vlan_pcp'>;

function changeVlan(pass: Pass, action: VlanAction): void {
  const { flow, mask } = pass;
  pass.touch(F_VLAN_TCI);
  switch (action.type) {
    case 'push_vlan':
      pushTag(flow, mask, action.tpid);
      break;
    case 'pop_vlan':
      popTag(flow, mask);
      break;
    case 'set_vlan_vid':
      setTag(pass, VLAN_VID_MASK, action.vid, action.pushIfAbsent);
      break;
    case 'set_vlan_pcp':
      setTag(pass, VLAN_PCP_MASK, action.pcp << VLAN_PCP_SHIFT, action.pushIfAbsent);
      break;
  }
}

/** Replaces the bits `bits` of the outer TCI; untagged packets get a tag first, or are left alone. */
function setTag(pass: Pass, bits: number, value: number, pushIfAbsent: boolean): void {
  const { flow, mask } = pass;
  mask[F_VLAN_TCI] |= bits | VLAN_CFI;
  if ((flow[F_VLAN_TCI] & VLAN_CFI) === 0 && !pushIfAbsent) return;
  if (flow[F_VLAN_TPID] === 0) flow[F_VLAN_TPID] = ETH_TYPE_VLAN;
  flow[F_VLAN_TCI] = (flow[F_VLAN_TCI] & ~bits) | value | VLAN_CFI;
}
