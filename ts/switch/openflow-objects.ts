import type { Bridge } from '../bridge/index.js';
import { ALL_TABLES } from '../classifier/index.js';
import {
  eachFlowMod,
  emptyMatch,
  type FlowMod,
  type FlowObject,
  FLOW_RESET_COUNTS,
  flowText,
  formatFlow,
  formatFlowStats,
  formatGroup,
  GROUP_ANY,
  type GroupCommand,
  type GroupMod,
  type GroupObject,
  groupText,
  meaningfulLines,
  type MeterObject,
  type MeterSpec,
  meterText,
  OFPP_NONE,
  type ParseFlowOptions,
  parseFlowMod,
  parseGroupMod,
  parseMeter,
  type Rule,
  toFlowSpec,
} from '../openflow/index.js';
import type { BridgeTables, MeterStatistics } from './bridge-tables.js';
import type { Counter } from './counter.js';

/** Flows in the syntax of ovs-ofctl, one a line, or one by one. */
export type FlowList = string | readonly (string | FlowObject)[];

/** A flow of a table with what it counted. */
export interface FlowStatistics {
  readonly table: number;
  readonly priority: number;
  /** 64 bits. */
  readonly cookie: bigint;
  /** Seconds, 0 for never. */
  readonly idleTimeout: number;
  readonly hardTimeout: number;
  readonly packets: number;
  readonly bytes: number;
  /** Milliseconds since it was added, and since it was last used (added until then). */
  readonly durationMs: number;
  readonly idleMs: number;
  /** The flow as `ovs-ofctl add-flow` takes it. */
  readonly flow: string;
  /** The flow as `ovs-ofctl dump-flows` prints it. */
  readonly text: string;
}

/** A group with what its buckets counted. */
export interface GroupStatistics {
  readonly groupId: number;
  /** The group as `ovs-ofctl add-group` takes it. */
  readonly text: string;
  /** In order of the buckets. */
  readonly buckets: readonly Readonly<Counter>[];
}

/** A meter with what it counted. */
export interface MeterDescription extends MeterStatistics {
  /** The meter as `ovs-ofctl add-meter` takes it. */
  readonly text: string;
}

/** What replaceFlows did. */
export interface FlowReplacement {
  readonly added: number;
  readonly modified: number;
  readonly removed: number;
  readonly kept: number;
}

/** The names that texts about a bridge may use. */
export function flowNames(bridge: Bridge): ParseFlowOptions {
  const { tlvMap } = bridge;
  return {
    version: 'as-needed',
    portNames: bridge.portNames(),
    tableNames: bridge.flowTables.tableNames(),
    ...(tlvMap === undefined ? {} : { tlvMap }),
  };
}

/** Reads flows of any form as changes to make. Throws SyntaxProblem. */
export function readFlows(bridge: Bridge, flows: FlowList): FlowMod[] {
  return [...eachFlow(bridge, flows)];
}

/** As readFlows, one by one. */
export function* eachFlow(bridge: Bridge, flows: FlowList): Generator<FlowMod, void> {
  const names = flowNames(bridge);
  if (typeof flows === 'string') {
    yield* eachFlowMod(flows, names);
    return;
  }
  for (const [i, flow] of flows.entries())
    yield parseFlowMod(flowText(flow), 'add', { ...names, line: i + 1 });
}

/** Reads groups of any form as changes to make. Throws SyntaxProblem. */
export function readGroups(
  bridge: Bridge,
  groups: string | readonly (string | GroupObject)[],
  command: GroupCommand,
): GroupMod[] {
  const names = flowNames(bridge);
  return lines(groups, groupText).map(({ content, line }) =>
    parseGroupMod(content, command, { ...names, line }),
  );
}

/** Reads meters of any form. Throws SyntaxProblem. */
export function readMeters(meters: string | readonly (string | MeterObject)[]): MeterSpec[] {
  return lines(meters, meterText).map(({ content, line }) => parseMeter(content, line));
}

function lines<T>(
  list: string | readonly (string | T)[],
  textOf: (one: string | T) => string,
): { readonly content: string; readonly line: number }[] {
  if (typeof list === 'string') return [...meaningfulLines(list)];
  return list.map((one, i) => ({ content: textOf(one), line: i + 1 }));
}

const wide = (high: number, low: number) => (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);

