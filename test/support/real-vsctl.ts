import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Configuration, type Row, SCHEMA } from '../../ts/config/index.js';
import { eventually } from './eventually.js';
import { root } from './processes.js';

const run = promisify(execFile);

/** What ovs-vsctl did: what it printed, or what it complained of. */
export type Outcome = { readonly output: string } | { readonly error: string };

/** ovs-vsctl over an ovsdb-server of its own. */
export class RealVsctl {
  readonly #folder = mkdtempSync(join(tmpdir(), 'slowpath-vsctl-'));
  readonly #env: NodeJS.ProcessEnv;
  readonly #server;
  readonly schema: string;

  /** Null where the programs cannot be had. */
  static async start(): Promise<RealVsctl | null> {
    const { ensureOvs } = (await import(join(root, 'scripts/test/ovs.mjs'))) as {
      ensureOvs: () => Promise<{ path: string; schema: string }>;
    };
    try {
      const { path, schema } = await ensureOvs();
      const env = { ...process.env, PATH: `${path}:/usr/sbin` };
      const real = new RealVsctl(env, schema);
      await real.#begin();
      return real;
    } catch {
      return null;
    }
  }

  private constructor(env: NodeJS.ProcessEnv, schema: string) {
    this.#env = { ...env, OVS_RUNDIR: this.#folder, OVS_LOGDIR: this.#folder, OVS_DBDIR: this.#folder };
    this.schema = schema;
    this.#server = async () => {
      await run('ovsdb-tool', ['create', join(this.#folder, 'conf.db'), schema], { env: this.#env });
      const remote = `--remote=punix:${join(this.#folder, 'db.sock')}`;
      const control = `--unixctl=${join(this.#folder, 'ctl')}`;
      return spawn('ovsdb-server', [join(this.#folder, 'conf.db'), remote, control, '-vconsole:off'], {
        env: this.#env,
        stdio: 'ignore',
      });
    };
  }

  #child: ReturnType<typeof spawn> | null = null;

  async #begin(): Promise<void> {
    this.#child = await this.#server();
    await eventually('ovsdb-server listens', () => existsSync(join(this.#folder, 'db.sock')));
  }

  /** An empty database again. */
  async reset(): Promise<void> {
    const drop = (table: string) => ({ op: 'delete', table, where: [] });
    // What refers to a row must be gone before it.
    for (const operations of [
      [
        drop('Flow_Sample_Collector_Set'),
        drop('Open_vSwitch'),
        { op: 'insert', table: 'Open_vSwitch', row: {} },
      ],
      [drop('QoS')],
      [drop('Queue')],
    ]) {
      const request = JSON.stringify(['Open_vSwitch', ...operations]);
      const { stdout } = await run('ovsdb-client', ['transact', this.#remote, request], { env: this.#env });
      if (stdout.includes('"error"')) throw new Error(stdout);
    }
  }

  get #remote(): string {
    return `unix:${join(this.#folder, 'db.sock')}`;
  }

  async vsctl(words: readonly string[]): Promise<Outcome> {
    const args = [`--db=${this.#remote}`, '--no-wait', '--timeout=10', '-vconsole:off', ...words];
    try {
      const { stdout } = await run('ovs-vsctl', args, { env: this.#env });
      return { output: stdout };
    } catch (error) {
      const { stderr, code } = error as { stderr: string; code: number };
      return {
        error:
          stderr
            .trim()
            .split('\n')
            .at(-1)!
            .replace(/^ovs-vsctl: /, '') || `status ${code}`,
      };
    }
  }

  /** The rows of all tables, as `describeRows` has them. */
  async rows(): Promise<unknown> {
    const { stdout } = await run('ovsdb-client', ['-f', 'json', 'dump', this.#remote], {
      env: this.#env,
      maxBuffer: 1 << 26,
    });
    const tables = new Map<string, Map<string, PlainRow>>();
    for (const line of stdout.trim().split('\n')) {
      const { caption, headings, data } = JSON.parse(line) as {
        caption: string;
        headings: string[];
        data: OvsdbDatum[][];
      };
      const table = caption.replace(/ table$/, '');
      const rows = data.map(
        (values) => new Map(headings.map((heading, i) => [heading, plainDatum(values[i])])),
      );
      tables.set(table, new Map(rows.map((row) => [row.get('_uuid') as string, row])));
    }
    return describeRows(tables);
  }

  close(): void {
    this.#child?.kill('SIGTERM');
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

type OvsdbAtom = string | number | boolean | readonly ['uuid', string];
type OvsdbDatum =
  | OvsdbAtom
  | readonly ['set', readonly OvsdbAtom[]]
  | readonly ['map', readonly [OvsdbAtom, OvsdbAtom][]];
type Plain = string | number | boolean;
type PlainRow = ReadonlyMap<string, Plain | readonly Plain[] | readonly (readonly [Plain, Plain])[]>;

const plainAtom = (atom: OvsdbAtom): Plain => (Array.isArray(atom) ? (atom[1] as string) : (atom as Plain));

function plainDatum(datum: OvsdbDatum): Plain | readonly Plain[] | readonly (readonly [Plain, Plain])[] {
  if (!Array.isArray(datum)) return datum as Plain;
  const [kind, content] = datum as unknown as readonly [string, never];
  if (kind === 'uuid') return content;
  if (kind === 'set') return (content as OvsdbAtom[]).map(plainAtom);
  return (content as [OvsdbAtom, OvsdbAtom][]).map(
    ([key, value]) => [plainAtom(key), plainAtom(value)] as const,
  );
}

/** The rows of a configuration, in the same form. */
export function rowsOf(configuration: Configuration): unknown {
  const plain = (row: Row): PlainRow =>
    new Map(
      [...row.columns].map(([name, datum]) => [
        name,
        datum instanceof Map ? [...datum] : datum === null ? [] : (datum as Plain),
      ]),
    );
  const tables = [...configuration.tables].map(
    ([name, rows]) => [name, new Map([...rows].map(([uuid, row]) => [uuid, plain(row)]))] as const,
  );
  return describeRows(new Map(tables));
}

/**
 * Rows without UUIDs: what a row refers to stands in it, but for weak references and those to bridges from below, which are names. Columns with one value and
 * those with a set of one look alike; empty ones are left out.
 */
function describeRows(tables: ReadonlyMap<string, ReadonlyMap<string, PlainRow>>): unknown {
  const describe = (table: string, uuid: string): unknown => {
    const row = tables.get(table)!.get(uuid);
    if (row === undefined) return null;
    const columns: Record<string, unknown> = {};
    for (const column of SCHEMA.get(table)!.columns.values()) {
      const refer = column.value ?? column.key;
      const target = (atom: Plain) => {
        if (refer.type !== 'reference') return atom;
        const found = tables.get(refer.table)!.get(atom as string);
        if (refer.weak || (refer.table === 'Bridge' && table !== 'Open_vSwitch')) return found?.get('name');
        return describe(refer.table, atom as string);
      };
      const datum = row.get(column.name);
      // A column that is younger than the real schema.
      if (datum === undefined) continue;
      const list = (Array.isArray(datum) ? datum : [datum]) as readonly (Plain | readonly [Plain, Plain])[];
      const texts = list.map((item) =>
        JSON.stringify(Array.isArray(item) ? [item[0], target(item[1])] : target(item as Plain)),
      );
      if (texts.length > 0) columns[column.name] = texts.sort();
    }
    return columns;
  };
  const rooted = ['Open_vSwitch', 'QoS', 'Queue', 'Flow_Sample_Collector_Set'];
  return rooted.map((table) =>
    [...tables.get(table)!.keys()].map((uuid) => JSON.stringify(describe(table, uuid))).sort(),
  );
}
