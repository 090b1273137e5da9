import { formatMaskedValue } from './format-values.js';
import { fromWords } from './match.js';
import { MAX_LEN_ALL, REASON_ACTION, REASONS, TABLE_CURRENT } from './constants.js';
import { formatPort } from './ports.js';
import { formatSubfield } from './subfield.js';
import { type Action, OFPP_IN_PORT } from './types.js';
import { fullMask } from './values.js';

function formatController(action: Extract<Action, { type: 'controller' }>): string {
  const { maxLen, reason, controllerId } = action;
  if (reason === REASON_ACTION && controllerId === 0) return `CONTROLLER:${maxLen}`;
  const args: string[] = [];
  if (reason !== REASON_ACTION) args.push(`reason=${REASONS[reason]}`);
  if (maxLen !== MAX_LEN_ALL) args.push(`max_len=${maxLen}`);
  if (controllerId !== 0) args.push(`id=${controllerId}`);
  return `controller(${args.join(',')})`;
}

function formatOutput(port: number, maxLen: number): string {
  const name = formatPort(port);
  if (maxLen !== 0) return `output(port=${name},max_len=${maxLen})`;
  return /^\d/.test(name) ? `output:${name}` : name;
}

function formatResubmit(port: number, table: number): string {
  if (table === TABLE_CURRENT) return `resubmit:${formatPort(port)}`;
  return `resubmit(${port === OFPP_IN_PORT ? '' : formatPort(port)},${table})`;
}

function formatSetField({ field, value, mask }: Extract<Action, { type: 'set_field' }>): string {
  const number = fromWords(field, value, 0);
  // A field that the flow key keeps in fewer bits than OpenFlow gives it (arp_op) was set as a whole.
  const kept = fromWords(field, mask, 0);
  const bits = field.name === 'arp_op' ? fullMask(field) : kept;
  if (field.name === 'nw_ttl') return `mod_nw_ttl:${number}`;
  return `set_field:${formatMaskedValue(field, number, bits)}->${field.name}`;
}

/**
 * One action as `ovs-ofctl -O OpenFlow15 dump-flows` prints it. `hasVlan`: the packet surely has a VLAN tag here, so that
 * mod_vlan_vid and mod_vlan_pcp need no push_vlan.
 */
function formatAction(action: Action, hasVlan: boolean): string {
  switch (action.type) {
    case 'output':
      return formatOutput(action.port, action.maxLen);
    case 'output_reg':
      return `output:${formatSubfield(action.source)}`;
    case 'controller':
      return formatController(action);
    case 'resubmit':
      return formatResubmit(action.port, action.table);
    case 'goto_table':
      return `goto_table:${action.table}`;
    case 'set_field':
      return formatSetField(action);
    case 'move':
      return `move:${formatSubfield(action.source)}->${formatSubfield(action.target)}`;
    case 'push_vlan':
      return `push_vlan:0x${action.tpid.toString(16)}`;
    case 'pop_vlan':
      return 'pop_vlan';
    case 'set_vlan_vid':
      return `${hasVlan ? '' : 'push_vlan:0x8100,'}set_field:${action.vid | 0x1000}->vlan_vid`;
    case 'set_vlan_pcp':
      return `${hasVlan ? '' : 'push_vlan:0x8100,'}set_field:${action.pcp}->vlan_pcp`;
    case 'dec_ttl':
      return 'dec_ttl';
    case 'multipath': {
      const { fields, basis, algorithm, links, arg, target } = action;
      return `multipath(${fields},${basis},${algorithm},${links},${arg},${formatSubfield(target)})`;
    }
    default:
      return action.type;
  }
}

/** An action list as OVS prints it; `drop` when there is none. */
export function formatActions(actions: readonly Action[], matchesVlan: boolean): string {
  if (actions.length === 0) return 'drop';
  let hasVlan = matchesVlan;
  const parts: string[] = [];
  for (const action of actions) {
    parts.push(formatAction(action, hasVlan));
    if (action.type === 'pop_vlan') hasVlan = false;
    else if (/^(push_vlan|set_vlan_vid|set_vlan_pcp)$/.test(action.type)) hasVlan = true;
  }
  return parts.join(',');
}
