import { setImmediate as nextTurn } from 'node:timers/promises';

/** A slice of work is this long at least, milliseconds … */
const LEAST_MS = 2;
/** … and, when others take long turns, as long as theirs, but not longer than this. */
const MOST_MS = 4;

/** Cuts long work into slices, between which upcalls and timers have their turn. Others are not starved by it, nor it by them. */
export class Slices {
  /** Milliseconds worked in slices that have ended. */
  #worked = 0;
  #began = performance.now();
  #length = LEAST_MS;

  /** Whether the slice is over. */
  get over(): boolean {
    return performance.now() - this.#began >= this.#length;
  }

  /** Milliseconds worked so far, without the turns that others had. */
  get worked(): number {
    return this.#worked + performance.now() - this.#began;
  }

  /** Lets others have their turn, and begins a new slice. */
  async rest(): Promise<void> {
    const ended = performance.now();
    this.#worked += ended - this.#began;
    await nextTurn();
    this.resume();
    this.#length = Math.min(MOST_MS, Math.max(LEAST_MS, this.#began - ended));
  }

  /** What happened since the slice began was other work: it begins now. */
  resume(): void {
    this.#began = performance.now();
  }
}
