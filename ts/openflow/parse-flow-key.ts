import { F_IN_PORT, F_VLAN_TCI, F_VLAN_TPID } from '../fields/index.js';
import { emptyMatch, VLAN_CFI } from './match.js';
import { MatchParser } from './parse-match.js';
import { fail, slice, splitItems } from './syntax.js';
import { OFPP_NONE } from './types.js';

const ETH_TYPE_VLAN = 0x8100;

/**
 * One flow in OpenFlow's words (`tcp,in_port=1,nw_src=10.0.0.1,…`, as `ofproto/trace` takes them) → its key, a new row of
 * flow words. What is not named is zero, the port OFPP_NONE, the TPID of a tag 0x8100. Masks have no meaning here: only the bits of the value count.
 * Throws SyntaxProblem with line and column.
 */
export function parseFlowKey(text: string, portNames?: ReadonlyMap<string, number>): Int32Array {
  const match = emptyMatch();
  const parser = new MatchParser(match, portNames);
  for (const item of splitItems(slice({ text, line: 1, column: 1 }, 0))) {
    if (!parser.accept(item)) fail(item.key, `"${item.key.text}" is no match field`);
  }
  parser.finish();
  if (match.key[F_IN_PORT] === 0) match.key[F_IN_PORT] = OFPP_NONE;
  if ((match.key[F_VLAN_TCI] & VLAN_CFI) !== 0) match.key[F_VLAN_TPID] = ETH_TYPE_VLAN;
  return match.key;
}
