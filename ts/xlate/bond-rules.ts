import { F_DP_HASH } from '../fields/index.js';
import { emptyMatch, type Rule } from '../openflow/index.js';
import { INTERNAL_TABLE } from './bond-recirc.js';
import type { XPort } from './types.js';

/** Priority of the rules (OVS: RECIRC_RULE_PRIORITY). */
const PRIORITY = 20;

/**
 * The rule that sends on packets which the datapath hashed to one of `entries` entries of a bond. OVS's has the recirculation id in its
 * match too, which is exact in any case.
 */
export function bondRule(entry: number, entries: number, port: XPort): Rule {
  const match = emptyMatch();
  match.key[F_DP_HASH] = entry;
  match.mask[F_DP_HASH] = entries - 1;
  return {
    table: INTERNAL_TABLE,
    priority: PRIORITY,
    match,
    actions: [{ type: 'output', port: port.ofport, maxLen: 0 }],
    cookieHigh: 0,
    cookieLow: 0,
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    packets: 0,
    bytes: 0,
  };
}
