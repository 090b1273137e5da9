import type { FlowDump } from '../datapath/index.js';
import { MATCHED_BACKWARDS, type MatchedColumns } from '../native/index.js';
import { DELETE_REASONS, type DeleteReason, UKEY_OPERATIONAL, type UkeyTable } from '../ukey/index.js';
import type { Snapshot } from '../xlate/index.js';
import type { ChangeLog } from './changes.js';
import type { RevalidateCounters } from './counters.js';
import type { Crediting } from './crediting.js';
import type { FlowChanges } from './flow-changes.js';
import { DELETE, judge, KEEP, type RoundTerms, TRANSLATE } from './policy.js';
import type { Slices } from '../util/index.js';

/** Elements of MatchedColumns.counts. */
const UNKNOWN = 0;
const SEEN = 1;

/** What visiting dumped flows needs of its surroundings; part of RevalidatorContext. */
export interface VisitorContext {
  readonly ukeys: UkeyTable;
  readonly log: ChangeLog;
  snapshot(): Snapshot;
  now(): number;
}

/** What becomes of a round's flows. */
export interface VisitorActions {
  /** Translates an operational flow again, and mends what is not right. */
  translateAgain(snapshot: Snapshot, ukey: number): void;
  /** Works on changes that came meanwhile. */
  settle(slices: Slices): Promise<void>;
}

/**
 * Goes through a dump batch by batch: statistics that the batch brought are credited, the policy judges its flows by their columns, and
 * what it says is done.
 */
export class Visitor {
  readonly #context: VisitorContext;
  readonly #crediting: Crediting;
  readonly #changes: FlowChanges;
  readonly #counters: RevalidateCounters;
  readonly #actions: VisitorActions;
  #verdicts = new Uint8Array(0);

  constructor(
    context: VisitorContext,
    crediting: Crediting,
    changes: FlowChanges,
    counters: RevalidateCounters,
    actions: VisitorActions,
  ) {
    this.#context = context;
    this.#crediting = crediting;
    this.#changes = changes;
    this.#counters = counters;
    this.#actions = actions;
  }

  /** Visits all flows of a dump; those that `round` has visited already are passed over. */
  async run(dump: FlowDump, terms: RoundTerms, round: number, slices: Slices): Promise<void> {
    const { ukeys, log } = this.#context;
    const { matched } = dump;
    if (this.#verdicts.length < matched.capacity) this.#verdicts = new Uint8Array(matched.capacity);
    for (;;) {
      const count = dump.match(ukeys.rows, round, log.everythingSince);
      if (count < 0) return;
      ukeys.now = this.#context.now();
      const snapshot = this.#context.snapshot();
      this.#credit(snapshot, matched, count);
      const kept = judge(terms, matched, count, ukeys.now, this.#verdicts);
      this.#counters.kept += kept;
      this.#counters.dumped += matched.counts[SEEN];
      for (let row = 0; row < matched.counts[UNKNOWN]; row++)
        this.#changes.deleteUnknown(snapshot, dump.batch, row);
      if (kept < count) await this.#act(matched, count, round, slices);
      this.#changes.flush(this.#context.snapshot());
      const isNothingYet = matched.counts[SEEN] === 0;
      if (!slices.over && !isNothingYet) continue;
      await (isNothingYet ? slices.pause() : slices.rest());
      await slices.aside(() => this.#actions.settle(slices));
    }
  }

  /** All of a batch before anything else is done: what comes from now on is news. */
  #credit(snapshot: Snapshot, matched: MatchedColumns, count: number): void {
    const { flags, packets, bytes, ukey } = matched;
    for (let i = 0; i < count; i++) {
      if ((flags[i] & MATCHED_BACKWARDS) !== 0) this.#counters.backwards++;
      if (packets[i] > 0) this.#crediting.credit(snapshot, ukey[i], packets[i], bytes[i]);
    }
  }

  async #act(matched: MatchedColumns, count: number, round: number, slices: Slices): Promise<void> {
    const { ukeys } = this.#context;
    const verdicts = this.#verdicts;
    for (let i = 0; i < count; i++) {
      const verdict = verdicts[i];
      if (verdict === KEEP) continue;
      const ukey = matched.ukey[i];
      // While others had their turn it may have gone, and its place been taken.
      if (ukeys.state.get(ukey) !== UKEY_OPERATIONAL || ukeys.dumpRound.get(ukey) !== round) continue;
      const snapshot = this.#context.snapshot();
      if (verdict === TRANSLATE) this.#actions.translateAgain(snapshot, ukey);
      else this.#changes.delete(snapshot, ukey, DELETE_REASONS[verdict - DELETE] as DeleteReason);
      if (!slices.over) continue;
      this.#changes.flush(snapshot);
      await slices.rest();
      ukeys.now = this.#context.now();
    }
  }
}
