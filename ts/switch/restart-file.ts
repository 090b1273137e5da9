import { createHash } from 'node:crypto';
import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import type { Datapath } from '../datapath/index.js';
import { messageOf } from '../errors/index.js';

const VERSION = 1;
/** Lines that may be in the file beyond twice those that count, before it is written anew. */
const SLACK = 1024;
/** A file that is larger is none of ours: 65,536 states with twice as many lines, a kilobyte each. */
const MAX_BYTES = 256 << 20;
const SUM_DIGITS = 8;

/** What identifies a datapath as long as it is there: flows of another one have nothing to do with the ids in the file. */
export function datapathIdentity({ type, name, ifindex }: Datapath, netns?: string | number): string {
  const instance = type === 'netdev' ? `${process.pid}` : '';
  return [type, name, ifindex, bootId(), namespaceOf(netns), instance].join(' ');
}

function bootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not told in this container: the rest must do.
    return '';
  }
}

/** Inode of a network namespace: that of this process, or one by descriptor, path or name. */
function namespaceOf(netns: string | number = '/proc/self/ns/net'): number {
  try {
    if (typeof netns === 'number') return fstatSync(netns).ino;
    return statSync(netns.includes('/') ? netns : `/run/netns/${netns}`).ino;
  } catch {
    return 0;
  }
}

/** One entry: a bridge's UUID by name, or a state of the pipeline by its recirculation id. */
export type RestartEntry =
  | { readonly bridge: string; readonly uuid: string }
  | { readonly id: number; readonly state: unknown };

function sumOf(text: string): string {
  return createHash('sha1').update(text).digest('hex').slice(0, SUM_DIGITS);
}

function lineOf(value: object): string {
  const text = JSON.stringify(value);
  return `${sumOf(text)} ${text}\n`;
}

/** The object of a line; null when it is not whole. */
function readLine(line: string): Record<string, unknown> | null {
  const text = line.slice(SUM_DIGITS + 1);
  if (sumOf(text) !== line.slice(0, SUM_DIGITS)) return null;
  const value = JSON.parse(text) as Record<string, unknown> | null;
  return typeof value === 'object' ? value : null;
}

/**
 * What the next process must know to go on with the flows of this one, in a file: a line for each entry, with a checksum, behind a head with version
 * and datapath. New entries are appended before flows use them, so they are there after `kill -9`; now and then the file is written anew, under
 * another name first. Trouble with it is told once and ends it: the switch goes on without.
 */
export class RestartFile {
  /** What an earlier process left for the same datapath. */
  readonly found: readonly RestartEntry[];
  readonly #path: string;
  readonly #identity: string;
  readonly #current: () => Iterable<RestartEntry>;
  readonly #warn: (message: string) => void;
  #file = -1;
  #lines = 0;
  #limit = SLACK;
  #pending: string[] = [];

  /** `current`: all entries that count now, asked for when the file is written anew. */
  constructor(
    path: string,
    identity: string,
    current: () => Iterable<RestartEntry>,
    warn: (message: string) => void,
  ) {
    this.#path = path;
    this.#identity = identity;
    this.#current = current;
    this.#warn = warn;
    this.found = this.#read();
    // What was found stays until `rewrite`, should this process die before it.
    this.#rewrite(this.found);
  }

  /** Notes an entry; `flush` writes it. */
  add(entry: RestartEntry): void {
    if (this.#file >= 0) this.#pending.push(lineOf(entry));
  }

  /** Writes what was added. */
  flush(): void {
    if (this.#pending.length === 0 || this.#file < 0) return;
    if (this.#lines + this.#pending.length > this.#limit) {
      this.rewrite();
      return;
    }
    this.#lines += this.#pending.length;
    const text = this.#pending.join('');
    this.#pending = [];
    this.#guard(() => writeAll(this.#file, text));
  }

  /** Writes the file anew with what counts now. */
  rewrite(): void {
    if (this.#file >= 0) this.#rewrite(this.#current());
  }

  /** Ends it; the file goes unless it is to be kept. */
  close({ keep }: { readonly keep: boolean }): void {
    if (keep) this.flush();
    if (this.#file >= 0) closeSync(this.#file);
    this.#file = -1;
    if (!keep) rmSync(this.#path, { force: true });
  }

  #rewrite(entries: Iterable<RestartEntry>): void {
    this.#guard(() => {
      const parts = [lineOf({ version: VERSION, datapath: this.#identity })];
      for (const entry of entries) parts.push(lineOf(entry));
      const temporary = `${this.#path}.new`;
      rmSync(temporary, { force: true });
      const file = openSync(temporary, 'wx', 0o600);
      try {
        writeAll(file, parts.join(''));
        fsyncSync(file);
        renameSync(temporary, this.#path);
      } catch (error) {
        closeSync(file);
        throw error;
      }
      if (this.#file >= 0) closeSync(this.#file);
      this.#file = file;
      this.#pending = [];
      this.#lines = parts.length;
      this.#limit = parts.length * 2 + SLACK;
    });
  }

  #read(): RestartEntry[] {
    try {
      if (statSync(this.#path).size > MAX_BYTES) throw new Error('it is too large');
      const [head, ...lines] = readFileSync(this.#path, 'utf8').split('\n');
      const first = readLine(head);
      if (first?.version !== VERSION) throw new Error(`it is not of version ${VERSION}`);
      // Another datapath's: nothing to say about.
      if (first.datapath !== this.#identity) return [];
      return this.#entries(lines);
    } catch (error) {
      if ((error as { code?: string }).code !== 'ENOENT')
        this.#warn(`${this.#path} cannot be used: ${messageOf(error)}; flows that it explains go`);
      return [];
    }
  }

  /** The whole lines. The last one may be half of one, where a process was killed writing it. */
  #entries(lines: readonly string[]): RestartEntry[] {
    const entries = lines.filter((line) => line !== '').map(readLine);
    const broken = entries.slice(0, -1).filter((entry) => entry === null).length;
    if (broken > 0) this.#warn(`${this.#path}: ${broken} lines are damaged; flows that they explain go`);
    return entries.filter((entry) => entry !== null) as unknown as RestartEntry[];
  }

  #guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#warn(
        `${this.#path} cannot be written: ${messageOf(error)}; a restart will not know the flows' contexts`,
      );
      if (this.#file >= 0) closeSync(this.#file);
      this.#file = -1;
    }
  }
}

function writeAll(file: number, text: string): void {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
}
