import { F_CONJ_ID, F_PACKET_TYPE, F_TP_DST, F_TP_SRC, FLOW_WORDS } from '../fields/index.js';
import { ConjunctionMatcher } from './conjunction.js';
import { finishHash, mixHash } from './hash.js';
import { PrefixTrie } from './prefix-trie.js';
import { NONE, type RuleStore } from './rule-store.js';
import { TRIE_FIELDS, triesFor } from './stages.js';
import { portsWord, Subtable } from './subtable.js';
import type { ClassifierRule } from './types.js';

/** The `length` most significant bits of word `index` of a value of several words. */
function prefixWord(length: number, index: number): number {
  const bits = length - 32 * index;
  if (bits <= 0) return 0;
  return bits >= 32 ? -1 : -1 << (32 - bits);
}

function hashMask(mask: Int32Array): number {
  let hash = 0;
  for (let i = 0; i < FLOW_WORDS; i++) if (mask[i] !== 0) hash = mixHash(mixHash(hash, i), mask[i]);
  return finishHash(hash);
}

function sameMask(a: Int32Array, b: Int32Array): boolean {
  for (let i = 0; i < FLOW_WORDS; i++) if (a[i] !== b[i]) return false;
  return true;
}

/**
 * Tuple space search as OVS's classifier does it: one subtable per mask, tried in order of their best priority; each
 * subtable is looked at in stages (metadata, L2, L3, L4) and left at the first stage that no rule of it passes; prefix
 * tries over addresses and ports tell a miss from fewer bits than the mask has. What was looked at is what a megaflow must
 * match, so every shortcut also makes megaflows wider.
 *
 * A rule with conjunction actions matches only as part of a conjunctive match (ovs-fields(7)): the lookup then finds the rule
 * that matches the conjunction's conj_id.
 *
 * Rules may come and go between lookups. A lookup allocates nothing. Of several matching rules of the same priority any
 * one may be returned, but always the same one while the rules do not change.
 */
export class Classifier<R extends ClassifierRule> {
  /** By falling maxPriority. */
  private readonly ordered: Subtable<R>[] = [];
  /** By hash of the mask. */
  private readonly byMask = new Map<number, Subtable<R>[]>();
  /** One per TRIE_FIELDS: the prefixes of all rules whose mask is a prefix there; null where no trie is kept. */
  private readonly tries: (PrefixTrie | null)[] = TRIE_FIELDS.map(() => null);
  /** Bits that the trie needed for the flow at hand. Valid where `triesDone` has the trie's bit. */
  private readonly trieBits = new Int32Array(TRIE_FIELDS.length);
  private triesDone = 0;
  private readonly scratch = new Int32Array(1);
  /** Matches of the lookup at hand that are part of a conjunctive match: where their rules are. */
  private readonly softStores: RuleStore<R>[] = [];
  private readonly softEntries: number[] = [];
  private readonly matcher = new ConjunctionMatcher();
  /** Rules in the classifier. */
  size = 0;

  constructor() {
    this.keepTries(triesFor([]));
  }

  /** Which tries are kept, a bit per TRIE_FIELDS. New ones are filled with the rules that are there. */
  keepTries(wanted: number): void {
    for (let i = 0; i < this.tries.length; i++) {
      if ((wanted & (1 << i)) === 0) this.tries[i] = null;
      else this.tries[i] ??= this.filledTrie(i);
    }
  }

  private filledTrie(i: number): PrefixTrie {
    const { word, words } = TRIE_FIELDS[i];
    const trie = new PrefixTrie(words);
    for (const subtable of this.ordered) {
      const length = subtable.trieLengths[i];
      if (length > 0) for (const rule of subtable.rules) trie.insert(rule.match.key, word, length);
    }
    return trie;
  }

  /** How many different masks the rules have; what a lookup costs grows with it. */
  get subtableCount(): number {
    return this.ordered.length;
  }

  /**
   * The rule of highest priority that matches the flow key `flow[base …]`, or null. Sets in `wildcards[wildcardsBase …]` each
   * bit that was looked at, but for packet_type, which every megaflow has: every flow that agrees on those bits gets the same answer. Writes conj_id of `flow` for a while when
   * a conjunctive match is complete, and puts it back.
   */
  lookup(flow: Int32Array, base: number, wildcards: Int32Array, wildcardsBase: number): R | null {
    return this.lookupIn(flow, base, wildcards, wildcardsBase, true);
  }

