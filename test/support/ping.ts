import type { Namespace } from './netns.js';

const MAX_ID = 0xffff;
let sessions = process.pid;

/**
 * Pings, the next as soon as the one before is answered or `waitSeconds` are up; how many answers came. All have one identifier, and each is a process of its own:
 * ping waits for the last answer only as long as it had to wait for those before, which loses one that a busy machine delays.
 */
export async function ping(host: Namespace, address: string, count = 3, waitSeconds = 10): Promise<number> {
  const id = 1 + (sessions++ % MAX_ID);
  const once = `ping -n -q -c 1 -e ${id} -W ${waitSeconds} ${address}`;
  const { stdout } = await host.start('sh', ['-c', `for n in $(seq ${count}); do ${once}; done`]).exit;
  return [...stdout.matchAll(/\b1 received/g)].length;
}
