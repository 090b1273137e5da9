import {
  OP_ACTIONS_LEN,
  OP_ACTIONS_OFF,
  OP_FLAGS,
  OP_HASH,
  OP_KEY_LEN,
  OP_KEY_OFF,
  OP_KIND,
  OP_MASK_ROW,
  OP_MRU,
  OP_PACKET_LEN,
  OP_PACKET_OFF,
  OP_ROW_WORDS,
  OP_UFID,
  FLOW_WORDS,
} from '../fields/index.js';
import { OP_OWN_BYTES, type OpBatch } from '../native/index.js';

export const OP_PUT = 1;
export const OP_MODIFY = 2;
export const OP_DELETE = 3;
export const OP_GET = 4;
export const OP_EXECUTE = 5;

/** In place of a mask's number: the flow matches exactly its key. */
export const NO_MASK = -1;

export const OP_FLAG_PROBE = 1;
export const OP_FLAG_ECHO = 2;
export const OP_FLAG_CLEAR = 4;
export const OP_FLAG_TERSE = 8;

/**
 * Fills an op batch. Each method begins a row, or returns -1 when the batch has no room left: the caller then sends what is
 * there, clears, and tries again. An operation that not even an empty batch can hold is the caller's to count.
 */
export class OpWriter {
  /** Rows filled. */
  count = 0;
  #bytes = 0;
  /** The mask that the last put carried, by the caller's number for it, and the row it is in. */
  #mask = -1;
  #maskRow = -1;

  constructor(readonly batch: OpBatch) {}

  clear(): void {
    this.count = 0;
    this.#bytes = 0;
    this.#mask = -1;
  }

  /** Bytes that can still be added. */
  get room(): number {
    return this.batch.bytes.length - this.#bytes;
  }

  /** Copies bytes into the batch and returns their offset as op rows want it; the caller has checked `room`. */
  addBytes(source: Uint8Array, offset: number, length: number): number {
    const at = this.#bytes;
    const target = this.batch.bytes;
    if (length <= 128) {
      for (let i = 0; i < length; i++) target[at + i] = source[offset + i];
    } else {
      target.set(source.subarray(offset, offset + length), at);
    }
    this.#bytes = (at + length + 7) & ~7;
    return at | OP_OWN_BYTES;
  }

  /** Room for `length` bytes that the caller writes itself at `offset & 0x7fffffff` of `batch.bytes`. */
  reserve(length: number): number {
    const at = this.#bytes;
    this.#bytes = (at + length + 7) & ~7;
    return at | OP_OWN_BYTES;
  }

  /** Begins a row of `kind` with no key, mask, actions, packet or ufid; returns its first word, -1 when full. */
  #begin(kind: number): number {
    if (this.count >= this.batch.capacity) return -1;
    const rows = this.batch.rows;
    const base = this.count * OP_ROW_WORDS;
    for (let i = 0; i < OP_ROW_WORDS; i++) rows[base + i] = 0;
    rows[base + OP_KIND] = kind;
    rows[base + OP_MASK_ROW] = -1;
    return base;
  }

  /** Flow put: key and actions by offset. The mask is row `mask` of `masks`, or NO_MASK; puts in a row with one mask share a copy. */
  put(
    keyOffset: number,
    keyLength: number,
    masks: Int32Array,
    mask: number,
    actionsOffset: number,
    actionsLength: number,
    ufid: Int32Array,
    ufidAt: number,
  ): number {
    const base = this.#begin(OP_PUT);
    if (base < 0) return -1;
    const { rows } = this.batch;
    rows[base + OP_KEY_OFF] = keyOffset;
    rows[base + OP_KEY_LEN] = keyLength;
    rows[base + OP_ACTIONS_OFF] = actionsOffset;
    rows[base + OP_ACTIONS_LEN] = actionsLength;
    if (mask !== NO_MASK) rows[base + OP_MASK_ROW] = this.#addMask(masks, mask);
    this.#setUfid(base, ufid, ufidAt);
    return this.count++;
  }

  /**
   * Flow modify: new actions for the flow with this key and ufid. The kernel wants the mask to judge the actions by. With OP_FLAG_ECHO the datapath
   * answers with the flow's statistics until then.
   */
  modify(
    flags: number,
    keyOffset: number,
    keyLength: number,
    masks: Int32Array,
    mask: number,
    actionsOffset: number,
    actionsLength: number,
    ufid: Int32Array,
    ufidAt: number,
  ): number {
    const op = this.put(keyOffset, keyLength, masks, mask, actionsOffset, actionsLength, ufid, ufidAt);
    if (op < 0) return op;
    const base = op * OP_ROW_WORDS;
    this.batch.rows[base + OP_KIND] = OP_MODIFY;
    this.batch.rows[base + OP_FLAGS] = flags;
    return op;
  }

  /** Flow delete; with OP_FLAG_ECHO the datapath answers with the flow's final statistics. */
  remove(flags: number, keyOffset: number, keyLength: number, ufid: Int32Array, ufidAt: number): number {
    const base = this.#begin(OP_DELETE);
    if (base < 0) return -1;
    const rows = this.batch.rows;
    rows[base + OP_FLAGS] = flags;
    rows[base + OP_KEY_OFF] = keyOffset;
    rows[base + OP_KEY_LEN] = keyLength;
    this.#setUfid(base, ufid, ufidAt);
    return this.count++;
  }

  /** Packet execute; key attributes give the packet's metadata. `hash` is two words at hashWords[hashAt]. */
  execute(
    keyOffset: number,
    keyLength: number,
    packetOffset: number,
    packetLength: number,
    actionsOffset: number,
    actionsLength: number,
    mru: number,
    hashWords: Int32Array,
    hashAt: number,
  ): number {
    const base = this.#begin(OP_EXECUTE);
    if (base < 0) return -1;
    const rows = this.batch.rows;
    rows[base + OP_KEY_OFF] = keyOffset;
    rows[base + OP_KEY_LEN] = keyLength;
    rows[base + OP_PACKET_OFF] = packetOffset;
    rows[base + OP_PACKET_LEN] = packetLength;
    rows[base + OP_ACTIONS_OFF] = actionsOffset;
    rows[base + OP_ACTIONS_LEN] = actionsLength;
    rows[base + OP_MRU] = mru;
    rows[base + OP_HASH] = hashWords[hashAt];
    rows[base + OP_HASH + 1] = hashWords[hashAt + 1];
    return this.count++;
  }

  #addMask(masks: Int32Array, mask: number): number {
    if (mask === this.#mask) return this.#maskRow;
    const target = this.count * FLOW_WORDS;
    const source = mask * FLOW_WORDS;
    const own = this.batch.masks;
    for (let i = 0; i < FLOW_WORDS; i++) own[target + i] = masks[source + i];
    this.#mask = mask;
    this.#maskRow = this.count;
    return this.count;
  }

  #setUfid(base: number, ufid: Int32Array, at: number): void {
    const rows = this.batch.rows;
    for (let i = 0; i < 4; i++) rows[base + OP_UFID + i] = ufid[at + i];
  }
}