  private lookupIn(
    flow: Int32Array,
    base: number,
    wildcards: Int32Array,
    wildcardsBase: number,
    conjunctive: boolean,
  ): R | null {
    const { ordered } = this;
    const isEthernet = flow[base + F_PACKET_TYPE] === 0;
    this.triesDone = 0;
    let best: R | null = null;
    let bestPriority = -1;
    let softPriority = -1;
    let soft = 0;
    for (let i = 0; i < ordered.length; i++) {
      const subtable = ordered[i];
      if (subtable.maxPriority <= bestPriority) break;
      if (!isEthernet && subtable.ethernetOnly) {
        fold(subtable, subtable.metadataWords, wildcards, wildcardsBase);
        continue;
      }
      const entry = this.search(subtable, flow, base, wildcards, wildcardsBase);
      if (entry === NONE) continue;
      const { rules } = subtable;
      const rule = rules.rules[entry]!;
      if (rule.priority <= bestPriority) continue;
      if (rules.conjunctions[entry] === null) {
        best = rule;
        bestPriority = rule.priority;
      } else if (conjunctive) {
        this.softStores[soft] = rules;
        this.softEntries[soft++] = entry;
        if (rule.priority > softPriority) softPriority = rule.priority;
      }
    }
    return bestPriority >= softPriority
      ? best
      : this.resolve(best, soft, flow, base, wildcards, wildcardsBase);
  }

  /**
   * Decides between the best certain match and soft matches of higher priority: whether those of one priority complete a
   * conjunction, from the highest priority down. When they do, the lookup is made again with conj_id set (OVS does not
   * demand that a rule for it has their priority, or that there is one).
   */
  private resolve(
    hard: R | null,
    count: number,
    flow: Int32Array,
    base: number,
    wildcards: Int32Array,
    wildcardsBase: number,
  ): R | null {
    let best = hard;
    let soft = count;
    for (;;) {
      soft = this.dropSoftBelow(best === null ? -1 : best.priority, soft);
      if (soft === 0) return best;
      const priority = this.highestSoft(soft);
      const rule = this.lookupConjunction(priority, soft, flow, base, wildcards, wildcardsBase);
      if (rule !== null) return rule;
      best = this.stepDown(priority, soft, best);
    }
  }

  /** Forgets soft matches that are gone or that cannot beat a rule of `priority`; how many are left. */
  private dropSoftBelow(priority: number, count: number): number {
    const { softStores, softEntries } = this;
    let left = count;
    for (let i = 0; i < left; ) {
      const entry = softEntries[i];
      if (entry !== NONE && softStores[i].rules[entry]!.priority > priority) {
        i++;
      } else {
        left--;
        softStores[i] = softStores[left];
        softEntries[i] = softEntries[left];
      }
    }
    return left;
  }

  private highestSoft(count: number): number {
    let highest = -1;
    for (let i = 0; i < count; i++) highest = Math.max(highest, this.softPriority(i));
    return highest;
  }

  private softPriority(i: number): number {
    return this.softStores[i].rules[this.softEntries[i]]!.priority;
  }

  /** The rule that matches with the id of a conjunction which the soft matches of one priority complete, or null. */
  private lookupConjunction(
    priority: number,
    count: number,
    flow: Int32Array,
    base: number,
    wildcards: Int32Array,
    wildcardsBase: number,
  ): R | null {
    let atMost = 0;
    for (let i = 0; i < count; i++) if (this.softPriority(i) === priority) atMost++;
    this.matcher.clear();
    for (let i = 0; i < count; i++) {
      if (this.softPriority(i) !== priority) continue;
      if (!this.matcher.add(this.softStores[i].conjunctions[this.softEntries[i]]!, atMost)) continue;
      const saved = flow[base + F_CONJ_ID];
      flow[base + F_CONJ_ID] = this.matcher.completed;
      const rule = this.lookupIn(flow, base, wildcards, wildcardsBase, false);
      flow[base + F_CONJ_ID] = saved;
      if (rule !== null) return rule;
    }
    return null;
  }

  /** Puts in the place of each soft match of one priority the rule with the same match below it; the best certain match then. */
  private stepDown(priority: number, count: number, hard: R | null): R | null {
    const { softStores, softEntries } = this;
    let best = hard;
    for (let i = 0; i < count; i++) {
      if (this.softPriority(i) !== priority) continue;
      const store = softStores[i];
      const entry = store.findNext(softEntries[i]);
      const certain = entry !== NONE && store.conjunctions[entry] === null;
      softEntries[i] = certain ? NONE : entry;
      if (!certain) continue;
      const rule = store.rules[entry]!;
      if (best === null || rule.priority > best.priority) best = rule;
    }
    return best;
  }

