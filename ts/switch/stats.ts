import type { DatapathStats } from '../datapath/index.js';
import type { ExporterCounter } from '../exporters/index.js';
import type { RevalidateCounters } from '../revalidate/index.js';
import type { UpcallCounters } from '../upcall/index.js';

/** Figures of a running switch. */
export interface SwitchStats {
  readonly datapath: DatapathStats;
  readonly upcall: Readonly<UpcallCounters>;
  readonly revalidate: Readonly<RevalidateCounters>;
  /** Flows that we know of, by state. */
  readonly ukeys: Readonly<Record<string, number>>;
  /** Flows that may be installed now. */
  readonly flowLimit: number;
  /** Flows in the datapath on average over the last dumps, and at most. */
  readonly flowsAverage: number;
  readonly flowsPeak: number;
  /** Bytes of keys and actions of installed flows, and of the memory held for them. */
  readonly ukeyBytes: number;
  readonly ukeyReservedBytes: number;
  /** Milliseconds that the last dump took. */
  readonly dumpDuration: number;
  /** What the exporters of sFlow, IPFIX and NetFlow counted. */
  readonly exporters: readonly ExporterCounter[];
}
