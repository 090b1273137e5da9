import type { Action, FlowMatch } from '../openflow/index.js';

/** What the classifier needs of a rule. `match.key` must have no bit outside `match.mask`. */
export interface ClassifierRule {
  readonly match: FlowMatch;
  /** 0 to 65535; the highest that matches wins. */
  readonly priority: number;
  /** Only conjunctions are looked at: they make the rule part of a conjunctive match. */
  readonly actions?: readonly Action[];
}