  /** Adds a rule. One with the same match and priority is replaced and returned. */
  insert(rule: R): R | null {
    const found = this.subtableOf(rule.match.mask);
    const subtable = found ?? this.createSubtable(rule.match.mask);
    const before = subtable.maxPriority;
    const displaced = subtable.insert(rule);
    if (displaced !== null) return displaced;
    this.size++;
    for (let i = 0; i < this.tries.length; i++) {
      const length = subtable.trieLengths[i];
      if (length > 0) this.tries[i]?.insert(rule.match.key, TRIE_FIELDS[i].word, length);
    }
    if (found === undefined) this.place(subtable);
    else if (subtable.maxPriority !== before) this.reorder(subtable);
    return null;
  }

  /** Removes exactly this rule object. Returns false when it is not there. */
  remove(rule: R): boolean {
    const subtable = this.subtableOf(rule.match.mask);
    if (subtable === undefined) return false;
    const before = subtable.maxPriority;
    if (!subtable.remove(rule)) return false;
    this.size--;
    for (let i = 0; i < this.tries.length; i++) {
      const length = subtable.trieLengths[i];
      if (length > 0) this.tries[i]?.remove(rule.match.key, TRIE_FIELDS[i].word, length);
    }
    if (subtable.rules.size === 0) this.destroySubtable(subtable);
    else if (subtable.maxPriority !== before) this.reorder(subtable);
    return true;
  }

  /** The rule with exactly this match and priority, or null. */
  findExact(match: R['match'], priority: number): R | null {
    return this.subtableOf(match.mask)?.findExact(match.key, priority) ?? null;
  }

  /** Some rule that could match a packet that `match` also matches, at the same priority; null when there is none. */
  findOverlap(match: R['match'], priority: number): R | null {
    for (const subtable of this.ordered) {
      if (subtable.maxPriority < priority) break;
      for (const rule of subtable.rules) {
        if (rule.priority === priority && overlaps(rule.match, match)) return rule;
      }
    }
    return null;
  }

  /** All rules, in no particular order. Rules must not be inserted or removed meanwhile. */
  *[Symbol.iterator](): IterableIterator<R> {
    for (const subtable of this.ordered) yield* subtable.rules;
  }

  /** The rules that there are now, in no particular order and with gaps; lists of the caller's own. A copy of references, so it takes little time. */
  lists(): readonly (readonly (R | null)[])[] {
    return this.ordered.map((subtable) => subtable.rules.rules.slice());
  }

  /** Looks one subtable up, stage by stage: the entry of its rule, or NONE. */
  private search(
    subtable: Subtable<R>,
    flow: Int32Array,
    base: number,
    wildcards: Int32Array,
    wildcardsBase: number,
  ): number {
    const { words, masks, stageEnds, indices, stageTries } = subtable;
    let hash = 0;
    let at = 0;
    for (let stage = 0; stage < stageEnds.length; stage++) {
      const tries = stageTries[stage];
      if (tries.length > 0 && this.excludedByTrie(subtable, tries, flow, base, wildcards, wildcardsBase)) {
        // The trie's bits are set; what led here was looked at too.
        fold(subtable, at, wildcards, wildcardsBase);
        return NONE;
      }
      const end = stageEnds[stage];
      for (; at < end; at++) hash = mixHash(hash, flow[base + words[at]] & masks[at]);
      if (stage < indices.length && !indices[stage].has(finishHash(hash))) {
        fold(subtable, end, wildcards, wildcardsBase);
        return NONE;
      }
    }
    const entry = subtable.rules.find(finishHash(hash), flow, base, words, masks);
    if (entry === NONE && subtable.ports !== null) {
      this.foldMissedPorts(subtable, subtable.ports, flow, base, wildcards, wildcardsBase);
    } else {
      fold(subtable, words.length, wildcards, wildcardsBase);
    }
    return entry;
  }

