import { emptyMatch, type Rule } from '../openflow/index.js';
import { WHOLE_PACKET } from './controller.js';

/** OVS's own reason for packets that go to controllers because no rule matched, whatever tables have as their last one. */
const OFPR_IMPLICIT_MISS = 7;
/** Tables of rules; the one behind them is OVS's own. */
export const TABLES = 254;

function internalRule(actions: Rule['actions']): Rule {
  const timeouts = { idleTimeout: 0, hardTimeout: 0, importance: 0, flags: 0 };
  const cookie = { cookieHigh: 0, cookieLow: 0, packets: 0, bytes: 0 };
  return { table: TABLES, priority: 0, match: emptyMatch(), actions, ...timeouts, ...cookie };
}

/** The packet goes to controllers: no rule matched and the table wants it so. Nobody's rule, so not credited. */
export const PACKET_IN_RULE: Rule = internalRule([
  { type: 'controller', maxLen: WHOLE_PACKET, reason: OFPR_IMPLICIT_MISS, controllerId: 0 },
]);
/** The packet is a fragment in a bridge that drops them. */
export const FRAGMENT_RULE: Rule = internalRule([]);
