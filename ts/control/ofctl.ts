import { SlowpathError } from '../errors/index.js';
import { bridgeStatisticsText, flowStatisticsText } from '../exporters/index.js';
import { native } from '../native/index.js';
import { formatFlowStats, parseFlowMod } from '../openflow/index.js';
import type { Bridge, Switch } from '../switch/index.js';
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

/** What ovs-ofctl says of statistics of something that is not configured. */
function notConfigured(what: string): SlowpathError {
  return new SlowpathError('ERR_NOT_CONFIGURED', `NXST_NOT_CONFIGURED: ${what}`);
}

/** `ovs-ofctl dump-ipfix-bridge` without the header. Throws ERR_NOT_CONFIGURED. */
function ipfixBridgeText(theSwitch: Switch, name: string): string {
  const statistics = theSwitch.exporters.ipfix.of(bridgeOf(theSwitch, name))?.bridgeStatistics;
  if (statistics == null) throw notConfigured(`bridge ${name} has no IPFIX record in its column ipfix`);
  return bridgeStatisticsText(statistics);
}

/** `ovs-ofctl dump-ipfix-flow` without the header. Throws ERR_NOT_CONFIGURED. */
function ipfixFlowText(theSwitch: Switch, name: string): string {
  const statistics = theSwitch.exporters.ipfix.of(bridgeOf(theSwitch, name))?.flowStatistics;
  if (statistics === undefined || statistics.size === 0)
    throw notConfigured(`bridge ${name} has no Flow_Sample_Collector_Set with an IPFIX record`);
  return flowStatisticsText(statistics);
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
  {
    name: 'ofctl/dump-ipfix-bridge',
    usage: 'BRIDGE',
    help: 'show the statistics of bridge IPFIX as ovs-ofctl dump-ipfix-bridge does',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [name]) => ipfixBridgeText(theSwitch, name),
  },
  {
    name: 'ofctl/dump-ipfix-flow',
    usage: 'BRIDGE',
    help: 'show the statistics of flow-based IPFIX as ovs-ofctl dump-ipfix-flow does',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [name]) => ipfixFlowText(theSwitch, name),
  },
];
