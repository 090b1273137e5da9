import { setImmediate as nextTurn } from 'node:timers/promises';
import type { FlowDump, OpWriter } from '../datapath/index.js';
import {
  FLOW_BYTES,
  FLOW_PACKETS,
  FLOW_ROW_WORDS,
  FLOW_TCP_FLAGS,
  FLOW_UFID,
  FLOW_USED,
} from '../fields/index.js';
import type { Channel, FlowBatch } from '../native/index.js';
import {
  type DeleteReason,
  type FlowLimit,
  UKEY_FREE,
  UKEY_OPERATIONAL,
  UKEY_VISIBLE,
  type UkeyTable,
} from '../ukey/index.js';
import type { Snapshot, Translation, Translator } from '../xlate/index.js';
import { createRevalidateCounters, type RevalidateCounters } from './counters.js';
import { counter64, FlowChanges } from './flow-changes.js';
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
  VERDICT_KEEP,
  VERDICT_MODIFY,
} from './retranslation.js';

/** Longest piece of work between two turns of the event loop, milliseconds. */
const SLICE_MS = 2;
const REASON_OF: Readonly<Record<number, DeleteReason>> = {
  [VERDICT_DELETE_MASK]: 'wider_mask',
  [VERDICT_DELETE_NO_PORT]: 'no_port',
  [VERDICT_DELETE_BAD_KEY]: 'bad_key',
};
/** A ukey whose flow this many dumps in a row did not show is gone. */
const MISSED_DUMPS = 4;

export interface RevalidatorContext {
  /** Begins a dump of the datapath's flows; ufid and statistics suffice. */
  openDump(): FlowDump;
  /** Channel and batches for modifications and deletions. */
  readonly opsChannel: Channel;
  readonly ops: OpWriter;
  readonly replies: FlowBatch;
  readonly translator: Translator;
  readonly ukeys: UkeyTable;
  readonly flowLimit: FlowLimit;
  snapshot(): Snapshot;
  /** Applies what a translation decided for packets counted by the datapath. */
  apply(translation: Translation, packets: number, bytes: number, tcpFlags: number): void;
  /** Flows in the datapath now. */
  countFlows(): number;
  /** Monotonic milliseconds, the clock of flow statistics. */
  now(): number;
  /** A flow is about to leave: its last statistics are in the ukey. */
  onDeleted?(ukey: number, reason: number): void;
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
  readonly #changes: FlowChanges;
  #dumpSeq = 0;
  /** Time of the dump batch at hand. */
  #now = 0;
  #timer: NodeJS.Timeout | null = null;
  #running: Promise<void> | null = null;
  #stopped = true;
  #again = false;

  constructor(context: RevalidatorContext, policy: Partial<RevalidatePolicy> = {}) {
    this.#context = context;
    this.policy = { ...DEFAULT_POLICY, ...policy };
    this.#retranslation = new Retranslation(context.ukeys, context.translator);
    this.#changes = new FlowChanges(context, this.#retranslation, this.counters);
  }

  /** Runs rounds until `stop`: one at once after `poke`, else every maxRevalidator milliseconds. */
  start(): void {
    this.#stopped = false;
    this.#schedule(this.policy.maxRevalidator);
  }

  /** The configuration changed: a round starts as soon as the event loop comes to it. */
  poke(): void {
    if (this.#stopped) return;
    if (this.#running) this.#again = true;
    else this.#schedule(0);
  }

  /** Ends the rounds; resolves when the one under way is through. */
  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    await this.#running;
  }

  /** One round, now, or the one under way. */
  round(): Promise<void> {
    this.#running ??= this.#round().finally(() => {
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

  #schedule(delay: number): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#timer = null;
      const began = this.#context.now();
      void this.round()
        .catch((error: unknown) => {
          this.counters.failed++;
          this.#context.onError(error);
        })
        .then(() => {
          if (this.#stopped || this.#timer) return;
          const rest = this.policy.maxRevalidator - (this.#context.now() - began);
          this.#schedule(this.#again ? 0 : Math.max(rest, 0));
          this.#again = false;
        });
    }, delay);
    this.#timer.unref();
  }

  async #round(): Promise<void> {
    const context = this.#context;
    const { ukeys, flowLimit } = context;
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
    const packetsBefore = ukeys.packets[ukey];
    const bytesBefore = ukeys.bytes[ukey];
    this.#takeStatistics(ukey, rows, base);
    let packets = ukeys.packets[ukey] - packetsBefore;
    let bytes = ukeys.bytes[ukey] - bytesBefore;
    if (packets < 0 || bytes < 0) {
      this.counters.backwards++;
      packets = ukeys.packets[ukey];
      bytes = ukeys.bytes[ukey];
    }
    this.#decide(snapshot, terms, ukey, packets, bytes, usedBefore, first);
  }

  /** Copies a flow row's counters into the ukey. */
  #takeStatistics(ukey: number, rows: Int32Array, base: number): void {
    const { ukeys } = this.#context;
    ukeys.packets[ukey] = counter64(rows, base + FLOW_PACKETS);
    ukeys.bytes[ukey] = counter64(rows, base + FLOW_BYTES);
    ukeys.tcpFlags[ukey] = rows[base + FLOW_TCP_FLAGS];
    ukeys.used[ukey] = Math.max(ukeys.used[ukey], counter64(rows, base + FLOW_USED));
  }

  #decide(
    snapshot: Snapshot,
    terms: RoundTerms,
    ukey: number,
    packets: number,
    bytes: number,
    usedBefore: number,
    first: boolean,
  ): void {
    const { ukeys } = this.#context;
    const now = this.#now;
    const changes = this.#changes;
    const stale = ukeys.generation[ukey] !== snapshot.generation;
    const credit = packets > 0;
    const idle = now - ukeys.used[ukey] > terms.maxIdle;
    if (!stale && !credit && !terms.flush && !idle) {
      this.counters.kept++;
      return;
    }
    if (terms.flush || idle) {
      if (credit) this.#credit(snapshot, ukey, packets, bytes);
      changes.delete(snapshot, ukey, terms.flush ? 'over_limit_flush' : 'idle');
      return;
    }
    if (stale && !worthTranslating(terms, this.policy, packets, usedBefore, first, now)) {
      if (credit) this.#credit(snapshot, ukey, packets, bytes);
      changes.delete(snapshot, ukey, 'too_expensive');
      return;
    }
    const verdict = this.#credit(snapshot, ukey, packets, bytes);
    if (verdict === VERDICT_KEEP) ukeys.generation[ukey] = snapshot.generation;
    else if (verdict === VERDICT_MODIFY) changes.modify(snapshot, ukey);
    else changes.delete(snapshot, ukey, REASON_OF[verdict]);
  }

  /** Translates again, credits the packets, and says what that means for the flow. */
  #credit(snapshot: Snapshot, ukey: number, packets: number, bytes: number): number {
    this.counters.translated++;
    const verdict = this.#retranslation.run(snapshot, ukey);
    const translation = this.#retranslation.translation;
    if (packets > 0 && translation) {
      this.#context.apply(translation, packets, bytes, this.#context.ukeys.tcpFlags[ukey]);
    }
    return verdict;
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
