import { OP_FLAG_ECHO, type OpWriter } from '../datapath/index.js';
import {
  FLOW_BYTES,
  FLOW_KEY_LEN,
  FLOW_KEY_OFF,
  FLOW_PACKETS,
  FLOW_ROW_WORDS,
  FLOW_TCP_FLAGS,
  FLOW_UFID,
  FLOW_USED,
  OP_ERROR,
  OP_ROW_WORDS,
} from '../fields/index.js';
import type { Channel, FlowBatch } from '../native/index.js';
import {
  DELETE_REASONS,
  type DeleteReason,
  UKEY_EVICTED,
  UKEY_EVICTING,
  UKEY_OPERATIONAL,
  type UkeyTable,
} from '../ukey/index.js';
import type { Snapshot, Translation } from '../xlate/index.js';
import type { RevalidateCounters } from './counters.js';
import type { Retranslation } from './retranslation.js';

const ENOENT = 2;
const HIGH = 0x1_0000_0000;

/** What changing flows needs of its surroundings; part of RevalidatorContext. */
export interface FlowChangesContext {
  readonly opsChannel: Channel;
  readonly ops: OpWriter;
  readonly replies: FlowBatch;
  readonly ukeys: UkeyTable;
  apply(translation: Translation, packets: number, bytes: number, tcpFlags: number): void;
  onDeleted?(ukey: number, reason: number): void;
}

/** The 64-bit counter at two words of a flow row. Exact up to 2^53. */
export function counter64(rows: Int32Array, at: number): number {
  return (rows[at] >>> 0) + (rows[at + 1] >>> 0) * HIGH;
}

/**
 * Modifications and deletions of installed flows, collected and exchanged with the datapath in batches. A deletion's answer
 * carries the flow's final statistics, which are credited before its ukey goes.
 */
export class FlowChanges {
  readonly #context: FlowChangesContext;
  readonly #retranslation: Retranslation;
  readonly #counters: RevalidateCounters;
  /** Per op: ukey, -1 for a flow without one; and the reason of a deletion, 0 for a modification. */
  readonly #ukey: Int32Array;
  readonly #reason: Int32Array;

  constructor(context: FlowChangesContext, retranslation: Retranslation, counters: RevalidateCounters) {
    this.#context = context;
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
    ukeys.transition(ukey, UKEY_EVICTING);
    this.#queued(ops.remove(OP_FLAG_ECHO, this.#addKey(ukey), keyLength, ukeys.ufid, ukey * 4), ukey, reason);
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
    ukeys.generation[ukey] = snapshot.generation;
    this.#makeRoom(snapshot, keyLength + actionsLength);
    const block = ukeys.arena.view(ukeys.actionsBlock[ukey], actionsLength);
    const actionsOff = ops.addBytes(block, 0, actionsLength);
    const mask = ukeys.mask[ukey];
    const key = this.#addKey(ukey);
    const op = ops.modify(
      key,
      keyLength,
      ukeys.masks.rows,
      mask,
      actionsOff,
      actionsLength,
      ukeys.ufid,
      ukey * 4,
    );
    this.#queued(op, ukey, 'none');
  }

  /** Takes out a ukey whose flow the datapath does not have any more. */
  forget(ukey: number, reason: DeleteReason): void {
    const { ukeys } = this.#context;
    if (ukeys.state[ukey] === UKEY_OPERATIONAL) ukeys.transition(ukey, UKEY_EVICTING);
    this.#gone(ukey, DELETE_REASONS.indexOf(reason));
  }

  /** Exchanges what is queued with the datapath. */
  flush(snapshot: Snapshot): void {
    const { opsChannel, ops, replies } = this.#context;
    if (ops.count === 0) return;
    const flows = opsChannel.exchange(ops.batch, ops.count, null, replies);
    for (let row = 0; row < flows; row++) this.#finalStatistics(snapshot, replies.rows, row * FLOW_ROW_WORDS);
    const failedModifies: number[] = [];
    for (let op = 0; op < ops.count; op++) {
      const error = ops.batch.rows[op * OP_ROW_WORDS + OP_ERROR];
      if (this.#reason[op] !== 0) this.#deleted(op, error);
      else if (error !== 0) failedModifies.push(this.#ukey[op]);
      else this.#counters.modified++;
    }
    ops.clear();
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
    if (ukey >= 0) this.#gone(ukey, error === ENOENT ? DELETE_REASONS.indexOf('removed_by_others') : reason);
    else this.#countDeleted(reason);
  }

  #gone(ukey: number, reason: number): void {
    const { ukeys, onDeleted } = this.#context;
    ukeys.transition(ukey, UKEY_EVICTED);
    this.#countDeleted(reason);
    onDeleted?.call(this.#context, ukey, reason);
    ukeys.remove(ukey);
  }

  #countDeleted(reason: number): void {
    const name = DELETE_REASONS[reason];
    this.#counters.deleted[name] = (this.#counters.deleted[name] ?? 0) + 1;
  }

  /** Credits what a deleted flow counted after the last dump. */
  #finalStatistics(snapshot: Snapshot, rows: Int32Array, base: number): void {
    const { ukeys, apply } = this.#context;
    const ukey = ukeys.find(rows, base + FLOW_UFID);
    if (ukey < 0 || ukeys.state[ukey] !== UKEY_EVICTING) return;
    const packets = counter64(rows, base + FLOW_PACKETS);
    const bytes = counter64(rows, base + FLOW_BYTES);
    const newPackets = packets - ukeys.packets[ukey];
    const newBytes = bytes - ukeys.bytes[ukey];
    ukeys.packets[ukey] = packets;
    ukeys.bytes[ukey] = bytes;
    ukeys.tcpFlags[ukey] = rows[base + FLOW_TCP_FLAGS];
    ukeys.used[ukey] = Math.max(ukeys.used[ukey], counter64(rows, base + FLOW_USED));
    if (newPackets <= 0 || newBytes < 0) return;
    this.#retranslation.run(snapshot, ukey);
    const translation = this.#retranslation.translation;
    if (translation) {
      apply.call(this.#context, translation, newPackets, newBytes, ukeys.tcpFlags[ukey]);
    }
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
