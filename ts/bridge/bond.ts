import type { Row } from '../config/index.js';
import { Bond, type BondOptions, type Lacp, type XPort } from '../xlate/index.js';

/** Default and least time between two rebalancings; ovs-vswitchd.conf.db(5), 0 for none. */
const REBALANCE_MS = 10_000;
const REBALANCE_MIN_MS = 1000;

function rebalanceMs(text: string | undefined): number {
  if (text === undefined || !/^\d+$/.test(text)) return REBALANCE_MS;
  return text === '0' ? 0 : Math.max(REBALANCE_MIN_MS, Number(text));
}

/** What a Port record says of its bond (OVS: port_configure_bond). */
export function bondOptions(row: Row): BondOptions {
  const number = (text: string | undefined) => (text !== undefined && /^\d+$/.test(text) ? Number(text) : 0);
  const lacp = row.text('lacp');
  const mode = (row.get('bond_mode') ?? 'active-backup') as BondOptions['mode'];
  const lacpFallback = row.option('other_config', 'lacp-fallback-ab') === 'true';
  // Of no meaning to bonds that never are active-backup.
  const mayBeBackup = mode === 'active-backup' || lacpFallback;
  return {
    mode,
    hashBasis: number(row.option('other_config', 'bond-hash-basis')) | 0,
    lacp: lacp === 'active' || lacp === 'passive' ? 'configured' : 'off',
    lacpFallback,
    primary: (mayBeBackup ? row.option('other_config', 'bond-primary') : undefined) ?? null,
    upDelayMs: Math.max(0, row.number('bond_updelay') ?? 0),
    downDelayMs: Math.max(0, row.number('bond_downdelay') ?? 0),
    rebalanceMs: rebalanceMs(row.option('other_config', 'bond-rebalance-interval')),
  };
}

/** A bond that a Port record describes, and what it was made from. */
export interface ConfiguredBond {
  readonly bond: Bond;
  readonly options: string;
  readonly ports: readonly XPort[];
}

/**
 * The bond of a Port record with these ports, which are up where LACP lets them; null for a single one, which needs none. The old one goes on with other settings and members;
 * what it knows of members that stay, it keeps.
 */
export function configureBond(
  row: Row,
  ports: readonly XPort[],
  old: ConfiguredBond | null,
  lacp: Lacp | null,
): ConfiguredBond | null {
  if (ports.length < 2) return null;
  const settings = bondOptions(row);
  const options = JSON.stringify(settings);
  const same =
    old !== null &&
    old.options === options &&
    old.ports.length === ports.length &&
    old.ports.every((port, i) => port === ports[i]);
  const isUp = (port: XPort) => port.mayForward && lacp?.mayEnable(port) !== false;
  if (old === null) return { bond: new Bond(settings, ports, isUp), options, ports };
  if (!same) old.bond.reconfigure(settings, ports, isUp);
  for (const port of ports) old.bond.linkChanged(port, isUp(port));
  return { bond: old.bond, options, ports };
}
