/** How values are distributed over fixed bounds. Observing allocates nothing. */
export class Histogram {
  /** Upper bounds of the buckets, inclusive, ascending; one more bucket holds what is above the last. */
  readonly bounds: Float64Array;
  /** Values in each bucket, those of smaller buckets not included. */
  readonly counts: Float64Array;
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = Float64Array.from(bounds);
    this.counts = new Float64Array(bounds.length + 1);
  }

  observe(value: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]) bucket++;
    this.counts[bucket]++;
    this.sum += value;
    this.count++;
  }
}
