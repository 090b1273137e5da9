import type { Configuration, Row } from '../config/index.js';
import { McastTable } from '../xlate/index.js';
import { type Bridge, type BridgeBundle, numberOption } from './bridge.js';

/** Defaults of ovs-vswitchd.conf.db(5), and the least values that make sense. */
const AGING_SECONDS = 300;
const TABLE_SIZE = 2048;
const LEAST = 1;

/** Multicast snooping as a Bridge record and its Port records have it; null when it is off. What was learned stays. */
export function configureMcast(configuration: Configuration, row: Row, bridge: Bridge): McastTable | null {
  if (!row.flag('mcast_snooping_enable')) return null;
  const options = {
    agingMs: numberOption(row, 'mcast-snooping-aging-time', AGING_SECONDS, LEAST) * 1000,
    capacity: numberOption(row, 'mcast-snooping-table-size', TABLE_SIZE, LEAST),
  };
  const old = bridge.mcast;
  const same = old !== null && old.agingMs === options.agingMs && old.capacity === options.capacity;
  const table = same ? old : new McastTable(options);
  table.floodUnregistered =
    row.option('other_config', 'mcast-snooping-disable-flood-unregistered') !== 'true';
  const flagged = (key: string): BridgeBundle[] => {
    const names = new Set(
      configuration
        .referred(row, 'ports')
        .filter((port) => port.option('other_config', key) === 'true')
        .map((port) => port.text('name')),
    );
    return bridge.bundles.filter((bundle) => names.has(bundle.name));
  };
  table.setPorts(flagged('mcast-snooping-flood-reports'), flagged('mcast-snooping-flood'));
  return table;
}
