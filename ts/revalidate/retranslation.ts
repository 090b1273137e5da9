import { FLOW_WORDS } from '../fields/index.js';
import { ActionsWriter, CookieWriter } from '../flow/index.js';
import { FITNESS, native } from '../native/index.js';
import type { UkeyTable } from '../ukey/index.js';
import {
  composeSlowPath,
  type FlowRecords,
  SLOW_MATCH,
  type Snapshot,
  Trail,
  type Translation,
  type Translator,
  XLATE_ERRORS,
} from '../xlate/index.js';

/** What translating an installed flow again says about it. */
export const VERDICT_KEEP = 0;
/** Same mask, other actions. */
export const VERDICT_MODIFY = 1;
/** The translation looks at bits that the installed mask leaves free. */
export const VERDICT_DELETE_MASK = 2;
/** Its port is in no bridge any more. */
export const VERDICT_DELETE_NO_PORT = 3;
/** Its key cannot be decoded. */
export const VERDICT_DELETE_BAD_KEY = 4;

/** It is of recirculated packets, and nobody knows any more what was to become of them. */
export const VERDICT_DELETE_NO_RECIRC = 5;

/** Generation of flows of an earlier process: they were found right for no snapshot of ours. */
export const NEVER = -1;

const FITNESS_ERROR = FITNESS.indexOf('error');
const FITNESS_TOO_LITTLE = FITNESS.indexOf('too_little');
const NO_BRIDGE = XLATE_ERRORS.indexOf('no_bridge');
const NO_RECIRC = XLATE_ERRORS.indexOf('no_recirculation_context');

/** Translates an installed flow again from the key it was installed with. */
export class Retranslation {
  /** The translation made last; null when there was none. */
  translation: Translation | null = null;
  /** SLOW_* bits of the flow: of the translation, and SLOW_MATCH when the datapath's key leaves something out. */
  slow = 0;
  #isUndecided = false;
  readonly #ukeys: UkeyTable;
  readonly #translator: Translator;
  readonly #slowPath = new ActionsWriter(256);
  readonly #cookie = new CookieWriter();
  readonly #key = new Int32Array(FLOW_WORDS);
  readonly #trail = new Trail();
  readonly #records: FlowRecords;

  constructor(ukeys: UkeyTable, translator: Translator, records: FlowRecords) {
    this.#ukeys = ukeys;
    this.#translator = translator;
    this.#records = records;
    translator.trail = this.#trail;
  }

  /** Makes the record of the flow translated last, to be kept with it (UkeyTable.makeRecord): the block. */
  makeRecord(ukey: number): number {
    return this.#records.make(this.#ukeys, ukey, this.translation!, this.#trail, this.#key, 0);
  }

  /** Actions that the flow ought to have, actions[0 … actionsLength); valid until the next run. */
  get actions(): Uint8Array {
    return this.translation && this.slow === 0 ? this.translation.actions : this.#slowPath.bytes;
  }

  get actionsLength(): number {
    return this.translation && this.slow === 0 ? this.translation.actionsLength : this.#slowPath.length;
  }

  /** The flow translated last is of an earlier process, and what is to become of it will be known later: it stays as it is. */
  get isUndecided(): boolean {
    return this.#isUndecided;
  }

  /** Translates the flow of `ukey` and compares; a VERDICT_*. */
  run(snapshot: Snapshot, ukey: number): number {
    const ukeys = this.#ukeys;
    this.translation = null;
    this.#isUndecided = false;
    const key = ukeys.arena.view(ukeys.keyBlock[ukey], ukeys.keyLength[ukey]);
    const fitness = native().decodeKey(key, this.#key, 0);
    if (fitness === FITNESS_ERROR) return VERDICT_DELETE_BAD_KEY;
    const translation = this.#translator.translate(snapshot, this.#key, 0);
    this.translation = translation;
    const inPort = ukeys.inPort[ukey];
    if (translation.error === NO_RECIRC) return VERDICT_DELETE_NO_RECIRC;
    if (translation.error === NO_BRIDGE && ukeys.actionsLength[ukey] > 0) return VERDICT_DELETE_NO_PORT;
    this.slow = translation.slow | (fitness === FITNESS_TOO_LITTLE ? SLOW_MATCH : 0);
    if (this.slow !== 0) {
      this.#slowPath.reset();
      composeSlowPath(snapshot, inPort, this.slow, this.#slowPath, this.#cookie);
    }
    this.#isUndecided = translation.provisional && ukeys.generation.get(ukey) === NEVER;
    if (this.#isUndecided) return VERDICT_KEEP;
    if (this.#looksAtMore(ukey, translation.mask)) return VERDICT_DELETE_MASK;
    const length = this.actionsLength;
    const same =
      ukeys.actionsLength[ukey] === length &&
      (length === 0 || ukeys.arena.equals(ukeys.actionsBlock[ukey], length, this.actions, 0));
    return same ? VERDICT_KEEP : VERDICT_MODIFY;
  }

  /** Whether `mask` has a bit that the flow's installed mask has not. */
  #looksAtMore(ukey: number, mask: Int32Array): boolean {
    const rows = this.#ukeys.masks.rows;
    const base = this.#ukeys.mask[ukey] * FLOW_WORDS;
    for (let i = 0; i < FLOW_WORDS; i++) if ((mask[i] & ~rows[base + i]) !== 0) return true;
    return false;
  }
}
