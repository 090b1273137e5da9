import type { Action, Rule } from '../openflow/index.js';

/** Rules that one packet may enter by resubmit, goto and the like (OVS: MAX_RESUBMITS). */
export const MAX_RESUBMITS = 4096;
/** Action lists that scopes (buckets, clones, branches) may have open besides, one in another. */
export const MAX_SCOPES = 512;
const FRAMES = MAX_RESUBMITS + MAX_SCOPES + 1;

/** The list is the last thing that happens to the packet. */
export const FRAME_LAST = 1;
/** The list is a bucket's. */
export const FRAME_BUCKET = 2;
/** The rule was entered by going back to its table or one before it, which deepens the nesting. */
export const FRAME_DEEPENS = 4;

/** The list is a rule's that a lookup found, not a nested one. */
export const FRAME_TABLE = 16;

/**
 * The action lists a packet is in, each with how far it is done. Kept in arrays instead of on the call stack, because
 * thousands of rules may nest.
 */
export class FrameStack {
  private readonly actionLists: (readonly Action[])[] = [];
  /** Actions of the list: pooled lists are longer than what is in them. */
  private readonly lengths = new Int32Array(FRAMES);
  private readonly rules: (Rule | null)[] = [];
  private readonly cookiesHigh = new Int32Array(FRAMES);
  private readonly cookiesLow = new Int32Array(FRAMES);
  private readonly tables = new Uint8Array(FRAMES);
  private readonly flagBits = new Uint8Array(FRAMES);
  private readonly done = new Int32Array(FRAMES);
  /** Lists on the stack. */
  length = 0;

  /** Whether there is room for one more. */
  get full(): boolean {
    return this.length >= FRAMES;
  }

  /** Of the innermost list: the rule in force, its cookie and table; what they were before it is on the frame below. */
  get rule(): Rule | null {
    return this.rules[this.length - 1];
  }

  get cookieHigh(): number {
    return this.cookiesHigh[this.length - 1];
  }

  get cookieLow(): number {
    return this.cookiesLow[this.length - 1];
  }

  get table(): number {
    return this.tables[this.length - 1];
  }

  /** FRAME_* bits of the innermost list. */
  get flags(): number {
    return this.flagBits[this.length - 1];
  }

  get actions(): readonly Action[] {
    return this.actionLists[this.length - 1];
  }

  /** Actions in the innermost list. */
  get size(): number {
    return this.lengths[this.length - 1];
  }

  /** Index of the action after the one that `next` gave last. */
  get position(): number {
    return this.done[this.length - 1];
  }

  clear(): void {
    this.length = 0;
  }

  push(
    actions: readonly Action[],
    size: number,
    rule: Rule | null,
    cookieHigh: number,
    cookieLow: number,
    table: number,
    flags: number,
    from = 0,
  ): void {
    const at = this.length++;
    this.actionLists[at] = actions;
    this.lengths[at] = size;
    this.rules[at] = rule;
    this.cookiesHigh[at] = cookieHigh;
    this.cookiesLow[at] = cookieLow;
    this.tables[at] = table;
    this.flagBits[at] = flags;
    this.done[at] = from;
  }

  /** The innermost list goes on as if it belonged to another table and rule (the action `unroll`). */
  relabel(table: number, cookieHigh: number, cookieLow: number): void {
    const at = this.length - 1;
    this.tables[at] = table;
    this.cookiesHigh[at] = cookieHigh;
    this.cookiesLow[at] = cookieLow;
  }

  /** The innermost list's next action, or null after its last. */
  next(): Action | null {
    const at = this.length - 1;
    const i = this.done[at];
    if (i >= this.lengths[at]) return null;
    this.done[at] = i + 1;
    return this.actionLists[at][i];
  }

  /** The innermost list's other actions will not be done. */
  skipRest(): void {
    const at = this.length - 1;
    this.done[at] = this.lengths[at];
  }

  /** Leaves the innermost list; its FRAME_* bits. */
  pop(): number {
    return this.flagBits[--this.length];
  }
}
