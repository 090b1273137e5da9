/** Small numbers for objects, so that columns and records can name them. Counted: an object whose number nobody uses any more is let go. */
export class Handles<T extends object> {
  readonly #numbers = new Map<T, number>();
  readonly #objects: (T | undefined)[] = [];
  readonly #counts: number[] = [];
  readonly #free: number[] = [];

  /** Objects that have a number. */
  get size(): number {
    return this.#numbers.size;
  }

  /** The object's number, with one more user. */
  acquire(object: T): number {
    const known = this.#numbers.get(object);
    if (known !== undefined) {
      this.#counts[known]++;
      return known;
    }
    const number = this.#free.pop() ?? this.#objects.length;
    this.#numbers.set(object, number);
    this.#objects[number] = object;
    this.#counts[number] = 1;
    return number;
  }

  /** One user less. */
  release(number: number): void {
    if (--this.#counts[number] > 0) return;
    this.#numbers.delete(this.#objects[number]!);
    this.#objects[number] = undefined;
    this.#free.push(number);
  }

  /** The object of a number in use. */
  get(number: number): T {
    return this.#objects[number]!;
  }
}
