import { F_NW_PROTO } from '../fields/index.js';
import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

/**
 * Shortens the timeouts of the rule when a TCP connection ends: an effect that its owner applies to packets with FIN or RST, this one and
 * those that its flow's statistics tell of. Flags are not looked at here, so one flow serves the whole connection.
 */
export function actFinTimeout(pass: Pass, action: ActionOf<'fin_timeout'>): Outcome {
  const { rule, bridge } = pass;
  pass.mask[F_NW_PROTO] = 0xff;
  if (rule !== null) {
    const { idleTimeout, hardTimeout } = action;
    pass.effects[pass.effectCount++] = { type: 'fin_timeout', bridge, rule, idleTimeout, hardTimeout };
  }
  return 'continue';
}
