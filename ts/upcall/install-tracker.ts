import type { Channel } from '../native/index.js';
import { BY_INSTALL, DELETE_REASONS, UKEY_OPERATIONAL, UKEY_VISIBLE, type UkeyTable } from '../ukey/index.js';
import type { UpcallCounters } from './counters.js';

const RING = 16_384;
const EEXIST = 17;
const MAX_ERRORS = 256;
const FAILED_INSTALL = DELETE_REASONS.indexOf('failed_install');

/**
 * Follows the operations of a handler until the datapath has had its say. Operations are not acknowledged, only refused, so
 * a flow counts as installed once it has been sent; a refusal, matched by sequence number, takes its ukey out again.
 */
export class InstallTracker {
  /** Per op of the batch being filled: ukey index of a put, -1 for an execute. */
  readonly #pending = new Int32Array(1024);
  /** By sequence number modulo RING: the number, the ukey or -1, and as a check of its life the first word of its ufid and when it was made. */
  readonly #seq = new Int32Array(RING);
  readonly #ukey = new Int32Array(RING);
  readonly #ufid = new Int32Array(RING);
  readonly #created = new Float64Array(RING);
  readonly #errors = new Int32Array(MAX_ERRORS * 2);
  readonly #ukeys: UkeyTable;
  readonly #counters: UpcallCounters;
  readonly #onRefused: (errno: number) => void;

  constructor(ukeys: UkeyTable, counters: UpcallCounters, onRefused: (errno: number) => void) {
    this.#ukeys = ukeys;
    this.#counters = counters;
    this.#onRefused = onRefused;
  }

  /** Op number `op` of the batch puts `ukey`, or executes a packet (-1). */
  queued(op: number, ukey: number): void {
    this.#pending[op] = ukey;
  }

  /** `count` ops have left with the sequence numbers in their rows; those with 0 could not be sent. */
  submitted(rows: Int32Array, stride: number, seqColumn: number, count: number): void {
    const ukeys = this.#ukeys;
    for (let op = 0; op < count; op++) {
      const ukey = this.#pending[op];
      const seq = rows[op * stride + seqColumn];
      if (seq === 0) {
        this.#counters.send_failures++;
        if (ukey >= 0) this.#takeOut(ukey);
        continue;
      }
      const slot = seq & (RING - 1);
      this.#seq[slot] = seq;
      this.#ukey[slot] = ukey;
      if (ukey < 0) continue;
      this.#ufid[slot] = ukeys.ufid[ukeys.ufidAt(ukey)];
      this.#created[slot] = ukeys.created[ukey];
      ukeys.transition(ukey, UKEY_OPERATIONAL, BY_INSTALL);
      ukeys.watcher?.installed(ukey);
    }
  }

  /** Reads refusals and takes refused flows out. */
  drain(channel: Channel): void {
    for (let more = true; more; ) {
      const count = channel.drainErrors(this.#errors);
      for (let i = 0; i < count; i++) this.#refused(this.#errors[i * 2], this.#errors[i * 2 + 1]);
      more = count === MAX_ERRORS;
    }
  }

  #refused(seq: number, errno: number): void {
    const slot = seq & (RING - 1);
    if (this.#seq[slot] !== seq) return;
    const ukey = this.#ukey[slot];
    if (ukey < 0) {
      this.#counters.execute_failures++;
      return;
    }
    if (errno === EEXIST) this.#counters.install_overlaps++;
    else this.#counters.install_failures++;
    this.#onRefused(errno);
    const ukeys = this.#ukeys;
    const isAlive =
      ukeys.ufid[ukeys.ufidAt(ukey)] === this.#ufid[slot] && ukeys.created[ukey] === this.#created[slot];
    if (isAlive && ukeys.state.get(ukey) === UKEY_OPERATIONAL) this.#takeOut(ukey);
  }

  #takeOut(ukey: number): void {
    const state = this.#ukeys.state.get(ukey);
    if (state === UKEY_VISIBLE || state === UKEY_OPERATIONAL)
      this.#ukeys.close(ukey, FAILED_INSTALL, BY_INSTALL);
  }
}
