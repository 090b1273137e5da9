import {
  F_CT_IPV6_DST,
  F_CT_IPV6_SRC,
  F_CT_LABEL,
  F_CT_MARK,
  F_CT_NW_DST,
  F_CT_NW_PROTO,
  F_CT_NW_SRC,
  F_CT_STATE,
  F_CT_TP_DST,
  F_CT_TP_SRC,
  F_CT_ZONE,
} from '../fields/index.js';
import { type Action, type FlowMatch, TableError } from '../openflow/index.js';
import type { ActionOf } from './handler.js';
import type { DatapathSupport } from './types.js';

/** ct_state: source and destination were changed by nat. */
const CS_NAT = 0x40 | 0x80;

/** What a flow asks of a datapath in vain, in words; null for nothing. */
type Lack = string | null;

function anyOf(mask: Int32Array, from: number, words = 1): boolean {
  for (let w = from; w < from + words; w++) if (mask[w] !== 0) return true;
  return false;
}

/** OVS: check_mask. */
function matchLack({ mask }: FlowMatch, support: DatapathSupport): Lack {
  if (mask[F_CT_STATE] !== 0 && !support.ctState) return 'ct_state';
  if ((mask[F_CT_STATE] & CS_NAT) !== 0 && !support.ctStateNat) return 'ct_state of nat';
  if (mask[F_CT_ZONE] !== 0 && !support.ctZone) return 'ct_zone';
  if (mask[F_CT_MARK] !== 0 && !support.ctMark) return 'ct_mark';
  if (anyOf(mask, F_CT_LABEL, 4) && !support.ctLabel) return 'ct_label';
  const common = anyOf(mask, F_CT_NW_PROTO) || anyOf(mask, F_CT_TP_SRC) || anyOf(mask, F_CT_TP_DST);
  if (common && !support.ctOrigTuple && !support.ctOrigTuple6) return "connections' addresses";
  if ((anyOf(mask, F_CT_NW_SRC) || anyOf(mask, F_CT_NW_DST)) && !support.ctOrigTuple) return 'ct_nw_src';
  if ((anyOf(mask, F_CT_IPV6_SRC, 4) || anyOf(mask, F_CT_IPV6_DST, 4)) && !support.ctOrigTuple6) {
    return 'ct_ipv6_src';
  }
  return null;
}

/** The word of the field that an action of ct's exec sets, -1 for none. */
function setWord(action: Action): number {
  if (action.type === 'set_field') return action.field.word;
  return action.type === 'move' ? action.target.field.word : -1;
}

function ctLack(ct: ActionOf<'ct'>, support: DatapathSupport): Lack {
  if (!support.ctState) return 'ct';
  if (ct.zone !== 0 && !support.ctZone) return 'zones of ct';
  if (ct.nat !== null && !support.ctStateNat) return 'nat';
  for (const action of ct.exec) {
    const word = setWord(action);
    if (word === F_CT_MARK && !support.ctMark) return 'ct_mark';
    if (word >= F_CT_LABEL && word < F_CT_LABEL + 4 && !support.ctLabel) return 'ct_label';
  }
  return null;
}

/**
 * Refuses a flow that needs connection tracking which the datapath has not (OVS: rule_check; actions inside others are not looked at). Throws
 * TableError: NXBMC_CT_DATAPATH_SUPPORT for the match, NXBAC_CT_DATAPATH_SUPPORT for an action.
 */
export function checkDatapathCanDo(
  flow: { readonly match: FlowMatch; readonly actions: readonly Action[] },
  support: DatapathSupport,
): void {
  const unmatched = matchLack(flow.match, support);
  if (unmatched !== null) {
    throw new TableError('NXBMC_CT_DATAPATH_SUPPORT', `the datapath cannot match ${unmatched}`);
  }
  for (const action of flow.actions) {
    const lack = action.type === 'ct' ? ctLack(action, support) : null;
    if (lack !== null) throw new TableError('NXBAC_CT_DATAPATH_SUPPORT', `the datapath has no ${lack}`);
  }
}