/** The flows that `filter` means, as `ovs-ofctl dump-flows` takes it, with their counters. */
export function flowStatistics(bridge: Bridge, filter: string, now: number): FlowStatistics[] {
  const mod = parseFlowMod(filter, 'delete', flowNames(bridge));
  const rules = bridge.flowTables.select({
    table: mod.table,
    match: mod.match,
    cookie: wide(mod.cookieMatchHigh, mod.cookieMatchLow),
    cookieMask: wide(mod.cookieMaskHigh, mod.cookieMaskLow),
    outPort: mod.outPort,
    outGroup: mod.outGroup,
  });
  return rules.map((rule) => describe(rule, now, bridge));
}

function describe(rule: Rule, now: number, { tlvMap }: Bridge): FlowStatistics {
  const { created = now, used = created } = rule;
  return {
    table: rule.table,
    priority: rule.priority,
    cookie: wide(rule.cookieHigh, rule.cookieLow),
    idleTimeout: rule.idleTimeout,
    hardTimeout: rule.hardTimeout,
    packets: rule.packets,
    bytes: rule.bytes,
    durationMs: now - created,
    idleMs: now - used,
    flow: formatFlow({ ...rule, flags: (rule.flags ?? 0) & ~FLOW_RESET_COUNTS }, tlvMap),
    text: formatFlowStats(rule, now, tlvMap).trimStart(),
  };
}

export function groupStatistics({ bridge, groups, bucketCounters }: BridgeTables): GroupStatistics[] {
  return [...groups]
    .sort((a, b) => a.groupId - b.groupId)
    .map((group) => ({
      groupId: group.groupId,
      text: formatGroup(group),
      buckets: (bridge.groups.get(group.groupId)?.buckets ?? []).map((bucket) => ({
        ...bucketCounters.get(bucket),
      })),
    }));
}

type Place = Pick<Rule, 'table' | 'priority' | 'match'>;

/** What two flows must share to be one in its table. */
function placeOf({ table, priority, match }: Place): string {
  return `${table === ALL_TABLES ? 0 : table} ${priority} ${match.key.join()} ${match.mask.join()}`;
}

/** What else of a flow counts; a wish for the counters to begin anew is none of it. */
function contentOf(rule: Rule | ReturnType<typeof toFlowSpec>): string {
  return formatFlow({ ...rule, flags: (rule.flags ?? 0) & ~FLOW_RESET_COUNTS });
}

function deletionOf({ table, priority, match }: Place): FlowMod {
  return {
    command: 'delete_strict',
    ...{ table: table === ALL_TABLES ? 0 : table, priority, match, actions: [], flags: 0, mayAdd: false },
    ...{ cookieHigh: 0, cookieLow: 0, setsCookie: false },
    ...{ cookieMatchHigh: 0, cookieMatchLow: 0, cookieMaskHigh: 0, cookieMaskLow: 0 },
    ...{ outPort: OFPP_NONE, outGroup: GROUP_ANY, idleTimeout: 0, hardTimeout: 0, importance: 0 },
  };
}

/** The changes that make a bridge's flows those of `wanted`; only flows of `among` go, if given. Of two wanted flows of one place the last counts. */
export function planReplacement(
  bridge: Bridge,
  wanted: readonly FlowMod[],
  among: readonly FlowMod[] | null,
): { readonly mods: readonly FlowMod[]; readonly result: FlowReplacement } {
  const all = bridge.flowTables.select({ table: ALL_TABLES, match: emptyMatch() });
  const before = new Map(all.map((rule) => [placeOf(rule), rule]));
  const after = new Map(wanted.map((mod) => [placeOf(mod), mod]));
  const candidates = among === null ? before : new Map(among.map((mod) => [placeOf(mod), mod]));
  const deletions = [...candidates].filter(([place]) => before.has(place) && !after.has(place));
  const changed = [...after].filter(([place, mod]) => {
    const rule = before.get(place);
    return rule === undefined || contentOf(rule) !== contentOf(toFlowSpec(mod));
  });
  const modified = changed.filter(([place]) => before.has(place)).length;
  return {
    mods: [
      ...deletions.map(([, one]) => deletionOf(one)),
      ...changed.map(([, mod]) => ({ ...mod, flags: mod.flags & ~FLOW_RESET_COUNTS })),
    ],
    result: {
      added: changed.length - modified,
      modified,
      removed: deletions.length,
      kept: after.size - changed.length,
    },
  };
}
