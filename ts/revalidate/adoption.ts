import type { FlowDump } from '../datapath/index.js';
import {
  F_DP_HASH,
  F_IN_PORT,
  F_PACKET_TYPE,
  F_RECIRC_ID,
  FLOW_ACTIONS_LEN,
  FLOW_ACTIONS_OFF,
  FLOW_KEY_LEN,
  FLOW_KEY_OFF,
  FLOW_MASK_LEN,
  FLOW_MASK_OFF,
  FLOW_ROW_WORDS,
  FLOW_UFID,
  FLOW_WORDS,
} from '../fields/index.js';
import { FITNESS, type FlowBatch, native } from '../native/index.js';
import { BY_ADOPTION, STALE, UKEY_OPERATIONAL, type UkeySource, type UkeyTable } from '../ukey/index.js';
import { type Slices, sortInSlices } from '../util/index.js';
import type { Snapshot, Translation } from '../xlate/index.js';
import type { RevalidateCounters } from './counters.js';
import type { Crediting } from './crediting.js';
import { NEVER, type Retranslation } from './retranslation.js';

const FITNESS_ERROR = FITNESS.indexOf('error');
/** Times that a dump is begun anew after the datapath said that it was interrupted. */
const DUMP_ATTEMPTS = 5;
/** More than the attributes of any key. */
const KEY_BYTES = 8192;

/** What adopting flows needs of its surroundings; part of RevalidatorContext. */
export interface AdoptionContext {
  readonly ukeys: UkeyTable;
  /** Begins a dump of the datapath's flows with key, mask and actions. */
  openFullDump(): FlowDump;
  snapshot(): Snapshot;
  apply(translation: Translation, packets: number, bytes: number, tcpFlags: number, used: number): void;
  /** Flows of recirculated packets with this id are there: it must not come to mean something else. */
  reserveRecirc(id: number): void;
  now(): number;
}

/**
 * Takes flows over that an earlier process left in the datapath. They are ukeys from here on, with key, mask and actions as they are installed
 * and statistics as they stand, so that only what comes is credited; the next round finds out which of them are right.
 */
export class Adoption {
  readonly #context: AdoptionContext;
  readonly #retranslation: Retranslation;
  readonly #crediting: Crediting;
  readonly #counters: RevalidateCounters;
  readonly #isStopped: () => boolean;
  readonly #key = new Int32Array(FLOW_WORDS);
  readonly #mask = new Int32Array(FLOW_WORDS);
  readonly #keyBytes = new Uint8Array(KEY_BYTES);

  constructor(
    context: AdoptionContext,
    retranslation: Retranslation,
    crediting: Crediting,
    counters: RevalidateCounters,
    isStopped: () => boolean,
  ) {
    this.#context = context;
    this.#retranslation = retranslation;
    this.#crediting = crediting;
    this.#counters = counters;
    this.#isStopped = isStopped;
  }

  /** Takes over all flows that there are; how many. Throws NetlinkError. */
  async run(slices: Slices): Promise<number> {
    const { ukeys } = this.#context;
    const adopted: number[] = [];
    for (let attempt = 0; attempt < DUMP_ATTEMPTS; attempt++) {
      const dump = this.#context.openFullDump();
      try {
        await this.#takeAll(dump, adopted, slices);
      } finally {
        dump.close();
      }
      if (!dump.interrupted) break;
    }
    // What was seen last counts most.
    const sorted = await sortInSlices(adopted, (ukey) => ukeys.used.get(ukey), slices);
    await this.#learn(sorted, slices);
    this.#counters.adopted += adopted.length;
    return adopted.length;
  }

