import {
  F_ETH_TYPE,
  F_IN_PORT,
  F_NW_FRAG,
  F_NW_PROTO,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  F_TUN_OPTS,
  F_TUN_OPTS_LEN,
} from '../fields/index.js';
import type { Random } from './random.js';

/** Values remembered at most. */
const CAPACITY = 1024;
/** Words that make a packet what it is: to change them alone would make one that cannot be. */
const KIND_WORDS: ReadonlySet<number> = new Set([
  F_ETH_TYPE,
  F_NW_FRAG,
  F_NW_PROTO,
  F_IN_PORT,
  F_PACKET_TYPE,
  F_RECIRC_ID,
]);

interface Wanted {
  readonly word: number;
  readonly value: readonly number[];
  readonly bits: readonly number[];
}

/** Values that a policy looked for in packets and did not find: packets that have them come to its other branches. */
export class WantedValues {
  readonly #byText = new Map<string, Wanted>();
  #all: Wanted[] = [];

  add(word: number, value: ArrayLike<number>, bits: ArrayLike<number>): void {
    if (this.#all.length >= CAPACITY || KIND_WORDS.has(word)) return;
    const wanted = {
      word,
      value: Array.from(value, (one) => one | 0),
      bits: Array.from(bits, (one) => one | 0),
    };
    const text = `${word}:${wanted.value.join()}/${wanted.bits.join()}`;
    if (this.#byText.has(text)) return;
    this.#byText.set(text, wanted);
    this.#all = [...this.#byText.values()];
  }

  /** Gives the packet one of them, or nearly: a bit beside it. False when there are none. */
  apply(random: Random, key: Int32Array): boolean {
    if (this.#all.length === 0) return false;
    const { word, value, bits } = random.pick(this.#all);
    // Packets without options of a tunnel have no place for them.
    if (word >= F_TUN_OPTS && key[F_TUN_OPTS_LEN] === 0) return false;
    value.forEach((one, i) => {
      key[word + i] = (key[word + i] & ~bits[i]) | (one & bits[i]);
    });
    if (random.once(4)) key[word + value.length - 1] ^= lowest(bits[bits.length - 1]);
    return true;
  }
}

function lowest(bits: number): number {
  return bits & -bits;
}
