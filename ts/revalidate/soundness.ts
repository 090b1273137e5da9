import { FLOW_FIELDS, FLOW_WORDS } from '../fields/index.js';
import { FITNESS, native } from '../native/index.js';
import { formatActions, formatKey } from '../flow/index.js';
import { UKEY_OPERATIONAL, type UkeyTable } from '../ukey/index.js';
import {
  type Snapshot,
  type Translator,
  variableWords,
  type WordBits,
  XLATE_ERRORS,
} from '../xlate/index.js';
import type { RevalidateCounters } from './counters.js';

const FITNESS_ERROR = FITNESS.indexOf('error');
/** Packets that are tried for each flow. */
const TRIALS = 32;
/** Flows that wait to be checked at most; more go unchecked. */
const PENDING_MAX = 64;
/** Of two cases within this time one is told. */
const TOLD_EVERY_MS = 1000;
const MASK_BYTES = 8192;

export interface SoundnessContext {
  readonly ukeys: UkeyTable;
  /** Makes one of its own, when the first flow is checked. */
  makeTranslator(): Translator;
  readonly counters: Pick<RevalidateCounters, 'checked' | 'unsound'>;
  snapshot(): Snapshot;
  /** Puts a flow that matches these bits, too, in the place of one. */
  narrow(ukey: number, mask: Int32Array): void;
  now(): number;
  tell(message: string): void;
  /** From 0 to 1, as Math.random. */
  random(): number;
}

function fieldOf(word: number) {
  return FLOW_FIELDS.find((field) => word >= field.word && word < field.word + field.words)!;
}

/** What a packet meets. */
interface Outcome {
  readonly error: number;
  readonly slow: number;
  readonly actions: string;
}

/**
 * Checks one of `every` installed flows: packets that the megaflow takes too, with other values where its mask has no bits, must meet the same.
 * If one does not, that is counted and told, and a flow that matches the field exactly takes the place of the wide one.
 */
export class SoundnessCheck {
  /** 0: none is checked. May be changed at any time. */
  every = 0;
  readonly #context: SoundnessContext;
  #translator: Translator | null = null;
  readonly #pending: { readonly ukey: number; readonly ufid: number }[] = [];
  readonly #key = new Int32Array(FLOW_WORDS);
  readonly #other = new Int32Array(FLOW_WORDS);
  #installed = 0;
  #turn: NodeJS.Immediate | null = null;
  #toldAt = Number.NEGATIVE_INFINITY;
  #untold = 0;

  constructor(context: SoundnessContext) {
    this.#context = context;
  }

