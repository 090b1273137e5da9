import { FLOW_BYTES, FLOW_PACKETS, FLOW_TCP_FLAGS, FLOW_USED } from '../fields/index.js';
import type { UkeyTable } from '../ukey/index.js';
import type { CreditSink, FlowRecords, Snapshot, Translation } from '../xlate/index.js';
import type { RevalidateCounters } from './counters.js';
import type { Retranslation } from './retranslation.js';

const HIGH = 0x1_0000_0000;

/** The 64-bit counter at two words of a flow row. Exact up to 2^53. */
function counter64(rows: Int32Array, at: number): number {
  return (rows[at] >>> 0) + (rows[at + 1] >>> 0) * HIGH;
}

/** What crediting needs of its surroundings; part of RevalidatorContext. */
export interface CreditingContext {
  readonly ukeys: UkeyTable;
  readonly records: FlowRecords;
  /** Takes in whom the next packets are credited to. */
  sink(packets: number, bytes: number, tcpFlags: number, used: number): CreditSink;
  /** Applies what a translation decided for packets counted by the datapath. */
  apply(translation: Translation, packets: number, bytes: number, tcpFlags: number, used: number): void;
  /** A flow left the datapath, and all that it counted has been credited. */
  ended(ukeys: UkeyTable, ukey: number, records: FlowRecords): void;
}

/**
 * Statistics of flows: takes the datapath's counters in and credits what came since the last time, each packet once, by the translation that
 * was in force when it came.
 */
export class Crediting {
  readonly #context: CreditingContext;
  readonly #retranslation: Retranslation;
  readonly #counters: RevalidateCounters;

  constructor(context: CreditingContext, retranslation: Retranslation, counters: RevalidateCounters) {
    this.#context = context;
    this.#retranslation = retranslation;
    this.#counters = counters;
  }

  /** Copies the counters of a flow row into the ukey. */
  take(ukey: number, rows: Int32Array, base: number): void {
    const { ukeys } = this.#context;
    const packets = counter64(rows, base + FLOW_PACKETS);
    const bytes = counter64(rows, base + FLOW_BYTES);
    ukeys.packets.set(ukey, packets);
    ukeys.bytes.set(ukey, bytes);
    ukeys.tcpFlags.set(ukey, rows[base + FLOW_TCP_FLAGS]);
    ukeys.used.set(ukey, Math.max(ukeys.used.get(ukey), counter64(rows, base + FLOW_USED)));
  }

  /** Takes the counters of a flow row in, and credits what came since the time before. Counters that ran backwards began anew. */
  takeAndCredit(snapshot: Snapshot, ukey: number, rows: Int32Array, base: number): void {
    const { ukeys } = this.#context;
    const packets = ukeys.packets.get(ukey);
    const bytes = ukeys.bytes.get(ukey);
    this.take(ukey, rows, base);
    const backwards = ukeys.packets.get(ukey) < packets || ukeys.bytes.get(ukey) < bytes;
    if (backwards) this.#counters.backwards++;
    this.credit(
      snapshot,
      ukey,
      ukeys.packets.get(ukey) - (backwards ? 0 : packets),
      ukeys.bytes.get(ukey) - (backwards ? 0 : bytes),
    );
  }

  /** The flow is gone: whoever follows it is told. */
  end(ukey: number): void {
    const { ukeys, records } = this.#context;
    this.#context.ended(ukeys, ukey, records);
  }

  /** Credits packets and bytes that a flow counted. */
  credit(snapshot: Snapshot, ukey: number, packets: number, bytes: number): void {
    if (packets === 0) return;
    const context = this.#context;
    const { ukeys, records } = context;
    const tcpFlags = ukeys.tcpFlags.get(ukey);
    const used = ukeys.used.get(ukey);
    if (records.credit(ukeys, ukey, context.sink(packets, bytes, tcpFlags, used))) return;
    this.#counters.translated++;
    this.#retranslation.run(snapshot, ukey);
    const { translation } = this.#retranslation;
    if (translation !== null) context.apply(translation, packets, bytes, tcpFlags, used);
  }
}
