import { type ActionsWriter, COOKIE_BYTES, type CookieWriter } from '../flow/index.js';
import { OFPP_NONE } from '../openflow/index.js';
import type { Snapshot } from './types.js';

/**
 * Writes the actions of a flow whose packets all need userspace: instead of what was translated, a userspace action that
 * brings every packet back as a slow-path upcall (OVS: compose_slow_path). `slow`: SLOW_* bits, not 0. The translated
 * actions themselves are executed packet by packet.
 */
export function composeSlowPath(
  snapshot: Snapshot,
  odpPort: number,
  slow: number,
  writer: ActionsWriter,
  cookie: CookieWriter,
): void {
  const port = snapshot.portsByOdp[odpPort];
  cookie.putSlowPath(port?.ofport ?? OFPP_NONE, port?.bridge.uuid ?? null, slow);
  writer.userspace(snapshot.upcallPid(odpPort), cookie.bytes, 0, COOKIE_BYTES);
}
