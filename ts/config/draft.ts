import { SlowpathError } from '../errors/index.js';
import { Configuration, ROOT_UUID, Row } from './configuration.js';
import { type Atom, atomsOf, type Datum, datumOfAtoms, datumOfPairs, defaultDatum, isMap } from './datum.js';
import { type AtomSchema, type ColumnSchema, SCHEMA, shapeOf, type TableSchema } from './schema.js';

/**
 * A configuration being changed. References may point to rows that do not exist yet; `commit` demands that all is in order, as a
 * transaction of OVSDB does.
 */
export class Draft {
  readonly #base: Configuration;
  readonly #tables: Map<string, Map<string, Row>>;
  /** UUIDs of the rows that this draft made. */
  readonly #made = new Set<string>();
  /** The configuration as it stands in between; live. */
  readonly view: Configuration;

  constructor(base: Configuration) {
    this.#base = base;
    this.#tables = new Map([...base.tables].map(([name, rows]) => [name, new Map(rows)]));
    this.view = new Configuration(this.#tables);
  }

  /** Makes a row; columns that are not given get their defaults. */
  insert(table: TableSchema, uuid: string, columns: ReadonlyMap<string, Datum> = new Map()): Row {
    const all = new Map<string, Datum>();
    for (const column of table.columns.values()) {
      all.set(column.name, columns.get(column.name) ?? defaultDatum(column));
    }
    const row = new Row(table.name, uuid, all);
    this.#tables.get(table.name)!.set(uuid, row);
    this.#made.add(uuid);
    return row;
  }

  /** Whether this draft made the row. */
  isNew(row: Row): boolean {
    return this.#made.has(row.uuid);
  }

  /** Gives a column a value. Throws ERR_CONFIG_FIXED for a column that may be written in new rows only. */
  update(row: Row, column: ColumnSchema, datum: Datum): void {
    if (column.fixed && !this.isNew(row)) {
      throw new SlowpathError(
        'ERR_CONFIG_FIXED',
        `column ${column.name} of table ${row.table} cannot change: destroy the row and create another`,
      );
    }
    const rows = this.#tables.get(row.table)!;
    const current = rows.get(row.uuid) ?? row;
    rows.set(row.uuid, new Row(row.table, row.uuid, new Map(current.columns).set(column.name, datum)));
  }

  /**
   * Deletes a row. What only it referred to goes at commit. A row of a table that is no root comes back as it was, if it is referred to then: OVSDB
   * decides on such rows by references alone.
   */
  delete(row: Row): void {
    this.#tables.get(row.table)!.delete(row.uuid);
  }

  /**
   * Ends the draft: drops rows that nothing refers to and weak references to rows that are gone, and checks the rest. Throws
   * ERR_CONFIG_REFERENCE, ERR_CONFIG_DUPLICATE.
   */
  commit(): Configuration {
    this.#collectGarbage();
    for (const [name, rows] of this.#tables) {
      const table = SCHEMA.get(name)!;
      for (const row of rows.values()) this.#checkReferences(table, row);
      checkUnique(table, [...rows.values()]);
    }
    return new Configuration(this.#tables);
  }

  #collectGarbage(): void {
    const live = new Set<string>();
    const mark = (row: Row | undefined) => {
      if (row === undefined || live.has(row.uuid)) return;
      live.add(row.uuid);
      for (const [schema, uuids] of references(row)) {
        if (!schema.weak)
          for (const uuid of uuids)
            mark(this.view.row(schema.table, uuid) ?? this.#restore(schema.table, uuid));
      }
    };
    for (const table of SCHEMA.values())
      if (table.root) for (const row of this.view.rows(table.name)) mark(row);
    for (const rows of this.#tables.values()) {
      for (const uuid of rows.keys()) if (!live.has(uuid)) rows.delete(uuid);
    }
  }

  #restore(table: string, uuid: string): Row | undefined {
    const row = SCHEMA.get(table)!.root ? undefined : this.#base.row(table, uuid);
    if (row !== undefined) this.#tables.get(table)!.set(uuid, row);
    return row;
  }

  #checkReferences(table: TableSchema, row: Row): void {
    for (const column of table.columns.values()) {
      const schema = referenceOf(column);
      if (schema === null) continue;
      const gone = (atom: Atom) => this.view.row(schema.table, atom as string) === undefined;
      const datum = row.get(column.name);
      const uuids = isMap(datum) ? [...datum.values()] : atomsOf(datum);
      if (!uuids.some(gone)) continue;
      if (!schema.weak) {
        throw new SlowpathError(
          'ERR_CONFIG_REFERENCE',
          `table ${table.name}, row ${describeRow(row)}: column ${column.name} refers to a row of ${schema.table} that does not exist`,
        );
      }
      const kept = isMap(datum)
        ? datumOfPairs(
            column,
            [...datum].filter(([, uuid]) => !gone(uuid)),
          )
        : datumOfAtoms(
            column,
            uuids.filter((uuid) => !gone(uuid)),
          );
      this.update(row, column, kept);
    }
  }
}

/** The schema of a column's references; null when it has none. */
function referenceOf(column: ColumnSchema): AtomSchema | null {
  const schema = column.value ?? column.key;
  return schema.type === 'reference' ? schema : null;
}

function references(row: Row): (readonly [AtomSchema, readonly string[]])[] {
  const found: (readonly [AtomSchema, readonly string[]])[] = [];
  for (const column of SCHEMA.get(row.table)!.columns.values()) {
    const schema = referenceOf(column);
    if (schema === null) continue;
    const datum = row.get(column.name);
    found.push([schema, (isMap(datum) ? [...datum.values()] : atomsOf(datum)) as string[]]);
  }
  return found;
}

/** A row as messages name it. */
export function describeRow(row: Row): string {
  const name = row.columns.get('name') ?? row.columns.get('target');
  return typeof name === 'string' && name !== '' ? JSON.stringify(name) : row.uuid;
}

function checkUnique(table: TableSchema, rows: readonly Row[]): void {
  if (table.single && rows.length > 1) {
    throw new SlowpathError('ERR_CONFIG_DUPLICATE', `table ${table.name} may have one row only`);
  }
  if (table.key.length === 0) return;
  const seen = new Set<string>();
  for (const row of rows) {
    const key = table.key.map((column) => String(row.get(column))).join('/');
    if (seen.has(key)) {
      throw new SlowpathError(
        'ERR_CONFIG_DUPLICATE',
        `table ${table.name}: two rows have the same ${table.key.join(' and ')} ${key}`,
      );
    }
    seen.add(key);
  }
}

/** A configuration with nothing in it but the one row of Open_vSwitch. */
export function emptyConfiguration(): Configuration {
  const draft = new Draft(new Configuration(new Map([...SCHEMA.keys()].map((name) => [name, new Map()]))));
  draft.insert(SCHEMA.get('Open_vSwitch')!, ROOT_UUID);
  return draft.commit();
}

/** A datum with atoms added to it, as `ovs-vsctl add` does; a plain value is replaced. */
export function withAtoms(column: ColumnSchema, datum: Datum, atoms: readonly Atom[]): Datum {
  return datumOfAtoms(column, shapeOf(column) === 'set' ? [...atomsOf(datum), ...atoms] : atoms);
}