  async #takeAll(dump: FlowDump, adopted: number[], slices: Slices): Promise<void> {
    for (let count = dump.next(); count >= 0 && !this.#isStopped(); count = dump.next()) {
      for (let row = 0; row < count; row++) {
        const ukey = this.#take(dump.batch, row);
        if (ukey >= 0) adopted.push(ukey);
      }
      if (slices.over) await slices.rest();
    }
  }

  /** The ukey of a dumped flow; -1 for one that has one already, and for one that cannot be ours: a round will delete it. */
  #take(dumped: FlowBatch, row: number): number {
    const { ukeys } = this.#context;
    const { rows, slab } = dumped;
    const base = row * FLOW_ROW_WORDS;
    const ufid = base + FLOW_UFID;
    if ((rows[ufid] | rows[ufid + 1] | rows[ufid + 2] | rows[ufid + 3]) === 0) return -1;
    if (ukeys.full || ukeys.find(rows, ufid) >= 0 || rows[base + FLOW_MASK_LEN] === 0) return -1;
    const keyAt = rows[base + FLOW_KEY_OFF];
    const maskAt = rows[base + FLOW_MASK_OFF];
    const actionsAt = rows[base + FLOW_ACTIONS_OFF];
    const key = slab.subarray(keyAt, keyAt + rows[base + FLOW_KEY_LEN]);
    const mask = slab.subarray(maskAt, maskAt + rows[base + FLOW_MASK_LEN]);
    const { decodeKey, decodeMask } = native();
    if (decodeKey(key, this.#key, 0) === FITNESS_ERROR) return -1;
    if (decodeMask(mask, this.#key, 0, this.#mask, 0) === FITNESS_ERROR) return -1;
    // Matched by every flow, as attributes that are there or not.
    this.#mask[F_PACKET_TYPE] = -1;
    if (this.#key[F_RECIRC_ID] !== 0) this.#context.reserveRecirc(this.#key[F_RECIRC_ID] >>> 0);
    const whole = this.#wholeKey(key);
    const actionsLength = rows[base + FLOW_ACTIONS_LEN];
    const source: UkeySource = {
      ufid: rows,
      ufidAt: ufid,
      key: whole,
      keyOffset: 0,
      keyLength: whole.length,
      mask: this.#mask,
      maskBase: 0,
      actions: slab.subarray(actionsAt, actionsAt + actionsLength),
      actionsLength,
      inPort: this.#key[F_IN_PORT],
      slow: 0,
      generation: NEVER,
    };
    const ukey = ukeys.add(source, this.#context.now(), BY_ADOPTION);
    ukeys.used.set(ukey, 0);
    this.#crediting.take(ukey, rows, base);
    // One that never had a packet counts as new.
    if (ukeys.used.get(ukey) === 0) ukeys.used.set(ukey, ukeys.created[ukey]);
    ukeys.transition(ukey, UKEY_OPERATIONAL, BY_ADOPTION);
    ukeys.stale.set(ukey, STALE);
    ukeys.watcher?.installed(ukey);
    return ukey;
  }

  /**
   * The key of the flow, whose attributes are `key`, as one of its packets had it, where that makes a difference: a datapath shows what its mask has, and of a hash with
   * a few bits perhaps 0, which is what packets have that were not hashed yet. All hashes are other than 0.
   */
  #wholeKey(key: Uint8Array): Uint8Array {
    const free = ~this.#mask[F_DP_HASH];
    if (this.#mask[F_DP_HASH] === 0 || this.#key[F_DP_HASH] !== 0 || free === 0) return key;
    this.#key[F_DP_HASH] = free & -free;
    const length = native().encodeKey(this.#key, 0, this.#keyBytes, 0);
    return length < 0 ? key : this.#keyBytes.subarray(0, length);
  }

  /**
   * Lets bridges learn again what flows show that were in use: addresses, learned rules, members of groups. So flows are compared with what the
   * process before knew, not with floods.
   */
  async #learn(adopted: Int32Array, slices: Slices): Promise<void> {
    const { ukeys } = this.#context;
    for (const ukey of adopted) {
      if (this.#isStopped()) return;
      if (ukeys.state.get(ukey) !== UKEY_OPERATIONAL) continue;
      this.#retranslation.run(this.#context.snapshot(), ukey);
      const { translation } = this.#retranslation;
      if (translation !== null && translation.error === 0)
        this.#context.apply(translation, 0, 0, ukeys.tcpFlags.get(ukey), ukeys.used.get(ukey));
      if (slices.over) await slices.rest();
    }
  }
}
