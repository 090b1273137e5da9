import { FLOW_WORDS } from '../fields/index.js';
import type { Prerequisite } from '../openflow/index.js';
import { prerequisiteHolds } from '../xlate/index.js';

/** Is told of values that were looked for in the bits `bits` of words from `word` on, and not found. */
export type MissListener = (word: number, value: ArrayLike<number>, bits: ArrayLike<number>) => void;

/** Where reads go: the packet that is being decided about, and what was looked at of it. Accessors are bound to one for ever. */
export class Cursor {
  /** The packet: FLOW_WORDS words. */
  flow: Int32Array = new Int32Array(FLOW_WORDS);
  /** Bits that count for the megaflow: what was looked at, here and before. */
  mask: Int32Array = new Int32Array(FLOW_WORDS);
  /** The same for this run alone, where somebody wants to be told; null costs nothing. */
  seen: Int32Array | null = null;
  /** For whoever makes up packets; null costs nothing. */
  onMiss: MissListener | null = null;

  /** Bits of a word were looked at. */
  mark(word: number, bits: number): void {
    this.mask[word] |= bits;
    if (this.seen !== null) this.seen[word] |= bits;
  }

  /** Whether the packet has the headers that a field is in; what tells that counts as looked at. */
  has(prerequisite: Prerequisite): boolean {
    if (prerequisite === 'none') return true;
    if (this.seen !== null) prerequisiteHolds(prerequisite, this.flow, this.seen);
    return prerequisiteHolds(prerequisite, this.flow, this.mask);
  }

  /**
   * Whether the packet has `value` in the bits `bits` of a word. Where it has not, only the bits from the highest down to the first
   * that differs are looked at, and none if what is known already tells: that is proof enough, and all packets that share them agree.
   */
  matchesWord(word: number, value: number, bits: number): boolean {
    const difference = (this.flow[word] ^ value) & bits;
    if (difference === 0) {
      this.mark(word, bits);
      return true;
    }
    if (this.onMiss !== null) this.onMiss(word, [value], [bits]);
    const known = difference & this.mask[word];
    const proof = known !== 0 ? highestBit(known) : bits & -highestBit(difference);
    this.mark(word, proof);
    return false;
  }

  /** As matchesWord, for `value` in `bits` of several words from `word` on, most significant first. */
  matches(word: number, value: Int32Array, bits: Int32Array): boolean {
    const { flow, mask } = this;
    const count = value.length;
    for (let i = 0; i < count; i++) {
      const known = (flow[word + i] ^ value[i]) & bits[i] & mask[word + i];
      if (known === 0) continue;
      if (this.onMiss !== null) this.onMiss(word, value, bits);
      this.mark(word + i, highestBit(known));
      return false;
    }
    for (let i = 0; i < count; i++) {
      const difference = (flow[word + i] ^ value[i]) & bits[i];
      if (difference === 0) {
        this.mark(word + i, bits[i]);
        continue;
      }
      if (this.onMiss !== null) this.onMiss(word, value, bits);
      this.mark(word + i, bits[i] & -highestBit(difference));
      return false;
    }
    return true;
  }
}

/** The highest bit that is set, alone. */
function highestBit(bits: number): number {
  return 1 << (31 - Math.clz32(bits));
}
