import { F_IN_PORT } from '../fields/index.js';
import type { Pass } from './pass.js';
import type { XPort } from './types.js';

/** Whether the packet came by a protected port and `port` is one too: they do not forward to each other, whatever rules say. */
export function isBetweenProtected(pass: Pass, port: XPort): boolean {
  if (port.bundle === null || !port.bundle.protected) return false;
  return pass.bridge.ports.get(pass.flow[F_IN_PORT])?.bundle?.protected ?? false;
}
