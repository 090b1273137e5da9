import { Configuration, Row } from './configuration.js';
import { type Datum, equalData } from './datum.js';
import { SCHEMA } from './schema.js';

/** One step from a configuration to another. Rows are told by table and UUID. */
export type Change =
  | { readonly type: 'added'; readonly table: string; readonly row: Row }
  | { readonly type: 'removed'; readonly table: string; readonly row: Row }
  | {
      readonly type: 'changed';
      readonly table: string;
      readonly before: Row;
      readonly after: Row;
      /** Columns whose value differs. */
      readonly columns: readonly string[];
    };

/** What leads from one configuration to another, by table in the order of the schema: removed, changed and added rows. */
export function diffConfigurations(before: Configuration, after: Configuration): Change[] {
  return [...SCHEMA.keys()].flatMap((table) =>
    diffTable(table, before.tables.get(table)!, after.tables.get(table)!),
  );
}

function diffTable(
  table: string,
  before: ReadonlyMap<string, Row>,
  after: ReadonlyMap<string, Row>,
): Change[] {
  const removed: Change[] = [];
  const changed: Change[] = [];
  for (const [uuid, row] of before) {
    const next = after.get(uuid);
    if (next === undefined) {
      removed.push({ type: 'removed', table, row });
      continue;
    }
    if (next === row) continue;
    const columns = changedColumns(row, next);
    if (columns.length > 0) changed.push({ type: 'changed', table, before: row, after: next, columns });
  }
  const added = [...after.values()]
    .filter((row) => !before.has(row.uuid))
    .map((row): Change => ({ type: 'added', table, row }));
  return [...removed, ...changed, ...added];
}

function changedColumns(before: Row, after: Row): string[] {
  return [...before.columns.keys()].filter((column) => !equalData(before.get(column), after.get(column)));
}

/** The configuration that changes lead to. */
export function applyChanges(before: Configuration, changes: readonly Change[]): Configuration {
  const tables = new Map([...before.tables].map(([name, rows]) => [name, new Map(rows)]));
  for (const change of changes) {
    const rows = tables.get(change.table)!;
    if (change.type === 'removed') rows.delete(change.row.uuid);
    else if (change.type === 'added') rows.set(change.row.uuid, change.row);
    else rows.set(change.after.uuid, patched(rows.get(change.after.uuid) ?? change.before, change));
  }
  return new Configuration(tables);
}

function patched(row: Row, { after, columns }: Extract<Change, { type: 'changed' }>): Row {
  const values = new Map<string, Datum>(row.columns);
  for (const column of columns) values.set(column, after.get(column));
  return new Row(row.table, row.uuid, values);
}
