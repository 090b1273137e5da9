import { F_CONJ_ID, F_TUN_OPTS_LEN, FLOW_WORDS } from '../fields/index.js';
import type { FlowMatch } from '../openflow/index.js';
import { UKEY_OPERATIONAL, UKEY_VISIBLE, type UkeyTable } from '../ukey/index.js';
import {
  dependsOnEverything,
  isOwnField,
  recordEnd,
  recordKey,
  recordTrail,
  TRAIL_TABLE,
  tableTag,
  type XBridge,
} from '../xlate/index.js';

/** With more changes than this, looking for who they concern costs more than translating all flows again. */
const MAX_CHANGES = 1024;
const NOT_THERE = -1;
/** Words of an entry for a word that was written: which, value, bits that were changed. */
const WRITTEN_WORDS = 3;

/** A rule that came or went: words of its match. */
interface RuleChange {
  readonly words: Int32Array;
  readonly keys: Int32Array;
  readonly masks: Int32Array;
}

/**
 * Changes, and which flows they concern. A flow is concerned when its translation asked for something that changed (an address, a group, a
 * port), or looked a table up with a packet that a rule matches that came to the table or left it.
 */
export class ChangeSet {
  /** Changes noted. */
  count = 0;
  /** Snapshot generation of the last of them: flows translated since know it. */
  private generation = 0;
  private readonly tags = new Set<number>();
  private readonly rules = new Map<number, RuleChange[]>();
  /** The packet at the lookup at hand, where it was written: stamp, value, bits that were changed. */
  private readonly stamps = new Int32Array(FLOW_WORDS);
  private readonly values = new Int32Array(FLOW_WORDS);
  private readonly changed = new Int32Array(FLOW_WORDS);
  private stamp = 0;
  /** Of masks met in this slice: where each word is in the key of a record. */
  private readonly places = new Map<number, Int16Array>();

  /** What flows have in their trail by this tag is another now. */
  tag(tag: number, generation: number): void {
    this.generation = generation;
    if (this.tags.has(tag)) return;
    this.tags.add(tag);
    this.count++;
  }

  /** A rule came to a table or left it. */
  rule(bridge: XBridge, table: number, match: FlowMatch, generation: number): void {
    this.generation = generation;
    const tag = tableTag(bridge, table);
    const words: number[] = [];
    for (let w = 0; w < FLOW_WORDS; w++) if (match.mask[w] !== 0 && isTold(w)) words.push(w);
    const change = {
      words: Int32Array.from(words),
      keys: Int32Array.from(words, (w) => match.key[w]),
      masks: Int32Array.from(words, (w) => match.mask[w]),
    };
    const others = this.rules.get(tag);
    if (others === undefined) this.rules.set(tag, [change]);
    else others.push(change);
    this.count++;
  }

  /** Marks the flows with index from … to-1 that are concerned as stale; how many. */
  mark(ukeys: UkeyTable, from: number, to: number): number {
    this.places.clear();
    let marked = 0;
    const { state, stale, generation } = ukeys;
    for (let ukey = from; ukey < to; ukey++) {
      if (state[ukey] !== UKEY_OPERATIONAL && state[ukey] !== UKEY_VISIBLE) continue;
      if (stale[ukey] !== 0 || generation[ukey] >= this.generation || !this.concerns(ukeys, ukey)) continue;
      stale[ukey] = 1;
      marked++;
    }
    return marked;
  }

  private concerns(ukeys: UkeyTable, ukey: number): boolean {
    const block = ukeys.record[ukey];
    if (block < 0) return true;
    const words = ukeys.arena.wordsOf(block);
    const at = ukeys.arena.wordIndex(block);
    if (dependsOnEverything(words, at)) return true;
    const end = recordEnd(words, at);
    this.stamp++;
    for (let i = recordTrail(words, at); i < end; ) {
      const tag = words[i];
      if ((tag & TRAIL_TABLE) === 0) {
        if (this.tags.has(tag)) return true;
        i++;
        continue;
      }
      const written = words[i + 1];
      this.write(words, i + 2, written);
      const rules = this.rules.get(tag);
      if (rules !== undefined && this.anyMatches(rules, ukeys, ukey, words, recordKey(words, at)))
        return true;
      i += 2 + written * WRITTEN_WORDS;
    }
    return false;
  }

  private write(words: Int32Array, at: number, count: number): void {
    for (let n = 0, i = at; n < count; n++, i += WRITTEN_WORDS) {
      const w = words[i];
      this.stamps[w] = this.stamp;
      this.values[w] = words[i + 1];
      this.changed[w] = words[i + 2];
    }
  }

  private anyMatches(
    rules: readonly RuleChange[],
    ukeys: UkeyTable,
    ukey: number,
    words: Int32Array,
    key: number,
  ): boolean {
    for (let i = 0; i < rules.length; i++) if (this.mayMatch(rules[i], ukeys, ukey, words, key)) return true;
    return false;
  }

  /** Whether the rule matches a packet of the flow as it stood at the lookup. */
  private mayMatch(
    rule: RuleChange,
    ukeys: UkeyTable,
    ukey: number,
    words: Int32Array,
    key: number,
  ): boolean {
    const mask = ukeys.mask[ukey];
    const places = this.placesOf(ukeys, mask);
    const rows = ukeys.masks.rows;
    for (let i = 0; i < rule.words.length; i++) {
      const w = rule.words[i];
      const wanted = rows[mask * FLOW_WORDS + w];
      let known = isOwnField(w) ? -1 : wanted;
      let value = places[w] === NOT_THERE ? 0 : words[key + places[w]];
      if (this.stamps[w] === this.stamp) {
        known |= this.changed[w];
        value = this.values[w];
      }
      if (((value ^ rule.keys[i]) & rule.masks[i] & known) !== 0) return false;
    }
    return true;
  }

  private placesOf(ukeys: UkeyTable, mask: number): Int16Array {
    const known = this.places.get(mask);
    if (known !== undefined) return known;
    const places = new Int16Array(FLOW_WORDS).fill(NOT_THERE);
    const rows = ukeys.masks.rows;
    let count = 0;
    for (let w = 0; w < FLOW_WORDS; w++) if (rows[mask * FLOW_WORDS + w] !== 0) places[w] = count++;
    this.places.set(mask, places);
    return places;
  }
}

/** Whether trails tell what a word was at a lookup: conj_id comes and goes within one, and tunnel options change their form before. */
function isTold(word: number): boolean {
  return word !== F_CONJ_ID && word < F_TUN_OPTS_LEN;
}

/** What changed since installed flows were last looked at. What is not told apart here concerns all flows. */
export class ChangeLog {
  /** Generation of the last change that concerns all flows: those of older ones must be translated again. */
  everythingSince = 0;
  private set = new ChangeSet();

  /** Whether `take` has something to look for. */
  get pending(): boolean {
    return this.set.count > 0;
  }

  /** The changes so far, which are forgotten here. */
  take(): ChangeSet {
    const { set } = this;
    this.set = new ChangeSet();
    return set;
  }

  /** A change that concerns all flows made `generation`. */
  everything(generation: number): void {
    this.everythingSince = generation;
    if (this.pending) this.set = new ChangeSet();
  }

  tag(tag: number, generation: number): void {
    this.set.tag(tag, generation);
    this.limit(generation);
  }

  rule(bridge: XBridge, table: number, match: FlowMatch, generation: number): void {
    this.set.rule(bridge, table, match, generation);
    this.limit(generation);
  }

  private limit(generation: number): void {
    if (this.set.count > MAX_CHANGES) this.everything(generation);
  }
}
