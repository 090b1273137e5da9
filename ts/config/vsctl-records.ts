import { SlowpathError } from '../errors/index.js';
import type { Row } from './configuration.js';
import { type Atom, atomsOf, datumOfAtoms, datumOfPairs, defaultDatum, formatDatum, isMap } from './datum.js';
import { withAtoms } from './draft.js';
import { parseAtoms, parseDatum, parsePairs, wholeAtom } from './parse-datum.js';
import { type ColumnSchema, findColumn, findTable, type TableSchema } from './schema.js';
import type { Session, VsctlEntry } from './vsctl-session.js';

/** `column`, `column=value`, `column:key` or `column:key=value`. */
interface ColumnText {
  readonly column: ColumnSchema;
  /** null when there is none. */
  readonly key: string | null;
  readonly value: string | null;
}

/** Splits a column argument. */
function parseColumnText(table: TableSchema, text: string): ColumnText {
  const [, name, key, value] = /^([^:=]*)(?::("(?:[^"\\]|\\.)*"|[^=:]*))?(?:=(.*))?$/s.exec(text) ?? [];
  if (!name) {
    throw new SlowpathError('ERR_VSCTL', `"${text}": expected COLUMN=VALUE or COLUMN:KEY=VALUE`);
  }
  return { column: findColumn(table, name), key: key ?? null, value: value ?? null };
}

/** `set`: one column, or one key of a map. */
export function setColumn(session: Session, table: TableSchema, row: Row, text: string): void {
  const { column, key, value } = parseColumnText(table, text);
  if (value === null || value === '') {
    throw new SlowpathError(
      'ERR_VSCTL',
      `"${text}" has no value: expected ${column.name}${key === null ? '' : `:${key}`}=VALUE`,
    );
  }
  const current = session.draft.view.row(table.name, row.uuid)!;
  if (key === null) {
    session.draft.update(current, column, parseDatum(column, value, session.resolve));
    return;
  }
  const map = mapOf(current, column);
  const pair: [Atom, Atom] = [
    wholeAtom(column.name, column.key, key, session.resolve),
    wholeAtom(column.name, column.value!, value, session.resolve),
  ];
  session.draft.update(current, column, datumOfPairs(column, [...map, pair]));
}

function mapOf(row: Row, column: ColumnSchema): ReadonlyMap<Atom, Atom> {
  const datum = row.get(column.name);
  if (isMap(datum)) return datum;
  throw new SlowpathError(
    'ERR_CONFIG_VALUE',
    `column ${column.name} of table ${row.table} is no map: it takes no key`,
  );
}

function set(session: Session, options: ReadonlyMap<string, string>, args: readonly string[]): undefined {
  const table = findTable(args[0]);
  for (const text of args.slice(2)) parseColumnText(table, text);
  const row = options.has('if-exists') ? session.findRow(table, args[1]) : session.requireRow(table, args[1]);
  if (row === undefined) return;
  for (const text of args.slice(2)) setColumn(session, table, row, text);
}

function create(session: Session, id: string | undefined, args: readonly string[]): string {
  const table = findTable(args[0]);
  const uuid = id === undefined ? uuidFor(session, table, args) : session.define(table.name, id);
  const row = session.draft.insert(table, uuid);
  for (const text of args.slice(1)) setColumn(session, table, row, text);
  return uuid;
}

/** Rows with a unique name keep their UUID when they are made again. */
function uuidFor(session: Session, table: TableSchema, args: readonly string[]): string {
  const name = args
    .slice(1)
    .map((text) => parseColumnText(table, text))
    .find(({ column }) => table.key.length === 1 && column.name === table.key[0]);
  return name?.value ? session.uuidOf(table.name, name.value) : session.freshUuid(table.name);
}

function destroy(session: Session, options: ReadonlyMap<string, string>, args: readonly string[]): undefined {
  const table = findTable(args[0]);
  if (options.has('all')) {
    for (const row of session.draft.view.rows(table.name)) session.draft.delete(row);
  }
  for (const text of args.slice(1)) {
    const row = options.has('if-exists') ? session.findRow(table, text) : session.requireRow(table, text);
    if (row !== undefined) session.draft.delete(row);
  }
}

function get(session: Session, options: ReadonlyMap<string, string>, args: readonly string[]): string {
  const table = findTable(args[0]);
  for (const text of args.slice(2)) if (text !== '_uuid') parseColumnText(table, text);
  const row = options.has('if-exists') ? session.findRow(table, args[1]) : session.requireRow(table, args[1]);
  if (row === undefined) return '';
  const id = options.get('id');
  if (id !== undefined) session.bind(id, row);
  return args
    .slice(2)
    .map((text) => {
      if (text === '_uuid') return row.uuid;
      const { column, key } = parseColumnText(table, text);
      if (key === null) return formatDatum(column, row.get(column.name));
      const value = mapOf(row, column).get(wholeAtom(column.name, column.key, key, session.resolve));
      if (value !== undefined) {
        return formatDatum({ ...column, key: column.value!, value: null, min: 1, max: 1 }, value);
      }
      if (options.has('if-exists')) return '';
      throw new SlowpathError('ERR_CONFIG_RECORD', `no key ${key} in column ${column.name} of "${args[1]}"`);
    })
    .join('\n');
}

