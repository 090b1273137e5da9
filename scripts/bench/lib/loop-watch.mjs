// Watches the event loop of the process that it runs in: how late a timer of one millisecond is, and for how much of that the thread had the processor.
import { openSync, readSync } from 'node:fs';
import { PerformanceObserver } from 'node:perf_hooks';

const text = Buffer.alloc(128);
const SPACE = 0x20;
const ZERO = 0x30;

/** Processor time of this thread so far, in milliseconds: the first number of its schedstat, read without making garbage that would be collected in what is watched. */
function processorMs(file) {
  readSync(file, text, 0, text.length, 0);
  let nanoseconds = 0;
  for (let i = 0; text[i] !== SPACE; i++) nanoseconds = nanoseconds * 10 + text[i] - ZERO;
  return nanoseconds / 1e6;
}

/**
 * Watches until the function returned is called, which tells the longest time between two wake-ups beyond the millisecond, the longest for which work
 * of this thread held the loop: without what it had to wait for a processor; and the longest that garbage was collected at a time.
 */
export function watchLoop() {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  const longest = { stallMs: 0, heldMs: 0, garbageMs: 0 };
  const collections = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) longest.garbageMs = Math.max(longest.garbageMs, duration);
  });
  collections.observe({ entryTypes: ['gc'] });
  let at = 0;
  let processor = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    const used = processorMs(file);
    // The first wake-up ends what it took to begin to watch.
    if (at > 0) {
      longest.stallMs = Math.max(longest.stallMs, now - at - 1);
      longest.heldMs = Math.max(longest.heldMs, used - processor);
    }
    at = performance.now();
    processor = processorMs(file);
  }, 1);
  return () => {
    clearInterval(timer);
    collections.disconnect();
    return longest;
  };
}
