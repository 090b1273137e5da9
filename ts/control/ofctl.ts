import { SlowpathError } from '../errors/index.js';
import { bridgeStatisticsText, flowStatisticsText } from '../exporters/index.js';
import { native } from '../native/index.js';
import { type FlowFormat, formatFlow, formatFlowReply, parseFlowMod, type Rule } from '../openflow/index.js';
import type { Bridge, Switch } from '../switch/index.js';
import { bridgeOf } from './fdb.js';
import type { Command } from './types.js';

const wide = (high: number, low: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** What `ovs-ofctl dump-flows` is asked for, beside the bridge and the match. */
export interface RulesOptions {
  /** -O; OpenFlow10 unless given. */
  readonly version?: 'OpenFlow10' | 'OpenFlow15';
  /** --names: of ports in place of their numbers. */
  readonly names?: boolean;
  /** Not --no-stats. */
  readonly statistics?: boolean;
}

/**
 * The rules of a bridge, by table and falling priority, one a line as `ovs-ofctl dump-flows` prints them. `match` is what may follow the bridge
 * there: `table=4,ip`. Throws SyntaxProblem.
 */
export function rulesText(bridge: Bridge, match: string, now: number, options: RulesOptions = {}): string {
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
    outGroup: mod.outGroup,
  });
  const { version = 'OpenFlow10', names = false, statistics = true } = options;
  const format: FlowFormat = {
    version,
    ...(names ? { ports: portLabels(bridge) } : {}),
    ...(tlvMap === undefined ? {} : { tlvMap }),
  };
  const line = (rule: Rule) =>
    statistics ? formatFlowReply(rule, now, format) : ` ${formatFlow(rule, tlvMap, format)}`;
  return rules.map(line).join('\n');
}

const portLabels = (bridge: Bridge) =>
  new Map([...bridge.portNames()].map(([name, number]) => [number, name] as const));

/** The options of ofctl/dump-flows and its words. Throws ERR_USAGE. */
function split(args: readonly string[]): { options: RulesOptions; words: readonly string[] } {
  const words: string[] = [];
  let options: RulesOptions = {};
  for (let i = 0; i < args.length; i++) {
    const arg = args[i];
    const version =
      /^(?:-O|--protocols=)(.+)/.exec(arg)?.[1] ?? (arg === '-O' ? (args[++i] ?? '') : undefined);
    if (version !== undefined) options = { ...options, version: versionOf(version) };
    else if (arg === '--names') options = { ...options, names: true };
    else if (arg === '--no-names') options = { ...options, names: false };
    else if (arg === '--no-stats') options = { ...options, statistics: false };
    else if (arg.startsWith('-')) throw usage(`unrecognized option '${arg}'`);
    else words.push(arg);
  }
  if (words.length === 0) throw usage("'dump-flows' command requires at least 1 arguments");
  if (words.length > 2) throw usage("'dump-flows' command takes at most 2 arguments");
  return { options, words };
}

function versionOf(text: string): 'OpenFlow10' | 'OpenFlow15' {
  if (text === 'OpenFlow10' || text === 'OpenFlow15') return text;
  throw usage(`-O ${text}: flows are told in the words of OpenFlow10 or OpenFlow15`);
}

function usage(message: string): SlowpathError {
  return new SlowpathError('ERR_USAGE', message);
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
    usage: '[-O VERSION] [--names] [--no-stats] bridge [match]',
    help: 'show the rules of a bridge as ovs-ofctl dump-flows does; with -O OpenFlow15 all that they have',
    least: 1,
    most: 6,
    run: ({ theSwitch }, args) => {
      const { options, words } = split(args);
      const [name, match = ''] = words;
      return rulesText(bridgeOf(theSwitch, name), match, native().monotonicMs(), options);
    },
  },
  {
    name: 'ofctl/dump-ipfix-bridge',
    usage: 'bridge',
    help: 'show the statistics of bridge IPFIX as ovs-ofctl dump-ipfix-bridge does',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [name]) => ipfixBridgeText(theSwitch, name),
  },
  {
    name: 'ofctl/dump-ipfix-flow',
    usage: 'bridge',
    help: 'show the statistics of flow-based IPFIX as ovs-ofctl dump-ipfix-flow does',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [name]) => ipfixFlowText(theSwitch, name),
  },
];
