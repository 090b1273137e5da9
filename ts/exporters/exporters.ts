import type { Configuration } from '../config/index.js';
import { UPCALL_ROW_WORDS, UPCALL_USERDATA_OFF } from '../fields/index.js';
import type { UpcallBatch } from '../native/index.js';
import { type SampleSink, UPCALL_FLOW_SAMPLE, UPCALL_SFLOW } from '../upcall/index.js';
import type { FlowStatsSink } from '../xlate/index.js';
import { type ExporterContext, zeroCounters } from './exporter.js';
import { type BridgeIpfix, IpfixProtocol, type IpfixSettings } from './ipfix/index.js';
import { LOCAL_COUNTER_HELP, LocalSamples } from './local-samples.js';
import { NetflowProtocol } from './netflow/index.js';
import { ProtocolExporters } from './protocol-exporters.js';
import { sflowProtocol } from './sflow/index.js';

/** What the exporters count beside the counters of each protocol. */
const SAMPLE_COUNTER_HELP = {
  orphans: 'Samples of bridges that have no exporter for them (any more), dropped',
};

/** A counter of the exporters by name, with what it counts. */
export interface ExporterCounter {
  readonly name: string;
  readonly help: string;
  readonly total: number;
}

/**
 * All exporters of a switch: made from the configuration (tables sFlow, IPFIX, NetFlow, Flow_Sample_Collector_Set) and changed with it, fed with the
 * samples that come as upcalls.
 */
export class Exporters implements SampleSink {
  readonly sflow: ProtocolExporters<unknown>;
  readonly ipfix: ProtocolExporters<IpfixSettings, BridgeIpfix>;
  readonly netflow: ProtocolExporters<unknown>;
  /** Is to be told what flows of bridges with NetFlow count. */
  readonly flowStats: FlowStatsSink;
  /** Samples for who listens in this process. */
  readonly local: LocalSamples;
  readonly #context: ExporterContext;
  readonly #all: readonly ProtocolExporters<unknown>[];
  readonly #counters = zeroCounters(SAMPLE_COUNTER_HELP);

  constructor(context: ExporterContext) {
    this.#context = context;
    this.local = new LocalSamples(context);
    this.sflow = new ProtocolExporters(sflowProtocol(context));
    this.ipfix = new ProtocolExporters(new IpfixProtocol(context));
    const netflow = new NetflowProtocol(context);
    this.netflow = new ProtocolExporters(netflow);
    this.flowStats = netflow;
    this.#all = [this.sflow, this.ipfix, this.netflow];
  }

  /** Takes over another configuration, whose bridges are those of the context; what it leaves as it was goes on undisturbed. */
  configure(configuration: Configuration): void {
    for (const exporters of this.#all) exporters.configure(configuration, this.#context.bridges);
    this.local.configure(configuration);
  }

  /** A sampled packet, of whatever bridge its cookie names. */
  sample(kind: number, batch: UpcallBatch, row: number): void {
    if (kind === UPCALL_FLOW_SAMPLE && this.local.sample(batch, row)) return;
    const cookie = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_USERDATA_OFF];
    const exporters = kind === UPCALL_SFLOW ? this.sflow : this.ipfix;
    const exporter = exporters.named(batch.slab, cookie);
    if (exporter?.sample === undefined) this.#counters.orphans++;
    else exporter.sample(kind, batch, row);
  }

  /** Lets time pass; to be called about ten times a second with monotonic milliseconds. */
  tick(now: number): void {
    for (const exporters of this.#all) exporters.tick(now);
  }

  counters(): ExporterCounter[] {
    const own = [
      ...listed('samples', this.#counters, SAMPLE_COUNTER_HELP),
      ...listed('samples', this.local.counters, LOCAL_COUNTER_HELP),
    ];
    return [
      ...own,
      ...this.#all.flatMap(({ protocol: { name, counters, counterHelp } }) =>
        listed(name, counters, counterHelp),
      ),
    ];
  }

  /** Sends what waits and closes all sockets. Idempotent. */
  close(): void {
    for (const exporters of this.#all) exporters.close();
    this.local.close();
  }
}

function listed(
  prefix: string,
  counters: Readonly<Record<string, number>>,
  help: Readonly<Record<string, string>>,
): ExporterCounter[] {
  return Object.entries(help).map(([name, text]) => ({
    name: `${prefix}_${name}`,
    help: text,
    total: counters[name],
  }));
}
