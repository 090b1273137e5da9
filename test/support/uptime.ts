import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** Debian's ovs-vswitchd counts no processors, and loses every upcall, when it starts before. */
const OVS_SECONDS = 10;

/** Waits until this machine is up for 11 s, as a guest that has just booted is not. */
export async function waitForOvsUptime(): Promise<void> {
  const up = Number.parseFloat(readFileSync('/proc/uptime', 'utf8'));
  if (up < OVS_SECONDS + 1) await sleep((OVS_SECONDS + 1 - up) * 1000);
}
