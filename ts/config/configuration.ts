import { type Atom, atomsOf, type Datum, isMap } from './datum.js';
import { SCHEMA } from './schema.js';
import { rowUuid } from './uuid.js';

/** One row. Never changes: a change makes another row object with the same UUID. */
export class Row {
  readonly table: string;
  readonly uuid: string;
  /** Every column of the table, by name. */
  readonly columns: ReadonlyMap<string, Datum>;

  constructor(table: string, uuid: string, columns: ReadonlyMap<string, Datum>) {
    this.table = table;
    this.uuid = uuid;
    this.columns = columns;
  }

  /** The value of a column of this table. */
  get(column: string): Datum {
    const datum = this.columns.get(column);
    if (datum === undefined) throw new RangeError(`table ${this.table} has no column ${column}`);
    return datum;
  }

  /** A plain string; '' for an optional one that is not there. */
  text(column: string): string {
    return String(this.get(column) ?? '');
  }

  /** A number, or null for an optional one that is not there. */
  number(column: string): number | null {
    return this.get(column) as number | null;
  }

  flag(column: string): boolean {
    return this.get(column) === true;
  }

  /** The atoms of a column as numbers. */
  numbers(column: string): readonly number[] {
    return atomsOf(this.get(column)) as readonly number[];
  }

  /** The atoms of a column as strings: strings, or UUIDs of rows. */
  texts(column: string): readonly string[] {
    return atomsOf(this.get(column)) as readonly string[];
  }

  /** A map column. */
  map(column: string): ReadonlyMap<Atom, Atom> {
    const datum = this.get(column);
    return isMap(datum) ? datum : new Map();
  }

  /** One key of a map of strings, such as other_config; undefined when it is not there. */
  option(column: string, key: string): string | undefined {
    return this.map(column).get(key) as string | undefined;
  }
}

type Tables = ReadonlyMap<string, ReadonlyMap<string, Row>>;

const ROOT_UUID = rowUuid('Open_vSwitch', '.');

/** A whole configuration: rows by table and UUID. Immutable; `Draft` makes the next one. */
export class Configuration {
  /** Every table of the schema, empty ones too. */
  readonly tables: Tables;

  constructor(tables: Tables) {
    this.tables = tables;
  }

  /** The row of table Open_vSwitch. */
  get root(): Row {
    const [root] = this.rows('Open_vSwitch');
    return root;
  }

  /** The rows of a table, in the order they were made. */
  rows(table: string): Row[] {
    return [...this.tables.get(table)!.values()];
  }

  row(table: string, uuid: string): Row | undefined {
    return this.tables.get(table)!.get(uuid);
  }

  /** The rows that a column of `row` refers to; of a map, the rows at its keys. */
  referred(row: Row, column: string): Row[] {
    const schema = SCHEMA.get(row.table)!.columns.get(column)!;
    const datum = row.get(column);
    const uuids = isMap(datum) ? [...datum.values()] : atomsOf(datum);
    const { table } = schema.value ?? schema.key;
    return uuids.flatMap((uuid) => this.row(table, uuid as string) ?? []);
  }

  /** The row of a table whose `name` is this. */
  named(table: string, name: string): Row | undefined {
    return this.rows(table).find((row) => row.columns.get('name') === name);
  }
}

/** UUID that the row of Open_vSwitch has in every configuration. */
export { ROOT_UUID };
