import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

export function actLearn(_pass: Pass, _action: ActionOf<'learn'>): Outcome {
  return 'continue';
}

/** A rule with conjunctions is part of another's match and is not to be executed. */
export function actConjunction(pass: Pass): Outcome {
  pass.note('executing no-op conjunction action', 'error');
  return 'continue';
}
