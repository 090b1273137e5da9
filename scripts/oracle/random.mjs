// Repeatable random choices.

/** A sequence of random numbers that a seed and the number of a case determine (mulberry32). */
export class Random {
  #state;

  constructor(seed, index = 0) {
    this.#state = (Math.imul(seed, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0;
    for (let i = 0; i < 4; i++) this.below(2);
  }

  /** 0 to n - 1. */
  below(n) {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  }

  /** From `low` to `high`, both included. */
  between(low, high) {
    return low + this.below(high - low + 1);
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  /** True once in `n` times. */
  oneIn(n) {
    return this.below(n) === 0;
  }

  /** One of [weight, value] pairs. */
  weighted(pairs) {
    let at = this.below(pairs.reduce((sum, [weight]) => sum + weight, 0));
    for (const [weight, value] of pairs) {
      if (at < weight) return value;
      at -= weight;
    }
    return pairs.at(-1)[1];
  }

  /** `count` results of `make`. */
  some(count, make) {
    return Array.from({ length: count }, (_, i) => make(i));
  }

  /** `count` different elements. */
  sample(list, count) {
    const rest = [...list];
    return this.some(Math.min(count, list.length), () => rest.splice(this.below(rest.length), 1)[0]);
  }
}
