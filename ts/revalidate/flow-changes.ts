import { OP_FLAG_ECHO, type OpWriter } from '../datapath/index.js';
import {
  FLOW_KEY_LEN,
  FLOW_KEY_OFF,
  FLOW_ROW_WORDS,
  FLOW_UFID,
  OP_ERROR,
  OP_ROW_WORDS,
} from '../fields/index.js';
import type { Channel, FlowBatch } from '../native/index.js';
import {
  BY_PURGE,
  BY_REVALIDATOR,
  DELETE_REASONS,
  type DeleteReason,
  UKEY_EVICTING,
  UKEY_OPERATIONAL,
  type UkeySource,
  type UkeyTable,
} from '../ukey/index.js';
import type { FlowRecords, Snapshot } from '../xlate/index.js';
import type { RevalidateCounters } from './counters.js';
import type { Crediting } from './crediting.js';
import type { Retranslation } from './retranslation.js';

const ENOENT = 2;
const REMOVED_BY_OTHERS = DELETE_REASONS.indexOf('removed_by_others');
const PURGE = DELETE_REASONS.indexOf('purge');

/** What changing flows needs of its surroundings; part of RevalidatorContext. */
export interface FlowChangesContext {
  readonly opsChannel: Channel;
  readonly ops: OpWriter;
  readonly replies: FlowBatch;
  readonly ukeys: UkeyTable;
  readonly records: FlowRecords;
  /** Monotonic milliseconds. */
  now(): number;
  /** Called before operations leave. */
  beforeSubmit?(): void;
}

/**
 * Modifications and deletions of installed flows, collected and exchanged with the datapath in batches. The answers carry the flows'
 * statistics until then, which are credited by the translation that was in force.
 */
export class FlowChanges {
  readonly #context: FlowChangesContext;
  readonly #retranslation: Retranslation;
  readonly #counters: RevalidateCounters;
  readonly #crediting: Crediting;
  /** Per op: ukey, -1 for a flow without one; the reason of a deletion, 0 for a modification; the record of the new translation. */
  readonly #ukey: Int32Array;
  readonly #reason: Int32Array;
  readonly #record: Int32Array;

  constructor(
    context: FlowChangesContext,
    retranslation: Retranslation,
    crediting: Crediting,
    counters: RevalidateCounters,
  ) {
    this.#context = context;
    this.#crediting = crediting;
    this.#record = new Int32Array(context.ops.batch.capacity);
    this.#retranslation = retranslation;
    this.#counters = counters;
    this.#ukey = new Int32Array(context.ops.batch.capacity);
    this.#reason = new Int32Array(context.ops.batch.capacity);
  }

  /** Queues the deletion of an operational flow. */
  delete(snapshot: Snapshot, ukey: number, reason: DeleteReason): void {
    const { ops, ukeys } = this.#context;
    const keyLength = ukeys.keyLength[ukey];
    this.#makeRoom(snapshot, keyLength);
    ukeys.transition(ukey, UKEY_EVICTING, reason === 'purge' ? BY_PURGE : BY_REVALIDATOR);
    this.#queued(
      ops.remove(OP_FLAG_ECHO, this.#addKey(ukey), keyLength, ukeys.ufid, ukeys.ufidAt(ukey)),
      ukey,
      reason,
    );
  }

  /** Queues the deletion of a dumped flow that no ukey knows. */
  deleteUnknown(snapshot: Snapshot, batch: FlowBatch, row: number): void {
    const { ops } = this.#context;
    const base = row * FLOW_ROW_WORDS;
    const keyLength = batch.rows[base + FLOW_KEY_LEN];
    this.#makeRoom(snapshot, keyLength);
    const key = keyLength > 0 ? ops.addBytes(batch.slab, batch.rows[base + FLOW_KEY_OFF], keyLength) : 0;
    this.#queued(ops.remove(0, key, keyLength, batch.rows, base + FLOW_UFID), -1, 'unknown_flow');
  }

  /** Queues new actions, those of the retranslation just run, for an operational flow. */
  modify(snapshot: Snapshot, ukey: number): void {
    const { ops, ukeys } = this.#context;
    const { actions, actionsLength } = this.#retranslation;
    const keyLength = ukeys.keyLength[ukey];
    ukeys.setActions(ukey, actions, actionsLength);
    ukeys.slow[ukey] = this.#retranslation.slow;
    ukeys.generation.set(ukey, snapshot.generation);
    ukeys.stale.set(ukey, 0);
    const record = this.#retranslation.makeRecord(ukey);
    this.#makeRoom(snapshot, keyLength + actionsLength);
    const block = ukeys.arena.view(ukeys.actionsBlock[ukey], actionsLength);
    const actionsOff = ops.addBytes(block, 0, actionsLength);
    const mask = ukeys.mask[ukey];
    const key = this.#addKey(ukey);
    const op = ops.modify(
      OP_FLAG_ECHO,
      key,
      keyLength,
      ukeys.masks.rows,
      mask,
      actionsOff,
      actionsLength,
      ukeys.ufid,
      ukeys.ufidAt(ukey),
    );
    this.#queued(op, ukey, 'none');
    this.#record[op] = record;
  }

