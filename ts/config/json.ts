import { SlowpathError } from '../errors/index.js';
import { type Configuration, ROOT_UUID } from './configuration.js';
import { type Atom, checkAtom, type Datum, datumOfAtoms, datumOfPairs, describeAtom } from './datum.js';
import { Draft, emptyConfiguration } from './draft.js';
import { parseAtoms, resolveUuid } from './parse-datum.js';
import {
  type AtomSchema,
  type ColumnSchema,
  findColumn,
  SCHEMA,
  shapeOf,
  type TableSchema,
} from './schema.js';
import { rowUuid } from './uuid.js';

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
type JsonObject = { readonly [key: string]: Json };

const OPEN_VSWITCH = SCHEMA.get('Open_vSwitch')!;
const PORT = SCHEMA.get('Port')!;
const INTERFACE = SCHEMA.get('Interface')!;

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refuse(path: string, expected: string, found: Json): never {
  const text = JSON.stringify(found);
  throw new SlowpathError(
    'ERR_CONFIG_VALUE',
    `${path}: expected ${expected}, found ${text.length > 60 ? `${text.slice(0, 57)}…` : text}`,
  );
}

/** Runs `work`; errors of it tell where in the file they come from. */
function at<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    if (!(cause instanceof SlowpathError) || cause.message.startsWith(path)) throw cause;
    throw new SlowpathError(cause.code, `${path}: ${cause.message}`, { cause });
  }
}

/** Reads one configuration; rows that are named but come later are looked up at the end. */
class Reader {
  readonly draft = new Draft(emptyConfiguration());
  /** UUIDs by `@id`. */
  readonly #ids = new Map<string, string>();
  readonly #later: (() => void)[] = [];

  read(value: Json): Configuration {
    if (!isObject(value)) refuse('configuration', 'an object', value);
    for (const [key, content] of Object.entries(value)) {
      const table = SCHEMA.get(key);
      if (table === undefined) this.#setColumn(OPEN_VSWITCH, ROOT_UUID, key, content, key);
      else if (table === OPEN_VSWITCH) this.#readRoot(content, key);
      else this.#readTable(table, content);
    }
    for (const work of this.#later) work();
    return this.draft.commit();
  }

  #readRoot(content: Json, path: string): void {
    const row = Array.isArray(content) && content.length === 1 ? content[0] : content;
    if (!isObject(row)) refuse(path, 'an object: table Open_vSwitch has one row', content);
    for (const [key, value] of Object.entries(row)) {
      this.#setColumn(OPEN_VSWITCH, ROOT_UUID, key, value, `${path}.${key}`);
    }
  }

  /** Rows of a table, as an array. Bridges that stand so belong to the switch without saying it. */
  #readTable(table: TableSchema, content: Json): void {
    if (!Array.isArray(content)) refuse(table.name, 'an array of rows', content);
    const uuids = content.map((row, i) => this.#readRow(table, row, `${table.name}[${i}]`, `${i}`));
    if (table.name === 'Bridge')
      this.#later.push(() => this.#addReferences(OPEN_VSWITCH, ROOT_UUID, 'bridges', uuids));
  }

