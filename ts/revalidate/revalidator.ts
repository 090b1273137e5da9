import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FlowDump } from '../datapath/index.js';
import { FLOW_ROW_WORDS, FLOW_UFID } from '../fields/index.js';
import type { FlowBatch } from '../native/index.js';
import {
  type DeleteReason,
  type FlowLimit,
  UKEY_FREE,
  UKEY_OPERATIONAL,
  UKEY_VISIBLE,
  type UkeyTable,
} from '../ukey/index.js';
import type { Snapshot, Translator } from '../xlate/index.js';
import { Adoption, type AdoptionContext } from './adoption.js';
import { createRevalidateCounters, type RevalidateCounters } from './counters.js';
import type { ChangeLog } from './changes.js';
import { Crediting, type CreditingContext } from './crediting.js';
import { FlowChanges, type FlowChangesContext } from './flow-changes.js';
import {
  DEFAULT_POLICY,
  type RevalidatePolicy,
  type RoundTerms,
  termsOf,
  worthTranslating,
} from './policy.js';
import {
  Retranslation,
  VERDICT_DELETE_BAD_KEY,
  VERDICT_DELETE_MASK,
  VERDICT_DELETE_NO_PORT,
  VERDICT_DELETE_NO_RECIRC,
  VERDICT_KEEP,
  VERDICT_MODIFY,
} from './retranslation.js';

/** Longest piece of work between two turns of the event loop, milliseconds. */
const SLICE_MS = 2;
const REASON_OF: Readonly<Record<number, DeleteReason>> = {
  [VERDICT_DELETE_MASK]: 'wider_mask',
  [VERDICT_DELETE_NO_PORT]: 'no_port',
  [VERDICT_DELETE_BAD_KEY]: 'bad_key',
  [VERDICT_DELETE_NO_RECIRC]: 'unknown_recirc',
};
/** Flows looked at for changes without a look at the clock. */
const MARKED_AT_ONCE = 4096;
/** Flows deleted by a purge between two turns of the event loop. */
const PURGED_AT_ONCE = 256;
/** A ukey whose flow this many dumps in a row did not show is gone. */
const MISSED_DUMPS = 4;

export interface RevalidatorContext extends CreditingContext, FlowChangesContext, AdoptionContext {
  /** Begins a dump of the datapath's flows; ufid and statistics suffice. */
  openDump(): FlowDump;
  readonly translator: Translator;
  readonly flowLimit: FlowLimit;
  /** What changed; read and emptied here. */
  readonly log: ChangeLog;
  snapshot(): Snapshot;
  /** Flows in the datapath now. */
  countFlows(): number;
  /** Monotonic milliseconds, the clock of flow statistics. */
  now(): number;
  /** A round failed; the next one will try again. */
  onError(error: unknown): void;
}

/**
 * Keeps the installed flows true: dumps them, takes in their statistics, and keeps, modifies or deletes each. One round at a
 * time, cut into slices so that upcalls are served in between.
 */
export class Revalidator {
  readonly counters: RevalidateCounters = createRevalidateCounters();
  policy: RevalidatePolicy;
  /** Milliseconds that the last dump took. */
  dumpDuration = 0;
  readonly #context: RevalidatorContext;
  readonly #retranslation: Retranslation;
  readonly #crediting: Crediting;
  readonly #changes: FlowChanges;
  #dumpSeq = 0;
  /** When the last round began, and the generation that it knew. */
  #began = 0;
  #roundGeneration = 0;
  /** Time of the dump batch at hand. */
  #now = 0;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = true;
  /** Something new is in the log since the work under way, or the last, began. */
  #again = false;

  constructor(context: RevalidatorContext, policy: Partial<RevalidatePolicy> = {}) {
    this.#context = context;
    this.policy = { ...DEFAULT_POLICY, ...policy };
    this.#retranslation = new Retranslation(context.ukeys, context.translator, context.records);
    this.#crediting = new Crediting(context, this.#retranslation, this.counters);
    this.#changes = new FlowChanges(context, this.#retranslation, this.#crediting, this.counters);
  }

  /** Runs rounds until `stop`: one at once after `poke`, else every maxRevalidator milliseconds. */
  start(): void {
    this.#stopped = false;
    this.#schedule(this.policy.maxRevalidator);
  }

  /** The log has something new: it is looked into as soon as the event loop comes to it. */
  poke(): void {
    if (this.#stopped || this.#again) return;
    this.#again = true;
    if (this.#running === null) this.#schedule(0);
  }

  /** Takes over the flows that an earlier process left, before rounds begin; the first round, which is due at once, validates them. */
  async adopt(): Promise<void> {
    this.#stopped = false;
    const adoption = new Adoption(
      this.#context,
      this.#retranslation,
      this.#crediting,
      this.counters,
      () => this.#stopped,
    );
    await this.#alone(async () => {
      const { flowLimit } = this.#context;
      const adopted = await adoption.run();
      // They fitted; rounds will say if that is too many.
      flowLimit.limit = Math.max(flowLimit.limit, Math.min(flowLimit.max, adopted));
    });
  }

