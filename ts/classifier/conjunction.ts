import type { Action } from '../openflow/index.js';

/** Part of a rule in one conjunctive match: `conjunction(id, clause/clauses)`. */
interface Membership {
  readonly id: number;
  /** Counted from 0. */
  readonly clause: number;
  readonly clauses: number;
}

/**
 * What a rule with conjunction actions takes part in. Such a rule is a "soft" match: whether it matches depends on others of the
 * same priority.
 */
export interface ConjunctionSet {
  readonly memberships: readonly Membership[];
  /** Clauses of the conjunction that needs fewest. */
  readonly fewestClauses: number;
}

/** The set of a rule, or null when its actions have no conjunction. */
export function conjunctionsOf(actions: readonly Action[] | undefined): ConjunctionSet | null {
  if (actions === undefined || actions.length === 0) return null;
  const memberships: Membership[] = [];
  let fewestClauses = 64;
  for (const action of actions) {
    if (action.type !== 'conjunction') continue;
    memberships.push({ id: action.id, clause: action.clause - 1, clauses: action.clauses });
    fewestClauses = Math.min(fewestClauses, action.clauses);
  }
  return memberships.length === 0 ? null : { memberships, fewestClauses };
}

/**
 * Collects satisfied clauses of conjunctions until one has all of them (OVS: find_conjunctive_match). Made to be used again: `clear`
 * before each priority.
 */
export class ConjunctionMatcher {
  private readonly ids: number[] = [];
  /** Clauses that are satisfied, or that the conjunction does not have: bits 0 to 31 and 32 to 63. */
  private readonly low: number[] = [];
  private readonly high: number[] = [];
  private count = 0;
  /** The conjunction that `add` found complete. */
  completed = 0;

  clear(): void {
    this.count = 0;
  }

  /** Takes in the memberships of one matching rule; true when one conjunction is complete. `atMost`: rules that match. */
  add(set: ConjunctionSet, atMost: number): boolean {
    if (atMost < set.fewestClauses) return false;
    for (const { id, clause, clauses } of set.memberships) {
      if (clauses > atMost) continue;
      const at = this.find(id, clauses);
      if (clause < 32) this.low[at] |= 1 << clause;
      else this.high[at] |= 1 << (clause - 32);
      if (this.low[at] === -1 && this.high[at] === -1) {
        this.completed = id;
        return true;
      }
    }
    return false;
  }

  private find(id: number, clauses: number): number {
    for (let i = 0; i < this.count; i++) if (this.ids[i] === id) return i;
    const at = this.count++;
    this.ids[at] = id;
    this.low[at] = clauses < 32 ? -1 << clauses : 0;
    this.high[at] = clauses < 32 ? -1 : clauses < 64 ? -1 << (clauses - 32) : 0;
    return at;
  }
}
