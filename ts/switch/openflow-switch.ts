import { type Bridge, type BridgePort, modPort, modTable, setFragments } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import { native } from '../native/index.js';
import {
  type FlowFilter,
  type FlowMod,
  type FlowObject,
  type FlowSpec,
  filterText,
  flowText,
  formatMeter,
  type GroupMod,
  type GroupObject,
  METER_ALL,
  type MeterMod,
  type MeterObject,
  parseFlowMod,
  parseGroupMod,
  parseTlvMap,
  type TlvEntry,
} from '../openflow/index.js';
import type { TableMiss } from '../xlate/index.js';
import type { BridgeTables, MeterStatistics } from './bridge-tables.js';
import {
  eachFlow,
  type FlowList,
  type FlowReplacement,
  type FlowStatistics,
  flowNames,
  flowStatistics,
  type GroupStatistics,
  groupStatistics,
  type MeterDescription,
  planReplacement,
  readFlows,
  readGroups,
  readMeters,
} from './openflow-objects.js';
import { Slices } from '../util/index.js';

/** The OpenFlow half of a switch: flows, groups, meters and settings of its bridges, as ovs-ofctl changes them. */
export abstract class OpenFlowSwitch {
  abstract readonly datapath: Datapath;

  /** The OpenFlow side of a bridge of this switch. Throws ERR_NO_BRIDGE. */
  abstract tables(bridge: Bridge): BridgeTables;

  /** Something changed that may concern any flow. */
  protected abstract changed(): void;

  /**
   * Changes flows by the lines of a file as `ovs-ofctl add-flows` takes it (a line may begin with `delete`, `modify`, …), or adds flows that are given one by
   * one. Nothing changes when the syntax is wrong: SyntaxProblem with line and column. Throws TableError at the first that OpenFlow does not
   * allow; those before it stay.
   */
  addFlows(bridge: Bridge, flows: FlowList): void {
    this.changeFlows(bridge, readFlows(bridge, flows));
  }

  /**
   * As addFlows, for many: in slices of 1 to 2 ms, between which packets are translated, each by the flows that there are then. A line that deletes or
   * modifies many flows is done in slices too, after one look at all flows. Rejects as addFlows throws, also when the bridge goes meanwhile.
   */
  async loadFlows(bridge: Bridge, flows: FlowList): Promise<void> {
    const mods: FlowMod[] = [];
    const slices = new Slices();
    for (const mod of eachFlow(bridge, flows)) {
      mods.push(mod);
      if (slices.over) await slices.rest();
    }
    for (const mod of mods) {
      for (const _ of this.tables(bridge).changeFlowsInSteps(mod, () => native().monotonicMs())) {
        if (slices.over) await slices.rest();
        this.tables(bridge);
      }
    }
  }

  /** Gives flows other actions, as `ovs-ofctl mod-flows` does; adds the flow when there is none. `strict`: only that of its priority. Throws as addFlows. */
  modifyFlows(
    bridge: Bridge,
    flow: string | FlowObject,
    { strict = false }: { readonly strict?: boolean } = {},
  ): void {
    const command = strict ? 'modify_strict' : 'modify';
    this.changeFlows(bridge, [parseFlowMod(flowText(flow), command, flowNames(bridge))]);
  }

  /** Deletes flows, all without a filter; how many. Throws SyntaxProblem. */
  deleteFlows(bridge: Bridge, filter: string | FlowFilter = ''): number {
    const strict = typeof filter === 'object' && filter.strict !== undefined;
    const mod = parseFlowMod(filterText(filter), strict ? 'delete_strict' : 'delete', flowNames(bridge));
    return this.tables(bridge).changeFlows(mod, native().monotonicMs()).removed.length;
  }

  /** The flows of a bridge with what they counted until now, by table and falling priority. Throws SyntaxProblem. */
  flows(bridge: Bridge, filter: string | FlowFilter = ''): FlowStatistics[] {
    return flowStatistics(bridge, filterText(filter), native().monotonicMs());
  }

  /**
   * Makes the flows of a bridge those that are given, as `ovs-ofctl replace-flows` does: what is there already goes on with its counters. With `among` only flows
   * that it has may go: others, that were learned or added otherwise, stay. Throws as addFlows.
   */
  replaceFlows(
    bridge: Bridge,
    flows: FlowList,
    { among }: { readonly among?: FlowList } = {},
  ): FlowReplacement {
    const old = among === undefined ? null : readFlows(bridge, among);
    const { mods, result } = planReplacement(bridge, readFlows(bridge, flows), old);
    this.changeFlows(bridge, mods);
    return result;
  }

  /** Adds groups, one a line or one by one. Throws SyntaxProblem with line and column, TableError. */
  addGroups(bridge: Bridge, groups: string | readonly (string | GroupObject)[]): void {
    this.changeGroups(bridge, readGroups(bridge, groups, 'add'));
  }

