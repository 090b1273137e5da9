const INITIAL_SLOTS = 8;

/**
 * A multiset of 32-bit hashes: open addressing with linear probing and backward-shift deletion, so that a long life of
 * inserts and removes leaves no tombstones. `has` may answer yes for another value with the same hash; a caller that sees
 * yes looks further, one that sees no may stop.
 */
export class HashCounter {
  /** Hash per slot; meaningful where `counts` is not 0. */
  private hashes = new Int32Array(INITIAL_SLOTS);
  /** How often the hash is in the multiset; 0 for a free slot. */
  private counts = new Int32Array(INITIAL_SLOTS);
  /** Slots in use. */
  private used = 0;

  has(hash: number): boolean {
    const limit = this.hashes.length - 1;
    for (let slot = hash & limit; this.counts[slot] !== 0; slot = (slot + 1) & limit) {
      if (this.hashes[slot] === hash) return true;
    }
    return false;
  }

  add(hash: number): void {
    if ((this.used + 1) * 2 > this.hashes.length) this.grow();
    const slot = this.slotOf(hash);
    if (this.counts[slot] === 0) {
      this.hashes[slot] = hash;
      this.used++;
    }
    this.counts[slot]++;
  }

  /** Takes one occurrence out; the hash must be there. */
  remove(hash: number): void {
    const slot = this.slotOf(hash);
    if (this.counts[slot] === 0) throw new RangeError('hash is not in the index');
    if (--this.counts[slot] > 0) return;
    this.used--;
    this.closeGap(slot);
  }

  /** The slot that holds `hash`, or the free one where it would go. */
  private slotOf(hash: number): number {
    const limit = this.hashes.length - 1;
    let slot = hash & limit;
    while (this.counts[slot] !== 0 && this.hashes[slot] !== hash) slot = (slot + 1) & limit;
    return slot;
  }

  /** Moves later members of the probe sequence back, so that no search stops early at the freed slot. */
  private closeGap(freed: number): void {
    const limit = this.hashes.length - 1;
    let gap = freed;
    for (let slot = (freed + 1) & limit; this.counts[slot] !== 0; slot = (slot + 1) & limit) {
      const home = this.hashes[slot] & limit;
      if (((slot - home) & limit) < ((slot - gap) & limit)) continue;
      this.hashes[gap] = this.hashes[slot];
      this.counts[gap] = this.counts[slot];
      this.counts[slot] = 0;
      gap = slot;
    }
  }

  private grow(): void {
    const { hashes, counts } = this;
    this.hashes = new Int32Array(hashes.length * 2);
    this.counts = new Int32Array(hashes.length * 2);
    for (let i = 0; i < hashes.length; i++) {
      if (counts[i] === 0) continue;
      const slot = this.slotOf(hashes[i]);
      this.hashes[slot] = hashes[i];
      this.counts[slot] = counts[i];
    }
  }
}
