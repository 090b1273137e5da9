import type { Configuration, Row } from '../config/index.js';
import { McastTable, mcastTag } from '../xlate/index.js';
import { type Bridge, type BridgeBundle, numberOption } from './bridge.js';

/** Defaults of ovs-vswitchd.conf.db(5), and the range that OVS takes (mcast_snooping_set_idle_time, _set_max_entries). */
const AGING_SECONDS = { fallback: 300, min: 15, max: 3600 };
const TABLE_SIZE = { fallback: 2048, min: 10, max: 1_000_000 };

/** Multicast snooping as a Bridge record and its Port records have it; null when it is off. What was learned stays. */
export function configureMcast(configuration: Configuration, row: Row, bridge: Bridge): McastTable | null {
  if (!row.flag('mcast_snooping_enable')) return null;
  const agingMs = numberOption(row, 'mcast-snooping-aging-time', AGING_SECONDS) * 1000;
  const capacity = numberOption(row, 'mcast-snooping-table-size', TABLE_SIZE);
  const table = bridge.mcast ?? new McastTable({ onChange: () => bridge.watcher?.tag(mcastTag(bridge)) });
  table.setLimits(agingMs, capacity);
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
