interface Timer {
  readonly at: number;
  readonly callback: () => void;
  unref(): Timer;
}

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

/** Turns of the event loop in which what a timer began comes to its end, as long as it does not rest more often. */
const TURNS = 10;

/** Takes the place of setTimeout and clearTimeout: time passes when the test says so, on the clock of the test. */
export class VirtualTimers {
  readonly #clock: { now: number };
  readonly #timers = new Set<Timer>();
  readonly #real = { setTimeout: globalThis.setTimeout, clearTimeout: globalThis.clearTimeout };

  constructor(clock: { now: number }) {
    this.#clock = clock;
  }

  install(): this {
    const set = (callback: () => void, delay = 0): Timer => {
      const timer: Timer = { at: this.#clock.now + delay, callback, unref: () => timer };
      this.#timers.add(timer);
      return timer;
    };
    const clear = (timer: unknown) => void this.#timers.delete(timer as Timer);
    Object.assign(globalThis, { setTimeout: set, clearTimeout: clear });
    return this;
  }

  restore(): void {
    Object.assign(globalThis, this.#real);
  }

  /** Lets what is under way come to its end, without time passing. */
  async settle(): Promise<void> {
    for (let i = 0; i < TURNS; i++) await nextTurn();
  }

  /** Lets time pass; timers that come due meanwhile are called in order, each at its time or as soon after it as work allows. */
  async pass(milliseconds: number): Promise<void> {
    const end = this.#clock.now + milliseconds;
    for (;;) {
      const due = [...this.#timers].filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (due.length === 0) break;
      const [next] = due;
      this.#timers.delete(next);
      this.#clock.now = Math.max(this.#clock.now, next.at);
      next.callback();
      await this.settle();
    }
    this.#clock.now = Math.max(this.#clock.now, end);
  }
}