  /** Makes the row that an object describes; its UUID. */
  #readRow(table: TableSchema, value: Json, path: string, owner: string): string {
    const named = table.key.length === 1 && table.key[0] === 'name';
    const row: Json = typeof value === 'string' && named ? { name: value } : value;
    if (!isObject(row)) refuse(path, `an object: a row of table ${table.name}`, value);
    const name = row.name ?? row.target ?? row._id;
    if (named && typeof row.name !== 'string') refuse(`${path}.name`, 'a name', row.name ?? null);
    const uuid = rowUuid(table.name, named ? String(name) : `${owner}/${name ?? ''}`);
    if (this.draft.view.row(table.name, uuid) !== undefined) {
      throw new SlowpathError(
        'ERR_CONFIG_DUPLICATE',
        `${path}: there are two rows ${JSON.stringify(name)} in table ${table.name}`,
      );
    }
    const fixed = new Map<string, Datum>(named ? [['name', String(name)]] : []);
    this.draft.insert(table, uuid, fixed);
    if (typeof row._id === 'string') this.#ids.set(`@${row._id.replace(/^@/, '')}`, uuid);
    this.#fillRow(table, uuid, row, path);
    if (table.name === 'Port') this.#completePort(uuid, row, path);
    if (table.name === 'Bridge') this.#later.push(() => this.#completeBridge(uuid, String(name)));
    return uuid;
  }

  #fillRow(table: TableSchema, uuid: string, row: JsonObject, path: string): void {
    for (const [key, content] of Object.entries(row)) {
      if (key === '_id' || (key === 'name' && table.columns.get('name')?.fixed)) continue;
      if (table.name === 'Port' && belongsToInterface(key)) continue;
      this.#setColumn(table, uuid, key, content, `${path}.${key}`);
    }
  }

  /** A port without interfaces has one of its own name; settings of the interface may stand with the port's. */
  #completePort(uuid: string, row: JsonObject, path: string): void {
    const keys = Object.keys(row).filter(belongsToInterface);
    const port = this.draft.view.row('Port', uuid)!;
    if ('interfaces' in row) {
      if (keys.length > 0) {
        throw new SlowpathError(
          'ERR_CONFIG_COLUMN',
          `${path}.${keys[0]} belongs to an interface: put it in one of "interfaces"`,
        );
      }
      return;
    }
    const settings = Object.fromEntries(keys.map((key) => [key, row[key]]));
    const iface = this.#readRow(INTERFACE, { ...settings, name: port.text('name') }, path, '');
    const column = PORT.columns.get('interfaces')!;
    this.draft.update(port, column, datumOfAtoms(column, [iface]));
  }

  /** A bridge has a local port of its own name. */
  #completeBridge(uuid: string, name: string): void {
    if (this.draft.view.named('Port', name) !== undefined) return;
    const port = this.#readRow(PORT, { name, type: 'internal' }, name, '');
    this.#addReferences(SCHEMA.get('Bridge')!, uuid, 'ports', [port]);
  }

  #addReferences(table: TableSchema, uuid: string, name: string, added: readonly string[]): void {
    const row = this.draft.view.row(table.name, uuid)!;
    const column = table.columns.get(name)!;
    this.draft.update(row, column, datumOfAtoms(column, [...row.texts(name), ...added]));
  }

  #setColumn(table: TableSchema, uuid: string, key: string, content: Json, path: string): void {
    const column = at(path, () => findColumn(table, key));
    const set = () => {
      const datum = at(path, () => this.#datum(column, content, path));
      this.draft.update(this.draft.view.row(table.name, uuid)!, column, datum);
    };
    const schema = column.value ?? column.key;
    // References by name are looked up when all rows are there.
    if (schema.type === 'reference' && !hasObjects(content) && !createsPorts(column)) this.#later.push(set);
    else set();
  }

  #datum(column: ColumnSchema, content: Json, path: string): Datum {
    if (column.value !== null) {
      if (!isObject(content)) refuse(path, 'an object', content);
      const pairs = Object.entries(content).map(([key, value]): [Atom, Atom] => [
        checkAtom(column.name, column.key, column.key.type === 'integer' ? Number(key) : key),
        this.#atom(column.name, column.value!, value, `${path}.${key}`),
      ]);
      return datumOfPairs(column, pairs);
    }
    if (content === null) return datumOfAtoms(column, []);
    const list = Array.isArray(content) ? content : [content];
    if (shapeOf(column) === 'scalar' && list !== content && list.length !== 1)
      refuse(path, 'one value', content);
    const atoms = list.flatMap((item, i): Atom[] =>
      typeof item === 'string' && column.key.type === 'integer'
        ? parseAtoms(column, item, resolveUuid)
        : [this.#atom(column.name, column.key, item, Array.isArray(content) ? `${path}[${i}]` : path)],
    );
    return datumOfAtoms(column, atoms);
  }

  #atom(column: string, schema: AtomSchema, value: Json, path: string): Atom {
    if (schema.type === 'reference') return this.#reference(schema, value, path);
    // Options of OVSDB are strings; numbers and booleans may be written as such.
    const plain =
      schema.type === 'string' && (typeof value === 'number' || typeof value === 'boolean')
        ? String(value)
        : value;
    if (plain === null || typeof plain === 'object') refuse(path, describeAtom(schema), value);
    return checkAtom(column, schema, plain);
  }

  #reference(schema: AtomSchema, value: Json, path: string): string {
    const table = SCHEMA.get(schema.table)!;
    if (isObject(value)) return this.#readRow(table, value, path, path);
    if (typeof value !== 'string') refuse(path, `a row of table ${table.name}, or the name of one`, value);
    const known = value.startsWith('@')
      ? this.#ids.get(value)
      : this.draft.view.named(table.name, value)?.uuid;
    if (known !== undefined) return known;
    if (!schema.weak && (table === PORT || table === INTERFACE))
      return this.#readRow(table, value, path, path);
    return resolveUuid(table.name, value);
  }
}

/** Ports and interfaces may be given by name alone, which makes them; that must not wait. */
function createsPorts(column: ColumnSchema): boolean {
  const { table, weak } = column.key;
  return !weak && (table === 'Port' || table === 'Interface');
}

function hasObjects(content: Json): boolean {
  if (isObject(content)) return true;
  return Array.isArray(content) && content.some(isObject);
}

/** Whether a key of a port's object is a setting of its interface. */
function belongsToInterface(key: string): boolean {
  const plain = key.replaceAll('-', '_');
  return !PORT.columns.has(plain) && INTERFACE.columns.has(plain);
}

/**
 * A configuration from the content of a JSON file: columns of Open_vSwitch with rows nested where they are referred to, or tables with
 * arrays of rows.
 *
 *     { "bridges": [{ "name": "br0", "fail_mode": "secure", "ports": ["eth1", { "name": "eth2", "tag": 10 }] }] }
 *
 * Rows refer to each other by name or by `"@x"` for the row with `"_id": "x"`. Throws SlowpathError (ERR_CONFIG_*) whose message begins
 * with the place in the file.
 */
export function configurationFromJson(value: unknown): Configuration {
  return new Reader().read(value as Json);
}

/** As configurationFromJson, from text. Throws ERR_CONFIG_JSON when it is no JSON. */
export function parseConfiguration(text: string): Configuration {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new SlowpathError('ERR_CONFIG_JSON', `the configuration is no JSON: ${(cause as Error).message}`, {
      cause,
    });
  }
  return configurationFromJson(value);
}
