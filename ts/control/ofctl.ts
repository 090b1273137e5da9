import { native } from '../native/index.js';
import { formatFlowStats, parseFlowMod } from '../openflow/index.js';
import type { Bridge } from '../switch/index.js';
import { bridgeOf } from './fdb.js';
import type { Command } from './types.js';

const wide = (high: number, low: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/**
 * The rules of a bridge with their statistics, by table and falling priority, one a line as `ovs-ofctl dump-flows` prints them. `match` is what may
 * follow the bridge there: `table=4,ip`. Throws SyntaxProblem.
 */
export function rulesText(bridge: Bridge, match: string, now: number): string {
  const { tlvMap, flowTables } = bridge;
  const mod = parseFlowMod(match, 'delete', {
    portNames: bridge.portNames(),
    tableNames: flowTables.tableNames(),
    ...(tlvMap === undefined ? {} : { tlvMap }),
  });
  const rules = flowTables.select({
    table: mod.table,
    match: mod.match,
    cookie: wide(mod.cookieMatchHigh, mod.cookieMatchLow),
    cookieMask: wide(mod.cookieMaskHigh, mod.cookieMaskLow),
    outPort: mod.outPort,
  });
  return rules.map((rule) => formatFlowStats(rule, now, tlvMap)).join('\n');
}

/** Commands about OpenFlow. */
export const OFCTL_COMMANDS: readonly Command[] = [
  {
    name: 'ofctl/dump-flows',
    usage: 'BRIDGE [MATCH]',
    help: 'show the rules of a bridge as ovs-ofctl dump-flows does',
    least: 1,
    most: 2,
    run: ({ theSwitch }, [name, match = '']) =>
      rulesText(bridgeOf(theSwitch, name), match, native().monotonicMs()),
  },
];
