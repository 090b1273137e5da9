import { F_CONJ_ID, F_TUN_OPTS_LEN, FLOW_WORDS } from '../fields/index.js';
import type { FlowMatch } from '../openflow/index.js';
import { STALE, STALE_BY_TIMEOUT, UKEY_OPERATIONAL, UKEY_VISIBLE, type UkeyTable } from '../ukey/index.js';
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
/** Words of what a rule asks of one word of the packet. */
const ASKED_WORDS = 3;

/** A rule that came or went: words of its match. */
interface RuleChange {
  readonly words: Int32Array;
  readonly keys: Int32Array;
  readonly masks: Int32Array;
  /** What a flow that it concerns is: STALE, or STALE_BY_TIMEOUT. */
  readonly makes: number;
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
  /** Of masks met in this slice: where each word is in the key of a record, and what rules ask of it there. */
  private readonly views = new Map<number, MaskView>();
  /** That of the mask met last. */
  private view: MaskView = new MaskView(-1, new Int32Array(0));

  /** What flows have in their trail by this tag is another now. */
  tag(tag: number, generation: number): void {
    this.generation = generation;
    if (this.tags.has(tag)) return;
    this.tags.add(tag);
    this.count++;
  }

  /** A rule came to a table or left it; `timedOut`: because its hard timeout had passed. */
  rule(bridge: XBridge, table: number, match: FlowMatch, generation: number, timedOut: boolean): void {
    this.generation = generation;
    const tag = tableTag(bridge, table);
    const words: number[] = [];
    for (let w = 0; w < FLOW_WORDS; w++) if (match.mask[w] !== 0 && isTold(w)) words.push(w);
    const change = {
      words: Int32Array.from(words),
      keys: Int32Array.from(words, (w) => match.key[w]),
      masks: Int32Array.from(words, (w) => match.mask[w]),
      makes: timedOut ? STALE_BY_TIMEOUT : STALE,
    };
    const others = this.rules.get(tag);
    if (others === undefined) this.rules.set(tag, [change]);
    else others.push(change);
    this.count++;
  }

  /** Marks the flows with index from … to-1 that are concerned as stale; how many. */
  mark(ukeys: UkeyTable, from: number, to: number): number {
    this.views.clear();
    this.view = new MaskView(-1, new Int32Array(0));
    let marked = 0;
    const { state, stale, generation } = ukeys;
    for (let ukey = from; ukey < to; ukey++) {
      if (state.get(ukey) !== UKEY_OPERATIONAL && state.get(ukey) !== UKEY_VISIBLE) continue;
      if (stale.get(ukey) !== 0 || generation.get(ukey) >= this.generation) continue;
      const made = this.concerns(ukeys, ukey);
      if (made === 0) continue;
      stale.set(ukey, made);
      marked++;
    }
    return marked;
  }

  /** What the changes make of a flow: 0 when they do not concern it. */
  private concerns(ukeys: UkeyTable, ukey: number): number {
    const block = ukeys.record[ukey];
    if (block < 0) return STALE;
    const words = ukeys.arena.wordsOf(block);
    const at = ukeys.arena.wordIndex(block);
    if (dependsOnEverything(words, at)) return STALE;
    const end = recordEnd(words, at);
    this.stamp++;
    let isWritten = false;
    for (let i = recordTrail(words, at); i < end; ) {
      const tag = words[i];
      if ((tag & TRAIL_TABLE) === 0) {
        if (this.tags.has(tag)) return STALE;
        i++;
        continue;
      }
      const written = words[i + 1];
      if (written > 0) {
        this.write(words, i + 2, written);
        isWritten = true;
      }
      const rules = this.rules.get(tag);
      if (rules !== undefined) {
        const view = this.viewOf(ukeys, ukey);
        const key = recordKey(words, at);
        for (const rule of rules) {
          if (!isWritten) {
            if (view.mayMatch(rule, words, key)) return rule.makes;
          } else if (this.mayMatch(rule, view, words, key)) return rule.makes;
        }
      }
      i += 2 + written * WRITTEN_WORDS;
    }
    return 0;
  }

  private write(words: Int32Array, at: number, count: number): void {
    for (let n = 0, i = at; n < count; n++, i += WRITTEN_WORDS) {
      const w = words[i];
      this.stamps[w] = this.stamp;
      this.values[w] = words[i + 1];
      this.changed[w] = words[i + 2];
    }
  }

  /** Whether the rule matches a packet of the flow as it stood at the lookup. */
  private mayMatch(rule: RuleChange, view: MaskView, words: Int32Array, key: number): boolean {
    for (let i = 0; i < rule.words.length; i++) {
      const w = rule.words[i];
      let known = view.known(w);
      let value = view.places[w] === NOT_THERE ? 0 : words[key + view.places[w]];
      if (this.stamps[w] === this.stamp) {
        known |= this.changed[w];
        value = this.values[w];
      }
      if (((value ^ rule.keys[i]) & rule.masks[i] & known) !== 0) return false;
    }
    return true;
  }

  private viewOf(ukeys: UkeyTable, ukey: number): MaskView {
    const mask = ukeys.mask[ukey];
    if (this.view.mask === mask) return this.view;
    let view = this.views.get(mask);
    if (view === undefined) {
      const base = mask * FLOW_WORDS;
      view = new MaskView(mask, ukeys.masks.rows.slice(base, base + FLOW_WORDS));
      this.views.set(mask, view);
    }
    this.view = view;
    return view;
  }
}

/** How the records of flows with one mask are read. */
class MaskView {
  readonly mask: number;
  /** Where each word is in the key of a record. */
  readonly places = new Int16Array(FLOW_WORDS).fill(NOT_THERE);
  readonly #bits: Int32Array;
  /** By rule what it asks of packets as they came in: place, value and bits of each word. */
  readonly #asked = new Map<RuleChange, Int32Array>();

  constructor(mask: number, bits: Int32Array) {
    this.mask = mask;
    this.#bits = bits;
    let count = 0;
    for (let w = 0; w < bits.length; w++) if (bits[w] !== 0) this.places[w] = count++;
  }

  /** Bits of word `w` that are the same in all packets of a flow, unless they were written. */
  known(w: number): number {
    return isOwnField(w) ? -1 : this.#bits[w];
  }

  /** Whether the rule matches a packet of the flow as it came in. */
  mayMatch(rule: RuleChange, words: Int32Array, key: number): boolean {
    let asked = this.#asked.get(rule);
    if (asked === undefined) {
      asked = this.#ask(rule);
      this.#asked.set(rule, asked);
    }
    for (let i = 0; i < asked.length; i += ASKED_WORDS) {
      const value = asked[i] === NOT_THERE ? 0 : words[key + asked[i]];
      if (((value ^ asked[i + 1]) & asked[i + 2]) !== 0) return false;
    }
    return true;
  }

  #ask(rule: RuleChange): Int32Array {
    const asked: number[] = [];
    for (let i = 0; i < rule.words.length; i++) {
      const w = rule.words[i];
      const bits = rule.masks[i] & this.known(w);
      if (bits !== 0) asked.push(this.places[w], rule.keys[i], bits);
    }
    return Int32Array.from(asked);
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

  rule(bridge: XBridge, table: number, match: FlowMatch, generation: number, timedOut = false): void {
    this.set.rule(bridge, table, match, generation, timedOut);
    this.limit(generation);
  }

  private limit(generation: number): void {
    if (this.set.count > MAX_CHANGES) this.everything(generation);
  }
}
