import type { Configuration, Row } from './configuration.js';
import { defaultDatum, equalData } from './datum.js';
import { describeRow } from './draft.js';
import { SCHEMA } from './schema.js';

/** Why a known setting has no effect, and what to do instead. */
type Reasons = Readonly<Record<string, string>>;

const ELSEWHERE = 'there is no OpenFlow or OVSDB connection: controllers are callbacks of the Switch';
const BY_THE_SYSTEM =
  'devices are set up by the system, not by the switch: use ip-link(8), tc(8) or ethtool(8)';
const NO_PROTOCOL =
  'this protocol is not spoken: its packets go to the slow path and are dropped there, or follow the flows';

/** Columns that are known and that the switch does not act upon, by table. Those that only note something are not among them. */
const UNSUPPORTED: Readonly<Record<string, Reasons>> = {
  Open_vSwitch: {
    manager_options: ELSEWHERE,
    ssl: ELSEWHERE,
    datapaths: 'connection tracking zones keep the timeouts of the datapath',
  },
  Bridge: {
    datapath_type:
      'all bridges of a switch are in its one datapath: choose it with the datapath options of Switch.open',
    stp_enable: NO_PROTOCOL,
    rstp_enable: NO_PROTOCOL,
    controller: ELSEWHERE,
    protocols: ELSEWHERE,
    auto_attach: NO_PROTOCOL,
  },
  Port: {
    mac: BY_THE_SYSTEM,
    bond_fake_iface: 'no device of the name of the bond is made',
  },
  Interface: {
    ingress_policing_rate: BY_THE_SYSTEM,
    ingress_policing_burst: BY_THE_SYSTEM,
    ingress_policing_kpkts_rate: BY_THE_SYSTEM,
    ingress_policing_kpkts_burst: BY_THE_SYSTEM,
    mac: BY_THE_SYSTEM,
    mtu_request: BY_THE_SYSTEM,
    bfd: NO_PROTOCOL,
    cfm_mpid: NO_PROTOCOL,
    lldp: NO_PROTOCOL,
  },
  Flow_Table: {
    groups: 'evictions choose among all flows of the table that have a timeout',
  },
  QoS: { other_config: BY_THE_SYSTEM },
  Queue: { other_config: BY_THE_SYSTEM },
};

/** Keys of other_config that the switch acts upon. */
const HONOURED: Readonly<Record<string, readonly string[]>> = {
  Open_vSwitch: [
    'flow-limit',
    'flow-restore-wait',
    'max-idle',
    'max-revalidator',
    'min-revalidate-pps',
    'vlan-limit',
  ],
  Bridge: [
    'datapath-id',
    'forward-bpdu',
    'mac-aging-time',
    'mac-table-size',
    'mcast-snooping-aging-time',
    'mcast-snooping-disable-flood-unregistered',
    'mcast-snooping-table-size',
  ],
  Port: [
    'bond-hash-basis',
    'bond-primary',
    'bond-rebalance-interval',
    'lacp-fallback-ab',
    'lacp-system-id',
    'lacp-system-priority',
    'lacp-time',
    'mcast-snooping-flood',
    'mcast-snooping-flood-reports',
    'priority-tags',
    'qinq-ethtype',
  ],
  Interface: ['lacp-aggregation-key', 'lacp-port-id', 'lacp-port-priority'],
  IPFIX: ['enable-input-sampling', 'enable-output-sampling', 'enable-tunnel-sampling', 'virtual_obs_id'],
};

/** What `prefixes` of a Flow_Table may name. */
const PREFIXES = [
  ...['none', 'ip_dst', 'ip_src', 'ipv6_dst', 'ipv6_src', 'nw_dst', 'nw_src'],
  ...['tun_dst', 'tun_id', 'tun_ipv6_dst', 'tun_ipv6_src', 'tun_src'],
];

/**
 * What a configuration asks for and the switch does not do, one sentence each: which setting of which row, and what instead. A setting that has its
 * default asks for nothing. Keys of other_config that nobody knows are among them, as they may be misspelt.
 */
export function unsupportedSettings(configuration: Configuration): string[] {
  const found: string[] = [];
  for (const table of SCHEMA.values()) {
    for (const row of configuration.rows(table.name))
      found.push(...ofRow(row), ...ofKeys(row), ...ofPrefixes(row));
  }
  return found;
}

function ofRow(row: Row): string[] {
  const reasons = UNSUPPORTED[row.table] ?? {};
  return Object.entries(reasons)
    .filter(([name]) => row.get(name) !== 'off')
    .filter(([name]) => !equalData(row.get(name), defaultDatum(SCHEMA.get(row.table)!.columns.get(name)!)))
    .map(
      ([name, reason]) =>
        `table ${row.table}, row ${describeRow(row)}: column ${name} has no effect: ${reason}`,
    );
}

function ofKeys(row: Row): string[] {
  const keys = HONOURED[row.table];
  if (keys === undefined) return [];
  return [...row.map('other_config').keys()]
    .filter((key) => !keys.includes(key as string))
    .map((key) => {
      const known = keys.length === 0 ? 'none is' : `those that are: ${keys.join(', ')}`;
      return `table ${row.table}, row ${describeRow(row)}: other_config:${key} is not acted upon; ${known}`;
    });
}

function ofPrefixes(row: Row): string[] {
  if (row.table !== 'Flow_Table') return [];
  return row
    .texts('prefixes')
    .filter((name) => !PREFIXES.includes(name))
    .map(
      (name) =>
        `table Flow_Table, row ${describeRow(row)}: prefixes: no lookup is cut short by "${name}": expected ${PREFIXES.join(', ')}`,
    );
}
