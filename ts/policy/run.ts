import type { Rule } from '../openflow/index.js';
import type { StateEffect } from '../xlate/index.js';
import { PolicyActions } from './act.js';
import type { ActionLists, ActionPath } from './action-lists.js';
import type { PolicyCounters } from './counters.js';
import { Cursor, type MissListener } from './cursor.js';
import type { PortNames } from './in-port.js';
import { makePacket, type PolicyPacket } from './packet.js';
import { type StateKey, type StateReader, type StateTable, StateView } from './state-table.js';

/** Where a run notes what it read of the policy's state: `kind` of the table, and `what` as `StateTable.tagOf` gives it. */
export type ReadSink = (kind: number, what: number) => void;

/** What all runs of a policy share. */
export interface RunSetting {
  readonly lists: ActionLists;
  readonly ports: PortNames;
  readonly counters: PolicyCounters;
  readonly table: number;
  readonly tables: ReadonlyMap<string, StateTable<StateKey, unknown>>;
  readonly onMiss: MissListener | null;
}

/** One call of a policy: what it is given, and what it says. Used again for call after call, unless the call takes its time. */
export class Run implements StateReader {
  readonly cursor = new Cursor();
  readonly packet: PolicyPacket;
  readonly act: PolicyActions;
  readonly state: Readonly<Record<string, StateView<StateKey, unknown>>>;
  /** Counters that the packet counts for, credits[0 … creditCount). */
  readonly credits: Rule[] = [];
  creditCount = 0;
  readonly effects: StateEffect[] = [];
  effectCount = 0;
  /** What was read and counted, in words; null when nobody wants to know. */
  notes: string[] | null = null;
  onRead: ReadSink | null = null;
  readonly #counters: PolicyCounters;

  constructor({ lists, ports, counters, table, tables, onMiss }: RunSetting) {
    this.cursor.onMiss = onMiss;
    this.#counters = counters;
    this.packet = makePacket(this.cursor, ports);
    this.act = new PolicyActions(lists, ports, this, table);
    this.state = Object.fromEntries([...tables].map(([name, one]) => [name, new StateView(one, this)]));
  }

  /** Begins with a packet; `mask` gets what is looked at. */
  begin(flow: Int32Array, mask: Int32Array, tracing: boolean): void {
    this.creditCount = 0;
    this.effectCount = 0;
    this.notes = tracing ? [] : null;
    this.cursor.begin(flow, mask, tracing);
    PolicyActions.begin(this.act);
  }

  end(): ActionPath {
    return PolicyActions.end(this.act);
  }

  read(table: StateTable<never, unknown>, what: number, key: StateKey | undefined): void {
    this.onRead?.(table.kind, what);
    if (this.notes === null) return;
    const name = key === undefined ? table.name : `${table.name}[${JSON.stringify(key)}]`;
    this.notes.push(
      key === undefined ? `reads all of ${name}` : `reads ${name}: ${show(table.get(key as never))}`,
    );
  }

  write(effect: StateEffect): void {
    this.effects[this.effectCount++] = effect;
    const { table, key, value } = effect;
    const name = (table as StateTable<StateKey, unknown>).name;
    this.notes?.push(
      value === undefined
        ? `forgets ${name}[${JSON.stringify(key)}]`
        : `learns ${name}[${JSON.stringify(key)}]: ${show(value)}`,
    );
  }

  count(name: string): void {
    this.credits[this.creditCount++] = this.#counters.named(name);
    this.notes?.push(`counts ${name}`);
  }

  drop(reason: string): void {
    this.credits[this.creditCount++] = this.#counters.dropped(reason);
    this.notes?.push(`drops: ${reason}`);
  }
}

/** A value in words: objects may hold anything, so not too much of them. */
function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  try {
    const text = JSON.stringify(value) ?? String(value);
    return text.length > 80 ? `${text.slice(0, 80)}…` : text;
  } catch {
    return String(value);
  }
}