/** An empty set is nothing to add to, or take from, a column that must have a value. */
function requireSome(column: ColumnSchema, text: string): void {
  if (column.min === 0 || !/^\s*[[{]\s*[\]}]\s*$/.test(text)) return;
  throw new SlowpathError(
    'ERR_CONFIG_VALUE',
    `column ${column.name}: "${text}" has no value, expected one at least`,
  );
}

/** `add TABLE REC COL [KEY=]VALUE…`. A key that is there already keeps its value. */
function add(session: Session, options: ReadonlyMap<string, string>, args: readonly string[]): undefined {
  const table = findTable(args[0]);
  const column = findColumn(table, args[2]);
  const row = options.has('if-exists') ? session.findRow(table, args[1]) : session.requireRow(table, args[1]);
  if (row === undefined) return;
  for (const text of args.slice(3)) {
    const current = session.draft.view.row(table.name, row.uuid)!;
    const datum = current.get(column.name);
    requireSome(column, text);
    const next = isMap(datum)
      ? datumOfPairs(column, [...parsePairs(column, text, session.resolve), ...datum])
      : withAtoms(column, datum, parseAtoms(column, text, session.resolve));
    session.draft.update(current, column, next);
  }
}

/** `remove TABLE REC COL VALUE…`; of a map also `KEY` and `KEY=VALUE`. */
function remove(session: Session, options: ReadonlyMap<string, string>, args: readonly string[]): undefined {
  const table = findTable(args[0]);
  const column = findColumn(table, args[2]);
  const row = options.has('if-exists') ? session.findRow(table, args[1]) : session.requireRow(table, args[1]);
  if (row === undefined) return;
  for (const text of args.slice(3)) {
    const current = session.draft.view.row(table.name, row.uuid)!;
    const datum = current.get(column.name);
    requireSome(column, text);
    if (!isMap(datum)) {
      const gone = new Set(parseAtoms(column, text, session.resolve));
      const kept = atomsOf(datum).filter((atom) => !gone.has(atom));
      session.draft.update(current, column, datumOfAtoms(column, kept));
      continue;
    }
    const map = new Map(datum);
    if (text.includes('=')) {
      for (const [key, value] of parsePairs(column, text, session.resolve)) {
        if (map.get(key) === value) map.delete(key);
      }
    } else {
      for (const key of parseAtoms(column, text, session.resolve)) map.delete(key);
    }
    session.draft.update(current, column, datumOfPairs(column, map));
  }
}

function clear(session: Session, options: ReadonlyMap<string, string>, args: readonly string[]): undefined {
  const table = findTable(args[0]);
  for (const name of args.slice(2)) findColumn(table, name);
  const row = options.has('if-exists') ? session.findRow(table, args[1]) : session.requireRow(table, args[1]);
  if (row === undefined) return;
  for (const name of args.slice(2)) {
    const column = findColumn(table, name);
    if (column.min > 0) {
      throw new SlowpathError(
        'ERR_CONFIG_VALUE',
        `column ${column.name} of table ${table.name} must have a value: set it to another instead`,
      );
    }
    session.draft.update(session.draft.view.row(table.name, row.uuid)!, column, defaultDatum(column));
  }
}

/** Commands on rows of any table (ovs-vsctl(8), "Database Commands"). */
export const RECORD_COMMANDS: Readonly<Record<string, VsctlEntry>> = {
  set: {
    min: 3,
    max: Infinity,
    options: ['if-exists'],
    run: (session, { options, args }) => set(session, options, args),
  },
  get: {
    min: 2,
    max: Infinity,
    options: ['if-exists', 'id'],
    run: (session, { options, args }) => get(session, options, args),
  },
  add: {
    min: 4,
    max: Infinity,
    options: ['if-exists'],
    run: (session, { options, args }) => add(session, options, args),
  },
  remove: {
    min: 4,
    max: Infinity,
    options: ['if-exists'],
    run: (session, { options, args }) => remove(session, options, args),
  },
  clear: {
    min: 3,
    max: Infinity,
    options: ['if-exists'],
    run: (session, { options, args }) => clear(session, options, args),
  },
  create: {
    min: 2,
    max: Infinity,
    options: ['id'],
    run: (session, { options, args }) => create(session, options.get('id'), args),
  },
  destroy: {
    min: 1,
    max: Infinity,
    options: ['if-exists', 'all'],
    run: (session, { options, args }) => destroy(session, options, args),
  },
};
