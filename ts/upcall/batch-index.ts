const SLOTS = 256;

/** Finds an earlier upcall of the same batch by flow id. Cleared per batch; no allocation. */
export class BatchIndex {
  readonly #rowOf = new Int16Array(SLOTS);
  /** Batch that wrote the slot; older slots count as empty, so clearing costs nothing. */
  readonly #stamp = new Int32Array(SLOTS);
  #batch = 0;

  clear(): void {
    this.#batch = (this.#batch + 1) | 0;
  }

  /**
   * The row of this batch whose flow id at rows[row * stride + column …] equals that of `row`, or -1; then `row` itself is
   * entered. At most 64 rows are entered between two clears.
   */
  findOrAdd(rows: Int32Array, stride: number, column: number, row: number): number {
    const at = row * stride + column;
    const w0 = rows[at];
    for (let slot = w0 & (SLOTS - 1); ; slot = (slot + 1) & (SLOTS - 1)) {
      if (this.#stamp[slot] !== this.#batch) {
        this.#stamp[slot] = this.#batch;
        this.#rowOf[slot] = row;
        return -1;
      }
      const other = this.#rowOf[slot] * stride + column;
      if (
        rows[other] === w0 &&
        rows[other + 1] === rows[at + 1] &&
        rows[other + 2] === rows[at + 2] &&
        rows[other + 3] === rows[at + 3]
      ) {
        return this.#rowOf[slot];
      }
    }
  }
}
