import type { FlowDump } from '../datapath/index.js';
import {
  BY_PURGE,
  BY_SWEEP,
  type DeleteReason,
  type FlowLimit,
  STALE_BY_TIMEOUT,
  UKEY_FREE,
  UKEY_OPERATIONAL,
  UKEY_VISIBLE,
} from '../ukey/index.js';
import { Slices } from '../util/index.js';
import type { Snapshot, Translator } from '../xlate/index.js';
import { Adoption, type AdoptionContext } from './adoption.js';
import { createRevalidateCounters, type RevalidateCounters } from './counters.js';
import type { ChangeLog } from './changes.js';
import { Crediting, type CreditingContext } from './crediting.js';
import { FlowChanges, type FlowChangesContext } from './flow-changes.js';
import { DEFAULT_POLICY, pauseOf, type RevalidatePolicy, type RoundTerms, termsOf } from './policy.js';
import {
  Retranslation,
  VERDICT_DELETE_BAD_KEY,
  VERDICT_DELETE_MASK,
  VERDICT_DELETE_NO_PORT,
  VERDICT_DELETE_NO_RECIRC,
  VERDICT_KEEP,
  VERDICT_MODIFY,
} from './retranslation.js';
import { Visitor } from './visitor.js';

const REASON_OF: Readonly<Record<number, DeleteReason>> = {
  [VERDICT_DELETE_MASK]: 'wider_mask',
  [VERDICT_DELETE_NO_PORT]: 'no_port',
  [VERDICT_DELETE_BAD_KEY]: 'bad_key',
  [VERDICT_DELETE_NO_RECIRC]: 'unknown_recirc',
};
/** Ukeys looked at for flows that are gone without a look at the clock. */
const SWEPT_AT_ONCE = 4096;
/** Likewise for those that changes concern, which takes longer. */
const MARKED_AT_ONCE = 512;
/** Flows deleted by a purge likewise. */
const PURGED_AT_ONCE = 128;
/** A ukey whose flow this many dumps in a row did not show is gone. */
const MISSED_DUMPS = 4;
/** Times that a dump is begun in a round, when the datapath says that it was interrupted. */
const DUMP_ATTEMPTS = 3;

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
  /** A round is through: all flows are right for this generation, and what they had counted when it began has been credited. */
  settled?(generation: number): void;
  /** Milliseconds by which work is cut into slices; performance.now when left out. */
  clock?(): number;
  /** Whether upcalls wait for their turn. */
  waits?(): boolean;
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
  /** Milliseconds that the last dump took, from its begin to its end. */
  dumpDuration = 0;
  /** The same without the turns that upcalls had in between: by this the policy goes, as upcalls do not slow OVS's revalidators down. */
  dumpWork = 0;
  readonly #context: RevalidatorContext;
  readonly #retranslation: Retranslation;
  readonly #crediting: Crediting;
  readonly #changes: FlowChanges;
  readonly #visitor: Visitor;
  /** Number of the round, from 1 on. */
  #number = 0;
  /** When the last round began, and the generation that it knew. */
  #began = 0;
  #roundGeneration = 0;
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
    this.#visitor = new Visitor(context, this.#crediting, this.#changes, this.counters, {
      translateAgain: (snapshot, ukey) => this.#translateAgain(snapshot, ukey),
      settle: (slices) => this.#settle(slices),
    });
  }

  /** Runs rounds until `stop`: one at once after `poke`, else one in each pause that the policy allows. */
  start(): void {
    this.#stopped = false;
    this.#schedule(pauseOf(this.policy));
  }

  /** Takes other options over; the pause between rounds is cut or stretched to them. */
  setPolicy(policy: RevalidatePolicy): void {
    this.policy = policy;
    if (this.#running === null) this.#scheduleNext();
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
      const adopted = await adoption.run(this.#slices());
      // They fitted; rounds will say if that is too many.
      flowLimit.limit = Math.max(flowLimit.limit, Math.min(flowLimit.max, adopted));
    });
  }

  /** Ends the rounds; resolves when the work under way is through, and what waited for it. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    while (this.#running !== null) await this.#running;
  }

  /** One round, now; after the work under way, if there is some. */
  round(): Promise<void> {
    return this.#alone(() => this.#round());
  }

  /** Does one thing at a time, in the order in which they were asked for. */
  async #alone(work: () => Promise<void>): Promise<void> {
    while (this.#running !== null) await this.#running;
    let end = () => {};
    this.#running = new Promise((resolve) => {
      end = resolve;
    });
    try {
      await work();
    } finally {
      this.#running = null;
      end();
      this.#scheduleNext();
    }
  }

  /** Puts a flow that matches the bits of `mask` in the place of an operational one; between two turns of a round. */
  narrow(ukey: number, mask: Int32Array): void {
    this.#changes.narrow(this.#context.snapshot(), ukey, mask);
  }

  /** The datapath was made anew, without flows: forgets all that it had. Rounds must have been stopped. */
  forgetAll(): Promise<void> {
    const { ukeys } = this.#context;
    const lost = this.#context.now();
    return this.#alone(async () => {
      const slices = this.#slices();
      for (let from = 0; from < ukeys.end; from += PURGED_AT_ONCE) {
        ukeys.now = this.#context.now();
        const to = Math.min(from + PURGED_AT_ONCE, ukeys.end);
        for (let i = from; i < to; i++) {
          // The new one has those that upcalls bring meanwhile.
          const isLost = ukeys.state.get(i) === UKEY_OPERATIONAL && ukeys.created[i] <= lost;
          if (isLost) this.#changes.forget(i, 'removed_by_others', BY_PURGE);
        }
        if (slices.over) await slices.rest();
      }
    });
  }

  /**
   * Deletes all flows that are ours, with their final statistics credited; after the work under way. Flows that come meanwhile, while upcalls go on,
   * may stay.
   */
  purge(): Promise<void> {
    return this.#alone(async () => {
      const { ukeys } = this.#context;
      const slices = this.#slices();
      for (let from = 0; from < ukeys.end; from += PURGED_AT_ONCE) {
        const snapshot = this.#context.snapshot();
        ukeys.now = this.#context.now();
        const to = Math.min(from + PURGED_AT_ONCE, ukeys.end);
        for (let i = from; i < to; i++) {
          if (ukeys.state.get(i) === UKEY_OPERATIONAL) this.#changes.delete(snapshot, i, 'purge');
        }
        this.#changes.flush(snapshot);
        if (slices.over) await slices.rest();
      }
    });
  }

  /** At once when the log has something new, else when the pause between rounds is over. */
  #scheduleNext(): void {
    if (this.#stopped) return;
    const rest = this.#began + pauseOf(this.policy) - this.#context.now();
    this.#schedule(this.#again ? 0 : Math.max(rest, 0));
  }

  #schedule(delay: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      void this.#alone(() => this.#turn()).catch((error: unknown) => {
        this.counters.failed++;
        this.#context.onError(error);
      });
    }, delay);
    this.#timer.unref();
  }

  /** What there is to do now. */
  async #turn(): Promise<void> {
    if (this.#stopped) return;
    this.#again = false;
    if (this.#isDue()) await this.#round();
    else await this.#settle(this.#slices());
  }

  /** Whether it is time for a dump, or all flows are concerned by a change. */
  #isDue(): boolean {
    const { log } = this.#context;
    return (
      log.everythingSince > this.#roundGeneration || this.#context.now() >= this.#began + pauseOf(this.policy)
    );
  }

  #slices(): Slices {
    return new Slices(this.#context.clock, this.#context.waits);
  }

  async #round(): Promise<void> {
    const context = this.#context;
    const { flowLimit } = context;
    this.#began = context.now();
    this.#roundGeneration = context.snapshot().generation;
    const slices = this.#slices();
    // What settling takes is not the dump's.
    await slices.aside(() => this.#settle(slices));
    const began = context.now();
    flowLimit.flows = context.countFlows();
    const terms = termsOf(this.policy, flowLimit.flows, flowLimit.limit, this.dumpWork);
    this.#number++;
    const isWhole = await this.#dump(terms, slices);
    if (isWhole) await this.#sweep(began, slices);
    this.dumpDuration = context.now() - began;
    this.dumpWork = slices.worked;
    flowLimit.afterDump(this.dumpWork, flowLimit.flows);
    this.counters.rounds++;
    if (isWhole) context.settled?.(this.#roundGeneration);
  }

  /** Visits all flows. An interrupted dump may have missed some and is begun again; false when none came to its end. */
  async #dump(terms: RoundTerms, slices: Slices): Promise<boolean> {
    const { ukeys } = this.#context;
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      ukeys.round = this.#number;
      const dump = this.#context.openDump();
      try {
        await this.#visitor.run(dump, terms, this.#number, slices);
      } finally {
        ukeys.round = 0;
        dump.close();
      }
      if (!dump.interrupted) return true;
      this.counters.interrupted++;
    }
    return false;
  }

  /** Finds out whether the flow is still right, and mends what is not. */
  #translateAgain(snapshot: Snapshot, ukey: number): void {
    const { ukeys } = this.#context;
    this.counters.translated++;
    const verdict = this.#retranslation.run(snapshot, ukey);
    if (verdict === VERDICT_KEEP) {
      ukeys.setRecord(ukey, this.#retranslation.makeRecord(ukey));
      ukeys.stale.set(ukey, 0);
      if (this.#retranslation.isUndecided) return;
      ukeys.generation.set(ukey, snapshot.generation);
      ukeys.slow[ukey] = this.#retranslation.slow;
    } else if (verdict === VERDICT_MODIFY) {
      this.#changes.modify(snapshot, ukey);
    } else {
      const timedOut = verdict === VERDICT_DELETE_MASK && ukeys.stale.get(ukey) === STALE_BY_TIMEOUT;
      this.#changes.delete(snapshot, ukey, timedOut ? 'hard_timeout' : REASON_OF[verdict]);
    }
  }

  /** Looks through all flows for those that the changes so far concern, and mends them. */
  async #settle(slices: Slices): Promise<void> {
    const { ukeys, log } = this.#context;
    while (log.pending) {
      const set = log.take();
      try {
        for (let from = 0; from < ukeys.end; from += MARKED_AT_ONCE) {
          const to = Math.min(from + MARKED_AT_ONCE, ukeys.end);
          if (set.mark(ukeys, from, to) > 0) await this.#mend(from, to, slices);
          if (slices.over) await slices.rest();
        }
      } catch (error) {
        // Whom else they concern, nobody will look for any more.
        log.everything(this.#context.snapshot().generation);
        throw error;
      }
    }
  }

  /** Translates the stale flows among from … to-1 again. */
  async #mend(from: number, to: number, slices: Slices): Promise<void> {
    const { ukeys } = this.#context;
    ukeys.now = this.#context.now();
    for (let ukey = from; ukey < to; ukey++) {
      if (ukeys.stale.get(ukey) === 0 || ukeys.state.get(ukey) !== UKEY_OPERATIONAL) continue;
      const snapshot = this.#context.snapshot();
      this.#translateAgain(snapshot, ukey);
      // What a dump under way shows of it may be older.
      ukeys.dumpRound.set(ukey, this.#number);
      if (!slices.over) continue;
      this.#changes.flush(snapshot);
      await slices.rest();
      ukeys.now = this.#context.now();
    }
    this.#changes.flush(this.#context.snapshot());
  }

  /** Ukeys that the dump, which began then, should have shown and did not. */
  async #sweep(began: number, slices: Slices): Promise<void> {
    const { ukeys } = this.#context;
    for (let from = 0; from < ukeys.end; from += SWEPT_AT_ONCE) {
      const to = Math.min(from + SWEPT_AT_ONCE, ukeys.end);
      ukeys.now = this.#context.now();
      for (let i = from; i < to; i++) if (this.#wasMissed(i, began)) this.#miss(i);
      if (slices.over) await slices.rest();
    }
  }

  #wasMissed(ukey: number, began: number): boolean {
    const { state, dumpRound, created } = this.#context.ukeys;
    if (dumpRound.get(ukey) === this.#number || state.get(ukey) === UKEY_FREE) return false;
    return state.get(ukey) !== UKEY_VISIBLE && created[ukey] < began;
  }

  #miss(ukey: number): void {
    const { missed } = this.#context.ukeys;
    this.counters.missed++;
    missed.set(ukey, missed.get(ukey) + 1);
    if (missed.get(ukey) >= MISSED_DUMPS) this.#changes.forget(ukey, 'removed_by_others', BY_SWEEP);
  }
}
