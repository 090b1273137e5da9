import { type Action, DEFAULT_PRIORITY, emptyMatch, type Rule } from '../openflow/index.js';

/** Lists remembered; then all are forgotten. */
const CAPACITY = 16384;
const NO_ACTIONS: readonly Action[] = [];

/** A rule that is in no table: what packets are credited to, by a name. */
export function makeCredit(origin: string, table: number, actions = NO_ACTIONS, heir?: Rule): Rule {
  return {
    table,
    priority: DEFAULT_PRIORITY,
    match: emptyMatch(),
    actions,
    cookieHigh: 0,
    cookieLow: 0,
    idleTimeout: 0,
    hardTimeout: 0,
    importance: 0,
    packets: 0,
    bytes: 0,
    origin,
    ...(heir === undefined ? {} : { heir }),
  };
}

/** A list of actions, as the way there from the empty one. Equal lists of the same actions are one object. */
export class ActionPath {
  readonly #lists: ActionLists;
  readonly #before: ActionPath | null;
  readonly #action: Action | null;
  readonly #next = new Map<Action, ActionPath>();
  /** The step taken last. */
  #lastAction: Action | null = null;
  #last: ActionPath | null = null;
  #rule: Rule | null = null;
  #clone: Action | null = null;

  constructor(lists: ActionLists, before: ActionPath | null, action: Action | null) {
    this.#lists = lists;
    this.#before = before;
    this.#action = action;
  }

  /** This list with one more action. */
  with(action: Action): ActionPath {
    if (this.#lastAction === action) return this.#last!;
    let path = this.#next.get(action);
    if (path === undefined) {
      path = new ActionPath(this.#lists, this, action);
      this.#lists.grew();
      this.#next.set(action, path);
    }
    this.#lastAction = action;
    this.#last = path;
    return path;
  }

  get isEmpty(): boolean {
    return this.#before === null;
  }

  /** The rule that has these actions. */
  get rule(): Rule {
    this.#rule ??= this.#lists.ruleOf(this.toArray());
    return this.#rule;
  }

  /** The action that does these on a copy of the packet. */
  get clone(): Action {
    this.#clone ??= { type: 'clone', actions: this.toArray() };
    return this.#clone;
  }

  toArray(): Action[] {
    const actions: Action[] = [];
    for (let at: ActionPath | null = this; at.#before !== null; at = at.#before) actions.push(at.#action!);
    return actions.reverse();
  }
}

/** The lists of actions that a policy decides for: few, so that packets find theirs without making any. */
export class ActionLists {
  readonly #owner: Rule;
  #root = new ActionPath(this, null, null);
  #count = 0;

  /** Packets of all lists are credited to `owner`. */
  constructor(owner: Rule) {
    this.#owner = owner;
  }

  /** The empty list. */
  get root(): ActionPath {
    if (this.#count > CAPACITY) this.clear();
    return this.#root;
  }

  clear(): void {
    this.#root = new ActionPath(this, null, null);
    this.#count = 0;
  }

  grew(): void {
    this.#count++;
  }

  ruleOf(actions: readonly Action[]): Rule {
    const owner = this.#owner;
    return makeCredit(owner.origin!, owner.table, actions, owner);
  }
}
