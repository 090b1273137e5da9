const INITIAL_NODES = 16;
/** Bits that the edge of one node can hold; longer edges are chains of nodes. */
const NODE_BITS = 32;
const NONE = 0;

/** `count` most significant bits of a word. */
function highBits(count: number): number {
  return count === 0 ? 0 : -1 << (32 - count);
}

/**
 * A counted set of bit prefixes in a path-compressed binary trie, as OVS's classifier keeps for addresses and ports. A
 * lookup tells which prefix lengths are in the set for a value, and how many leading bits of the value decide that.
 * Nodes live in typed arrays; node 0 stands for "none". A value is `words` 32-bit words, most significant first.
 */
export class PrefixTrie {
  /** Words of a value. */
  private readonly words: number;
  /** Bits on the edge into each node, left-aligned. */
  private prefix = new Int32Array(INITIAL_NODES);
  /** How many bits that edge has, 0 (root only) to 32. */
  private length = new Uint8Array(INITIAL_NODES);
  /** Child for next bit 0 and for next bit 1: entries 2n and 2n+1. */
  private children = new Int32Array(2 * INITIAL_NODES);
  /** Occurrences of the prefix that ends at each node. */
  private occurrences = new Int32Array(INITIAL_NODES);
  private root = NONE;
  /** Head of the free list, linked through `children[2n]`. */
  private free = NONE;
  private nextFresh = 1;
  /** Nodes from the root to where a removal works. A value of 128 bits passes at most 129. */
  private readonly path = new Int32Array(160);
  /** Prefix lengths found by the last lookup: bit 31 of word 0 is length 1. */
  private readonly found: Int32Array;

  constructor(words: number) {
    this.words = words;
    this.found = new Int32Array(words);
  }

  /**
   * Looks `value[base …]` up. Returns how many leading bits of it were needed to know which prefixes of the set cover it;
   * `hasLength` then answers for each prefix length.
   */
  lookup(value: Int32Array, base: number): number {
    const { prefix, length, children, found } = this;
    for (let i = 0; i < found.length; i++) found[i] = 0;
    const bits = this.words * 32;
    let previous = NONE;
    let node = this.root;
    let matched = 0;
    while (node !== NONE) {
      const differing = prefix[node] ^ this.bitsAt(value, base, matched);
      const equal = Math.min(Math.clz32(differing), length[node]);
      matched += equal;
      if (equal < length[node]) return matched + 1; // Including the first bit that differed.
      if (this.occurrences[node] > 0) found[(matched - 1) >>> 5] |= 1 << (31 - ((matched - 1) & 31));
      if (matched >= bits) return bits;
      previous = node;
      node = children[2 * node + this.bitAt(value, base, matched)];
    }
    // The branch does not exist. Its absence is known from the next bit, unless no branch goes on from here at all.
    return previous === NONE || this.isLeaf(previous) ? matched : matched + 1;
  }

  /** Whether the last lookup found a prefix of this length (1 …) that covers the value. */
  hasLength(prefixLength: number): boolean {
    const bit = prefixLength - 1;
    return (this.found[bit >>> 5] & (1 << (31 - (bit & 31)))) !== 0;
  }

  /** Adds one occurrence of the first `prefixLength` (at least 1) bits of `value[base …]`. */
  insert(value: Int32Array, base: number, prefixLength: number): void {
    let parent = NONE;
    let node = this.root;
    let offset = 0;
    while (node !== NONE) {
      const equal = this.equalBits(node, value, base, offset, prefixLength);
      offset += equal;
      if (equal < this.length[node]) {
        const fork = this.split(node, equal);
        this.replaceChild(parent, node, fork);
        node = fork;
      }
      if (offset === prefixLength) {
        this.occurrences[node]++;
        return;
      }
      parent = node;
      node = this.children[2 * node + this.bitAt(value, base, offset)];
    }
    const branch = this.makeBranch(value, base, offset, prefixLength);
    if (parent === NONE) this.root = branch;
    else this.children[2 * parent + this.bitAt(value, base, offset)] = branch;
  }

