import {
  F_CT_IPV6_DST,
  F_CT_NW_SRC,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_ETH_TYPE,
  F_MPLS_LSE0,
  F_TUN_OPTS_LEN,
} from '../fields/index.js';
import type { Action, MatchField } from '../openflow/index.js';
import { commit } from './commit.js';
import { OFPR_ACTION, OFPR_INVALID_TTL, toController, WHOLE_PACKET } from './controller.js';
import type { ActionOf, Outcome } from './handler.js';
import {
  countLabels,
  MPLS_LABEL_MASK,
  MPLS_LABEL_SHIFT,
  MPLS_LABELS_MAX,
  MPLS_TC_MASK,
  MPLS_TC_SHIFT,
  MPLS_TTL_MASK,
  popLabel,
  pushLabel,
} from './mpls-stack.js';
import { errorNumber, type Pass } from './pass.js';
import { isMpls } from './protocols.js';

const TOO_MANY_LABELS = errorNumber('too_many_mpls_labels');
/** Last word of the connection's original addresses. */
const CT_ADDRESSES_END = F_CT_IPV6_DST + 4;

/** Whether the field lies behind the Ethernet and VLAN headers (OVS: mf_is_l3_or_higher). */
function isBehindLayer2({ word }: MatchField): boolean {
  if (word < F_MPLS_LSE0 || word >= F_TUN_OPTS_LEN) return false;
  const tracked =
    (word >= F_CT_NW_SRC && word <= CT_ADDRESSES_END) || word === F_CT_TP_SRC || word === F_CT_TP_DST;
  return !tracked;
}

/**
 * Freezes the pipeline when `action` may need headers that a pop_mpls uncovered: only the datapath can tell them (OVS:
 * recirc_for_mpls). Outputs and changes of outer headers go on; anything else is made to wait.
 */
export function recircForMpls(pass: Pass, action: Action): void {
  switch (action.type) {
    case 'output':
    case 'output_reg':
    case 'enqueue':
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
    case 'set_tunnel':
    case 'set_queue':
    case 'group':
      return;
    case 'controller':
      if (isPlainOutput(action)) return;
      break;
    case 'set_field':
      if (!isBehindLayer2(action.field)) return;
      break;
  }
  pass.freeze();
}

/** Whether it is what `output:CONTROLLER` is. */
function isPlainOutput({ reason, controllerId, userdata, pause, meterId }: ActionOf<'controller'>): boolean {
  return (
    reason === OFPR_ACTION &&
    controllerId === 0 &&
    userdata === undefined &&
    pause !== true &&
    meterId === undefined
  );
}

/** More labels than a flow key has room for: OVS tells of packets that it has. */
export function refuseLabels(pass: Pass, action: string, what: 'would have' | 'has'): void {
  if (pass.packet === null) {
    pass.error = TOO_MANY_LABELS;
    return;
  }
  const why = `it ${what} more MPLS LSEs than the ${MPLS_LABELS_MAX} supported.`;
  pass.fail(TOO_MANY_LABELS, `dropping packet on which an ${action} can't be performed as ${why}`);
}

export function actPushMpls(pass: Pass, action: ActionOf<'push_mpls'>): Outcome {
  const { flow, mask } = pass;
  const n = countLabels(flow, mask);
  if (n >= MPLS_LABELS_MAX) {
    refuseLabels(pass, 'MPLS push action', 'would have');
    return 'stop';
  }
  // The headers that the first label hides are brought up to date while they are there.
  if (n === 0) commit(pass);
  pass.touch(F_ETH_TYPE);
  pushLabel(flow, n, action.ethType, mask, true);
  return 'continue';
}

export function actPopMpls(pass: Pass, action: ActionOf<'pop_mpls'>): Outcome {
  const { flow, mask } = pass;
  const n = countLabels(flow, mask);
  pass.touch(F_ETH_TYPE);
  if (popLabel(flow, n, action.ethType, mask)) {
    if (!isMpls(action.ethType) && pass.snapshot.support.recirc) pass.wasMpls = true;
  } else if (n >= MPLS_LABELS_MAX) {
    refuseLabels(pass, 'MPLS pop action', 'has');
    return 'stop';
  }
  return 'continue';
}

/** Replaces bits of the outermost entry; packets without labels stay as they are. */
function setEntry(pass: Pass, bits: number, value: number): Outcome {
  const { flow, mask } = pass;
  if (!isMpls(flow[F_ETH_TYPE])) return 'continue';
  mask[F_MPLS_LSE0] |= bits;
  pass.touch(F_MPLS_LSE0);
  flow[F_MPLS_LSE0] = (flow[F_MPLS_LSE0] & ~bits) | (value & bits);
  return 'continue';
}

export function actSetMplsLabel(pass: Pass, action: ActionOf<'set_mpls_label'>): Outcome {
  return setEntry(pass, MPLS_LABEL_MASK, action.label << MPLS_LABEL_SHIFT);
}

export function actSetMplsTc(pass: Pass, action: ActionOf<'set_mpls_tc'>): Outcome {
  return setEntry(pass, MPLS_TC_MASK, action.tc << MPLS_TC_SHIFT);
}

export function actSetMplsTtl(pass: Pass, action: ActionOf<'set_mpls_ttl'>): Outcome {
  return setEntry(pass, MPLS_TTL_MASK, action.ttl);
}

/** A TTL of 0 or 1 cannot be lowered: the packet goes to the controller and its rule ends. So it does without labels. */
export function actDecMplsTtl(pass: Pass): Outcome {
  const { flow } = pass;
  if (isMpls(flow[F_ETH_TYPE])) {
    const ttl = flow[F_MPLS_LSE0] & MPLS_TTL_MASK;
    if (ttl > 1) return setEntry(pass, MPLS_TTL_MASK, ttl - 1);
    pass.mask[F_MPLS_LSE0] |= MPLS_TTL_MASK;
    toController(pass, WHOLE_PACKET, OFPR_INVALID_TTL, 0, null, -1);
  }
  pass.note('MPLS decrement TTL exception', 'warn');
  return 'stop';
}
