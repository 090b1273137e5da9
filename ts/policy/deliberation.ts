import { FLOW_WORDS } from '../fields/index.js';
import type { Rule } from '../openflow/index.js';
import type { PolicyHost, StateEffect } from '../xlate/index.js';
import { type Answer, AnswerStore } from './answers.js';
import type { CompletePolicy } from './definition.js';
import { Run, type RunSetting } from './run.js';

/** Milliseconds after its deadline that a question is still listened for; then it is asked again. */
const LATE_MS = 10_000;

/** What a deliberation needs of its policy. */
export interface DeliberationHome {
  readonly policy: CompletePolicy;
  readonly setting: RunSetting;
  /** Flows that have the tag in their trail are to be looked at again. */
  changed(tag: number): void;
  /** A tag that nothing else has. */
  newTag(): number;
  tagOf(kind: number, what: number): number;
  /** The call of `run` threw: `mask` is what it had looked at of `flow`. */
  failed(flow: Int32Array, mask: Int32Array, tag: number, error: unknown): void;
  now(): number;
}

/** A question that was asked and is not answered. Its mask is what had been read when the function first waited. */
interface Question extends Answer {
  readonly run: Run;
  /** Tags of the state that it read. */
  readonly reads: Set<number>;
  /** Something that it read has changed since. */
  outdated: boolean;
  /** The deadline is over. */
  expired: boolean;
}

interface LaterAnswer extends Answer {
  readonly reads: ReadonlySet<number>;
}

/** Figures of an async policy. */
export interface DeliberationCounters {
  /** Questions that were asked, answered, and not answered in time. */
  asked: number;
  answered: number;
  expired: number;
  /** Packets that came when too many questions were open. */
  busy: number;
}

/**
 * Policies that answer later. A packet that there is no answer for is asked about, once for all packets that look alike in what had been
 * read when the function first waited; until the answer comes they get the answer that there was before a change, or `meanwhile`. An answer
 * stands for all packets that are alike in what was read for it.
 */
export class Deliberation {
  readonly counters: DeliberationCounters = { asked: 0, answered: 0, expired: 0, busy: 0 };
  readonly #home: DeliberationHome;
  readonly #answers: AnswerStore<LaterAnswer>;
  readonly #pending: AnswerStore<Question>;
  /** Answers that something changed for: they stand in until there are new ones, or their time is up. */
  readonly #stale: AnswerStore<Answer>;
  /** Which answers read what. */
  readonly #readers = new Map<number, Set<LaterAnswer>>();
  readonly #options: NonNullable<CompletePolicy['later']>;
  readonly #shapesTag: number;
  readonly #busyTag: number;
  #state: Deliberation['state'] = 'answered';
  readonly #meanwhile: { readonly rule: Rule; readonly credits: readonly Rule[] };

