import type { Action, Rule } from '../openflow/index.js';

/** Rules that one packet may enter by resubmit and goto (OVS: MAX_RESUBMITS). Bounds the stack too. */
export const MAX_RESUBMITS = 4096;

/**
 * The rules a packet is in, each with how far its actions are done. Kept in arrays instead of on the call stack, because
 * thousands of rules may nest.
 */
export class FrameStack {
  private readonly actionLists: (readonly Action[])[] = [];
  private readonly rules: (Rule | null)[] = [];
  private readonly tables = new Uint8Array(MAX_RESUBMITS + 1);
  private readonly deepens = new Uint8Array(MAX_RESUBMITS + 1);
  private readonly done = new Int32Array(MAX_RESUBMITS + 1);
  /** Rules on the stack. */
  length = 0;

  get empty(): boolean {
    return this.length === 0;
  }

  /** Of the innermost rule. */
  get rule(): Rule | null {
    return this.rules[this.length - 1];
  }

  get table(): number {
    return this.tables[this.length - 1];
  }

  clear(): void {
    this.length = 0;
  }

  push(actions: readonly Action[], rule: Rule | null, table: number, deepens: boolean): void {
    const at = this.length++;
    this.actionLists[at] = actions;
    this.rules[at] = rule;
    this.tables[at] = table;
    this.deepens[at] = deepens ? 1 : 0;
    this.done[at] = 0;
  }

  /** The innermost rule's next action, or null after its last. */
  next(): Action | null {
    const at = this.length - 1;
    const list = this.actionLists[at];
    const i = this.done[at];
    if (i >= list.length) return null;
    this.done[at] = i + 1;
    return list[i];
  }

  /** The innermost rule's other actions will not be done. */
  skipRest(): void {
    const at = this.length - 1;
    this.done[at] = this.actionLists[at].length;
  }

  /** Leaves the innermost rule; by how much it had deepened the nesting (0 or 1). */
  pop(): number {
    return this.deepens[--this.length];
  }
}
