import { F_IN_PORT, FLOW_WORDS } from '../fields/index.js';
import { Handles } from '../util/index.js';
import type { ByteArena, RecordKeeper, UkeyTable } from '../ukey/index.js';
import {
  type Credited,
  type CreditSink,
  FlowCredits,
  type FlowStatsSink,
  MAX_CREDIT_WORDS,
  netflowOf,
} from './flow-credits.js';
import type { Trail } from './trail.js';
import type { Translation } from './types.js';

/** First word: all words of the record. Second word: how many words of credits follow the head, and flags. */
const CREDITS_MASK = 0xffff;
/** Effects that no credits tell: statistics are credited by translating again. */
const UNTOLD = 1 << 16;
/** Any change may concern the flow. */
const EVERYTHING = 1 << 17;
/** NetFlow counts the flow. */
const NETFLOW = 1 << 18;
/** Third word: how many words of the key follow the credits. */
const HEAD = 3;

/**
 * What is kept with each installed flow besides key, mask and actions: whom its packets are credited to, the key's words where the mask has
 * bits (in_port is the OpenFlow port), and what its translation depended on. One block of words a flow: head, credits, key, trail.
 */
export class FlowRecords implements RecordKeeper {
  readonly handles = new Handles<Credited>();
  private readonly credits = new FlowCredits(this.handles);
  private words = new Int32Array(MAX_CREDIT_WORDS * 2);

  /**
   * Writes down what the translation of `ukey`, whose key was `keys[base …]`, said: a block of the arena, for UkeyTable.setRecord. What it names is
   * held until `drop`.
   */
  make(
    ukeys: UkeyTable,
    ukey: number,
    translation: Translation,
    trail: Trail,
    keys: Int32Array,
    base: number,
  ): number {
    let flags = trail.everything ? EVERYTHING : 0;
    let at = HEAD;
    if (this.words.length < HEAD + MAX_CREDIT_WORDS + FLOW_WORDS + trail.length)
      this.words = new Int32Array(HEAD + MAX_CREDIT_WORDS + FLOW_WORDS + trail.length);
    const { words } = this;
    if (this.credits.covers(translation)) at = this.credits.write(translation, words, at);
    else {
      at = this.credits.writeNetflow(translation, words, at);
      flags |= UNTOLD;
    }
    if (netflowOf(translation) !== null) flags |= NETFLOW;
    words[1] = flags | (at - HEAD);
    const key = at;
    const masks = ukeys.masks.rows;
    const mask = ukeys.mask[ukey] * FLOW_WORDS;
    for (let w = 0; w < FLOW_WORDS; w++) {
      const wanted = masks[mask + w];
      if (wanted !== 0) words[at++] = (w === F_IN_PORT ? trail.ofport : keys[base + w]) & wanted;
    }
    words[2] = at - key;
    for (let i = 0; i < trail.length; i++) words[at++] = trail.words[i];
    words[0] = at;
    return ukeys.arena.storeWords(words, at);
  }

  /** Hands the credits of a flow to `sink`; false when only another translation tells them. */
  credit(ukeys: UkeyTable, ukey: number, sink: CreditSink): boolean {
    const block = ukeys.record[ukey];
    if (block < 0) return false;
    const words = ukeys.arena.wordsOf(block);
    const at = ukeys.arena.wordIndex(block);
    if ((words[at + 1] & UNTOLD) !== 0) return false;
    this.credits.replay(words, at + HEAD, recordKey(words, at), sink);
    return true;
  }

  /** Tells `sink` that a flow has ended, if NetFlow counts it. */
  end(ukeys: UkeyTable, ukey: number, sink: FlowStatsSink): void {
    const block = ukeys.record[ukey];
    if (block < 0) return;
    const words = ukeys.arena.wordsOf(block);
    const at = ukeys.arena.wordIndex(block);
    if ((words[at + 1] & NETFLOW) !== 0) this.credits.end(words, at + HEAD, recordKey(words, at), sink);
  }

  isUntold(arena: ByteArena, block: number): boolean {
    return (arena.wordsOf(block)[arena.wordIndex(block) + 1] & UNTOLD) !== 0;
  }

  /** Gives a record back to the arena, and lets go of what it names. */
  drop(arena: ByteArena, block: number): void {
    const words = arena.wordsOf(block);
    const at = arena.wordIndex(block);
    this.credits.release(words, at + HEAD, recordKey(words, at));
    arena.release(block, words[at] * 4);
  }
}

/** Whether any change concerns the record words[at …]. */
export function dependsOnEverything(words: Int32Array, at: number): boolean {
  return (words[at + 1] & EVERYTHING) !== 0;
}

/** Where the key's words are in the record words[at …]. */
export function recordKey(words: Int32Array, at: number): number {
  return at + HEAD + (words[at + 1] & CREDITS_MASK);
}

/** Where its trail begins. */
export function recordTrail(words: Int32Array, at: number): number {
  return recordKey(words, at) + words[at + 2];
}

/** Where it ends, and the record with it. */
export function recordEnd(words: Int32Array, at: number): number {
  return at + words[at];
}
