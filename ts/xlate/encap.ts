import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

export function actEncap(_pass: Pass, _action: ActionOf<'encap'>): Outcome {
  return 'continue';
}

export function actDecap(_pass: Pass, _action: ActionOf<'decap'>): Outcome {
  return 'continue';
}

export function actDecNshTtl(_pass: Pass): Outcome {
  return 'continue';
}
