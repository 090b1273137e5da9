import { FLOW_WORDS } from '../fields/index.js';
import type { Rule } from '../openflow/index.js';
import { hashAdd, hashFinish, type StateEffect } from '../xlate/index.js';

/** A decision that was made and is kept: for all packets that have `key` under `mask`. */
export interface Answer {
  readonly key: Int32Array;
  readonly mask: Int32Array;
  readonly rule: Rule;
  readonly credits: readonly Rule[];
  readonly effects: readonly StateEffect[];
  /** What flows depend on that it decides about. */
  readonly tag: number;
  /** Milliseconds until when it stands. */
  until: number;
}

/** The packets that look alike in a mask. */
class Shape<T extends Answer> {
  readonly mask: Int32Array;
  readonly #words: readonly number[];
  readonly #byHash = new Map<number, T[]>();

  constructor(mask: Int32Array) {
    this.mask = mask;
    this.#words = Array.from({ length: FLOW_WORDS }, (_, w) => w).filter((w) => mask[w] !== 0);
  }

  get isEmpty(): boolean {
    return this.#byHash.size === 0;
  }

  /** Whoever found nothing here looked at the mask. */
  markIn(mask: Int32Array): void {
    for (const w of this.#words) mask[w] |= this.mask[w];
  }

  hasMask(mask: Int32Array): boolean {
    for (let w = 0; w < FLOW_WORDS; w++) if (mask[w] !== this.mask[w]) return false;
    return true;
  }

  find(flow: Int32Array): T | null {
    const list = this.#byHash.get(this.#hash(flow));
    if (list === undefined) return null;
    for (const one of list) if (this.#matches(flow, one)) return one;
    return null;
  }

  /** Puts an answer in; what it takes the place of. */
  add(answer: T): T | null {
    const hash = this.#hash(answer.key);
    const list = this.#byHash.get(hash);
    if (list === undefined) {
      this.#byHash.set(hash, [answer]);
      return null;
    }
    const at = list.findIndex((one) => this.#matches(answer.key, one));
    const old = at < 0 ? null : list[at];
    if (at < 0) list.push(answer);
    else list[at] = answer;
    return old;
  }

  delete(answer: T): boolean {
    const hash = this.#hash(answer.key);
    const list = this.#byHash.get(hash);
    const at = list?.indexOf(answer) ?? -1;
    if (list === undefined || at < 0) return false;
    list.splice(at, 1);
    if (list.length === 0) this.#byHash.delete(hash);
    return true;
  }

  #matches(flow: Int32Array, { key }: T): boolean {
    for (const w of this.#words) if (((flow[w] ^ key[w]) & this.mask[w]) !== 0) return false;
    return true;
  }

  #hash(flow: Int32Array): number {
    let hash = 0;
    for (const w of this.#words) hash = hashAdd(hash, flow[w] & this.mask[w]);
    return hashFinish(hash, this.#words.length);
  }
}

/** Masks at most that are kept for answers to come. */
const SPARE_SHAPES = 64;

/** Answers, found by the packet. Which of several is found does not matter: each is right for the packets that it is for. */
export class AnswerStore<T extends Answer> {
  readonly #shapes: Shape<T>[] = [];
  /** In order of age. */
  readonly #all = new Set<T>();
  readonly #capacity: number;
  readonly #onShape: () => void;

  /** Holds `capacity` answers. `onShape` is called when there is one with a mask that none had before. */
  constructor(capacity: number, onShape: () => void = () => {}) {
    this.#capacity = capacity;
    this.#onShape = onShape;
  }

  get size(): number {
    return this.#all.size;
  }

  get isFull(): boolean {
    return this.#all.size >= this.#capacity;
  }

  [Symbol.iterator](): IterableIterator<T> {
    return this.#all.values();
  }

  find(flow: Int32Array): T | null {
    for (let i = 0; i < this.#shapes.length; i++) {
      const found = this.#shapes[i].find(flow);
      if (found !== null) return found;
    }
    return null;
  }

  /** Puts an answer in. What went for it: one for the same packets, or the oldest. */
  add(answer: T): T | null {
    const oldest = this.isFull ? (this.#all.values().next().value ?? null) : null;
    if (oldest !== null) this.delete(oldest);
    let shape = this.#shapes.find((one) => one.hasMask(answer.mask));
    if (shape === undefined) {
      shape = new Shape<T>(answer.mask);
      if (this.#shapes.length >= SPARE_SHAPES) this.#forgetSpareShapes();
      this.#shapes.push(shape);
      this.#onShape();
    }
    const old = shape.add(answer);
    if (old !== null) this.#all.delete(old);
    this.#all.add(answer);
    return oldest ?? old;
  }

  delete(answer: T): boolean {
    if (!this.#all.delete(answer)) return false;
    this.#shapes.find((one) => one.delete(answer));
    return true;
  }

  /** Marks what tells a packet that no answer was found for from those that there are answers for. */
  markIn(mask: Int32Array): void {
    for (const shape of this.#shapes) shape.markIn(mask);
  }

  #forgetSpareShapes(): void {
    for (let i = this.#shapes.length - 1; i >= 0; i--) if (this.#shapes[i].isEmpty) this.#shapes.splice(i, 1);
  }
}
