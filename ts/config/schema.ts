import { SlowpathError } from '../errors/index.js';
import { SCHEMA_TEXT } from './schema-text.js';

/** What one atom of a column may be. */
export interface AtomSchema {
  readonly type: 'integer' | 'real' | 'boolean' | 'string' | 'reference';
  /** Range of an integer, ends included. */
  readonly min: number;
  readonly max: number;
  /** The choices of a string; null for any. */
  readonly choices: readonly string[] | null;
  /** Table that a reference points into; '' for others. */
  readonly table: string;
  /** The reference does not keep its row alive, and goes when the row goes. */
  readonly weak: boolean;
}

/** A column of a table. */
export interface ColumnSchema {
  readonly name: string;
  readonly key: AtomSchema;
  /** Of a map, what stands at each key; null for other columns. */
  readonly value: AtomSchema | null;
  /** Number of atoms or pairs. 1…1 is a plain value, 0…1 an optional one, all else a set or a map. */
  readonly min: number;
  readonly max: number;
  /** Cannot change once the row exists. */
  readonly fixed: boolean;
  /** Written by the switch to tell how it is, not part of what it is told. */
  readonly status: boolean;
}

export interface TableSchema {
  readonly name: string;
  /** Rows live although nothing refers to them. */
  readonly root: boolean;
  /** At most one row. */
  readonly single: boolean;
  /** Columns that together tell rows apart; empty for none. */
  readonly key: readonly string[];
  readonly columns: ReadonlyMap<string, ColumnSchema>;
}

/** Whether a column holds one plain value, an optional one, a set, or a map. */
export function shapeOf(column: ColumnSchema): 'scalar' | 'optional' | 'set' | 'map' {
  if (column.value !== null) return 'map';
  if (column.max > 1) return 'set';
  return column.min === 0 ? 'optional' : 'scalar';
}

const RANGES: Readonly<Record<string, readonly [number, number]>> = {
  '1': [1, 1],
  '?': [0, 1],
  '*': [0, Number.POSITIVE_INFINITY],
  '+': [1, Number.POSITIVE_INFINITY],
};

/** All tables by name. */
export const SCHEMA: ReadonlyMap<string, TableSchema> = parseSchema(SCHEMA_TEXT);

function parseSchema(text: string): Map<string, TableSchema> {
  const tables = new Map<string, TableSchema>();
  let columns = new Map<string, ColumnSchema>();
  for (const line of text.split('\n')) {
    const words = line.trim().split(/\s+/);
    if (words[0] === 'table') {
      columns = new Map();
      const key = words.find((word) => word.startsWith('key='));
      tables.set(words[1], {
        name: words[1],
        root: words.includes('root'),
        single: words.includes('single'),
        key: key === undefined ? [] : key.slice(4).split(','),
        columns,
      });
    } else if (words[0] !== '') {
      columns.set(words[0], parseColumn(words));
    }
  }
  return tables;
}

function parseColumn([name, type, multiplicity, ...flags]: readonly string[]): ColumnSchema {
  const [, keyType, valueType] = /^([^:]+)(?::(.+))?$/.exec(type)!;
  const [min, max] = RANGES[multiplicity] ?? [0, Number(multiplicity.split('..')[1])];
  return {
    name,
    key: parseAtomSchema(keyType),
    value: valueType === undefined ? null : parseAtomSchema(valueType),
    min,
    max,
    fixed: flags.includes('fixed'),
    status: flags.includes('status'),
  };
}

function parseAtomSchema(text: string): AtomSchema {
  const plain = {
    min: Number.MIN_SAFE_INTEGER,
    max: Number.MAX_SAFE_INTEGER,
    choices: null,
    table: '',
    weak: false,
  };
  const reference = /^([-~])>(\w+)$/.exec(text);
  if (reference !== null) {
    return { ...plain, type: 'reference', table: reference[2], weak: reference[1] === '~' };
  }
  const [, type, range, choices] = /^(\w+)(?:\[(.*)\])?(?:\{(.*)\})?$/.exec(text)!;
  const [low, high] = (range ?? ',').split(',');
  return {
    ...plain,
    type: type as AtomSchema['type'],
    min: low === '' ? plain.min : Number(low),
    max: high === '' ? plain.max : Number(high),
    choices: choices === undefined ? null : choices.split(','),
  };
}

/** The form in which names are compared: ovs-vsctl does not care for case, nor for `-` against `_`. */
function plainName(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** The one of `names` that `text` is, or is an unambiguous beginning of. */
function resolveName(text: string, names: Iterable<string>): string | readonly string[] {
  const wanted = plainName(text);
  const candidates: string[] = [];
  for (const name of names) {
    if (plainName(name) === wanted) return name;
    if (plainName(name).startsWith(wanted)) candidates.push(name);
  }
  return candidates.length === 1 && wanted !== '' ? candidates[0] : candidates;
}

/** The table that a name or an unambiguous abbreviation of one means, in any case. Throws ERR_CONFIG_TABLE. */
export function findTable(text: string): TableSchema {
  const name = resolveName(text, SCHEMA.keys());
  if (typeof name === 'string') return SCHEMA.get(name)!;
  const which = name.length === 0 ? 'is no table' : `may be ${name.join(' or ')}`;
  throw new SlowpathError(
    'ERR_CONFIG_TABLE',
    `"${text}" ${which}: expected one of ${[...SCHEMA.keys()].join(', ')}`,
  );
}

/** The column that a name or an unambiguous abbreviation of one means. Throws ERR_CONFIG_COLUMN. */
export function findColumn(table: TableSchema, text: string): ColumnSchema {
  const name = resolveName(text, table.columns.keys());
  if (typeof name === 'string') return table.columns.get(name)!;
  const which = name.length === 0 ? 'is no column' : `may be ${name.join(' or ')}`;
  throw new SlowpathError(
    'ERR_CONFIG_COLUMN',
    `table ${table.name}: "${text}" ${which}: expected one of ${[...table.columns.keys()].join(', ')}`,
  );
}
