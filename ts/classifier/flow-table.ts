import {
  type Action,
  FLOW_CHECK_OVERLAP,
  FLOW_RESET_COUNTS,
  type FlowMatch,
  type FlowSpec,
  formatSent,
  GROUP_ANY,
  OFPP_NONE,
  outputsToGroup,
  outputsToPort,
  type Rule,
  type TableCounter,
  TableError,
  toRule,
} from '../openflow/index.js';
import { Classifier } from './classifier.js';
import { triesFor } from './stages.js';

/** Tables 0 to 253 are the pipeline's; 254 belongs to the switch itself. */
export const TABLE_COUNT = 254;
/** Table number in a selection that means every table. */
export const ALL_TABLES = 255;
/** Rules that a selection looks at without a pause. */
const SELECTED_AT_ONCE = 1024;

/** Which rules a modification or deletion is about (OpenFlow 1.5, section 6.4). */
export interface FlowSelection {
  /** Table, or ALL_TABLES. */
  readonly table: number;
  /** Loose: rules whose match is this one or more specific. Strict: rules with exactly this match. */
  readonly match: FlowMatch;
  /** Strict also demands this priority; loose when absent. */
  readonly strictPriority?: number;
  /** Only rules whose cookie equals this one in the bits of the mask; 64 bits each. */
  readonly cookie?: bigint;
  readonly cookieMask?: bigint;
  /** Only rules with an output to this port; any when absent or OFPP_NONE. */
  readonly outPort?: number;
  /** Only rules that send packets to this group; any when absent or GROUP_ANY. */
  readonly outGroup?: number;
}

/** Settings of one table (ovs-vswitchd.conf.db(5), Flow_Table). */
export interface TableSettings {
  /** Its name in flow syntax; '' for none. */
  readonly name: string;
  /** Flows that it takes; infinite for any number. */
  readonly flowLimit: number;
  /** A flow that is one too many makes another go, if there is one with a timeout; else it is refused. */
  readonly evict: boolean;
  /** Fields by whose prefixes lookups are cut short; empty for the usual ones, `none` for none. */
  readonly prefixes: readonly string[];
}

/** What adding a flow did. */
export type AddResult =
  | { readonly outcome: 'added'; readonly rule: Rule }
  | { readonly outcome: 'replaced'; readonly rule: Rule; readonly old: Rule }
  /** check_overlap was asked for, and `with` could match the same packet at the same priority, without being the same match (that is
   * replaced, as in OVS). Nothing changed. */
  | { readonly outcome: 'overlap'; readonly with: Rule };

/** What learning a flow did. */
export type LearnResult =
  | { readonly outcome: 'added'; readonly rule: Rule }
  /** The very rule is there: it is only younger now. */
  | { readonly outcome: 'refreshed'; readonly rule: Rule }
  | { readonly outcome: 'replaced'; readonly rule: Rule; readonly old: Rule }
  | { readonly outcome: 'full' };

/**
 * The flow tables of one bridge. Rules are immutable but for their counters: a modification puts a new rule object in the
 * place of the old, so that whoever still holds the old one knows it is gone.
 */
export class FlowTables {
  private readonly classifiers: (Classifier<Rule> | undefined)[] = new Array(TABLE_COUNT).fill(undefined);
  private readonly counters: TableCounter[] = [];
  private readonly onChange: (rule: Rule) => void;

  /** `onChange` is told of each rule that came to a table or left it; of one of them when one took the place of another. */
  constructor(onChange: (rule: Rule) => void = () => {}) {
    this.onChange = onChange;
  }

  private tableSettings: ReadonlyMap<number, TableSettings> = new Map();
  /** When a flow will time out, in any unit and from any origin; null for never. Such a flow is not evicted. */
  expiry: (rule: Rule) => number | null = (rule) => rule.hardTimeout || rule.idleTimeout || null;
  /** Called for each flow that went to make room for another. */
  onEvicted: (rule: Rule) => void = () => {};

  /** Settings of tables that have any, by number. */
  get settings(): ReadonlyMap<number, TableSettings> {
    return this.tableSettings;
  }

  set settings(settings: ReadonlyMap<number, TableSettings>) {
    this.tableSettings = settings;
    for (const [number, table] of this.classifiers.entries()) table?.keepTries(this.triesOf(number));
  }

  private triesOf(number: number): number {
    return triesFor(this.tableSettings.get(number)?.prefixes ?? []);
  }

  private makeTable(number: number): Classifier<Rule> {
    const table = new Classifier<Rule>();
    table.keepTries(this.triesOf(number));
    return table;
  }

