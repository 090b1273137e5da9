import {
  OVS_ACTION_ATTR_ADD_MPLS,
  OVS_ACTION_ATTR_CT,
  OVS_ACTION_ATTR_CT_CLEAR,
  OVS_ACTION_ATTR_HASH,
  OVS_ACTION_ATTR_POP_ETH,
  OVS_ACTION_ATTR_POP_MPLS,
  OVS_ACTION_ATTR_POP_NSH,
  OVS_ACTION_ATTR_POP_VLAN,
  OVS_ACTION_ATTR_PUSH_ETH,
  OVS_ACTION_ATTR_PUSH_MPLS,
  OVS_ACTION_ATTR_PUSH_NSH,
  OVS_ACTION_ATTR_PUSH_VLAN,
  OVS_ACTION_ATTR_SET,
  OVS_ACTION_ATTR_SET_MASKED,
  OVS_ACTION_ATTR_TRUNC,
} from '../fields/index.js';
import { ActionsBuffer } from './actions-buffer.js';

/** Actions that leave the packet, or what is known of it, otherwise for those behind them. */
const CHANGES: ReadonlySet<number> = new Set([
  ...[OVS_ACTION_ATTR_SET, OVS_ACTION_ATTR_SET_MASKED, OVS_ACTION_ATTR_CT, OVS_ACTION_ATTR_CT_CLEAR],
  ...[
    OVS_ACTION_ATTR_PUSH_VLAN,
    OVS_ACTION_ATTR_PUSH_MPLS,
    OVS_ACTION_ATTR_PUSH_ETH,
    OVS_ACTION_ATTR_PUSH_NSH,
  ],
  ...[OVS_ACTION_ATTR_POP_VLAN, OVS_ACTION_ATTR_POP_MPLS, OVS_ACTION_ATTR_POP_ETH, OVS_ACTION_ATTR_POP_NSH],
  OVS_ACTION_ATTR_ADD_MPLS,
]);
/** Actions that are about the one behind them. */
const PREPARES: ReadonlySet<number> = new Set([OVS_ACTION_ATTR_TRUNC, OVS_ACTION_ATTR_HASH]);

/**
 * Takes actions[0 … length) apart into lists of at most `limit` bytes that, done one after the other on copies of one packet, come to the
 * same: each begins with what changed the packet so far. Null when that alone is too much. For packets that userspace forwards one by
 * one, because their actions fit into no message; so it may allocate.
 */
export function splitActions(actions: Uint8Array, length: number, limit: number): Uint8Array[] | null {
  const header = new DataView(actions.buffer, actions.byteOffset, length);
  const changes = new ActionsBuffer(limit);
  const list = new ActionsBuffer(limit);
  const lists: Uint8Array[] = [];
  let begun = 0;
  for (let at = 0; at < length; ) {
    const from = at;
    let type: number;
    do {
      type = header.getUint16(at + 2, true) & 0x3fff;
      at += (header.getUint16(at, true) + 3) & ~3;
    } while (PREPARES.has(type) && at < length);
    if (list.length + at - from > limit && list.length > begun) {
      lists.push(list.toBytes());
      list.reset();
      list.raw(changes.bytes, 0, changes.length);
      begun = list.length;
    }
    list.raw(actions, from, at - from);
    if (CHANGES.has(type)) changes.raw(actions, from, at - from);
    if (list.overflowed || changes.overflowed) return null;
  }
  if (list.length > begun || lists.length === 0) lists.push(list.toBytes());
  return lists;
}
