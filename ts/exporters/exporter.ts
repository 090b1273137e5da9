import type { Bridge } from '../bridge/index.js';
import type { Configuration, Row } from '../config/index.js';
import type { Datapath } from '../datapath/index.js';
import type { UpcallBatch } from '../native/index.js';
import type { UkeyTable } from '../ukey/index.js';
import type { Snapshot } from '../xlate/index.js';

/** What exporters know of the switch that they belong to. */
export interface ExporterContext {
  readonly datapath: Datapath;
  /** The bridges that there are now, by name. */
  readonly bridges: ReadonlyMap<string, Bridge>;
  /** Flows that are installed: actions of a sample's flow are looked up here. */
  readonly ukeys: UkeyTable;
  /** What packets are translated by now. */
  snapshot(): Snapshot;
  /** Monotonic milliseconds, the clock of flow statistics. */
  now(): number;
  /** What goes wrong and is survived. */
  warn(message: string): void;
}

/** The exporter of one protocol for one bridge. Lives as long as the bridge's configuration asks for the protocol. */
export interface BridgeExporter<Settings> {
  /** Takes over settings: the first ones, and others later; is not called when nothing changed. Counters and sequences go on. */
  configure(settings: Settings): void;
  /** A sampled packet of this bridge. Row `row` of `batch` is valid during the call only. Never throws, never blocks. */
  sample?(kind: number, batch: UpcallBatch, row: number): void;
  /** Lets time pass: called about ten times a second with monotonic milliseconds. */
  tick(now: number): void;
  /** Sends what waits and ends. */
  close(): void;
}

/** A protocol: reads what the configuration says of it, and makes its exporters. */
export interface Protocol<Settings, Exporter extends BridgeExporter<Settings> = BridgeExporter<Settings>> {
  /** Prefix of its counters. */
  readonly name: string;
  /** What it counted for all bridges since the switch was opened; what each counter means is in `counterHelp`. */
  readonly counters: Readonly<Record<string, number>>;
  readonly counterHelp: Readonly<Record<string, string>>;
  /** What the configuration says for a bridge (a row of Bridge), as plain data: equal JSON is no change. null: nothing to export. */
  settings(configuration: Configuration, row: Row): Settings | null;
  create(bridge: Bridge): Exporter;
}

/** Counters, all 0, with the names that a help table has. */
export function zeroCounters<Name extends string>(
  help: Readonly<Record<Name, string>>,
): { [name in Name]: number } {
  return Object.fromEntries(Object.keys(help).map((name) => [name, 0])) as { [name in Name]: number };
}