  /** `before`: what the policy that this one takes the place of had answered. */
  constructor(home: DeliberationHome, before: Deliberation | null) {
    this.#home = home;
    this.#options = home.policy.later!;
    this.#shapesTag = home.newTag();
    this.#busyTag = home.newTag();
    const onShape = () => home.changed(this.#shapesTag);
    this.#answers = new AnswerStore(this.#options.maxAnswers, onShape);
    this.#pending = new AnswerStore(this.#options.maxPending, onShape);
    this.#stale = new AnswerStore(this.#options.maxAnswers, onShape);
    const run = new Run(home.setting);
    run.begin(run.cursor.flow, run.cursor.mask, false);
    this.#options.meanwhile(run.act);
    this.#meanwhile = { rule: run.end().rule, credits: run.credits.slice(0, run.creditCount) };
    for (const answer of before === null ? [] : before.#answers) this.#retire(answer);
  }

  /** Nobody listens to what is still asked. */
  close(): void {
    for (const question of [...this.#pending]) this.#pending.delete(question);
  }

  get pending(): number {
    return this.#pending.size;
  }

  get answers(): number {
    return this.#answers.size;
  }

  /** How the last decision came about. */
  get state(): 'answered' | 'not answered yet' | 'not answered yet, goes by the answer before' {
    return this.#state;
  }

  decide(host: PolicyHost): Rule {
    const answer = this.#answers.find(host.flow);
    this.#state = 'answered';
    if (answer !== null) return give(host, answer);
    this.#state = 'not answered yet';
    const question = this.#pending.find(host.flow) ?? (host.dontSend ? null : this.#ask(host));
    this.#answers.markIn(host.mask);
    this.#pending.markIn(host.mask);
    this.#stale.markIn(host.mask);
    host.trail?.tag(this.#shapesTag);
    host.trail?.tag(question?.tag ?? this.#busyTag);
    const stale = question?.expired === true ? null : this.#stale.find(host.flow);
    if (stale !== null) {
      this.#state = 'not answered yet, goes by the answer before';
      return give(host, stale);
    }
    // Not after the deadline: then it is what holds.
    if (question?.expired !== true) host.provisional = true;
    for (const credit of this.#meanwhile.credits) host.credit(credit);
    return this.#meanwhile.rule;
  }

  /** Asks about the packet; null when too many questions are open. */
  #ask(host: PolicyHost): Question | null {
    if (this.#pending.isFull) {
      this.counters.busy++;
      return null;
    }
    const { policy, setting, tagOf } = this.#home;
    const reads = new Set<number>();
    const run = new Run(setting);
    run.onRead = (kind, what) => reads.add(tagOf(kind, what));
    // What is in the mask always, and what came before, tells packets apart as well.
    run.begin(host.flow.slice(), host.mask.slice(), false);
    this.counters.asked++;
    const tag = this.#home.newTag();
    let result: unknown;
    try {
      result = policy.run(run.packet, run.act, run.state as never);
    } catch (error) {
      result = Promise.reject(error);
    }
    const question: Question = {
      key: run.cursor.flow,
      mask: run.cursor.mask.slice(),
      rule: this.#meanwhile.rule,
      credits: [],
      effects: [],
      tag,
      until: this.#home.now() + this.#options.deadline,
      run,
      reads,
      outdated: false,
      expired: false,
    };
    this.#pending.add(question);
    Promise.resolve(result).then(
      () => this.#settle(question, null),
      (error: unknown) => this.#settle(question, { error }),
    );
    return question;
  }

  #settle(question: Question, failure: { readonly error: unknown } | null): void {
    const { run, reads, tag } = question;
    const path = run.end();
    // The policy was replaced, or the question given up.
    if (!this.#pending.delete(question)) return;
    if (failure !== null) {
      this.#home.failed(run.cursor.flow, run.cursor.mask, tag, failure.error);
    } else {
      this.counters.answered++;
      const answer: LaterAnswer = {
        key: run.cursor.flow,
        mask: run.cursor.mask,
        rule: path.rule,
        credits: run.credits.slice(0, run.creditCount),
        effects: run.effects.slice(0, run.effectCount),
        tag,
        until: this.#home.now() + this.#options.maxAge,
        reads,
      };
      if (question.outdated) this.#retire(answer);
      else this.#keep(answer);
    }
    this.#home.changed(tag);
    this.#home.changed(this.#busyTag);
  }

  #keep(answer: LaterAnswer): void {
    const old = this.#answers.add(answer);
    if (old !== null) this.#unlist(old, true);
    for (const tag of answer.reads) {
      const readers = this.#readers.get(tag);
      if (readers === undefined) this.#readers.set(tag, new Set([answer]));
      else readers.add(answer);
    }
  }

  /** The answer is not up to date any more, but better than none. */
  #retire(answer: Answer): void {
    answer.until = this.#home.now() + this.#options.deadline;
    this.#stale.add(answer);
  }

  /** An answer is gone. `tell`: whoever went by it is to be looked at again. */
  #unlist(answer: LaterAnswer, tell: boolean): void {
    for (const tag of answer.reads) {
      const readers = this.#readers.get(tag);
      readers?.delete(answer);
      if (readers?.size === 0) this.#readers.delete(tag);
    }
    if (tell) this.#home.changed(answer.tag);
  }

  /** Something changed in the policy's state: what was answered with it in mind is asked for again. */
  stateChanged(tag: number): void {
    for (const question of this.#pending) if (question.reads.has(tag)) question.outdated = true;
    for (const answer of [...(this.#readers.get(tag) ?? [])]) {
      this.#answers.delete(answer);
      this.#retire(answer);
      this.#unlist(answer, true);
    }
  }

  /** Lets time pass. */
  advance(): void {
    const now = this.#home.now();
    for (const question of [...this.#pending]) {
      if (now < question.until) continue;
      if (!question.expired) {
        question.expired = true;
        this.counters.expired++;
        this.#home.changed(question.tag);
      } else if (now >= question.until + LATE_MS) {
        this.#pending.delete(question);
        this.#home.changed(question.tag);
      }
    }
    for (const answer of [...this.#stale]) if (now >= answer.until) this.#stale.delete(answer);
    if (!Number.isFinite(this.#options.maxAge)) return;
    for (const answer of [...this.#answers]) {
      if (now < answer.until) break;
      this.#answers.delete(answer);
      this.#retire(answer);
      this.#unlist(answer, true);
    }
  }
}

/** Decides as was decided before. */
export function give(host: PolicyHost, answer: Answer): Rule {
  const { mask, trail } = host;
  for (let w = 0; w < FLOW_WORDS; w++) mask[w] |= answer.mask[w];
  if (trail !== null) trail.tag(answer.tag);
  for (const credit of answer.credits) host.credit(credit);
  for (const effect of answer.effects as readonly StateEffect[]) host.report(effect);
  return answer.rule;
}
