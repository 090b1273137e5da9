import { SlowpathError } from '../errors/index.js';
import { type AtomSchema, type ColumnSchema, shapeOf } from './schema.js';

/** One value: a number, a boolean, a string, or the UUID of a row. */
export type Atom = number | boolean | string;

/**
 * What a column holds. Plain value: the atom. Optional: the atom or null. Set: its atoms in ascending order, each once. Map:
 * pairs in ascending order of keys.
 */
export type Datum = Atom | null | readonly Atom[] | ReadonlyMap<Atom, Atom>;

export function isMap(datum: Datum): datum is ReadonlyMap<Atom, Atom> {
  return datum instanceof Map;
}

export function isSet(datum: Datum): datum is readonly Atom[] {
  return Array.isArray(datum);
}

function compare(a: Atom, b: Atom): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** What a column holds in a row that does not mention it. */
export function defaultDatum(column: ColumnSchema): Datum {
  switch (shapeOf(column)) {
    case 'map':
      return new Map();
    case 'set':
      return [];
    case 'optional':
      return null;
    case 'scalar':
      if (column.key.type === 'boolean') return false;
      return column.key.type === 'integer' || column.key.type === 'real' ? Math.max(0, column.key.min) : '';
  }
}

/** The atoms of a column as a list: none, one or more. Of a map, its keys. */
export function atomsOf(datum: Datum): readonly Atom[] {
  if (datum === null) return [];
  if (isMap(datum)) return [...datum.keys()];
  return isSet(datum) ? datum : [datum];
}

/** Puts atoms into the form of the column. Throws ERR_CONFIG_VALUE when there are too few or too many. */
export function datumOfAtoms(column: ColumnSchema, atoms: readonly Atom[]): Datum {
  const unique = [...new Set(atoms)].sort(compare);
  checkCount(column, unique.length);
  const shape = shapeOf(column);
  if (shape === 'set') return unique;
  return unique.length === 0 ? null : unique[0];
}

/** A map in the form of the column. Throws as datumOfAtoms. */
export function datumOfPairs(column: ColumnSchema, pairs: Iterable<readonly [Atom, Atom]>): Datum {
  const map = new Map([...new Map(pairs)].sort(([a], [b]) => compare(a, b)));
  checkCount(column, map.size);
  return map;
}

function checkCount(column: ColumnSchema, count: number): void {
  if (count >= column.min && count <= column.max) return;
  const wanted = column.max === Number.POSITIVE_INFINITY ? `${column.min} or more` : countRange(column);
  throw new SlowpathError(
    'ERR_CONFIG_VALUE',
    `column ${column.name}: ${count} values given, expected ${wanted}`,
  );
}

function countRange({ min, max }: ColumnSchema): string {
  return min === max ? `exactly ${min}` : `${min} to ${max}`;
}

/** What a value of this kind looks like, for messages. */
export function describeAtom(schema: AtomSchema): string {
  if (schema.choices !== null) return `one of ${schema.choices.join(', ')}`;
  if (schema.type === 'reference') return `a row of table ${schema.table}`;
  if (schema.type === 'boolean') return 'true or false';
  if (schema.type === 'string') return 'a string';
  const low = schema.min === Number.MIN_SAFE_INTEGER ? '' : ` from ${schema.min}`;
  const high = schema.max === Number.MAX_SAFE_INTEGER ? '' : ` to ${schema.max}`;
  return `${schema.type === 'integer' ? 'a whole number' : 'a number'}${low}${high}`;
}

/** The atom, if the schema allows it. Throws ERR_CONFIG_VALUE. */
export function checkAtom(column: string, schema: AtomSchema, atom: Atom): Atom {
  if (isAllowed(schema, atom)) return atom;
  throw new SlowpathError(
    'ERR_CONFIG_VALUE',
    `column ${column}: ${JSON.stringify(atom)} is not possible, expected ${describeAtom(schema)}`,
  );
}

function isAllowed(schema: AtomSchema, atom: Atom): boolean {
  switch (schema.type) {
    case 'integer':
      return Number.isSafeInteger(atom) && (atom as number) >= schema.min && (atom as number) <= schema.max;
    case 'real':
      return typeof atom === 'number' && Number.isFinite(atom) && atom >= schema.min && atom <= schema.max;
    case 'boolean':
      return typeof atom === 'boolean';
    default:
      return typeof atom === 'string' && (schema.choices === null || schema.choices.includes(atom));
  }
}

export function equalData(a: Datum, b: Datum): boolean {
  if (isMap(a)) {
    return isMap(b) && a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
  }
  if (isSet(a)) return isSet(b) && a.length === b.length && a.every((atom, i) => atom === b[i]);
  return a === b;
}

function formatAtom(schema: AtomSchema, atom: Atom): string {
  if (typeof atom !== 'string' || schema.type === 'reference') return String(atom);
  // OVS leaves the quotes off what can be read back without them.
  const bare = /^[A-Za-z_][A-Za-z0-9_.-]*$/.test(atom) && atom !== 'true' && atom !== 'false';
  return bare ? atom : JSON.stringify(atom);
}

/** A datum as ovs-vsctl prints it: `[a, b]`, `{k=v}`, a bare atom. */
export function formatDatum(column: ColumnSchema, datum: Datum): string {
  if (isMap(datum)) {
    const pairs = [...datum].map(
      ([key, value]) => `${formatAtom(column.key, key)}=${formatAtom(column.value!, value)}`,
    );
    return `{${pairs.join(', ')}}`;
  }
  if (isSet(datum)) return `[${datum.map((atom) => formatAtom(column.key, atom)).join(', ')}]`;
  return datum === null ? '[]' : formatAtom(column.key, datum);
}
