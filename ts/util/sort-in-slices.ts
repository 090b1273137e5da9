import type { Slices } from './slices.js';

/** Items sorted, or merged, without a look at the clock. */
const AT_ONCE = 2048;

/** Sorts numbers by what `rank` says of them, in slices; equal ones stay in their order. */
export async function sortInSlices(
  items: readonly number[],
  rank: (item: number) => number,
  slices: Slices,
): Promise<Int32Array> {
  let sorted = Int32Array.from(items);
  for (let from = 0; from < sorted.length; from += AT_ONCE) {
    sorted.subarray(from, from + AT_ONCE).sort((a, b) => rank(a) - rank(b));
    if (slices.over) await slices.rest();
  }
  let merged = new Int32Array(sorted.length);
  for (let run = AT_ONCE; run < sorted.length; run *= 2) {
    for (let from = 0; from < sorted.length; from += 2 * run) {
      const ends = [Math.min(from + run, sorted.length), Math.min(from + 2 * run, sorted.length)] as const;
      await merge(sorted, merged, from, ends, rank, slices);
    }
    [sorted, merged] = [merged, sorted];
  }
  return sorted;
}

/** Merges source[from … ends[0]) and source[ends[0] … ends[1]), each of which is sorted, into the same place of `target`. */
async function merge(
  source: Int32Array,
  target: Int32Array,
  from: number,
  ends: readonly [number, number],
  rank: (item: number) => number,
  slices: Slices,
): Promise<void> {
  let left = from;
  let right = ends[0];
  for (let to = from; to < ends[1]; to++) {
    const takesLeft = left < ends[0] && (right === ends[1] || rank(source[left]) <= rank(source[right]));
    target[to] = takesLeft ? source[left++] : source[right++];
    if ((to - from) % AT_ONCE === AT_ONCE - 1 && slices.over) await slices.rest();
  }
}
