import { expect } from 'chai';
import fc from 'fast-check';
import { Classifier, type ClassifierRule } from '../../ts/classifier/index.js';
import {
  F_CONJ_ID,
  F_ETH_TYPE,
  F_IN_PORT,
  F_NW_DST,
  F_NW_SRC,
  F_TP_DST,
  FLOW_WORDS,
} from '../../ts/fields/index.js';
import type { Action } from '../../ts/openflow/index.js';

interface TestRule extends ClassifierRule {
  readonly actions: readonly Action[];
}

const WORDS = [F_IN_PORT, F_ETH_TYPE, F_NW_SRC, F_NW_DST, F_TP_DST];
const small = fc.integer({ min: 0, max: 1 });
const maskBit = fc.constantFrom(0, 0, 0, -1, 1);
const words = (each: fc.Arbitrary<number>) => fc.tuple(each, each, each, each, each);

function row(values: readonly number[]): Int32Array {
  const key = new Int32Array(FLOW_WORDS);
  for (const [i, word] of WORDS.entries()) key[word] = values[i];
  return key;
}

const membership: fc.Arbitrary<Action> = fc
  .record({ id: fc.integer({ min: 1, max: 2 }), clause: fc.integer({ min: 1, max: 3 }) })
  // Conjunction 1 has two clauses, 2 has three.
  .map(({ id, clause }) => ({
    type: 'conjunction',
    id,
    clause: id === 1 ? Math.min(clause, 2) : clause,
    clauses: id === 1 ? 2 : 3,
  }));

const rule: fc.Arbitrary<TestRule> = fc
  .record({
    value: words(small),
    mask: words(maskBit),
    priority: fc.integer({ min: 0, max: 3 }),
    actions: fc.oneof(
      { arbitrary: fc.array(membership, { minLength: 1, maxLength: 2 }), weight: 3 },
      fc.constant([]),
    ),
    conjId: fc.option(fc.integer({ min: 1, max: 2 })),
  })
  .map(({ value, mask, priority, actions, conjId }) => {
    const maskWords = row(mask);
    const key = row(value);
    if (conjId !== null && actions.length === 0) {
      maskWords[F_CONJ_ID] = -1;
      key[F_CONJ_ID] = conjId;
    }
    return { priority, actions, match: { mask: maskWords, key: key.map((word, i) => word & maskWords[i]) } };
  });

const matches = (r: TestRule, flow: Int32Array) =>
  r.match.mask.every((mask, i) => (flow[i] & mask) === r.match.key[i]);

/** Ids of the conjunctions that rules complete, each clause by at least one rule. */
function completed(soft: readonly TestRule[]): number[] {
  const seen = new Map<number, Set<number>>();
  const sizes = new Map<number, number>();
  for (const { actions } of soft) {
    for (const action of actions) {
      if (action.type !== 'conjunction') continue;
      sizes.set(action.id, action.clauses);
      seen.set(action.id, (seen.get(action.id) ?? new Set()).add(action.clause));
    }
  }
  // One rule stands for one clause at most: rules that satisfy two are not enough, as in OVS.
  return [...seen]
    .filter(([id, clauses]) => clauses.size === sizes.get(id) && soft.length >= clauses.size)
    .map(([id]) => id);
}

/** Rules of the highest priority that may be found with `conjId`; of rules with the same mask only the best counts. */
function hardWith(rules: readonly TestRule[], flow: Int32Array, conjId: number): number {
  const withId = flow.slice();
  withId[F_CONJ_ID] = conjId;
  const best = new Map<string, TestRule>();
  for (const r of rules) {
    const mask = r.match.mask.join();
    if (matches(r, withId) && r.priority > (best.get(mask)?.priority ?? -1)) best.set(mask, r);
  }
  return Math.max(-1, ...[...best.values()].filter((r) => r.actions.length === 0).map((r) => r.priority));
}

/** The priorities that a lookup may answer with, by the definition in ovs-fields(7). */
function scan(rules: readonly TestRule[], flow: Int32Array): Set<number> {
  const matching = rules.filter((r) => matches(r, flow));
  const possible = new Set<number>();
  for (let priority = 3; priority >= 0; priority--) {
    const here = matching.filter((r) => r.priority === priority);
    if (here.some((r) => r.actions.length === 0)) return possible.add(priority);
    const results = completed(here).map((id) => hardWith(rules, flow, id));
    const answers = results.filter((answer) => answer >= 0);
    for (const answer of answers) possible.add(answer);
    // OVS looks no further in a rule that completes a conjunction: when that one leads nowhere, it may miss another.
    if (answers.length > 0 && answers.length === results.length) return possible;
  }
  return possible.add(-1);
}

function fill(rules: readonly TestRule[]): { classifier: Classifier<TestRule>; present: TestRule[] } {
  const classifier = new Classifier<TestRule>();
  const byMatch = new Map<string, TestRule>();
  for (const r of rules) {
    classifier.insert(r);
    byMatch.set(`${r.priority};${r.match.key};${r.match.mask}`, r);
  }
  return { classifier, present: [...byMatch.values()] };
}

describe('property: conjunctive match', function () {
  this.timeout(120_000);
  const rules = fc.array(rule, { maxLength: 25 });
  const flows = fc.array(words(small).map(row), { minLength: 1, maxLength: 6 });

  it('finds what the definition says', () => {
    let conjunctive = 0;
    fc.assert(
      fc.property(rules, flows, (all, packets) => {
        const { classifier, present } = fill(all);
        for (const flow of packets) {
          const found = classifier.lookup(flow, 0, new Int32Array(FLOW_WORDS), 0);
          expect([...scan(present, flow)]).to.include(found?.priority ?? -1);
          expect(flow[F_CONJ_ID]).to.equal(0);
          if (found !== null && found.match.mask[F_CONJ_ID] !== 0) conjunctive++;
        }
      }),
      { numRuns: 1500 },
    );
    expect(conjunctive).to.be.greaterThan(20);
  });

  it('gives the same rule to every packet that agrees on the bits it says it looked at', () => {
    fc.assert(
      fc.property(rules, flows, flows, (all, packets, others) => {
        const { classifier } = fill(all);
        for (const flow of packets) {
          const wildcards = new Int32Array(FLOW_WORDS);
          const found = classifier.lookup(flow, 0, wildcards, 0);
          for (const other of others) {
            const mixed = other.map((word, i) => (word & ~wildcards[i]) | (flow[i] & wildcards[i]));
            mixed[F_CONJ_ID] = 0;
            expect(classifier.lookup(mixed, 0, new Int32Array(FLOW_WORDS), 0)).to.equal(found);
          }
        }
      }),
      { numRuns: 500 },
    );
  });
});
