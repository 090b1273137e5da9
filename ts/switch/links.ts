import type { BridgePort } from '../bridge/index.js';
import { portTag } from '../xlate/index.js';

/** The link of a port went up or down. The tag of what depends on it, 'everything' when anything may, null when it is no news. */
export function linkChanged(port: BridgePort, running: boolean): number | 'everything' | null {
  if (port.running === running) return null;
  port.running = running;
  port.bundle.linkChanged(port);
  if (port.bundle.bond !== null) return 'everything';
  if (!running) port.bridge.fdb.flush(port.bundle);
  return portTag(port.bridge, port.ofport);
}
