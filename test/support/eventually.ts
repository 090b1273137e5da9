import { setTimeout as sleep } from 'node:timers/promises';

/** How long something that must come is waited for; emulation makes some things take seconds. */
const PATIENCE_MS = 30_000;

/**
 * Looks every 20 ms until `probe` returns something other than undefined and false, and returns it. Throws with `what`, and
 * what `probe` returned last, when time is up.
 */
export async function eventually<T>(
  what: string,
  probe: () => T | Promise<T>,
  timeoutMs = PATIENCE_MS,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await probe();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > end) throw new Error(`${what}: not within ${timeoutMs} ms`);
    await sleep(20);
  }
}
