import { FLOW_WORDS } from '../fields/index.js';
import { messageOf, SlowpathError } from '../errors/index.js';
import { formatMatch, type Rule } from '../openflow/index.js';
import {
  hash2Words,
  type PolicyHost,
  policyTag,
  type PolicyTeller,
  type PolicyBridge,
  type XPolicy,
} from '../xlate/index.js';
import { ActionLists } from './action-lists.js';
import { type Answer, AnswerStore } from './answers.js';
import { countOf, type PolicyCount, PolicyCounters } from './counters.js';
import {
  completePolicy,
  type CompletePolicy,
  type PolicySource,
  type TableDeclarations,
} from './definition.js';
import type { MissListener } from './cursor.js';
import { Deliberation, type DeliberationCounters, give } from './deliberation.js';
import { PortNames } from './in-port.js';
import { Run } from './run.js';
import { hashKey, type StateKey, StateTable, type StateTables } from './state-table.js';

/** Milliseconds that a flow drops for which the policy threw. */
const FAILURE_MS = 1000;
/** Flows that are remembered for that at most. */
const MAX_FAILURES = 4096;
const NO_NOTES: readonly string[] = [];
/** Milliseconds between two warnings. */
const WARNING_MS = 1000;

/** What a policy needs of the bridge that it is attached to. */
export interface PolicyHome {
  readonly bridge: PolicyBridge;
  /** Flows that have the tag in their trail are to be looked at again. */
  changed(tag: number): void;
  /** Flows that were decided about in this table are to be looked at again. */
  replaced(table: number): void;
  /** The policy is to be detached. */
  detach(table: number): void;
  /** Something went wrong and was survived. */
  warn(text: string): void;
  /** Is told what the policy looks for and does not find; for whoever makes up packets for it. */
  readonly onMiss?: MissListener;
}

/** What a policy did so far. */
export interface PolicyStats {
  /** Packets that it decided about, in the datapath too, as of the last revalidation round. */
  readonly decided: PolicyCount;
  /** Packets that were dropped because it threw. */
  readonly failed: PolicyCount;
  /** How often it threw; once a second at most for each flow. */
  readonly throws: number;
  /** What it threw last, and where; null for nothing. */
  readonly lastError: string | null;
  /** How often it was replaced. */
  readonly replacements: number;
  /** Of async policies; null for others. */
  readonly later: (DeliberationCounters & { readonly pending: number; readonly answers: number }) | null;
}

/**
 * A policy at work: attached to a table of a bridge, with its state and its figures, which outlast `replace`. It decides about packets purely: what it
 * reads is in mask and trail, what it wants written is an effect.
 */
export class Policy<T extends TableDeclarations = TableDeclarations> implements XPolicy, Disposable {
  /** The table of the bridge that it decides in. */
  readonly table: number;
  readonly #home: PolicyHome;
  readonly #now: () => number;
  readonly #ports = new PortNames();
  readonly #counters: PolicyCounters;
  readonly #lists: ActionLists;
  readonly #tables = new Map<string, StateTable<StateKey, unknown>>();
  readonly #failures = new AnswerStore<Answer>(MAX_FAILURES);
  readonly #tagOf = (kind: number, what: number) => policyTag(this.#home.bridge, kind, what);
  readonly #onRead = (kind: number, what: number) => this.#trail?.tag(this.#tagOf(kind, what));
  #definition: CompletePolicy;
  #run!: Run;
  #later: Deliberation | null = null;
  #trail: PolicyHost['trail'] = null;
  #notes: readonly string[] = NO_NOTES;
  #isDeciding = false;
  #tags = 0;
  #throws = 0;
  #lastError: string | null = null;
  #replacements = 0;
  #warned = Number.NEGATIVE_INFINITY;

  /** `now`: milliseconds. Throws ERR_POLICY, ERR_POLICY_TABLE, and what `later.meanwhile` throws. */
  constructor(source: PolicySource<T>, table: number, home: PolicyHome, now = () => performance.now()) {
    this.#definition = completePolicy(source);
    this.table = table;
    this.#home = home;
    this.#now = now;
    this.#counters = new PolicyCounters(this.#definition.name, table);
    this.#lists = new ActionLists(this.#counters.all);
    this.#adopt(this.#definition);
  }

