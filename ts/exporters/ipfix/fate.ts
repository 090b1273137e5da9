import {
  FLOW_WORDS,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_UFID,
} from '../../fields/index.js';
import type { UpcallBatch } from '../../native/index.js';
import { type PacketView, Translator } from '../../xlate/index.js';
import type { ExporterContext } from '../exporter.js';
import { forwards } from './forwarding.js';

/** Tells what becomes of sampled packets. */
export class Fate {
  readonly #context: Pick<ExporterContext, 'ukeys' | 'snapshot'>;
  readonly #translator = new Translator();
  readonly #packet: { -readonly [K in keyof PacketView]: PacketView[K] } = {
    bytes: new Uint8Array(0),
    offset: 0,
    length: 0,
  };

  constructor(context: Pick<ExporterContext, 'ukeys' | 'snapshot'>) {
    this.#context = context;
  }

  /**
   * Whether a sampled packet goes nowhere. `first`: it was sampled before anything else was done; `leaves`: on its way out. The flow is known by its
   * UFID when the sample has the very key of the packet that it was made for. Else a packet is translated again if it is still as it came; what
   * cannot be known is not said to be dropped, as OVS 3.1 does of all packets whose flow it does not find.
   */
  isDropped(batch: UpcallBatch, row: number, first: boolean, leaves: boolean): boolean {
    if (leaves) return false;
    const { ukeys } = this.#context;
    const ukey = ukeys.find(batch.rows, row * UPCALL_ROW_WORDS + UPCALL_UFID);
    if (ukey >= 0 && ukeys.slow[ukey] === 0) {
      const actions = ukeys.arena.view(ukeys.actionsBlock[ukey], ukeys.actionsLength[ukey]);
      return !forwards(actions, 0, actions.length);
    }
    return first && this.#isDroppedAnew(batch, row);
  }

  #isDroppedAnew(batch: UpcallBatch, row: number): boolean {
    const packet = this.#packet;
    packet.bytes = batch.slab;
    packet.offset = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_PACKET_OFF];
    packet.length = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_PACKET_LEN];
    const snapshot = this.#context.snapshot();
    const { actions, actionsLength } = this.#translator.translate(
      snapshot,
      batch.keys,
      row * FLOW_WORDS,
      packet,
    );
    return !forwards(actions, 0, actionsLength);
  }
}
