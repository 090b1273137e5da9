import { setTimeout as sleep } from 'node:timers/promises';

/** Asks again and again until `condition` holds. Throws, naming `what` was waited for, when time is up. */
export async function eventually(
  condition: () => boolean | Promise<boolean>,
  what: string,
  timeoutMs = 10_000,
): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!(await condition())) {
    if (Date.now() > end) throw new Error(`waited ${timeoutMs} ms for ${what}`);
    await sleep(20);
  }
}
