import { F_VLAN_TCI, F_VLAN_TPID } from '../fields/index.js';
import { popTag, pushTag } from './commit-vlan.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import { ETH_TYPE_VLAN, VLAN_CFI, VLAN_PCP_MASK, VLAN_PCP_SHIFT, VLAN_VID_MASK } from './protocols.js';

export function actPushVlan(pass: Pass, action: ActionOf<'push_vlan'>): Outcome {
  pass.touch(F_VLAN_TCI);
  pushTag(pass.flow, pass.mask, action.tpid);
  return 'continue';
}

export function actPopVlan(pass: Pass): Outcome {
  pass.touch(F_VLAN_TCI);
  popTag(pass.flow, pass.mask);
  return 'continue';
}

export function actSetVlanVid(pass: Pass, action: ActionOf<'set_vlan_vid'>): Outcome {
  return setTag(pass, VLAN_VID_MASK, action.vid, action.pushIfAbsent);
}

export function actSetVlanPcp(pass: Pass, action: ActionOf<'set_vlan_pcp'>): Outcome {
  return setTag(pass, VLAN_PCP_MASK, action.pcp << VLAN_PCP_SHIFT, action.pushIfAbsent);
}

/** Replaces the bits `bits` of the outer TCI; untagged packets get a tag first, or are left alone. */
function setTag(pass: Pass, bits: number, value: number, pushIfAbsent: boolean): Outcome {
  const { flow, mask } = pass;
  pass.touch(F_VLAN_TCI);
  mask[F_VLAN_TCI] |= bits | VLAN_CFI;
  if ((flow[F_VLAN_TCI] & VLAN_CFI) === 0 && !pushIfAbsent) return 'continue';
  if (flow[F_VLAN_TPID] === 0) flow[F_VLAN_TPID] = ETH_TYPE_VLAN;
  flow[F_VLAN_TCI] = (flow[F_VLAN_TCI] & ~bits) | value | VLAN_CFI;
  return 'continue';
}
