import { SlowpathError } from '../errors/index.js';
import { fnv1a } from '../util/index.js';

/** A counter by name: what it counts, and how many there were until now. */
export interface CoverageCounter {
  readonly name: string;
  readonly help: string;
  readonly total: number;
}

/** Seconds between two looks at the counters, looks in a minute, minutes in an hour. */
const LOOK_SECONDS = 5;
const LOOKS = 12;
const MINUTES = 60;
const NAME_WIDTH = 24;

type Totals = ReadonlyMap<string, number>;

/** Totals before there was any look. */
const NONE: Totals = new Map();

/** Rates of counters over the last 5 seconds, minute and hour, by looking at them every 5 seconds as OVS does. */
export class Coverage {
  readonly #read: () => readonly CoverageCounter[];
  /** Totals at the last looks, newest first: one more than fit a minute; and at the ends of minutes, likewise. */
  readonly #looks: Totals[] = [];
  readonly #minutes: Totals[] = [];
  #count = 0;
  #timer: NodeJS.Timeout | null = null;

  constructor(read: () => readonly CoverageCounter[]) {
    this.#read = read;
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#lookIfThere(), LOOK_SECONDS * 1000);
    this.#timer.unref();
  }

  /** A datapath that is gone, for now or for ever, shows no counters. */
  #lookIfThere(): void {
    try {
      this.look();
    } catch (error) {
      if (!(error instanceof SlowpathError)) throw error;
    }
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** Looks at the counters; to be called every 5 seconds. */
  look(): void {
    const totals = new Map(this.#read().map(({ name, total }) => [name, total]));
    remember(this.#looks, totals, LOOKS);
    if (++this.#count % LOOKS === 0) remember(this.#minutes, totals, MINUTES);
  }

  /** The counters that counted anything, as `ovs-appctl coverage/show` has it. */
  show(): string {
    const counters = this.#read();
    const hit = counters.filter(({ total }) => total > 0);
    const lines = hit.map((counter) => this.#line(counter));
    return [
      `Event coverage, avg rate over last: ${LOOK_SECONDS} seconds, last minute, last hour,  hash=${hashOf(hit)}:`,
      ...lines,
      `${counters.length - hit.length} events never hit`,
    ].join('\n');
  }

  /** What one counter stands at. Throws when there is none of that name. */
  total(name: string): number {
    const counter = this.#read().find((one) => one.name === name);
    if (counter === undefined) throw new SlowpathError('ERR_NO_COUNTER', 'No such counter');
    return counter.total;
  }

  /** All counters with what they count. */
  help(): string {
    return this.#read()
      .map(({ name, help }) => `${name.padEnd(NAME_WIDTH)} ${help}`)
      .join('\n');
  }

  #line({ name, total }: CoverageCounter): string {
    const rates = [
      rate(this.#looks, name, 1, LOOK_SECONDS).toFixed(1).padStart(5),
      rate(this.#looks, name, LOOKS, LOOK_SECONDS * LOOKS)
        .toFixed(3)
        .padStart(9),
      rate(this.#minutes, name, MINUTES, LOOK_SECONDS * LOOKS * MINUTES)
        .toFixed(4)
        .padStart(13),
    ];
    return `${name.padEnd(NAME_WIDTH)} ${rates.join('/sec ')}/sec   total: ${total}`;
  }
}

/** Puts totals in front; as many as `length` and one are kept. */
function remember(list: Totals[], totals: Totals, length: number): void {
  list.unshift(totals);
  if (list.length > length + 1) list.length = length + 1;
}

/** How many a second there were in the last `steps` of a list that take `seconds`. */
function rate(list: readonly Totals[], name: string, steps: number, seconds: number): number {
  const now = (list[0] ?? NONE).get(name) ?? 0;
  const before = (list[steps] ?? NONE).get(name) ?? 0;
  return Math.max(0, now - before) / seconds;
}

/** Names and sizes of counters in one number: equal for runs in which the same things happened about as often. */
function hashOf(counters: readonly CoverageCounter[]): string {
  const text = counters.map(({ name, total }) => `${name}:${Math.floor(Math.log2(total))};`).join('');
  return (fnv1a(Buffer.from(text)) >>> 0).toString(16).padStart(8, '0');
}