  /** The tables for translation, by number; one that never had a flow is undefined. The array is live. */
  get tables(): readonly (Classifier<Rule> | undefined)[] {
    return this.classifiers;
  }

  /** Rules in all tables. */
  get size(): number {
    return this.classifiers.reduce((sum, table) => sum + (table?.size ?? 0), 0);
  }

  /**
   * Adds a flow. A rule with the same match and priority is replaced; the new one inherits its counters unless reset_counts
   * is set. Throws RangeError for a table that does not exist, TableError OFPFMFC_TABLE_FULL for one that takes no more.
   */
  add(flow: FlowSpec): AddResult {
    if (!(flow.table >= 0 && flow.table < TABLE_COUNT)) {
      throw new RangeError(`table ${flow.table}: expected 0 to ${TABLE_COUNT - 1}`);
    }
    this.classifiers[flow.table] ??= this.makeTable(flow.table);
    const table = this.classifiers[flow.table]!;
    const old = table.findExact(flow.match, flow.priority);
    if (old === null && (flow.flags & FLOW_CHECK_OVERLAP) !== 0) {
      const other = table.findOverlap(flow.match, flow.priority);
      if (other !== null) return { outcome: 'overlap', with: other };
    }
    if (old === null) this.makeRoom(flow.table, table);
    const rule = toRule(flow);
    if (old === null) {
      this.put(rule);
      return { outcome: 'added', rule };
    }
    this.replace(old, rule, (flow.flags & FLOW_RESET_COUNTS) === 0);
    return { outcome: 'replaced', rule, old };
  }

  /** Evicts the flow that is least important and then the first to time out (OVS: choose_rule_to_evict, with all flows in one group). */
  private makeRoom(number: number, table: Classifier<Rule>): void {
    const limits = this.settings.get(number);
    if (limits === undefined || table.size < limits.flowLimit) return;
    const victim = limits.evict ? this.chooseVictim(table) : null;
    if (victim === null) {
      throw new TableError(
        'OFPFMFC_TABLE_FULL',
        `table ${number} has the ${limits.flowLimit} flows that it may have (Flow_Table flow_limit): delete some, or set overflow_policy=evict`,
      );
    }
    this.remove(victim);
    this.onEvicted(victim);
  }

  private chooseVictim(table: Classifier<Rule>): Rule | null {
    let victim: Rule | null = null;
    let soonest = 0;
    for (const rule of table) {
      const expiry = this.expiry(rule);
      if (expiry === null) continue;
      const more = victim === null ? -1 : rule.importance - victim.importance;
      if (more > 0 || (more === 0 && expiry >= soonest)) continue;
      victim = rule;
      soonest = expiry;
    }
    return victim;
  }

  /** Numbers of tables by name. */
  tableNames(): Map<string, number> {
    const named = [...this.settings].filter(([, { name }]) => name !== '');
    return new Map(named.map(([number, { name }]) => [name, number]));
  }

  /** Gives the selected rules other actions. Counters stay unless `flags` has reset_counts. Returns the new rules. */
  modify(selection: FlowSelection, actions: readonly Action[], flags = 0): Rule[] {
    return this.select(selection).map((old) => {
      const rule: Rule = { ...old, actions };
      this.replace(old, rule, (flags & FLOW_RESET_COUNTS) === 0);
      return rule;
    });
  }

  /**
   * Adds the flow of a learn action: like `modify` of exactly its match and priority where there is such a rule, like `add`
   * elsewhere (OVS: ofproto_flow_mod_learn). `limit`: rules with its cookie that its table may have, 0 for any number.
   */
  learn(flow: FlowSpec, limit: number): LearnResult {
    const table = this.classifiers[flow.table];
    const old = table?.findExact(flow.match, flow.priority) ?? null;
    if (old === null) {
      if (!this.roomToLearn(flow, limit)) return { outcome: 'full' };
      const added = this.add({ ...flow, flags: flow.flags & ~FLOW_CHECK_OVERLAP });
      return added.outcome === 'added' ? added : { outcome: 'full' };
    }
    if (sameCookie(old, flow) && formatSent(old.actions) === formatSent(flow.actions)) {
      return { outcome: 'refreshed', rule: old };
    }
    const { actions, cookieHigh, cookieLow } = flow;
    const rule: Rule = { ...old, actions, cookieHigh, cookieLow };
    this.replace(old, rule);
    return { outcome: 'replaced', rule, old };
  }

