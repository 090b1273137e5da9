import { UPCALL_CLASSES } from './classify.js';
import { Histogram } from '../util/index.js';

/** Stages of a batch that are timed, in the order in which they happen. */
export const UPCALL_STAGES = [
  'receive',
  'decode',
  'classify',
  'translate',
  'install',
  'deliver',
  'send',
] as const;
export type UpcallStage = (typeof UPCALL_STAGES)[number];
const INDEX = Object.fromEntries(UPCALL_STAGES.map((stage, i) => [stage, i])) as Record<UpcallStage, number>;
export const STAGE_CLASSIFY = INDEX.classify;
export const STAGE_TRANSLATE = INDEX.translate;
export const STAGE_INSTALL = INDEX.install;
export const STAGE_DELIVER = INDEX.deliver;
export const STAGE_SEND = INDEX.send;

/** One batch in so many is timed: reading the clock three times for each upcall costs about a tenth of a microsecond. */
const TIMED_EVERY = 16;
/** Powers of two from a microsecond to a quarter of a second, in seconds. */
const SECONDS = Array.from({ length: 18 }, (_, i) => 1e-6 * 2 ** i);
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64];
const CLASSES = UPCALL_CLASSES.length;

/** What the addon took for receiving and decoding, all batches together. */
export interface ReceiveTimes {
  readonly receiveNs: number;
  readonly decodeNs: number;
  readonly batches: number;
}

/** Figures about upcalls that are more than a count: where they come from, how many come at a time, how long each stage takes. */
export class UpcallProfile {
  /** Upcalls in a batch. */
  readonly batchSizes = new Histogram(BATCH_SIZES);
  /** Seconds by stage, of one batch in 16 while `timed`: classify, translate, install and deliver (samples, packets for controllers) for each upcall, receive, decode and send for each batch. */
  readonly stages: readonly Histogram[] = UPCALL_STAGES.map(() => new Histogram(SECONDS));
  /** Asks the addon how long it received and decoded; set by who wants stages timed, null costs nothing. */
  timed: (() => ReceiveTimes) | null = null;
  /** Upcalls by datapath port and class: byPort[port * classes + class]; grows with the largest port seen. */
  #byPort = new Float64Array(64 * CLASSES);
  #batches = 0;
  #received: ReceiveTimes | null = null;
  /** The batch under way is timed; when its last stage ended, in milliseconds. */
  #timing = false;
  #last = 0;

  /** A batch of `count` upcalls begins to be handled. */
  batch(count: number): void {
    this.batchSizes.observe(count);
    this.#timing = this.timed !== null && this.#batches++ % TIMED_EVERY === 0;
    if (!this.#timing) return;
    this.#observeReceive(this.timed!());
    this.#last = performance.now();
  }

  /** An upcall of a class (UPCALL_*) from a datapath port; -1 where its key does not say. */
  upcall(port: number, kind: number): void {
    if (port < 0 || port > 0xffff) return;
    const at = port * CLASSES + kind;
    if (at >= this.#byPort.length) this.#grow(at);
    this.#byPort[at]++;
  }

  /** A stage ended; what it took is the time since the last one did. */
  lap(stage: number): void {
    if (!this.#timing) return;
    const now = performance.now();
    this.stages[stage].observe((now - this.#last) / 1000);
    this.#last = now;
  }

  /** Tells of each port and class that had upcalls. */
  forEachPort(tell: (port: number, kind: number, upcalls: number) => void): void {
    for (let at = 0; at < this.#byPort.length; at++) {
      if (this.#byPort[at] > 0) tell(Math.floor(at / CLASSES), at % CLASSES, this.#byPort[at]);
    }
  }

  /** The batches since the last look, each with the mean of their times. */
  #observeReceive(now: ReceiveTimes): void {
    const before = this.#received;
    this.#received = now;
    if (before === null || now.batches === before.batches) return;
    const batches = (now.batches - before.batches) * 1e9;
    this.stages[INDEX.receive].observe((now.receiveNs - before.receiveNs) / batches);
    this.stages[INDEX.decode].observe((now.decodeNs - before.decodeNs) / batches);
  }

  #grow(at: number): void {
    let length = this.#byPort.length;
    while (length <= at) length *= 2;
    const grown = new Float64Array(length);
    grown.set(this.#byPort);
    this.#byPort = grown;
  }
}