  /** A flow was installed; one of `every` is checked in another turn of the event loop. */
  readonly installed = (ukey: number): void => {
    if (this.every === 0 || ++this.#installed % this.every !== 0 || this.#pending.length >= PENDING_MAX)
      return;
    const { ukeys } = this.#context;
    this.#pending.push({ ukey, ufid: ukeys.ufid[ukeys.ufidAt(ukey)] });
    this.#turn ??= setImmediate(() => {
      this.#turn = null;
      this.run();
    });
  };

  /** Checks what waits. */
  run(): void {
    const { ukeys } = this.#context;
    for (const { ukey, ufid } of this.#pending.splice(0)) {
      if (ukeys.state.get(ukey) === UKEY_OPERATIONAL && ukeys.ufid[ukeys.ufidAt(ukey)] === ufid)
        this.#check(ukey);
    }
  }

  close(): void {
    if (this.#turn !== null) clearImmediate(this.#turn);
    this.#pending.length = 0;
  }

  #check(ukey: number): void {
    const { ukeys, snapshot } = this.#context;
    const now = snapshot();
    // What changed since it was installed is the revalidator's business.
    if (ukeys.generation.get(ukey) !== now.generation) return;
    const attributes = ukeys.arena.view(ukeys.keyBlock[ukey], ukeys.keyLength[ukey]);
    if (native().decodeKey(attributes, this.#key, 0) === FITNESS_ERROR) return;
    const mask = ukeys.masks.rows.slice(ukeys.mask[ukey] * FLOW_WORDS, (ukeys.mask[ukey] + 1) * FLOW_WORDS);
    const free = variableWords(this.#key)
      .map(([word, bits]) => [word, bits & ~mask[word]] as const)
      .filter(([, bits]) => bits !== 0);
    this.#context.counters.checked++;
    if (free.length === 0) return;
    const expected = this.#outcome(now, this.#key);
    for (let trial = 0; trial < TRIALS; trial++) {
      const flipped = this.#flip(free);
      const met = this.#outcome(now, this.#other);
      if (isSame(met, expected)) continue;
      this.#mend(now, ukey, mask, flipped, expected, met);
      return;
    }
  }

  /** Another packet of the megaflow, in `#other`: some words that it leaves free, in part, are other ones. Which words. */
  #flip(free: readonly WordBits[]): number[] {
    const { random } = this.#context;
    this.#other.set(this.#key);
    const words: number[] = [];
    while (words.length === 0) {
      for (const [word, bits] of free) {
        if (random() >= 0.5) continue;
        const flips = Math.trunc(random() * 0x1_0000_0000) & bits;
        this.#other[word] ^= flips;
        if (flips !== 0) words.push(word);
      }
    }
    return words;
  }

  #outcome(snapshot: Snapshot, key: Int32Array): Outcome {
    this.#translator ??= this.#context.makeTranslator();
    const { error, slow, actions, actionsLength } = this.#translator.translate(snapshot, key, 0);
    // Packets that only userspace can treat all meet the slow path.
    const text = slow === 0 ? Buffer.from(actions.subarray(0, actionsLength)).toString('hex') : '';
    return { error, slow, actions: text };
  }

  #mend(
    snapshot: Snapshot,
    ukey: number,
    mask: Int32Array,
    flipped: readonly number[],
    expected: Outcome,
    met: Outcome,
  ): void {
    this.#context.counters.unsound++;
    const fields = this.#offending(snapshot, flipped, expected);
    this.#tell(ukey, mask, [...fields].map(({ name }) => name).join(', '), expected, met);
    const bits = new Map(variableWords(this.#key));
    const narrower = mask.slice();
    for (const { word, words } of fields)
      for (let w = word; w < word + words; w++) narrower[w] |= bits.get(w) ?? 0;
    this.#context.narrow(ukey, narrower);
  }

  /** Fields that make the difference each by itself; all that were flipped when only several together do. */
  #offending(
    snapshot: Snapshot,
    flipped: readonly number[],
    expected: Outcome,
  ): Set<ReturnType<typeof fieldOf>> {
    const other = this.#other.slice();
    const alone = flipped.filter((word) => {
      this.#other.set(this.#key);
      this.#other[word] = other[word];
      return !isSame(this.#outcome(snapshot, this.#other), expected);
    });
    this.#other.set(other);
    return new Set((alone.length > 0 ? alone : flipped).map(fieldOf));
  }

  #tell(ukey: number, mask: Int32Array, fields: string, expected: Outcome, met: Outcome): void {
    const now = this.#context.now();
    if (now - this.#toldAt < TOLD_EVERY_MS) {
      this.#untold++;
      return;
    }
    const { ukeys } = this.#context;
    const key = ukeys.arena.view(ukeys.keyBlock[ukey], ukeys.keyLength[ukey]);
    const bytes = new Uint8Array(MASK_BYTES);
    const length = Math.max(0, native().encodeMask(this.#key, 0, mask, 0, bytes, 0));
    const others = new Uint8Array(MASK_BYTES);
    const otherLength = Math.max(0, native().encodeKey(this.#other, 0, others, 0));
    const more = this.#untold === 0 ? '' : ` (${this.#untold} more were not told)`;
    this.#context.tell(
      `unsound megaflow ${formatKey(key, bytes.subarray(0, length))}, which does not look at ${fields}: ` +
        `${formatKey(key)} meets ${textOf(expected)}, ${formatKey(others.subarray(0, otherLength))} ${textOf(met)}${more}`,
    );
    this.#toldAt = now;
    this.#untold = 0;
  }
}

function isSame(a: Outcome, b: Outcome): boolean {
  return a.error === b.error && a.slow === b.slow && a.actions === b.actions;
}

function textOf({ error, slow, actions }: Outcome): string {
  if (error !== 0) return `error ${XLATE_ERRORS[error]}`;
  if (slow !== 0) return 'the slow path';
  return formatActions(new Uint8Array(Buffer.from(actions, 'hex')));
}
