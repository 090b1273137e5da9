// Watches the event loop of the process that it runs in: how late a timer of one millisecond is, and for how much of that the thread had the processor.
import { openSync, readSync } from 'node:fs';

const text = Buffer.alloc(128);

/** Processor time of this thread so far, in milliseconds. */
function processorMs(file) {
  const length = readSync(file, text, 0, text.length, 0);
  return Number(text.toString('latin1', 0, length).split(' ')[0]) / 1e6;
}

/**
 * Watches until the function returned is called, which tells the longest time between two wake-ups beyond the millisecond, and the longest for which work
 * of this thread held the loop: without what it had to wait for a processor.
 */
export function watchLoop() {
  const file = openSync(`/proc/self/task/${process.pid}/schedstat`, 'r');
  let at = performance.now();
  let processor = processorMs(file);
  const longest = { stallMs: 0, heldMs: 0 };
  const timer = setInterval(() => {
    const now = performance.now();
    const used = processorMs(file);
    longest.stallMs = Math.max(longest.stallMs, now - at - 1);
    longest.heldMs = Math.max(longest.heldMs, used - processor);
    at = performance.now();
    processor = processorMs(file);
  }, 1);
  return () => {
    clearInterval(timer);
    return longest;
  };
}
