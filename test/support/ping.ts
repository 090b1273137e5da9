import type { Namespace } from './netns.js';

/** Pings once a fifth of a second; how many answers came. */
export async function ping(host: Namespace, address: string, count = 3, waitSeconds = 5): Promise<number> {
  const args = ['-n', '-c', String(count), '-i', '0.2', '-W', String(waitSeconds), address];
  const { stdout } = await host.start('ping', args).exit;
  return Number(/(\d+) received/.exec(stdout)?.[1]);
}