  /** Ends the rounds; resolves when the one under way is through. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#running;
  }

  /** One round, now; after the work under way, if there is some. */
  async round(): Promise<void> {
    await this.#running?.catch(() => {});
    await this.#alone(() => this.#round());
  }

  /** Does one thing at a time. */
  #alone(work: () => Promise<void>): Promise<void> {
    this.#running ??= work().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  /** Deletes all flows that are ours, with their final statistics credited. Upcalls must have stopped. */
  purge(): void {
    const { ukeys, snapshot } = this.#context;
    const now = snapshot();
    for (let i = 0; i < ukeys.end; i++) {
      if (ukeys.state[i] === UKEY_OPERATIONAL) this.#changes.delete(now, i, 'purge');
    }
    this.#changes.flush(now);
  }

  /** The datapath was made anew, without flows: forgets all that it had. Rounds must have been stopped. */
  forgetAll(): void {
    const { ukeys } = this.#context;
    for (let i = 0; i < ukeys.end; i++) {
      if (ukeys.state[i] === UKEY_OPERATIONAL) this.#changes.forget(i, 'removed_by_others');
    }
  }

  /** The same in slices while upcalls go on; after the work under way. Flows that come meanwhile may stay. */
  async purgeRunning(): Promise<void> {
    await this.#running?.catch(() => {});
    await this.#alone(async () => {
      const { ukeys } = this.#context;
      for (let from = 0; from < ukeys.end; from += PURGED_AT_ONCE) {
        const snapshot = this.#context.snapshot();
        for (let i = from; i < Math.min(from + PURGED_AT_ONCE, ukeys.end); i++) {
          if (ukeys.state[i] === UKEY_OPERATIONAL) this.#changes.delete(snapshot, i, 'purge');
        }
        this.#changes.flush(snapshot);
        await nextTurn();
      }
    });
  }

  #schedule(delay: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#again = false;
      void this.#alone(() => (this.#isDue() ? this.#round() : this.#settle()))
        .catch((error: unknown) => {
          this.counters.failed++;
          this.#context.onError(error);
        })
        .then(() => {
          if (this.#stopped || this.#timer) return;
          const rest = this.#began + this.policy.maxRevalidator - this.#context.now();
          this.#schedule(this.#again ? 0 : Math.max(rest, 0));
        });
    }, delay);
    this.#timer.unref();
  }

  /** Whether it is time for a dump, or all flows are concerned by a change. */
  #isDue(): boolean {
    const { log } = this.#context;
    return (
      log.everythingSince > this.#roundGeneration ||
      this.#context.now() >= this.#began + this.policy.maxRevalidator
    );
  }

  async #round(): Promise<void> {
    const context = this.#context;
    const { ukeys, flowLimit } = context;
    this.#began = context.now();
    this.#roundGeneration = context.snapshot().generation;
    await this.#settle();
    // What settling took is not the dump's.
    const began = context.now();
    flowLimit.flows = context.countFlows();
    const terms = termsOf(this.policy, flowLimit.flows, flowLimit.limit, this.dumpDuration);
    const seq = ++this.#dumpSeq;
    const dump = context.openDump();
    try {
      await this.#visitAll(dump, terms, seq);
    } finally {
      dump.close();
    }
    if (dump.interrupted) this.counters.interrupted++;
    this.dumpDuration = context.now() - began;
    flowLimit.afterDump(this.dumpDuration, flowLimit.flows);
    if (!dump.interrupted) this.#sweep(ukeys, seq, began);
    this.counters.rounds++;
  }

  async #visitAll(dump: FlowDump, terms: RoundTerms, seq: number): Promise<void> {
    let sliceEnd = performance.now() + SLICE_MS;
    for (let count = dump.next(); count >= 0; count = dump.next()) {
      const snapshot = this.#context.snapshot();
      this.#now = this.#context.now();
      for (let row = 0; row < count; row++) this.#visit(snapshot, terms, seq, dump.batch, row);
      this.#changes.flush(snapshot);
      this.counters.dumped += count;
      if (performance.now() < sliceEnd) continue;
      await nextTurn();
      await this.#settle();
      sliceEnd = performance.now() + SLICE_MS;
    }
  }

  /** One dumped flow. */
  #visit(snapshot: Snapshot, terms: RoundTerms, seq: number, dumped: FlowBatch, row: number): void {
    const { ukeys } = this.#context;
    const rows = dumped.rows;
    const base = row * FLOW_ROW_WORDS;
    const ukey = ukeys.find(rows, base + FLOW_UFID);
    if (ukey < 0) {
      this.#changes.deleteUnknown(snapshot, dumped, row);
      return;
    }
    const first = ukeys.dumpSeq[ukey] === 0;
    if (ukeys.state[ukey] !== UKEY_OPERATIONAL || ukeys.dumpSeq[ukey] === seq) return;
    ukeys.dumpSeq[ukey] = seq;
    ukeys.missed[ukey] = 0;
    const usedBefore = ukeys.used[ukey];
    this.#crediting.take(ukey, rows, base);
    this.#crediting.credit(snapshot, ukey);
    this.#decide(snapshot, terms, ukey, usedBefore, first);
  }

  #decide(snapshot: Snapshot, terms: RoundTerms, ukey: number, usedBefore: number, first: boolean): void {
    const { ukeys } = this.#context;
    const now = this.#now;
    if (terms.flush) {
      this.#changes.delete(snapshot, ukey, 'over_limit_flush');
    } else if (now - ukeys.used[ukey] > terms.maxIdle) {
      this.#changes.delete(snapshot, ukey, 'idle');
    } else if (!this.#isStale(ukey)) {
      this.counters.kept++;
    } else if (worthTranslating(terms, this.policy, this.#crediting.packets, usedBefore, first, now)) {
      this.#translateAgain(snapshot, ukey);
    } else {
      this.#changes.delete(snapshot, ukey, 'too_expensive');
    }
  }

  /** Whether something changed since the flow was translated that may concern it. */
  #isStale(ukey: number): boolean {
    const { ukeys, log } = this.#context;
    return ukeys.stale[ukey] !== 0 || ukeys.generation[ukey] < log.everythingSince;
  }

  /** Finds out whether the flow is still right, and mends what is not. */
  #translateAgain(snapshot: Snapshot, ukey: number): void {
    const { ukeys } = this.#context;
    this.counters.translated++;
    const verdict = this.#retranslation.run(snapshot, ukey);
    if (verdict === VERDICT_KEEP) {
      ukeys.setRecord(ukey, this.#retranslation.makeRecord(ukey));
      ukeys.generation[ukey] = snapshot.generation;
      ukeys.stale[ukey] = 0;
    } else if (verdict === VERDICT_MODIFY) {
      this.#changes.modify(snapshot, ukey);
    } else {
      this.#changes.delete(snapshot, ukey, REASON_OF[verdict]);
    }
  }

  /** Looks through all flows for those that the changes so far concern, and mends them. */
  async #settle(): Promise<void> {
    const { ukeys, log } = this.#context;
    while (log.pending) {
      const set = log.take();
      for (let from = 0; from < ukeys.end; from += MARKED_AT_ONCE) {
        const sliceEnd = performance.now() + SLICE_MS;
        const to = Math.min(from + MARKED_AT_ONCE, ukeys.end);
        if (set.mark(ukeys, from, to) > 0) await this.#mend(from, to);
        if (performance.now() >= sliceEnd) await nextTurn();
      }
    }
  }

  /** Translates the stale flows among from … to-1 again. */
  async #mend(from: number, to: number): Promise<void> {
    const { ukeys } = this.#context;
    let sliceEnd = performance.now() + SLICE_MS;
    for (let ukey = from; ukey < to; ukey++) {
      if (ukeys.stale[ukey] === 0 || ukeys.state[ukey] !== UKEY_OPERATIONAL) continue;
      const snapshot = this.#context.snapshot();
      this.#translateAgain(snapshot, ukey);
      // What a dump under way shows of it may be older.
      ukeys.dumpSeq[ukey] = this.#dumpSeq;
      if (performance.now() < sliceEnd) continue;
      this.#changes.flush(snapshot);
      await nextTurn();
      sliceEnd = performance.now() + SLICE_MS;
    }
    this.#changes.flush(this.#context.snapshot());
  }

  /** Ukeys that the dump should have shown and did not. */
  #sweep(ukeys: UkeyTable, seq: number, began: number): void {
    for (let i = 0; i < ukeys.end; i++) {
      const state = ukeys.state[i];
      if (
        state === UKEY_FREE ||
        state === UKEY_VISIBLE ||
        ukeys.dumpSeq[i] === seq ||
        ukeys.created[i] >= began
      )
        continue;
      this.counters.missed++;
      ukeys.missed[i]++;
      if (ukeys.missed[i] >= MISSED_DUMPS) this.#changes.forget(i, 'removed_by_others');
    }
  }
}
