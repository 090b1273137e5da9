/** Packets and bytes that something was credited with. */
export interface Counter {
  packets: number;
  bytes: number;
}

/** Counters of objects, made when first credited. */
export class CounterMap<K> {
  readonly #counters = new Map<K, Counter>();

  credit(key: K, packets: number, bytes: number): void {
    const counter = this.#counters.get(key);
    if (counter === undefined) {
      this.#counters.set(key, { packets, bytes });
    } else {
      counter.packets += packets;
      counter.bytes += bytes;
    }
  }

  /** What `key` was credited with. */
  get(key: K): Readonly<Counter> {
    return this.#counters.get(key) ?? { packets: 0, bytes: 0 };
  }

  delete(key: K): void {
    this.#counters.delete(key);
  }
}