  /** Whether `learn` would find room: the rule is there, or fewer than `limit` rules of its table have its cookie. */
  roomToLearn(flow: FlowSpec, limit: number): boolean {
    const table = this.classifiers[flow.table];
    if (table === undefined || table.findExact(flow.match, flow.priority) !== null) return true;
    const settings = this.settings.get(flow.table);
    if (settings !== undefined && table.size >= settings.flowLimit) {
      if (!settings.evict || this.chooseVictim(table) === null) return false;
    }
    if (limit === 0) return true;
    let count = 0;
    for (const rule of table) if (sameCookie(rule, flow) && ++count >= limit) return false;
    return true;
  }

  /** Removes the selected rules and returns them. */
  delete(selection: FlowSelection): Rule[] {
    const gone = this.select(selection);
    for (const rule of gone) this.remove(rule);
    return gone;
  }

  /** Puts a rule in the place of another with the same table, match and priority; it `inherits` the counters, or begins anew. */
  replace(old: Rule, rule: Rule, inherits = true): void {
    if (inherits) {
      rule.packets = old.packets;
      rule.bytes = old.bytes;
      old.heir = rule;
    } else {
      rule.packets = 0;
      rule.bytes = 0;
    }
    this.put(rule);
  }

  /** What a table counts. */
  counter(table: number): TableCounter {
    this.counters[table] ??= { matched: 0, missed: 0 };
    return this.counters[table];
  }

  private put(rule: Rule): void {
    rule.counter = this.counter(rule.table);
    this.classifiers[rule.table]!.insert(rule);
    this.onChange(rule);
  }

  /** Removes one rule, as an expiry does; false when it is gone already. */
  remove(rule: Rule): boolean {
    if (this.classifiers[rule.table]?.remove(rule) !== true) return false;
    this.onChange(rule);
    return true;
  }

  /** The selected rules, by table and then by falling priority. */
  select(selection: FlowSelection): Rule[] {
    return drain(this.selecting(selection)).sort((a, b) => a.table - b.table || b.priority - a.priority);
  }

  /**
   * The selected rules that are meant, in no particular order, for who has something else to do between two looks at a thousand rules. Those that come after
   * the first are not among them; those that go may be.
   */
  *selecting(
    selection: FlowSelection,
    isMeant: (rule: Rule) => boolean = () => true,
  ): Generator<void, Rule[]> {
    const found: Rule[] = [];
    const words = matchedWords(selection.match);
    const tables = selection.table === ALL_TABLES ? this.classifiers : [this.classifiers[selection.table]];
    const lists = tables.flatMap((table) => (table === undefined ? [] : candidates(table, selection)));
    let looks = 0;
    for (const list of lists) {
      for (const rule of list) {
        if (++looks % SELECTED_AT_ONCE === 0) yield;
        if (rule === null || !isWithin(rule.match, selection.match, words)) continue;
        if (isSelected(rule, selection) && isMeant(rule)) found.push(rule);
      }
    }
    return found;
  }
}

function sameCookie(a: FlowSpec | Rule, b: FlowSpec | Rule): boolean {
  return a.cookieHigh === b.cookieHigh && a.cookieLow === b.cookieLow;
}

/** Rules that a selection may be about: all that a table has now, or the one that a strict one names. */
function candidates(
  table: Classifier<Rule>,
  { match, strictPriority }: FlowSelection,
): readonly (readonly (Rule | null)[])[] {
  return strictPriority === undefined ? table.lists() : [[table.findExact(match, strictPriority)]];
}

function drain<T>(steps: Generator<void, T>): T {
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The words of a flow that a match looks at. */
function matchedWords({ mask }: FlowMatch): number[] {
  const words: number[] = [];
  for (let w = 0; w < mask.length; w++) if (mask[w] !== 0) words.push(w);
  return words;
}

/** Whether `inner` matches only packets that `outer` matches, which looks at `words`. */
function isWithin(inner: FlowMatch, outer: FlowMatch, words: readonly number[]): boolean {
  for (const i of words) {
    const wanted = outer.mask[i];
    if ((wanted & ~inner.mask[i]) !== 0 || ((inner.key[i] ^ outer.key[i]) & wanted) !== 0) return false;
  }
  return true;
}

function isSelected(
  rule: Rule,
  { cookie = 0n, cookieMask = 0n, outPort = OFPP_NONE, outGroup = GROUP_ANY }: FlowSelection,
): boolean {
  if (cookieMask !== 0n) {
    const own = (BigInt(rule.cookieHigh >>> 0) << 32n) | BigInt(rule.cookieLow >>> 0);
    if (((own ^ cookie) & cookieMask) !== 0n) return false;
  }
  if (outPort !== OFPP_NONE && !outputsToPort(rule.actions, outPort)) return false;
  return outGroup === GROUP_ANY || outputsToGroup(rule.actions, outGroup);
}
