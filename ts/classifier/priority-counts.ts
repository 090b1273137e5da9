/** Priorities of a changing set of rules; knows the highest one without looking at the rules. */
export class PriorityCounts {
  private readonly counts = new Map<number, number>();
  /** Max-heap of priorities; may hold some whose count is 0 by now, never lacks one whose count is not. */
  private readonly heap: number[] = [];

  /** Highest priority present, or -1 when there is none. */
  get max(): number {
    return this.heap.length === 0 ? -1 : this.heap[0];
  }

  add(priority: number): void {
    const count = this.counts.get(priority);
    this.counts.set(priority, (count ?? 0) + 1);
    if (count === undefined) this.push(priority);
  }

  remove(priority: number): void {
    this.counts.set(priority, this.counts.get(priority)! - 1);
    while (this.heap.length > 0 && this.counts.get(this.heap[0]) === 0) {
      this.counts.delete(this.heap[0]);
      this.pop();
    }
  }

  private push(priority: number): void {
    const { heap } = this;
    let at = heap.length;
    heap.push(priority);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent] >= priority) break;
      heap[at] = heap[parent];
      at = parent;
    }
    heap[at] = priority;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1] > heap[child]) child++;
      if (heap[child] <= last) break;
      heap[at] = heap[child];
      at = child;
    }
    heap[at] = last;
  }
}
