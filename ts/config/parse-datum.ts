import { SlowpathError } from '../errors/index.js';
import { type Atom, checkAtom, type Datum, datumOfAtoms, datumOfPairs, describeAtom } from './datum.js';
import { type AtomSchema, type ColumnSchema, shapeOf } from './schema.js';
import { isUuid } from './uuid.js';

/** UUID of the row that a reference in text means: `@name`, a row's name, a UUID. */
export type Resolve = (table: string, text: string) => string;

interface Scanner {
  readonly column: string;
  readonly text: string;
  at: number;
}

function refuse(scanner: Scanner, expected: string): never {
  const rest = scanner.text.slice(scanner.at);
  const found = rest === '' ? 'the value ends' : `"${rest}" stands`;
  throw new SlowpathError(
    'ERR_CONFIG_VALUE',
    `column ${scanner.column}: ${found} where ${expected} was expected in "${scanner.text}"`,
  );
}

function skipBlanks(scanner: Scanner): void {
  while (/\s/.test(scanner.text[scanner.at] ?? '')) scanner.at++;
}

function accept(scanner: Scanner, character: string): boolean {
  skipBlanks(scanner);
  if (scanner.text[scanner.at] !== character) return false;
  scanner.at++;
  return true;
}

/** A bare word or a quoted string (quoted as in JSON). */
function token(scanner: Scanner, expected: string): { readonly text: string; readonly quoted: boolean } {
  skipBlanks(scanner);
  const rest = scanner.text.slice(scanner.at);
  const quoted = /^"(?:[^"\\]|\\.)*"/.exec(rest);
  if (quoted !== null) {
    scanner.at += quoted[0].length;
    try {
      return { text: JSON.parse(quoted[0]) as string, quoted: true };
    } catch {
      refuse({ ...scanner, at: scanner.at - quoted[0].length }, 'a string quoted as in JSON');
    }
  }
  const bare = /^[^\s,=[\]{}"]+/.exec(rest);
  if (bare === null) refuse(scanner, expected);
  scanner.at += bare[0].length;
  return { text: bare[0], quoted: false };
}

/** One atom from its text. */
function atomOfText(column: string, schema: AtomSchema, text: string, resolve: Resolve): Atom {
  if (schema.type === 'reference') return resolve(schema.table, text);
  return checkAtom(column, schema, plainAtom(schema, text));
}

function plainAtom(schema: AtomSchema, text: string): Atom {
  if (schema.type === 'boolean') {
    if (['true', 'yes', 'on', '1'].includes(text)) return true;
    return ['false', 'no', 'off', '0'].includes(text) ? false : text;
  }
  if (schema.type === 'integer') return /^[+-]?\d+$/.test(text) ? Number(text) : text;
  if (schema.type === 'real')
    return /^-?\d*\.?\d+(e[-+]?\d+)?$/i.test(text) && text !== '' ? Number(text) : text;
  return text;
}

function scanAtom(scanner: Scanner, schema: AtomSchema, resolve: Resolve): Atom {
  const { text } = token(scanner, describeAtom(schema));
  return atomOfText(scanner.column, schema, text, resolve);
}

/** A whole number or two with `-` between, as ovs-vsctl takes ranges in sets of integers. */
function scanRange(scanner: Scanner, schema: AtomSchema, resolve: Resolve): Atom[] {
  const start = scanner.at;
  const { text } = token(scanner, describeAtom(schema));
  const range = schema.type === 'integer' ? /^(\d+)-(\d+)$/.exec(text) : null;
  if (range === null) {
    scanner.at = start;
    return [scanAtom(scanner, schema, resolve)];
  }
  const [low, high] = [Number(range[1]), Number(range[2])];
  for (const end of [low, high]) checkAtom(scanner.column, schema, end);
  if (low > high || high - low > 65535) {
    throw new SlowpathError('ERR_CONFIG_VALUE', `column ${scanner.column}: "${text}" is no range`);
  }
  return Array.from({ length: high - low + 1 }, (_, i) => low + i);
}

/** Elements separated by commas, in `open`…`close` or without them. */
function scanList<T>(scanner: Scanner, open: string, close: string, element: () => T): T[] {
  const elements: T[] = [];
  const bracketed = accept(scanner, open);
  const done = () => {
    if (bracketed) return accept(scanner, close);
    skipBlanks(scanner);
    return scanner.at >= scanner.text.length;
  };
  while (!done()) {
    elements.push(element());
    if (accept(scanner, ',')) continue;
    if (done()) break;
    refuse(scanner, bracketed ? `, or ${close}` : ', or the end');
  }
  skipBlanks(scanner);
  if (scanner.at < scanner.text.length) refuse(scanner, 'the end');
  return elements;
}

/**
 * The value of a column as ovs-vsctl takes it: an atom, `[a, b]` or `a,b`, `{k=v, …}` or `k=v,…`; strings bare or quoted. Throws
 * ERR_CONFIG_VALUE.
 */
export function parseDatum(column: ColumnSchema, text: string, resolve: Resolve): Datum {
  if (column.value !== null) return datumOfPairs(column, parsePairs(column, text, resolve));
  if (shapeOf(column) === 'scalar' && !text.startsWith('[')) {
    const atom = wholeAtom(column.name, column.key, text, resolve);
    return datumOfAtoms(column, [atom]);
  }
  return datumOfAtoms(column, parseAtoms(column, text, resolve));
}

/** The atoms of a set in text, whatever their number. */
export function parseAtoms(column: ColumnSchema, text: string, resolve: Resolve): Atom[] {
  const scanner: Scanner = { column: column.name, text, at: 0 };
  const atoms = scanList(scanner, '[', ']', () => scanRange(scanner, column.key, resolve)).flat();
  checkTwice(column.name, text, atoms);
  return atoms;
}

function checkTwice(column: string, text: string, atoms: readonly Atom[]): void {
  if (new Set(atoms).size === atoms.length) return;
  throw new SlowpathError('ERR_CONFIG_VALUE', `column ${column}: "${text}" contains a value twice`);
}

/** Pairs of a map in text. */
export function parsePairs(column: ColumnSchema, text: string, resolve: Resolve): [Atom, Atom][] {
  const scanner: Scanner = { column: column.name, text, at: 0 };
  const pairs = scanList(scanner, '{', '}', () => {
    const key = scanAtom(scanner, column.key, resolve);
    if (!accept(scanner, '=')) refuse(scanner, '=');
    return [key, scanAtom(scanner, column.value!, resolve)] as [Atom, Atom];
  });
  checkTwice(
    column.name,
    text,
    pairs.map(([key]) => key),
  );
  return pairs;
}

/** A text that is one atom from beginning to end; a string needs no quotes then, whatever stands in it. */
export function wholeAtom(column: string, schema: AtomSchema, text: string, resolve: Resolve): Atom {
  const scanner: Scanner = { column, text, at: 0 };
  if (schema.type === 'string' && !text.startsWith('"')) {
    return atomOfText(column, schema, text, resolve);
  }
  const atom = scanAtom(scanner, schema, resolve);
  if (scanner.at < text.length) refuse(scanner, 'the end');
  return atom;
}

/** Resolves UUIDs only. */
export function resolveUuid(table: string, text: string): string {
  if (isUuid(text)) return text.toLowerCase();
  throw new SlowpathError('ERR_CONFIG_REFERENCE', `"${text}" is no row of table ${table}`);
}
