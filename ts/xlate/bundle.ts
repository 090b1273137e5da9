import type { ActionOf, Outcome } from './handler.js';
import type { Pass } from './pass.js';

export function actBundle(_pass: Pass, _action: ActionOf<'bundle'>): Outcome {
  return 'continue';
}
