import {
  OFPP_ALL,
  OFPP_CONTROLLER,
  OFPP_FLOOD,
  OFPP_IN_PORT,
  OFPP_NONE,
  OFPP_NORMAL,
  OFPP_TABLE,
} from '../openflow/index.js';
import { touchField } from './actions-field.js';
import { outputTo } from './actions-output.js';
import type { ActionOf, Outcome } from './handler.js';
import { hash2Words } from './hash.js';
import { hashFields, markHashFields } from './multipath.js';
import { noteSubfield } from './notes.js';
import type { Pass } from './pass.js';
import { markSubfield, writeSubfieldNumber } from './subfield.js';
import { portTag } from './trail.js';

type Bundle = ActionOf<'bundle'>;

/** Whether packets may be sent to a member. Reserved ports are always there; a controller is no member. */
function isLive(pass: Pass, member: number): boolean {
  const { bridge, trail } = pass;
  switch (member) {
    case OFPP_IN_PORT:
    case OFPP_TABLE:
    case OFPP_NORMAL:
    case OFPP_FLOOD:
    case OFPP_ALL:
    case OFPP_NONE:
      return true;
    case OFPP_CONTROLLER:
      return false;
    default:
      if (trail !== null) trail.tag(portTag(bridge, member));
      return bridge.ports.get(member)?.mayForward ?? false;
  }
}

function firstLive(pass: Pass, members: readonly number[]): number {
  for (let i = 0; i < members.length; i++) if (isLive(pass, members[i])) return members[i];
  return OFPP_NONE;
}

/** The live member with the highest weight for this packet. */
function heaviest(pass: Pass, action: Bundle): number {
  const { flow, mask, words } = pass;
  const { members, fields, basis } = action;
  if (members.length > 1) markHashFields(flow, fields, mask);
  const hash = hashFields(flow, fields, basis, words);
  let best = OFPP_NONE;
  let bestWeight = -1;
  for (let i = 0; i < members.length; i++) {
    if (!isLive(pass, members[i])) continue;
    const weight = hash2Words(i, hash);
    if (weight > bestWeight) {
      best = members[i];
      bestWeight = weight;
    }
  }
  return best;
}

/** bundle: output to the chosen member; bundle_load: its number goes to a field. */
export function actBundle(pass: Pass, action: Bundle): Outcome {
  const port = action.algorithm === 'hrw' ? heaviest(pass, action) : firstLive(pass, action.members);
  const { target } = action;
  if (target === null) return outputTo(pass, port, 0, false);
  touchField(pass, target.field);
  markSubfield(pass.mask, target);
  writeSubfieldNumber(pass.flow, target, port);
  if (pass.tracer !== null) noteSubfield(pass, target);
  return 'continue';
}
