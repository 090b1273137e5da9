import { SlowpathError } from '../errors/index.js';
import { native } from '../native/index.js';
import { formatPort } from '../openflow/index.js';
import type { Bridge, Switch } from '../switch/index.js';
import { formatMac } from '../util/index.js';
import type { MacTable } from '../xlate/index.js';
import type { Command } from './types.js';

/** The bridge of that name. Throws as ovs-appctl says it. */
export function bridgeOf(theSwitch: Switch, name: string): Bridge {
  const bridge = theSwitch.bridges.get(name);
  if (bridge === undefined) throw new SlowpathError('ERR_NO_BRIDGE', 'no such bridge');
  return bridge;
}

/** `ovs-appctl fdb/show` of what a bridge has learned. */
export function fdbText(table: MacTable): string {
  const lines = [' port  VLAN  MAC                Age'];
  for (const { bundle, vlan, macHigh, macLow, ageMs, isStatic } of table.entries()) {
    const port = bundle.ports.length === 0 ? '?' : formatPort(bundle.ports[0].ofport);
    const age = isStatic ? '  static' : ` ${String(Math.floor(ageMs / 1000)).padStart(4)}`;
    lines.push(`${port.padStart(5)}  ${String(vlan).padStart(4)}  ${formatMac(macHigh, macLow)}${age}`);
  }
  return lines.join('\n');
}

/** `ovs-appctl fdb/stats-show`. */
export function fdbStatsText(bridge: string, table: MacTable): string {
  const { learned, expired, evicted, moved } = table.counters;
  return [
    `Statistics for bridge "${bridge}":`,
    `  Current/maximum MAC entries in the table: ${table.size}/${table.limit}`,
    `  Current static MAC entries in the table : ${table.staticCount}`,
    `  Total number of learned MAC entries     : ${learned}`,
    `  Total number of expired MAC entries     : ${expired}`,
    `  Total number of evicted MAC entries     : ${evicted}`,
    `  Total number of port moved MAC entries  : ${moved}`,
  ].join('\n');
}

/** The table of a bridge, as it is now. */
function tableOf(theSwitch: Switch, name: string): MacTable {
  const { fdb } = bridgeOf(theSwitch, name);
  fdb.advance(native().monotonicMs());
  return fdb;
}

/** The tables of the bridge that is named, or of all. */
function tablesOf(theSwitch: Switch, [name]: readonly string[]): MacTable[] {
  if (name !== undefined) return [bridgeOf(theSwitch, name).fdb];
  return [...theSwitch.bridges.values()].map(({ fdb }) => fdb);
}

/** Commands about learned addresses. */
export const FDB_COMMANDS: readonly Command[] = [
  {
    name: 'fdb/show',
    usage: 'bridge',
    help: 'show the addresses that a bridge has learned',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [name]) => fdbText(tableOf(theSwitch, name)),
  },
  {
    name: 'fdb/flush',
    usage: '[bridge]',
    help: 'forget the addresses of a bridge, or of all',
    least: 0,
    most: 1,
    run: ({ theSwitch }, args) => {
      for (const table of tablesOf(theSwitch, args)) table.flush();
      return 'table successfully flushed';
    },
  },
  {
    name: 'fdb/stats-show',
    usage: 'bridge',
    help: 'show what became of the addresses of a bridge',
    least: 1,
    most: 1,
    run: ({ theSwitch }, [name]) => fdbStatsText(name, tableOf(theSwitch, name)),
  },
  {
    name: 'fdb/stats-clear',
    usage: '[bridge]',
    help: 'count the addresses of a bridge, or of all, from 0',
    least: 0,
    most: 1,
    run: ({ theSwitch }, args) => {
      for (const table of tablesOf(theSwitch, args)) {
        Object.assign(table.counters, { learned: 0, moved: 0, expired: 0, evicted: 0 });
      }
      return 'statistics successfully cleared';
    },
  },
];
