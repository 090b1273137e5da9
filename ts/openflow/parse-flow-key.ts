import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_PACKET_TYPE,
  F_TUN_OPTS_LEN,
  F_VLAN_TCI,
  F_VLAN_TPID,
} from '../fields/index.js';
import { emptyMatch, VLAN_CFI } from './match.js';
import { MatchParser } from './parse-match.js';
import { FLAG_FORMATS } from './flags.js';
import { fail, type Item, slice, splitItems } from './syntax.js';
import { TUN_OPTS_AS_FIELDS, type TlvMap } from './tlv-map.js';
import { OFPP_NONE } from './types.js';

const ETH_TYPE_VLAN = 0x8100;

/**
 * One flow in OpenFlow's words (`tcp,in_port=1,nw_src=10.0.0.1,…`, as `ofproto/trace` takes them) → its key, a new row of
 * flow words. Tunnel options are fields of `tlvMap`. What is not named is zero, the port OFPP_NONE, the TPID of a tag 0x8100. Masks have no meaning here: only the bits of the value count.
 * Throws SyntaxProblem with line and column.
 */
export function parseFlowKey(
  text: string,
  portNames?: ReadonlyMap<string, number>,
  tlvMap?: TlvMap,
): Int32Array {
  const match = emptyMatch();
  const parser = new MatchParser(match, portNames);
  const whole =
    tlvMap === undefined ? { text, line: 1, column: 1 } : { text, line: 1, column: 1, fields: tlvMap };
  for (const item of splitItems(slice(whole, 0))) {
    if (!parser.accept(withPlainFlags(item))) fail(item.key, `"${item.key.text}" is no match field`);
  }
  parser.finish();
  // Packets without an Ethernet header begin with what their packet type says.
  const packetType = match.key[F_PACKET_TYPE];
  if (packetType >>> 16 === 1) match.key[F_ETH_TYPE] = packetType & 0xffff;
  if (match.key[F_IN_PORT] === 0) match.key[F_IN_PORT] = OFPP_NONE;
  if ((match.key[F_VLAN_TCI] & VLAN_CFI) !== 0) match.key[F_VLAN_TPID] = ETH_TYPE_VLAN;
  if (tlvMap?.hasFields(match.key, 0)) match.key[F_TUN_OPTS_LEN] = TUN_OPTS_AS_FIELDS;
  return match.key;
}

/** A flow has flags as names, `syn|ack`, where a match has `+syn+ack`; the value as a number. */
export function withPlainFlags(item: Item): Item {
  const names = Object.hasOwn(FLAG_FORMATS, item.key.text) ? FLAG_FORMATS[item.key.text] : undefined;
  if (names === undefined || item.value === undefined || !/^[a-z[]/.test(item.value.text)) return item;
  const { value } = item;
  let flags = 0;
  for (const name of value.text.split('|')) {
    const bit = names.indexOf(name);
    if (bit < 0) fail(value, `${item.key.text}: "${name}" is none of ${names.join(', ')}`);
    flags |= 1 << bit;
  }
  return { ...item, value: { ...value, text: String(flags) } };
}