  /** Removes one occurrence of the first `prefixLength` bits of `value[base …]`, which must be there. */
  remove(value: Int32Array, base: number, prefixLength: number): void {
    let depth = 0;
    let offset = 0;
    for (let node = this.root; node !== NONE; ) {
      this.path[depth] = node;
      const equal = this.equalBits(node, value, base, offset, prefixLength);
      if (equal < this.length[node]) break;
      offset += equal;
      if (offset === prefixLength) {
        if (this.occurrences[node] === 0) break;
        this.occurrences[node]--;
        this.prune(depth);
        return;
      }
      node = this.children[2 * node + this.bitAt(value, base, offset)];
      depth++;
    }
    throw new RangeError('prefix is not in the trie');
  }

  /** Takes nodes out that neither hold a prefix nor fork, from path[depth] towards the root. */
  private prune(depth: number): void {
    for (let level = depth; level >= 0; level--) {
      const node = this.path[level];
      const zero = this.children[2 * node];
      const one = this.children[2 * node + 1];
      if (this.occurrences[node] > 0 || (zero !== NONE && one !== NONE)) return;
      const only = zero !== NONE ? zero : one;
      if (only !== NONE) {
        if (this.length[node] + this.length[only] > NODE_BITS) return;
        this.prefix[only] = this.prefix[node] | (this.prefix[only] >>> this.length[node]);
        this.length[only] += this.length[node];
      }
      this.replaceChild(level === 0 ? NONE : this.path[level - 1], node, only);
      this.children[2 * node] = this.free;
      this.free = node;
      if (only !== NONE) return;
    }
  }

  /** Makes a node of the first `equal` bits of `node`'s edge with the rest of it below. */
  private split(node: number, equal: number): number {
    const fork = this.allocate(this.prefix[node] & highBits(equal), equal);
    this.prefix[node] <<= equal;
    this.length[node] -= equal;
    this.children[2 * fork + (this.prefix[node] >>> 31)] = node;
    return fork;
  }

  /** Makes the chain of nodes for bits offset … prefixLength of the value; one occurrence at its end. */
  private makeBranch(value: Int32Array, base: number, offset: number, prefixLength: number): number {
    const bits = Math.min(prefixLength - offset, NODE_BITS);
    const node = this.allocate(this.bitsAt(value, base, offset) & highBits(bits), bits);
    const rest = offset + bits;
    if (rest === prefixLength) {
      this.occurrences[node] = 1;
    } else {
      const below = this.makeBranch(value, base, rest, prefixLength);
      this.children[2 * node + this.bitAt(value, base, rest)] = below;
    }
    return node;
  }

  private replaceChild(parent: number, from: number, to: number): void {
    if (parent === NONE) this.root = to;
    else if (this.children[2 * parent] === from) this.children[2 * parent] = to;
    else this.children[2 * parent + 1] = to;
  }

  private allocate(prefix: number, length: number): number {
    let node = this.free;
    if (node !== NONE) {
      this.free = this.children[2 * node];
    } else {
      node = this.nextFresh++;
      if (node === this.prefix.length) this.grow();
    }
    this.prefix[node] = prefix;
    this.length[node] = length;
    this.children[2 * node] = NONE;
    this.children[2 * node + 1] = NONE;
    this.occurrences[node] = 0;
    return node;
  }

  private grow(): void {
    const size = 2 * this.prefix.length;
    const grown = (from: Int32Array, length: number) => {
      const to = new Int32Array(length);
      to.set(from);
      return to;
    };
    this.prefix = grown(this.prefix, size);
    this.occurrences = grown(this.occurrences, size);
    this.children = grown(this.children, 2 * size);
    const length = new Uint8Array(size);
    length.set(this.length);
    this.length = length;
  }

  private isLeaf(node: number): boolean {
    return this.children[2 * node] === NONE && this.children[2 * node + 1] === NONE;
  }

  private equalBits(node: number, value: Int32Array, base: number, offset: number, limit: number): number {
    const equal = Math.clz32(this.prefix[node] ^ this.bitsAt(value, base, offset));
    return Math.min(equal, this.length[node], limit - offset);
  }

  /** 32 bits of the value from bit `offset` on, zeros after its end. */
  private bitsAt(value: Int32Array, base: number, offset: number): number {
    const index = offset >>> 5;
    const shift = offset & 31;
    if (index >= this.words) return 0;
    if (shift === 0) return value[base + index];
    const next = index + 1 < this.words ? value[base + index + 1] >>> (32 - shift) : 0;
    return (value[base + index] << shift) | next;
  }

  private bitAt(value: Int32Array, base: number, offset: number): number {
    return (value[base + (offset >>> 5)] >>> (31 - (offset & 31))) & 1;
  }
}
