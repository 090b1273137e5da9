import { expect } from 'chai';
import fc from 'fast-check';
import { Classifier, type ClassifierRule } from '../../ts/classifier/index.js';
import {
  F_CT_TP_SRC,
  F_ETH_DST,
  F_ETH_TYPE,
  F_IN_PORT,
  F_IPV6_DST,
  F_IPV6_SRC,
  F_NW_DST,
  F_NW_SRC,
  F_TCP_FLAGS,
  F_TP_DST,
  F_TP_SRC,
  F_TUN_DST,
  F_TUN_ID,
  FLOW_WORDS,
} from '../../ts/fields/index.js';

/** Offset of the key in the arrays given to lookup: a row in the middle of a batch. */
const BASE = 7;

interface TestRule extends ClassifierRule {
  readonly priority: number;
}

const prefix = fc.integer({ min: 0, max: 32 }).map((n) => (n === 0 ? 0 : -1 << (32 - n)));
/** Few different values, so that rules and flows meet. */
const address = fc.constantFrom(0x0a000001, 0x0a000002, 0x0a000101, 0x0a800001, 0x0b000001, 0xc0a80101 | 0);
const port = fc.constantFrom(0, 1, 80, 81, 443, 8080, 0xffff);
const small = fc.integer({ min: 0, max: 3 });
/** Most fields of most rules are not matched. */
const sometimes = (mask: fc.Arbitrary<number>) => fc.oneof({ arbitrary: fc.constant(0), weight: 3 }, mask);

const value = fc.record({
  inPort: small,
  ethDst: small,
  ethType: fc.constantFrom(0x800, 0x806, 0x86dd),
  nwSrc: address,
  nwDst: address,
  ipv6High: address,
  ipv6Low: small,
  flags: small,
  source: port,
  destination: port,
  ct: small,
  tunDst: address,
  tunId: small,
});
const maskValue = fc.record({
  inPort: sometimes(fc.constant(-1)),
  ethDst: sometimes(fc.constantFrom(1, 2, 0xff)),
  ethType: sometimes(fc.constant(0xffff)),
  nwSrc: sometimes(fc.oneof(prefix, fc.constant(0x00ff00ff))),
  nwDst: sometimes(prefix),
  ipv6High: sometimes(prefix),
  ipv6Low: sometimes(fc.constant(-1)),
  flags: sometimes(fc.constantFrom(1, 0xfff)),
  source: sometimes(fc.constantFrom(0xffff, 0xff00, 0xfff0, 0x00f0)),
  destination: sometimes(fc.constantFrom(0xffff, 0xff00, 1)),
  ct: sometimes(fc.constant(0xffff)),
  tunDst: sometimes(prefix),
  tunId: sometimes(fc.constantFrom(-1, -2)),
});
type Fields = { [name in keyof typeof sampleFields]: number };
const sampleFields = {
  inPort: F_IN_PORT,
  ethDst: F_ETH_DST + 1,
  ethType: F_ETH_TYPE,
  nwSrc: F_NW_SRC,
  nwDst: F_NW_DST,
  ipv6High: F_IPV6_DST,
  ipv6Low: F_IPV6_SRC + 3,
  flags: F_TCP_FLAGS,
  source: F_TP_SRC,
  destination: F_TP_DST,
  ct: F_CT_TP_SRC,
  tunDst: F_TUN_DST,
  tunId: F_TUN_ID + 1,
};

function toWords(fields: Fields, base = 0): Int32Array {
  const words = new Int32Array(base + FLOW_WORDS);
  for (const [name, word] of Object.entries(sampleFields)) words[base + word] = fields[name as keyof Fields];
  return words;
}

const rule: fc.Arbitrary<TestRule> = fc
  .record({ value, mask: maskValue, priority: fc.integer({ min: 0, max: 6 }) })
  .map(({ value, mask, priority }) => {
    const maskWords = toWords(mask);
    // An IPv6 mask is a prefix when its last word is matched only together with the others.
    if (mask.ipv6Low !== 0) maskWords.fill(-1, F_IPV6_SRC, F_IPV6_SRC + 4);
    if (mask.tunId !== 0) maskWords[F_TUN_ID] = -1;
    return {
      priority,
      match: { mask: maskWords, key: toWords(value).map((word, i) => word & maskWords[i]) },
    };
  });

function matches(rule: TestRule, flow: Int32Array): boolean {
  return rule.match.mask.every((mask, i) => (flow[BASE + i] & mask) === rule.match.key[i]);
}

/** The definition of a lookup, as priority: which of several equals is found is not defined. */
function scan(rules: readonly TestRule[], flow: Int32Array): number {
  return rules.reduce(
    (best, rule) => (rule.priority > best && matches(rule, flow) ? rule.priority : best),
    -1,
  );
}

