import { SlowpathError } from '../errors/index.js';
import type { Row } from './configuration.js';
import { describeRow, type Draft } from './draft.js';
import type { TableSchema } from './schema.js';
import { isUuid, rowUuid } from './uuid.js';
import type { VsctlCommand } from './vsctl-words.js';

/** A command: how many arguments it takes, its options, and what it does. It may return what it prints. */
export interface VsctlEntry {
  readonly min: number;
  readonly max: number;
  readonly options: readonly string[];
  readonly run: (session: Session, command: VsctlCommand) => string | undefined;
}

interface Symbol {
  readonly uuid: string;
  /** A row stands behind it. */
  defined: boolean;
}

/** What the commands of one command line share: the draft, and the rows named by `--id=@name`. */
export class Session {
  readonly draft: Draft;
  readonly #symbols = new Map<string, Symbol>();

  constructor(draft: Draft) {
    this.draft = draft;
  }

  /** UUID for a row that has no name: the first free of a series. */
  freshUuid(table: string): string {
    for (let number = 0; ; number++) {
      const uuid = rowUuid(table, `#${number}`);
      const taken = [...this.#symbols.values()].some((symbol) => symbol.uuid === uuid);
      if (!taken && this.draft.view.row(table, uuid) === undefined) return uuid;
    }
  }

  /** UUID for a row with a unique name: the same whenever a row of this name is made, unless another that was renamed has it. */
  uuidOf(table: string, name: string): string {
    const uuid = rowUuid(table, name);
    return this.draft.view.row(table, uuid) === undefined ? uuid : this.freshUuid(table);
  }

  /** A bridge, port or interface by name that hangs from the row of Open_vSwitch: the words about bridges know no others. */
  named(table: 'Bridge' | 'Port' | 'Interface', name: string): Row | undefined {
    return this.draft.view
      .rows(table)
      .find((row) => row.columns.get('name') === name && this.#hangsFromRoot(table, row));
  }

  #hangsFromRoot(table: 'Bridge' | 'Port' | 'Interface', row: Row): boolean {
    const { view } = this.draft;
    if (table === 'Bridge') return view.root.texts('bridges').includes(row.uuid);
    const [owner, column] =
      table === 'Port' ? (['Bridge', 'ports'] as const) : (['Port', 'interfaces'] as const);
    return view
      .rows(owner)
      .some(
        (candidate) => candidate.texts(column).includes(row.uuid) && this.#hangsFromRoot(owner, candidate),
      );
  }

  /** The row that `@name` stands for, which may be created later. */
  symbol(table: string, name: string): string {
    let symbol = this.#symbols.get(name);
    if (symbol === undefined) {
      symbol = { uuid: this.freshUuid(table), defined: false };
      this.#symbols.set(name, symbol);
    }
    return symbol.uuid;
  }

  /** `--id=@name` of create: the UUID that the row must get. */
  define(table: string, name: string): string {
    this.#checkSymbolName(name);
    const uuid = this.symbol(table, name);
    const symbol = this.#symbols.get(name)!;
    if (symbol.defined) throw new SlowpathError('ERR_VSCTL', `row id "${name}" is given to two rows`);
    symbol.defined = true;
    return uuid;
  }

  /** `--id=@name` of get: the name stands for a row that exists. */
  bind(name: string, row: Row): void {
    this.#checkSymbolName(name);
    if (this.#symbols.has(name)) {
      throw new SlowpathError('ERR_VSCTL', `row id "${name}" was used before "get" defined it`);
    }
    this.#symbols.set(name, { uuid: row.uuid, defined: true });
  }

  #checkSymbolName(name: string): void {
    if (/^@./.test(name)) return;
    throw new SlowpathError('ERR_VSCTL', `row id "${name}": expected @ and a name`);
  }

  /** Throws when a name was used that no row got. */
  finish(): void {
    for (const [name, symbol] of this.#symbols) {
      if (!symbol.defined) {
        throw new SlowpathError(
          'ERR_VSCTL',
          `row id "${name}" is used but never created: give --id=${name} to create`,
        );
      }
    }
  }

  /** UUID for a reference in text: `@name` or a UUID. */
  readonly resolve = (table: string, text: string): string => {
    if (text.startsWith('@')) return this.symbol(table, text);
    if (isUuid(text)) return text.toLowerCase();
    throw new SlowpathError(
      'ERR_CONFIG_VALUE',
      `"${text}" refers to no row of table ${table}: expected a UUID, or @NAME with --id=@NAME get ${table} ${text}`,
    );
  };

  /** The row that a record argument means: `.` for the only row, a UUID, a name, a bridge for what belongs to it. */
  findRow(table: TableSchema, text: string): Row | undefined {
    const { view } = this.draft;
    if (text === '.' || table.single) {
      const rows = view.rows(table.name);
      if (rows.length === 1 && (text === '.' || table.name === 'Open_vSwitch')) return rows[0];
    }
    if (text.startsWith('@')) return view.row(table.name, this.symbol(table.name, text));
    if (isUuid(text)) return view.row(table.name, text.toLowerCase());
    return this.#namedRow(table, text) ?? this.#rowOfOwner(table, text);
  }

  /** As findRow; throws ERR_CONFIG_RECORD when there is none. */
  requireRow(table: TableSchema, text: string): Row {
    const row = this.findRow(table, text);
    if (row !== undefined) return row;
    const known = this.draft.view.rows(table.name).map(describeRow).slice(0, 10).join(', ');
    throw new SlowpathError(
      'ERR_CONFIG_RECORD',
      `table ${table.name} has no row "${text}"${known === '' ? ': it is empty' : `: it has ${known}`}`,
    );
  }

  #namedRow(table: TableSchema, text: string): Row | undefined {
    const column = ['name', 'target', 'id'].find((name) => table.columns.has(name));
    if (column === undefined) return undefined;
    const found = this.draft.view.rows(table.name).filter((row) => String(row.get(column)) === text);
    if (found.length > 1) {
      throw new SlowpathError(
        'ERR_CONFIG_RECORD',
        `table ${table.name}: ${found.length} rows are named "${text}": give the UUID of one`,
      );
    }
    return found[0];
  }

  /** A controller, sFlow, … of a bridge and a QoS of a port are found by the name of the bridge or port. */
  #rowOfOwner(table: TableSchema, text: string): Row | undefined {
    const columns: Readonly<Record<string, readonly [string, string]>> = {
      Controller: ['Bridge', 'controller'],
      sFlow: ['Bridge', 'sflow'],
      NetFlow: ['Bridge', 'netflow'],
      IPFIX: ['Bridge', 'ipfix'],
      QoS: ['Port', 'qos'],
    };
    const owner = Object.hasOwn(columns, table.name) ? columns[table.name] : undefined;
    if (owner === undefined) return undefined;
    const row = this.draft.view.named(owner[0], text);
    return row === undefined ? undefined : this.draft.view.referred(row, owner[1])[0];
  }
}
