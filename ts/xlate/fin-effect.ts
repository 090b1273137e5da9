import type { Rule } from '../openflow/index.js';
import type { FinTimeoutEffect } from './types.js';

/** TCP flags that end a connection: FIN and RST. */
const ENDING = 0x005;

/** A timeout lowered to `most`, where 0 is none. */
function lowered(timeout: number, most: number): number {
  return most !== 0 && (timeout === 0 || timeout > most) ? most : timeout;
}

/**
 * The timeouts that a fin_timeout effect gives its rule after packets with `tcpFlags` (ORed); null when they stay as they are. The owner of
 * the rule puts them into force.
 */
export function finTimeouts(
  { rule, idleTimeout, hardTimeout }: FinTimeoutEffect,
  tcpFlags: number,
): Pick<Rule, 'idleTimeout' | 'hardTimeout'> | null {
  if ((tcpFlags & ENDING) === 0) return null;
  const idle = lowered(rule.idleTimeout, idleTimeout);
  const hard = lowered(rule.hardTimeout, hardTimeout);
  return idle === rule.idleTimeout && hard === rule.hardTimeout
    ? null
    : { idleTimeout: idle, hardTimeout: hard };
}
