import { F_TP_DST, F_TP_SRC } from '../fields/index.js';
import { finishHash, mixHash } from './hash.js';
import { HashCounter } from './hash-counter.js';
import { PrefixTrie } from './prefix-trie.js';
import { PriorityCounts } from './priority-counts.js';
import { RuleStore } from './rule-store.js';
import { demandsEthernet, prefixLength, STAGE_METADATA, TRIE_FIELDS, WORDS_BY_STAGE } from './stages.js';
import type { ClassifierRule } from './types.js';

/** Puts the two transport ports of a flow, a key or a mask into one word, source first. */
export function portsWord(words: Int32Array, base: number): number {
  return (words[base + F_TP_SRC] << 16) | (words[base + F_TP_DST] & 0xffff);
}

/** TRIE_FIELDS that lie in `words` and have a length. */
function triesAmong(words: readonly number[], lengths: Int32Array): number[] {
  return [...TRIE_FIELDS.keys()].filter((i) => lengths[i] > 0 && words.includes(TRIE_FIELDS[i].word));
}

/** The rules of a classifier that have one mask in common, in a hash table with an index for each earlier stage. */
export class Subtable<R extends ClassifierRule> {
  /** The common mask, all flow words. */
  readonly mask: Int32Array;
  /** Flow words that the mask touches, in order of stage. */
  readonly words: Int32Array;
  /** Mask of each of `words`. */
  readonly masks: Int32Array;
  /** Where each stage that has words ends in `words`. The last one is the lookup in `rules` itself. */
  readonly stageEnds: Int32Array;
  /** Hashes of the rules up to the end of each stage but the last. */
  readonly indices: readonly HashCounter[];
  /** For each of `stageEnds` the TRIE_FIELDS by which the mask has a prefix there. */
  readonly stageTries: readonly Int32Array[];
  /** Prefix length of the mask at each of TRIE_FIELDS, 0 for none. */
  readonly trieLengths: Int32Array;
  /** The mask's ports as one word; 0 when ports are not matched. */
  readonly portsMask: number;
  /** Bits of `portsMask` up to its last one: length of the prefixes in `ports`. */
  readonly portsLength: number;
  /** Masked ports of all rules; null when ports are not matched. */
  readonly ports: PrefixTrie | null;
  /** Packets without an Ethernet header match none of the rules. */
  readonly ethernetOnly: boolean;
  /** How many of `words` are looked at before that is seen. */
  readonly metadataWords: number;
  readonly rules: RuleStore<R>;
  /** Priority of the best rule. Kept beside `priorities` because every lookup reads it. */
  maxPriority = -1;
  private readonly priorities = new PriorityCounts();
  private readonly scratch = new Int32Array(1);

  constructor(mask: Int32Array) {
    this.mask = mask.slice();
    const stages = WORDS_BY_STAGE.map((words) => words.filter((word) => mask[word] !== 0));
    const present = stages.filter((words) => words.length > 0);
    this.words = Int32Array.from(present.flat());
    this.masks = this.words.map((word) => mask[word]);
    let end = 0;
    this.stageEnds = Int32Array.from(present, (words) => {
      end += words.length;
      return end;
    });
    this.indices = present.slice(1).map(() => new HashCounter());
    this.trieLengths = Int32Array.from(TRIE_FIELDS, (field) => prefixLength(mask, field));
    this.stageTries = present.map((words) => Int32Array.from(triesAmong(words, this.trieLengths)));
    this.portsMask = portsWord(mask, 0);
    this.portsLength = this.portsMask === 0 ? 0 : Math.clz32(this.portsMask & -this.portsMask) + 1;
    this.ports = this.portsMask === 0 ? null : new PrefixTrie(1);
    this.ethernetOnly = demandsEthernet(mask);
    this.metadataWords = stages[STAGE_METADATA].length;
    this.rules = new RuleStore<R>(this.words.length);
  }

  /** Adds a rule; returns the one it took the place of, or null. */
  insert(rule: R): R | null {
    const displaced = this.rules.insert(this.hash(rule.match.key), rule, this.words, this.masks);
    if (displaced !== null) return displaced;
    this.index(rule.match.key, true);
    this.priorities.add(rule.priority);
    this.maxPriority = this.priorities.max;
    return null;
  }

  /** Removes this rule object; false when it is not here. */
  remove(rule: R): boolean {
    if (!this.rules.remove(this.hash(rule.match.key), rule)) return false;
    this.index(rule.match.key, false);
    this.priorities.remove(rule.priority);
    this.maxPriority = this.priorities.max;
    return true;
  }

  /** The rule with this key and priority, or null. */
  findExact(key: Int32Array, priority: number): R | null {
    return this.rules.findExact(this.hash(key), key, priority, this.words, this.masks);
  }

  private hash(key: Int32Array): number {
    let hash = 0;
    for (let i = 0; i < this.words.length; i++) hash = mixHash(hash, key[this.words[i]] & this.masks[i]);
    return finishHash(hash);
  }

  /** Enters a key in the stage indices and the ports trie, or takes it out. */
  private index(key: Int32Array, enter: boolean): void {
    let hash = 0;
    let at = 0;
    for (let stage = 0; stage < this.indices.length; stage++) {
      for (; at < this.stageEnds[stage]; at++) hash = mixHash(hash, key[this.words[at]] & this.masks[at]);
      if (enter) this.indices[stage].add(finishHash(hash));
      else this.indices[stage].remove(finishHash(hash));
    }
    if (this.ports === null) return;
    this.scratch[0] = portsWord(key, 0) & this.portsMask;
    if (enter) this.ports.insert(this.scratch, 0, this.portsLength);
    else this.ports.remove(this.scratch, 0, this.portsLength);
  }
}
