import { type Bridge, type BridgePort, modPort, modTable, setFragments } from '../bridge/index.js';
import type { Datapath } from '../datapath/index.js';
import { native } from '../native/index.js';
import {
  type FlowMod,
  type FlowSpec,
  type GroupMod,
  type MeterMod,
  parseFlows,
  type TlvEntry,
} from '../openflow/index.js';
import type { TableMiss } from '../xlate/index.js';
import type { BridgeTables, MeterStatistics } from './bridge-tables.js';

/** The OpenFlow half of a switch: flows, groups, meters and settings of its bridges, as ovs-ofctl changes them. */
export abstract class OpenFlowSwitch {
  abstract readonly datapath: Datapath;

  /** The OpenFlow side of a bridge of this switch. Throws ERR_NO_BRIDGE. */
  abstract tables(bridge: Bridge): BridgeTables;

  /** Something changed that may concern any flow. */
  protected abstract changed(): void;

  /** Adds flows in ovs-ofctl syntax, one a line; all or none. Throws SyntaxProblem with line and column. */
  addFlows(bridge: Bridge, text: string): void {
    const { tlvMap } = bridge;
    const names = { portNames: bridge.portNames(), tableNames: bridge.flowTables.tableNames() };
    this.applyFlows(bridge, parseFlows(text, tlvMap === undefined ? names : { ...names, tlvMap }));
  }

  /** Says which Geneve options flows know as tun_metadataN (ovs-ofctl add-tlv-map). Throws TableError and changes nothing then. */
  setTlvMap(bridge: Bridge, entries: readonly TlvEntry[]): void {
    bridge.setTlvMap(entries);
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
    for (const mod of mods) this.tables(bridge).changeGroups(mod);
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
