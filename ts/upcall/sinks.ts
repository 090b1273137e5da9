import type { UpcallBatch } from '../native/index.js';
import type { Snapshot, Translation } from '../xlate/index.js';

/** Where sampled packets go: the exporters. `kind` is UPCALL_SFLOW, UPCALL_FLOW_SAMPLE or UPCALL_IPFIX. */
export interface SampleSink {
  /** Row `row` of `batch` is valid during the call only. */
  sample(kind: number, batch: UpcallBatch, row: number): void;
}

/** Where packets for controllers go. */
export interface PacketInSink {
  /** False when the frozen state that the cookie names is no longer known. Row `row` is valid during the call only. */
  deliver(snapshot: Snapshot, batch: UpcallBatch, row: number): boolean;
}

/** Watches upcalls as they are handled: `kind` is an UPCALL_* class, the translation is null for other than misses. */
export interface UpcallObserver {
  /** All arguments are valid during the call only. `installed`: a flow was put. */
  upcall(
    kind: number,
    batch: UpcallBatch,
    row: number,
    translation: Translation | null,
    installed: boolean,
  ): void;
  /** The batch has been handled, and what it led to was sent. */
  batchDone?(): void;
}
