import { requireField } from './fields.js';
import { inOpenFlow10 } from './wire10.js';
import { toWords, VLAN_CFI } from './match.js';
import type { Action } from './types.js';

type SetField = Extract<Action, { type: 'set_field' }>;

/** An action that sets all of a field. */
function setField(name: string, number: bigint): SetField {
  const field = requireField(name);
  const mask = (1n << BigInt(field.bits)) - 1n;
  return { type: 'set_field', field, value: toWords(field, number), mask: toWords(field, mask) };
}

/** OVS gives the data of a note in multiples of eight bytes with the six that stand in the first of them. */
function padNote(data: Uint8Array): Uint8Array {
  const padded = new Uint8Array(Math.max(6, Math.ceil((data.length - 6) / 8) * 8 + 6));
  padded.set(data);
  return padded;
}

/** Sets a VLAN field, of a new tag if there is none. */
function setVlan(name: string, number: number, push: boolean): readonly Action[] {
  const set = setField(name, BigInt(number));
  return push ? [{ type: 'push_vlan', tpid: 0x8100 }, set] : [set];
}

/** What OpenFlow 1.5 makes of one action: it has set_field where earlier versions have actions of their own. */
function inOpenFlow15(action: Action, hasVlan: boolean): readonly Action[] {
  switch (action.type) {
    case 'enqueue':
      return [
        { type: 'set_queue', queue: action.queue },
        { type: 'output', port: action.port, maxLen: 0 },
        { type: 'pop_queue' },
      ];
    case 'set_vlan_vid':
      return setVlan('vlan_vid', action.vid | VLAN_CFI, action.pushIfAbsent && !hasVlan);
    case 'set_vlan_pcp':
      return setVlan('vlan_pcp', action.pcp, action.pushIfAbsent && !hasVlan);
    case 'set_tunnel':
      return [setField('tun_id', (BigInt(action.idHigh >>> 0) << 32n) | BigInt(action.idLow >>> 0))];
    case 'set_mpls_label':
      return [setField('mpls_label', BigInt(action.label))];
    case 'set_mpls_tc':
      return [setField('mpls_tc', BigInt(action.tc))];
    case 'set_field':
      return [withoutForm(action)];
    case 'pop_vlan':
      return [{ type: 'pop_vlan' }];
    default:
      return [action];
  }
}

/** OpenFlow 1.5 has an action of its own only for the TTL; ports without a protocol keep theirs in text. */
function withoutForm(action: SetField): SetField {
  if (action.form === undefined) return action;
  if (action.form === 'mod' && (action.field.name === 'nw_ttl' || action.field.name.startsWith('tp_')))
    return action;
  return { type: 'set_field', field: action.field, value: action.value, mask: action.mask };
}

/** Tags that the packet surely has, as a set. */
const OUTER = 1;
const INNER = 2;

/** The tags after an action. A key has room for two. */
function tagsAfter(type: Action['type'], tags: number): number {
  switch (type) {
    case 'push_vlan':
      return (tags & OUTER) !== 0 ? OUTER | INNER : OUTER;
    case 'pop_vlan':
      return (tags & INNER) !== 0 ? OUTER : 0;
    case 'set_vlan_vid':
    case 'set_vlan_pcp':
      return tags | OUTER;
    default:
      return tags;
  }
}

/**
 * Actions as they arrive at the switch when ovs-ofctl sends them in OpenFlow 1.5, or in 1.0. `hasVlan`: the packet surely has
 * a VLAN tag before the first of them; null: nobody looks, as in groups, where mod_vlan_vid always pushes one.
 */
export function asSent(actions: readonly Action[], openFlow15: boolean, hasVlan: boolean | null): Action[] {
  return listAsSent(actions, openFlow15, hasVlan === true ? OUTER : 0, hasVlan !== null);
}

/** As asSent, of a packet with `tags`; what actions do to them counts when `follow`. */
function listAsSent(
  actions: readonly Action[],
  openFlow15: boolean,
  tags: number,
  follow: boolean,
): Action[] {
  const list: Action[] = [];
  let now = tags;
  for (const action of actions) {
    for (const sent of oneAsSent(action, openFlow15, now)) list.push(sent);
    if (follow) now = tagsAfter(action.type, now);
  }
  return list;
}

function oneAsSent(action: Action, openFlow15: boolean, tags: number): readonly Action[] {
  switch (action.type) {
    case 'note':
      return [{ type: 'note', data: padNote(action.data) }];
    case 'write_actions':
      if (!openFlow15) return [];
      return [{ type: 'write_actions', actions: listAsSent(action.actions, openFlow15, tags, true) }];
    case 'clone':
      return [{ type: 'clone', actions: listAsSent(action.actions, openFlow15, tags, true) }];
    case 'ct':
      return [{ ...action, exec: listAsSent(action.exec, openFlow15, tags, true) }];
    default:
      return openFlow15 ? inOpenFlow15(action, (tags & OUTER) !== 0) : inOpenFlow10(action);
  }
}
