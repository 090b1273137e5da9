import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** A slice of work is this long at least, milliseconds … */
const LEAST_MS = 1;
/** … and, when others take long turns, as long as theirs, but not longer than this. */
const MOST_MS = 2;
/** How long nothing is done while there is nothing to do yet. */
const PAUSE_MS = 1;

/**
 * Cuts long work into slices, between which upcalls and timers have their turn. Others are not starved by it, nor it by them. `clock` tells
 * milliseconds.
 */
export class Slices {
  readonly #clock: () => number;
  /** Milliseconds worked in slices that have ended. */
  #ended = 0;
  /** Milliseconds worked `aside`. */
  #aside = 0;
  #began: number;
  #length = LEAST_MS;

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
    this.#began = clock();
  }

  /** Whether the slice is over. */
  get over(): boolean {
    return this.#clock() - this.#began >= this.#length;
  }

  /** Milliseconds worked so far, without the turns that others had and without what was worked aside. */
  get worked(): number {
    return this.#ended + this.#clock() - this.#began - this.#aside;
  }

  /** Lets others have their turn, and begins a new slice. */
  async rest(): Promise<void> {
    const ended = this.#clock();
    this.#ended += ended - this.#began;
    await nextTurn();
    this.#began = this.#clock();
    this.#length = Math.min(MOST_MS, Math.max(LEAST_MS, this.#began - ended));
  }

  /** There is nothing to do yet: others make better use of the time. It counts as worked, but what others take beyond it. */
  async pause(): Promise<void> {
    const ended = this.#clock();
    await sleep(PAUSE_MS);
    this.#ended += ended - this.#began + PAUSE_MS;
    this.#began = this.#clock();
    this.#length = LEAST_MS;
  }

  /** Does other work in the same slices, which does not count as worked here. */
  async aside(work: () => Promise<void>): Promise<void> {
    const before = this.worked;
    await work();
    this.#aside += this.worked - before;
  }
}
