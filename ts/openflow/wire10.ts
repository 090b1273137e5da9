import { fromWords, toWords, VLAN_CFI } from './match.js';
import { type Action, type MatchField, OFPP_IN_PORT } from './types.js';
import { fullMask } from './values.js';

type SetField = Extract<Action, { type: 'set_field' }>;

/** Fields that OpenFlow 1.0 sets with actions of its own, which take whole values: a mask is lost. */
const WHOLE = new Set([
  'eth_src',
  'eth_dst',
  'ip_src',
  'ip_dst',
  'nw_tos',
  'ip_dscp',
  'nw_ecn',
  'tcp_src',
  'tcp_dst',
  'udp_src',
  'udp_dst',
]);
/** Whether OpenFlow 1.0 can set only all of a field. */
export function takesWholeValue(field: MatchField): boolean {
  return WHOLE.has(field.name);
}

/** Fields that have only a long form on the wire, in which a mask finds room. */
const LONG_FORM = /^(nsh_|tun_erspan_|tun_gtpu_|tun_metadata|nd_reserved|nd_options_type)/;
/** Most bits that one load can carry. */
const LOAD_BITS = 64;
const STRIP_VLAN: Action = { type: 'pop_vlan', form: 'strip' };

/** What OpenFlow 1.0 makes of one action. It has no instructions: goto_table becomes a resubmit, write_metadata an action, the rest is not sent. */
export function inOpenFlow10(action: Action): readonly Action[] {
  switch (action.type) {
    case 'goto_table':
      return [{ type: 'resubmit', port: OFPP_IN_PORT, table: action.table }];
    // The tag comes with the action that sets its id or priority.
    case 'push_vlan':
    case 'clear_actions':
      return [];
    case 'pop_vlan':
      return [STRIP_VLAN];
    case 'set_field':
      if (action.form === undefined) return setField(action);
      // The TTL and ECN have no action in OpenFlow 1.0.
      return [/^nw_(ttl|ecn)$/.test(action.field.name) ? { ...action, form: 'load' } : action];
    default:
      return [action];
  }
}

/** OpenFlow 1.0 has no set_field: it has actions for some fields, and OVS's load for the rest. */
function setField(action: SetField): readonly Action[] {
  const { field } = action;
  const value = fromWords(field, action.value, 0);
  if (field.name === 'vlan_tci') return setVlanTci(Number(value));
  if (field.name === 'vlan_vid') {
    return [{ type: 'set_vlan_vid', vid: Number(value) & 0xfff, pushIfAbsent: true }];
  }
  if (field.name === 'vlan_pcp') return [{ type: 'set_vlan_pcp', pcp: Number(value), pushIfAbsent: true }];
  if (WHOLE.has(field.name)) {
    return [
      { type: 'set_field', field, value: action.value, mask: toWords(field, fullMask(field)), form: 'mod' },
    ];
  }
  return LONG_FORM.test(field.name) ? [action] : loads(field, value, fromWords(field, action.mask, 0));
}

function setVlanTci(tci: number): readonly Action[] {
  if ((tci & VLAN_CFI) === 0) return [STRIP_VLAN];
  return [
    { type: 'set_vlan_vid', vid: tci & 0xfff, pushIfAbsent: true },
    { type: 'set_vlan_pcp', pcp: tci >>> 13, pushIfAbsent: true },
  ];
}

/** One load for each run of ones in the mask, lowest first. */
function loads(field: MatchField, value: bigint, mask: bigint): SetField[] {
  const list: SetField[] = [];
  let bit = 0;
  const isSet = (index: number) => ((mask >> BigInt(index)) & 1n) !== 0n;
  while (bit < field.bits) {
    const start = bit;
    while (bit < field.bits && bit < start + LOAD_BITS && isSet(bit)) bit++;
    if (bit === start) {
      bit++;
      continue;
    }
    const part = ((1n << BigInt(bit - start)) - 1n) << BigInt(start);
    list.push({
      type: 'set_field',
      field,
      value: toWords(field, value & part),
      mask: toWords(field, part),
      form: 'load',
    });
  }
  return list;
}