  get name(): string {
    return this.#definition.name;
  }

  /** Its tables, to be read and written from outside at any time. */
  get tables(): StateTables<T> {
    return Object.fromEntries(this.#tables) as unknown as StateTables<T>;
  }

  /** Packets by the names that `act.count` gave, as of the last revalidation round. */
  get counters(): Readonly<Record<string, PolicyCount>> {
    return this.#counters.counts;
  }

  /** Dropped packets by the reasons that `act.drop` gave. */
  get drops(): Readonly<Record<string, PolicyCount>> {
    return this.#counters.drops;
  }

  get stats(): PolicyStats {
    const later = this.#later;
    return {
      decided: countOf(this.#counters.all),
      failed: countOf(this.#counters.failed),
      throws: this.#throws,
      lastError: this.#lastError,
      replacements: this.#replacements,
      later: later === null ? null : { ...later.counters, pending: later.pending, answers: later.answers },
    };
  }

  /**
   * Puts another policy in the place of this one. Tables that both declare, counters and figures go on. No packet is lost: flows forward as they did
   * until they have been looked at again. Throws as the constructor and changes nothing then.
   */
  replace<N extends TableDeclarations>(source: PolicySource<N>): Policy<N> {
    const next = completePolicy(source);
    this.#adopt(next);
    this.#definition = next;
    this.#replacements++;
    for (const failure of [...this.#failures]) this.#failures.delete(failure);
    this.#home.replaced(this.table);
    return this as unknown as Policy<N>;
  }

  /** Detaches the policy: the rules of the table decide again. Idempotent. */
  remove(): void {
    this.#home.detach(this.table);
  }

  /** Detaches the policy: `using`. */
  [Symbol.dispose](): void {
    this.remove();
  }

  decide(host: PolicyHost): Rule {
    this.#ports.use(host.bridge);
    this.#notes = NO_NOTES;
    if (this.#failures.size > 0) {
      const failure = this.#failures.find(host.flow);
      if (failure !== null) return give(host, failure);
    }
    if (this.#later === null) return this.#decideNow(host);
    const rule = this.#later.decide(host);
    if (host.tracer !== null) this.#notes = [this.#later.state];
    return rule;
  }

  explain(teller: PolicyTeller): void {
    for (const note of this.#notes) teller.note(note, 'detail');
  }

  /** Lets time pass: entries grow old, failures are over, deadlines pass. To be called ten times a second or so. */
  advance(): void {
    for (const table of this.#tables.values()) table.expire();
    const now = this.#now();
    for (const failure of [...this.#failures]) {
      if (now < failure.until) continue;
      this.#failures.delete(failure);
      this.#home.changed(failure.tag);
    }
    this.#later?.advance();
  }

  #decideNow(host: PolicyHost): Rule {
    const run = this.#run;
    this.#trail = host.trail;
    run.begin(host.flow, host.mask, host.tracer !== null);
    let error: unknown;
    let threw = false;
    this.#isDeciding = true;
    try {
      const result = this.#definition.run(run.packet, run.act, run.state as never);
      if (result instanceof Promise) throw asyncUnannounced(result);
    } catch (thrown) {
      error = thrown;
      threw = true;
    }
    this.#isDeciding = false;
    const path = run.end();
    if (run.notes !== null) this.#notes = this.#explain(host, run, threw ? error : null);
    if (threw) return this.#fail(host, error);
    for (let i = 0; i < run.creditCount; i++) host.credit(run.credits[i]);
    for (let i = 0; i < run.effectCount; i++) host.report(run.effects[i]);
    return path.rule;
  }

  /** The policy threw: packets that look like this one drop for a second. */
  #fail(host: PolicyHost, error: unknown): Rule {
    const tag = this.#newTag();
    const { failed } = this.#counters;
    host.credit(failed);
    host.trail?.tag(tag);
    if (!host.dontSend) this.#remember(host.flow.slice(), host.mask.slice(), tag, error);
    return this.#lists.root.rule;
  }

  #remember(key: Int32Array, mask: Int32Array, tag: number, error: unknown): void {
    this.#throws++;
    this.#lastError = describe(error);
    const answer: Answer = {
      key,
      mask,
      rule: this.#lists.root.rule,
      credits: [this.#counters.failed],
      effects: [],
      tag,
      until: this.#now() + FAILURE_MS,
    };
    const gone = this.#failures.add(answer);
    if (gone !== null) this.#home.changed(gone.tag);
    this.#warn(
      `policy ${this.name} threw for ${formatMatch({ key: masked(key, mask), mask })}: ${this.#lastError}`,
    );
  }

  #warn(text: string): void {
    const now = this.#now();
    if (now < this.#warned + WARNING_MS) return;
    this.#warned = now;
    this.#home.warn(text);
  }

  /** What the last run looked at, and what it did besides actions. */
  #explain({ flow }: PolicyHost, { cursor, notes }: Run, error: unknown): readonly string[] {
    const mask = cursor.seen!;
    const looked = formatMatch({ key: masked(flow, mask), mask });
    return [
      `looks at ${looked === '' ? 'nothing' : looked}`,
      ...(notes ?? []),
      ...(error === null ? [] : [`threw: ${messageOf(error)}`]),
    ];
  }

  /** Makes ready what `next` needs. Changes nothing when that throws. */
  #adopt(next: CompletePolicy): void {
    const tables = new Map(
      Object.entries(next.tables).map(([name, { options }]) => [
        name,
        this.#tables.get(name) ?? this.#makeTable(name, options),
      ]),
    );
    const setting = {
      lists: this.#lists,
      ports: this.#ports,
      counters: this.#counters,
      table: this.table,
      tables,
      onMiss: this.#home.onMiss ?? null,
    };
    const run = new Run(setting);
    run.onRead = this.#onRead;
    this.#ports.use(this.#home.bridge);
    const later = next.later === null ? null : this.#deliberate(next, setting);
    for (const [name, { options }] of Object.entries(next.tables)) tables.get(name)!.limit(options);
    this.#tables.clear();
    for (const [name, table] of tables) this.#tables.set(name, table);
    this.#run = run;
    this.#later?.close();
    this.#later = later;
  }

  #deliberate(policy: CompletePolicy, setting: ConstructorParameters<typeof Run>[0]): Deliberation {
    return new Deliberation(
      {
        policy,
        setting,
        changed: (tag) => this.#home.changed(tag),
        newTag: () => this.#newTag(),
        tagOf: this.#tagOf,
        failed: (flow, mask, tag, error) => this.#remember(flow, mask, tag, error),
        now: this.#now,
      },
      this.#later,
    );
  }

  #makeTable(name: string, options: object): StateTable<StateKey, unknown> {
    const kind = hash2Words(this.table, hashKey(name));
    const onChange = (what: number) => {
      if (this.#isDeciding)
        throw new SlowpathError(
          'ERR_POLICY_IMPURE',
          `table ${name} was written while the policy decided: use state.${name}.learn, which happens when the packet has gone`,
        );
      const tag = this.#tagOf(kind, what);
      this.#later?.stateChanged(tag);
      this.#home.changed(tag);
    };
    return new StateTable(name, kind, options, onChange, this.#now);
  }

  /** A tag of this policy that nothing else has. */
  #newTag(): number {
    return this.#tagOf(-1 - this.table, ++this.#tags);
  }
}

function masked(flow: Int32Array, mask: Int32Array): Int32Array {
  const key = new Int32Array(FLOW_WORDS);
  for (let w = 0; w < FLOW_WORDS; w++) key[w] = flow[w] & mask[w];
  return key;
}

function asyncUnannounced(result: Promise<unknown>): SlowpathError {
  result.catch(() => {});
  return new SlowpathError(
    'ERR_POLICY',
    'the policy gave back a promise: make it an async function, or give it `later`',
  );
}

/** What was thrown, and where. */
function describe(error: unknown): string {
  const at = error instanceof Error ? /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim() : undefined;
  return at === undefined ? messageOf(error) : `${messageOf(error)} (${at})`;
}
