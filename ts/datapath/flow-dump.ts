import type { Channel, FlowBatch, MatchedColumns, UkeyRows } from '../native/index.js';
import { fromSystemError } from '../netlink/index.js';
import type { FlowDump } from './types.js';

/** Flows a dump batch holds, and bytes for their attributes: a datagram of a dump has up to 32 KiB, of a terse one some 400 flows. */
export const DUMP_BATCH_FLOWS = 512;
export const DUMP_BATCH_BYTES = 256 * 1024;

const END = -1;
const END_INTERRUPTED = -2;
const info = { op: 'dump flows', family: 'ovs_flow', cmd: 3 };

/** A channel and a batch that dumps use, one after the other. */
export interface DumpSlot {
  readonly channel: Channel;
  readonly batch: FlowBatch;
  readonly matched: MatchedColumns;
}

/** One dump over a slot. `release` gets the slot back, with `clean` when the dump was read to its end. */
export class ChannelFlowDump implements FlowDump {
  interrupted = false;
  readonly batch: FlowBatch;
  readonly matched: MatchedColumns;
  readonly #channel: Channel;
  readonly #release: (clean: boolean) => void;
  #open = true;

  constructor(slot: DumpSlot, request: Uint8Array, release: (clean: boolean) => void) {
    this.batch = slot.batch;
    this.matched = slot.matched;
    this.#channel = slot.channel;
    this.#release = release;
    this.#guard(() => this.#channel.dumpStart(request));
  }

  next(): number {
    return this.#step(() => this.#channel.dumpNext(this.batch));
  }

  match(ukeys: UkeyRows, round: number, since: number): number {
    return this.#step(() => this.#channel.dumpMatch(this.batch, ukeys, this.matched, round, since));
  }

  #step(take: () => number): number {
    if (!this.#open) return END;
    const count = this.#guard(take);
    if (count >= 0) return count;
    this.interrupted = count === END_INTERRUPTED;
    this.#end(true);
    return END;
  }

  close(): void {
    this.#end(false);
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #end(clean: boolean): void {
    if (!this.#open) return;
    this.#open = false;
    this.#release(clean);
  }

  #guard<T>(call: () => T): T {
    try {
      return call();
    } catch (cause) {
      this.#end(false);
      throw fromSystemError(cause, info);
    }
  }
}