  /**
   * Whether an address of the flow is under no prefix of the length that this subtable matches. Then the bits that show it
   * are set in `wildcards`; never more of them than the subtable's mask has, or than are set already.
   */
  private excludedByTrie(
    subtable: Subtable<R>,
    candidates: Int32Array,
    flow: Int32Array,
    base: number,
    wildcards: Int32Array,
    wildcardsBase: number,
  ): boolean {
    for (let at = 0; at < candidates.length; at++) {
      const i = candidates[at];
      const trie = this.tries[i];
      if (trie === null) continue;
      const length = subtable.trieLengths[i];
      const field = TRIE_FIELDS[i];
      if ((this.triesDone & (1 << i)) === 0) {
        this.trieBits[i] = trie.lookup(flow, base + field.word);
        this.triesDone |= 1 << i;
      }
      if (trie.hasLength(length)) continue;
      const bits = this.trieBits[i];
      const first = wildcardsBase + field.word;
      if (bits > length && !hasPrefix(wildcards, first, bits)) continue;
      for (let word = 0; word < field.words; word++) wildcards[first + word] |= prefixWord(bits, word);
      return true;
    }
    return false;
  }

  /** After a miss in the last stage of a subtable with ports: everything but the ports, and of them what the trie needed. */
  private foldMissedPorts(
    subtable: Subtable<R>,
    ports: PrefixTrie,
    flow: Int32Array,
    base: number,
    wildcards: Int32Array,
    wildcardsBase: number,
  ): void {
    const source = wildcards[wildcardsBase + F_TP_SRC];
    const destination = wildcards[wildcardsBase + F_TP_DST];
    fold(subtable, subtable.words.length, wildcards, wildcardsBase);
    this.scratch[0] = portsWord(flow, base) & subtable.portsMask;
    const seen = subtable.portsMask & prefixWord(ports.lookup(this.scratch, 0), 0);
    wildcards[wildcardsBase + F_TP_SRC] = source | (seen >>> 16);
    wildcards[wildcardsBase + F_TP_DST] = destination | (seen & 0xffff);
  }

  private subtableOf(mask: Int32Array): Subtable<R> | undefined {
    return this.byMask.get(hashMask(mask))?.find((subtable) => sameMask(subtable.mask, mask));
  }

  private createSubtable(mask: Int32Array): Subtable<R> {
    const subtable = new Subtable<R>(mask);
    const hash = hashMask(mask);
    const others = this.byMask.get(hash);
    if (others === undefined) this.byMask.set(hash, [subtable]);
    else others.push(subtable);
    return subtable;
  }

  private destroySubtable(subtable: Subtable<R>): void {
    const hash = hashMask(subtable.mask);
    const others = this.byMask.get(hash)!.filter((other) => other !== subtable);
    if (others.length === 0) this.byMask.delete(hash);
    else this.byMask.set(hash, others);
    // As OVS's pvector: the last takes the place, then a stable sort moves it behind those of higher priority. The order of
    // subtables with the same priority decides which bits a lookup sets, so it must be OVS's.
    const last = this.ordered.pop()!;
    if (last === subtable) return;
    this.ordered[this.ordered.indexOf(subtable)] = last;
    this.reorder(last);
  }

  /** Puts a new subtable behind all that have its priority or a higher one. */
  private place(subtable: Subtable<R>): void {
    let at = this.ordered.length;
    while (at > 0 && this.ordered[at - 1].maxPriority < subtable.maxPriority) at--;
    this.ordered.splice(at, 0, subtable);
  }

  /** Moves a subtable whose priority changed as a stable sort would. */
  private reorder(subtable: Subtable<R>): void {
    const { ordered } = this;
    let at = ordered.indexOf(subtable);
    for (; at > 0 && ordered[at - 1].maxPriority < subtable.maxPriority; at--) ordered[at] = ordered[at - 1];
    const last = ordered.length - 1;
    for (; at < last && ordered[at + 1].maxPriority > subtable.maxPriority; at++)
      ordered[at] = ordered[at + 1];
    ordered[at] = subtable;
  }
}

/** Sets the mask's bits in its first `count` words (in order of stage). */
function fold<R extends ClassifierRule>(
  subtable: Subtable<R>,
  count: number,
  wildcards: Int32Array,
  wildcardsBase: number,
): void {
  const { words, masks } = subtable;
  for (let i = 0; i < count; i++) wildcards[wildcardsBase + words[i]] |= masks[i];
}

function hasPrefix(wildcards: Int32Array, at: number, bits: number): boolean {
  for (let word = 0; 32 * word < bits; word++) {
    const wanted = prefixWord(bits, word);
    if ((wildcards[at + word] & wanted) !== wanted) return false;
  }
  return true;
}

function overlaps(a: ClassifierRule['match'], b: ClassifierRule['match']): boolean {
  for (let i = 0; i < FLOW_WORDS; i++) {
    if (((a.key[i] ^ b.key[i]) & a.mask[i] & b.mask[i]) !== 0) return false;
  }
  return true;
}
