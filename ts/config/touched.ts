import type { Configuration, Row } from './configuration.js';
import { atomsOf, isMap } from './datum.js';
import type { Change } from './diff.js';
import { SCHEMA } from './schema.js';

/** Bridges and ports, by name, that a change of some rows concerns. */
export interface Touched {
  /** Bridges whose record, or anything below it, is new or another. */
  readonly bridges: ReadonlySet<string>;
  /** Likewise ports. */
  readonly ports: ReadonlySet<string>;
  /** The row of Open_vSwitch has other settings, which may concern any bridge. */
  readonly everything: boolean;
}

/** Columns of Open_vSwitch that concern nobody but those who read them. */
const ROOT_NOTES: readonly string[] = [
  'bridges',
  'external_ids',
  'next_cfg',
  'manager_options',
  'ssl',
  'datapaths',
];

/** Rows that refer to a row, by its UUID; weak references do not count. */
type Referrers = ReadonlyMap<string, readonly Row[]>;

function referrersIn(configuration: Configuration): Referrers {
  const referrers = new Map<string, Row[]>();
  for (const [name, table] of SCHEMA) {
    for (const column of table.columns.values()) {
      const schema = column.value ?? column.key;
      if (schema.type !== 'reference' || schema.weak) continue;
      for (const row of configuration.tables.get(name)!.values()) {
        const datum = row.get(column.name);
        for (const uuid of (isMap(datum) ? [...datum.values()] : atomsOf(datum)) as string[]) {
          const known = referrers.get(uuid);
          if (known === undefined) referrers.set(uuid, [row]);
          else known.push(row);
        }
      }
    }
  }
  return referrers;
}

/** Goes from rows up to what refers to them, and notes the bridges and ports on the way. */
class Climber {
  readonly bridges = new Set<string>();
  readonly ports = new Set<string>();
  readonly #seen = new Set<string>();
  readonly #configuration: Configuration;
  readonly #referrers: Referrers;

  constructor(configuration: Configuration) {
    this.#configuration = configuration;
    this.#referrers = referrersIn(configuration);
  }

  climb(row: Row): void {
    if (this.#seen.has(row.uuid)) return;
    this.#seen.add(row.uuid);
    if (row.table === 'Open_vSwitch') return;
    if (row.table === 'Bridge') this.bridges.add(row.text('name'));
    if (row.table === 'Port') this.ports.add(row.text('name'));
    // A collector set belongs to the bridge that it names.
    if (row.table === 'Flow_Sample_Collector_Set') {
      for (const bridge of this.#configuration.referred(row, 'bridge')) this.climb(bridge);
    }
    for (const referrer of this.#referrers.get(row.uuid) ?? []) this.climb(referrer);
  }
}

/** What a difference between two configurations concerns. */
export function touchedBy(before: Configuration, after: Configuration, changes: readonly Change[]): Touched {
  const [old, next] = [new Climber(before), new Climber(after)];
  let everything = false;
  for (const change of changes) {
    if (change.type === 'changed' && change.table === 'Open_vSwitch') {
      everything ||= change.columns.some((column) => !ROOT_NOTES.includes(column));
    }
    if (change.type !== 'added') old.climb(change.type === 'removed' ? change.row : change.before);
    if (change.type !== 'removed') next.climb(change.type === 'added' ? change.row : change.after);
  }
  return {
    bridges: new Set([...old.bridges, ...next.bridges]),
    ports: new Set([...old.ports, ...next.ports]),
    everything,
  };
}

/** What the interfaces with these names belong to. */
export function touchedByInterfaces(configuration: Configuration, names: Iterable<string>): Touched {
  const climber = new Climber(configuration);
  for (const name of names) {
    const row = configuration.named('Interface', name);
    if (row !== undefined) climber.climb(row);
  }
  return { bridges: climber.bridges, ports: climber.ports, everything: false };
}
