import { F_NW_PROTO } from '../fields/index.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

/** Shortens the timeouts of the rule when a TCP connection ends. */
export function actFinTimeout(pass: Pass, _action: ActionOf<'fin_timeout'>): Outcome {
  pass.mask[F_NW_PROTO] = 0xff;
  return 'continue';
}