  /** Puts a group in the place of the one with its number, or adds it. Throws as addGroups. */
  setGroup(bridge: Bridge, group: string | GroupObject): void {
    this.changeGroups(bridge, readGroups(bridge, [group], 'add_or_modify'));
  }

  /** Deletes a group, or all, with the flows that use it. */
  deleteGroup(bridge: Bridge, groupId: number | 'all'): void {
    this.changeGroups(bridge, [parseGroupMod(`group_id=${groupId}`, 'delete')]);
  }

  /** The groups of a bridge with what their buckets counted. */
  groups(bridge: Bridge): GroupStatistics[] {
    return groupStatistics(this.tables(bridge));
  }

  /** Adds meters, one a line or one by one. Throws SyntaxProblem with line and column, TableError, ERR_METER_BAND, NetlinkError. */
  addMeters(bridge: Bridge, meters: string | readonly (string | MeterObject)[]): void {
    this.changeMeters(
      bridge,
      readMeters(meters).map((meter) => ({ command: 'add', meter })),
    );
  }

  /** Puts a meter in the place of the one with its number, or adds it. Throws as addMeters. */
  setMeter(bridge: Bridge, meter: string | MeterObject): void {
    const [spec] = readMeters([meter]);
    const command = this.tables(bridge).meters.has(spec.meterId) ? 'modify' : 'add';
    this.changeMeters(bridge, [{ command, meter: spec }]);
  }

  /** Deletes a meter, or all, with the flows that use it. */
  deleteMeter(bridge: Bridge, meterId: number | 'all'): void {
    this.changeMeters(bridge, [{ command: 'delete', meterId: meterId === 'all' ? METER_ALL : meterId }]);
  }

  /** The meters of a bridge with what they counted, by number. Throws NetlinkError. */
  meters(bridge: Bridge): MeterDescription[] {
    return [...this.tables(bridge).meters]
      .sort((a, b) => a.meterId - b.meterId)
      .map((meter) => ({
        ...this.meterStats(bridge, meter.meterId)!,
        text: formatMeter(meter).replaceAll('\n', ' '),
      }));
  }

  /** Says which Geneve options flows know as tun_metadataN (ovs-ofctl add-tlv-map). Throws TableError and changes nothing then. */
  setTlvMap(bridge: Bridge, entries: string | readonly TlvEntry[]): void {
    bridge.setTlvMap(typeof entries === 'string' ? parseTlvMap(entries) : entries);
    this.changed();
  }

  /** Adds flows; one with the match and priority of another replaces it. */
  applyFlows(bridge: Bridge, flows: readonly FlowSpec[]): void {
    const now = native().monotonicMs();
    const tables = this.tables(bridge);
    for (const flow of flows) tables.addFlow(flow, now);
  }

  /** Adds, modifies or deletes flows as ovs-ofctl does. Throws TableError at the first that OpenFlow does not allow; those before it stay. */
  changeFlows(bridge: Bridge, mods: readonly FlowMod[]): void {
    const now = native().monotonicMs();
    const tables = this.tables(bridge);
    for (const mod of mods) tables.changeFlows(mod, now);
  }

  /** Changes the groups of a bridge. Throws TableError. */
  changeGroups(bridge: Bridge, mods: readonly GroupMod[]): void {
    for (const mod of mods) this.tables(bridge).changeGroups(mod, native().monotonicMs());
  }

  /** Changes the meters of a bridge and of the datapath. Throws TableError, ERR_METER_BAND, NetlinkError. */
  changeMeters(bridge: Bridge, mods: readonly MeterMod[]): void {
    try {
      for (const mod of mods) this.tables(bridge).changeMeters(mod, native().monotonicMs());
    } finally {
      this.changed();
    }
  }

  /** Changes a port as `ovs-ofctl mod-port` does: up, down, receive, no-flood, … Throws ERR_SETTING; NetlinkError when its device refuses. */
  modPort(port: BridgePort, word: string): void {
    modPort(port, word);
    const isLink = word === 'up' || word === 'down';
    if (isLink && port.ifindex !== 0) this.datapath.route.setLinkUp(port.ifindex, word === 'up');
    this.changed();
  }

  /** How the rules of a bridge see fragments: normal, drop or nx-match, as `ovs-ofctl set-frags` takes it. Throws ERR_SETTING. */
  setFragments(bridge: Bridge, mode: string): void {
    setFragments(bridge, mode);
    this.changed();
  }

  /** What becomes of packets that no rule of a table matches, as `ovs-ofctl mod-table` takes it. Throws ERR_SETTING. */
  modTable(bridge: Bridge, table: number | 'all', action: TableMiss | 'default'): void {
    modTable(bridge, table, action);
    this.changed();
  }

  /** Statistics of a meter; undefined when the bridge has none of that number. Throws NetlinkError. */
  meterStats(bridge: Bridge, meterId: number): MeterStatistics | undefined {
    return this.tables(bridge).meterStats(meterId, native().monotonicMs());
  }
}
