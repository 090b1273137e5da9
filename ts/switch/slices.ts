import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long one slice may hold up what else there is to do, milliseconds. */
const SLICE_MS = 2;

/** Does something for each item, in slices: between them, other things take their turn. */
export async function inSlices<T>(items: Iterable<T>, act: (item: T) => void): Promise<void> {
  let sliceEnd = performance.now() + SLICE_MS;
  for (const item of items) {
    act(item);
    if (performance.now() < sliceEnd) continue;
    await nextTurn();
    sliceEnd = performance.now() + SLICE_MS;
  }
}
