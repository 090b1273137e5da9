import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';

/** A slice of work is this long when nobody waits, milliseconds. */
const SLICE_MS = 2;
/** How long nothing is done while there is nothing to do yet. */
const PAUSE_MS = 4;

/**
 * Cuts long work into slices, between which upcalls and timers have their turn. Others are not starved by it, nor it by them: while somebody `waits`, a
 * slice is no longer than the turn that others had before. `clock` tells milliseconds.
 */
export class Slices {
  readonly #clock: () => number;
  /** Milliseconds worked in slices that have ended. */
  #ended = 0;
  /** Milliseconds worked `aside`. */
  #aside = 0;
  #began: number;
  /** Milliseconds that the slice lasts at least, whoever waits: as many as others had before it. */
  #least = 0;
  readonly #waits: () => boolean;

  constructor(clock: () => number = () => performance.now(), waits: () => boolean = () => false) {
    this.#clock = clock;
    this.#waits = waits;
    this.#began = clock();
  }

  /** Whether the slice is over. */
  get over(): boolean {
    const worked = this.#clock() - this.#began;
    return worked >= SLICE_MS || (worked >= this.#least && this.#waits());
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
    this.#least = this.#began - ended;
  }

  /** There is nothing to do yet: others make better use of the time. It counts as worked, but what others take beyond it. */
  async pause(): Promise<void> {
    const ended = this.#clock();
    await sleep(PAUSE_MS);
    this.#ended += ended - this.#began + PAUSE_MS;
    this.#began = this.#clock();
    this.#least = 0;
  }

  /** Does other work in the same slices, which does not count as worked here. */
  async aside(work: () => Promise<void>): Promise<void> {
    const before = this.worked;
    await work();
    this.#aside += this.worked - before;
  }
}