  /**
   * Deletes an operational flow, and puts one with the same key that matches the bits of `mask` in its place. To be called when nothing is queued.
   */
  narrow(snapshot: Snapshot, ukey: number, mask: Int32Array): void {
    const { ukeys } = this.#context;
    const { arena } = ukeys;
    const source: UkeySource = {
      ...{ ufid: ukeys.ufid.slice(ukeys.ufidAt(ukey), ukeys.ufidAt(ukey) + 4), ufidAt: 0, mask, maskBase: 0 },
      key: arena.view(ukeys.keyBlock[ukey], ukeys.keyLength[ukey]).slice(),
      ...{ keyOffset: 0, keyLength: ukeys.keyLength[ukey] },
      actions: arena.view(ukeys.actionsBlock[ukey], ukeys.actionsLength[ukey]).slice(),
      ...{ actionsLength: ukeys.actionsLength[ukey], inPort: ukeys.inPort[ukey], slow: ukeys.slow[ukey] },
      generation: snapshot.generation,
    };
    this.delete(snapshot, ukey, 'unsound');
    this.flush(snapshot);
    this.#put(snapshot, source);
  }

  /** Installs a flow. */
  #put(snapshot: Snapshot, source: UkeySource): void {
    const { ukeys, ops, opsChannel, replies } = this.#context;
    const ukey = ukeys.add(source, this.#context.now(), BY_REVALIDATOR);
    this.#retranslation.run(snapshot, ukey);
    ukeys.setRecord(ukey, this.#retranslation.makeRecord(ukey));
    const actions = ops.addBytes(source.actions, 0, source.actionsLength);
    const op = ops.put(
      this.#addKey(ukey),
      source.keyLength,
      ukeys.masks.rows,
      ukeys.mask[ukey],
      actions,
      source.actionsLength,
      source.ufid,
      0,
    );
    this.#context.beforeSubmit?.();
    opsChannel.exchange(ops.batch, ops.count, null, replies);
    const error = ops.batch.rows[op * OP_ROW_WORDS + OP_ERROR];
    ops.clear();
    ukeys.transition(ukey, UKEY_OPERATIONAL, BY_REVALIDATOR);
    ukeys.watcher?.installed(ukey);
    if (error !== 0) this.forget(ukey, 'failed_install', BY_REVALIDATOR);
  }

  /** Takes out a ukey whose flow the datapath does not have any more, as `by` (one of BY_*) found. */
  forget(ukey: number, reason: DeleteReason, by: number): void {
    this.#gone(ukey, DELETE_REASONS.indexOf(reason), by);
  }

  /** Exchanges what is queued with the datapath. */
  flush(snapshot: Snapshot): void {
    const { opsChannel, ops, replies, ukeys, records } = this.#context;
    if (ops.count === 0) return;
    this.#context.beforeSubmit?.();
    const flows = opsChannel.exchange(ops.batch, ops.count, null, replies);
    for (let row = 0; row < flows; row++) this.#lastStatistics(snapshot, replies.rows, row * FLOW_ROW_WORDS);
    const failedModifies: number[] = [];
    let unanswered = -flows;
    for (let op = 0; op < ops.count; op++) {
      const error = ops.batch.rows[op * OP_ROW_WORDS + OP_ERROR];
      if (error === 0 && this.#ukey[op] >= 0) unanswered++;
      if (this.#reason[op] !== 0) {
        this.#deleted(op, error);
        continue;
      }
      if (error === 0) {
        ukeys.setRecord(this.#ukey[op], this.#record[op]);
        this.#counters.modified++;
        ukeys.watcher?.modified(this.#ukey[op]);
      } else {
        // What is credited to whom stays as it was: the flow has its old actions.
        records.drop(ukeys.arena, this.#record[op]);
        failedModifies.push(this.#ukey[op]);
      }
    }
    ops.clear();
    if (unanswered > 0) this.#counters.unanswered += unanswered;
    for (const ukey of failedModifies) {
      this.#counters.modify_failures++;
      this.delete(snapshot, ukey, 'changed_translation');
    }
    if (failedModifies.length > 0) this.flush(snapshot);
  }

  #deleted(op: number, error: number): void {
    const ukey = this.#ukey[op];
    const reason = this.#reason[op];
    if (error !== 0 && error !== ENOENT) this.#counters.delete_failures++;
    const by = reason === PURGE ? BY_PURGE : BY_REVALIDATOR;
    if (ukey >= 0) this.#gone(ukey, error === ENOENT ? REMOVED_BY_OTHERS : reason, by);
    else if (error === 0) this.#countDeleted(reason);
  }

  #gone(ukey: number, reason: number, by: number): void {
    this.#countDeleted(reason);
    this.#crediting.end(ukey);
    this.#context.ukeys.close(ukey, reason, by);
  }

  #countDeleted(reason: number): void {
    const name = DELETE_REASONS[reason];
    this.#counters.deleted[name] = (this.#counters.deleted[name] ?? 0) + 1;
  }

  /** Credits what a flow counted after the last dump, before it goes or gets other actions. */
  #lastStatistics(snapshot: Snapshot, rows: Int32Array, base: number): void {
    const { ukeys } = this.#context;
    const ukey = ukeys.find(rows, base + FLOW_UFID);
    if (ukey < 0 || (ukeys.state.get(ukey) !== UKEY_EVICTING && ukeys.state.get(ukey) !== UKEY_OPERATIONAL))
      return;
    this.#crediting.takeAndCredit(snapshot, ukey, rows, base);
  }

  #makeRoom(snapshot: Snapshot, bytes: number): void {
    const { ops } = this.#context;
    if (ops.count + 1 > ops.batch.capacity || ops.room < bytes + 64) this.flush(snapshot);
  }

  #addKey(ukey: number): number {
    const { ops, ukeys } = this.#context;
    const length = ukeys.keyLength[ukey];
    const key = ops.reserve(length);
    ukeys.arena.copyTo(ukeys.keyBlock[ukey], length, ops.batch.bytes, key & 0x7fffffff);
    return key;
  }

  #queued(op: number, ukey: number, reason: DeleteReason): void {
    this.#ukey[op] = ukey;
    this.#reason[op] = DELETE_REASONS.indexOf(reason);
  }
}
