import { FLOW_WORDS } from '../fields/index.js';

/**
 * Megaflow masks, each kept once: a hundred thousand flows usually share a handful. Masks are named by a small number and
 * counted; a mask that no flow uses any more makes room for another.
 */
export class MaskPool {
  #rows = new Int32Array(16 * FLOW_WORDS);
  #counts = new Int32Array(16);
  #hashes = new Int32Array(16);
  readonly #byHash = new Map<number, number[]>();
  readonly #free: number[] = [];
  #size = 0;
  #last = -1;

  /** Masks in use. */
  get count(): number {
    return this.#size - this.#free.length;
  }

  /** All masks, FLOW_WORDS words each; mask `id` starts at `id * FLOW_WORDS`. Changes when the pool grows. */
  get rows(): Int32Array {
    return this.#rows;
  }

  /** The id of mask[base … base+FLOW_WORDS), added when new; counts one more user. */
  acquire(mask: Int32Array, base: number): number {
    if (this.#last >= 0 && this.#counts[this.#last] > 0 && this.#same(this.#last, mask, base)) {
      this.#counts[this.#last]++;
      return this.#last;
    }
    const hash = hashWords(mask, base);
    const bucket = this.#byHash.get(hash);
    let id = bucket?.find((candidate) => this.#same(candidate, mask, base));
    if (id === undefined) {
      id = this.#add(mask, base, hash);
      if (bucket) bucket.push(id);
      else this.#byHash.set(hash, [id]);
    }
    this.#counts[id]++;
    this.#last = id;
    return id;
  }

  /** One user of mask `id` less. */
  release(id: number): void {
    if (--this.#counts[id] > 0) return;
    const hash = this.#hashes[id];
    const bucket = this.#byHash.get(hash)!.filter((candidate) => candidate !== id);
    if (bucket.length > 0) this.#byHash.set(hash, bucket);
    else this.#byHash.delete(hash);
    this.#free.push(id);
  }

  #same(id: number, mask: Int32Array, base: number): boolean {
    const rows = this.#rows;
    const at = id * FLOW_WORDS;
    for (let i = 0; i < FLOW_WORDS; i++) if (rows[at + i] !== mask[base + i]) return false;
    return true;
  }

  #add(mask: Int32Array, base: number, hash: number): number {
    const id = this.#free.pop() ?? this.#size++;
    if (id >= this.#counts.length) this.#grow();
    this.#rows.set(mask.subarray(base, base + FLOW_WORDS), id * FLOW_WORDS);
    this.#counts[id] = 0;
    this.#hashes[id] = hash;
    return id;
  }

  #grow(): void {
    const rows = new Int32Array(this.#rows.length * 2);
    rows.set(this.#rows);
    this.#rows = rows;
    const counts = new Int32Array(this.#counts.length * 2);
    counts.set(this.#counts);
    this.#counts = counts;
    const hashes = new Int32Array(this.#hashes.length * 2);
    hashes.set(this.#hashes);
    this.#hashes = hashes;
  }
}

function hashWords(words: Int32Array, base: number): number {
  let hash = 0;
  for (let i = 0; i < FLOW_WORDS; i++) hash = Math.imul(hash ^ words[base + i], 0x9e3779b1) ^ (hash >>> 15);
  return hash;
}