function lookup(classifier: Classifier<TestRule>, flow: Int32Array) {
  const wildcards = new Int32Array(3 + FLOW_WORDS);
  const found = classifier.lookup(flow, BASE, wildcards, 3);
  return { found, wildcards: wildcards.subarray(3) };
}

/** What an OpenFlow switch keeps: the newest of the rules with the same match and priority. */
function distinct(rules: readonly TestRule[]): TestRule[] {
  const byMatch = new Map(rules.map((r) => [`${r.priority};${r.match.key};${r.match.mask}`, r]));
  return [...byMatch.values()];
}

describe('property: Classifier.lookup', function () {
  this.timeout(120_000);
  const rules = fc.array(rule, { maxLength: 30 });
  const flows = fc.array(value, { minLength: 1, maxLength: 8 });
  /** Which tries are kept, at first and later. */
  const tries = fc.tuple(fc.nat(511), fc.nat(511));

  it('finds what a scan of all rules finds, also while rules come and go', () => {
    fc.assert(
      fc.property(
        rules,
        flows,
        fc.array(fc.nat(), { maxLength: 20 }),
        tries,
        (all, values, removals, kept) => {
          const classifier = new Classifier<TestRule>();
          classifier.keepTries(kept[0]);
          const check = (present: readonly TestRule[]) => {
            expect(classifier.size).to.equal(present.length);
            const listed = new Set(classifier);
            expect(listed.size).to.equal(present.length);
            expect(present.every((r) => listed.has(r))).to.equal(true);
            for (const fields of values) {
              const flow = toWords(fields, BASE);
              const { found } = lookup(classifier, flow);
              expect(found?.priority ?? -1).to.equal(scan(present, flow));
              if (found !== null) expect(matches(found, flow) && present.includes(found)).to.equal(true);
            }
          };
          for (const r of all) classifier.insert(r);
          const present = distinct(all);
          check(present);
          classifier.keepTries(kept[1]);
          check(present);
          for (const pick of removals) {
            if (present.length === 0) break;
            const [gone] = present.splice(pick % present.length, 1);
            expect(classifier.remove(gone)).to.equal(true);
            expect(classifier.remove(gone)).to.equal(false);
            check(present);
          }
          for (const r of present.splice(0)) expect(classifier.remove(r)).to.equal(true);
          check(present);
          expect(classifier.subtableCount).to.equal(0);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('gives the same rule to every flow that agrees on the bits it says it looked at', () => {
    fc.assert(
      fc.property(rules, flows, flows, tries, (all, values, others, kept) => {
        const classifier = new Classifier<TestRule>();
        classifier.keepTries(kept[0]);
        for (const r of all) classifier.insert(r);
        classifier.keepTries(kept[1]);
        for (const fields of values) {
          const flow = toWords(fields, BASE);
          const { found, wildcards } = lookup(classifier, flow);
          const agrees = (other: Int32Array) => {
            expect(lookup(classifier, other).found).to.equal(found);
          };
          // Other flows with the bits that were looked at put in, and each single bit flipped.
          for (const other of others) {
            const words = toWords(other, BASE);
            agrees(
              words.map((w, i) =>
                i < BASE ? w : (w & ~wildcards[i - BASE]) | (flow[i] & wildcards[i - BASE]),
              ),
            );
          }
          for (const word of Object.values(sampleFields)) {
            for (let bit = 0; bit < 32; bit++) {
              if ((wildcards[word] & (1 << bit)) !== 0) continue;
              const flipped = flow.slice();
              flipped[BASE + word] ^= 1 << bit;
              agrees(flipped);
            }
          }
        }
      }),
      { numRuns: 100 },
    );
  });

  it('looks at no bit that no rule matches, and covers the mask of the rule it finds', () => {
    fc.assert(
      fc.property(rules, flows, (all, values) => {
        const classifier = new Classifier<TestRule>();
        for (const r of all) classifier.insert(r);
        const union = new Int32Array(FLOW_WORDS);
        for (const r of all)
          r.match.mask.forEach((mask, i) => {
            union[i] |= mask;
          });
        for (const fields of values) {
          const { found, wildcards } = lookup(classifier, toWords(fields, BASE));
          wildcards.forEach((word, i) => {
            expect(word & ~union[i]).to.equal(0);
            if (found !== null) expect(found.match.mask[i] & ~word).to.equal(0);
          });
        }
      }),
    );
  });

  it('keeps bits that were set before, and still answers right', () => {
    fc.assert(
      fc.property(rules, value, maskValue, (all, fields, earlier) => {
        const classifier = new Classifier<TestRule>();
        for (const r of all) classifier.insert(r);
        const wildcards = toWords(earlier);
        const before = wildcards.slice();
        const flow = toWords(fields, BASE);
        const found = classifier.lookup(flow, BASE, wildcards, 0);
        expect(found?.priority ?? -1).to.equal(scan(all, flow));
        expect([...wildcards].every((word, i) => (before[i] & ~word) === 0)).to.equal(true);
      }),
    );
  });
});
