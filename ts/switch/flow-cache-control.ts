import { FLOW_WORDS } from '../fields/index.js';
import { formatActions, formatKey, formatUfid } from '../flow/index.js';
import { native } from '../native/index.js';
import type { Revalidator } from '../revalidate/index.js';
import { DELETE_REASONS, type DeleteReason, type UkeyTable } from '../ukey/index.js';
import type { UpcallHandler } from '../upcall/index.js';
import type { FlowOptionsInForce, GivenFlowOptions } from './flow-options.js';

/** Something that became of a flow in the datapath. */
export interface FlowEvent {
  readonly event: 'installed' | 'modified' | 'deleted';
  /** Milliseconds since 1970. */
  readonly time: number;
  /** `ufid:` and the flow's id. */
  readonly ufid: string;
  /** What it matches, in the syntax of ovs-dpctl. */
  readonly flow: string;
  /** Its datapath actions; of a modified flow the new ones. */
  readonly actions: string;
  /** Packets and bytes that hit it until now. */
  readonly packets: number;
  readonly bytes: number;
  /** Milliseconds since it was installed. */
  readonly ageMs: number;
  /** Of a deletion. */
  readonly reason?: DeleteReason;
}

/** Who follows flows. */
export interface FlowListener {
  /** It can take no event now: `dropped` is called instead, and nobody describes the flow for it. */
  readonly full: boolean;
  event(event: FlowEvent): void;
  dropped(): void;
}

/** More than the attributes of any mask. */
const MASK_BYTES = 8192;

/** Control of the flows that the slow path keeps in the datapath, while it runs; and their life, for who wants to follow it. */
export class FlowCacheControl {
  /** Dumps ask for no more than flow ids and statistics, where the datapath can (OVS: upcall/enable-ufid). */
  tersely = true;
  readonly #handler: UpcallHandler;
  readonly #revalidator: Revalidator;
  readonly #options: FlowOptionsInForce;
  readonly #ukeys: UkeyTable;
  readonly #listeners = new Set<FlowListener>();
  readonly #key = new Int32Array(FLOW_WORDS);
  readonly #mask = new Uint8Array(MASK_BYTES);

  constructor(
    handler: UpcallHandler,
    revalidator: Revalidator,
    options: FlowOptionsInForce,
    ukeys: UkeyTable,
  ) {
    this.#options = options;
    this.#handler = handler;
    this.#revalidator = revalidator;
    this.#ukeys = ukeys;
  }

  /** Whether flows are as wide as their translation allows. */
  get megaflows(): boolean {
    return this.#handler.megaflows;
  }

  /** Has flows match as widely as their translation allows, or each exactly one kind of packet; all that there are go. */
  async setMegaflows(enabled: boolean): Promise<void> {
    this.#handler.megaflows = enabled;
    await this.purge();
  }

  /** Deletes all flows, with their final statistics credited; packets bring them back. */
  purge(): Promise<void> {
    return this.#revalidator.purge();
  }

  /** Resolves when a whole revalidation round that began now is through. */
  wait(): Promise<void> {
    return this.#revalidator.round();
  }

  /** Sets the limit of now; as in OVS each round adjusts it further, within the configured maximum and 1,000. */
  setFlowLimit(flows: number): void {
    this.#options.limit.limit = flows;
  }

  /** Changes what Switch.open was told of limits; what is left out becomes its default. The configuration's other_config goes before. */
  setLimits(given: GivenFlowOptions): void {
    this.#options.give(given);
  }

  /** Follows flows until the returned function is called. */
  follow(listener: FlowListener): () => void {
    this.#listeners.add(listener);
    this.#ukeys.watcher ??= {
      installed: (ukey) => this.#tell('installed', ukey),
      modified: (ukey) => this.#tell('modified', ukey),
      deleted: (ukey, reason) => this.#tell('deleted', ukey, DELETE_REASONS[reason]),
    };
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) this.#ukeys.watcher = null;
    };
  }

  #tell(event: FlowEvent['event'], ukey: number, reason?: DeleteReason): void {
    let description: FlowEvent | null = null;
    for (const listener of this.#listeners) {
      if (listener.full) {
        listener.dropped();
        continue;
      }
      description ??= this.#describe(event, ukey, reason);
      listener.event(description);
    }
  }

  #describe(event: FlowEvent['event'], ukey: number, reason?: DeleteReason): FlowEvent {
    const ukeys = this.#ukeys;
    const { arena } = ukeys;
    const key = arena.view(ukeys.keyBlock[ukey], ukeys.keyLength[ukey]);
    return {
      event,
      time: Date.now(),
      ufid: formatUfid(ukeys.ufid.subarray(ukeys.ufidAt(ukey), ukeys.ufidAt(ukey) + 4)),
      flow: formatKey(key, this.megaflows ? this.#maskOf(key, ukeys.mask[ukey]) : undefined),
      actions: formatActions(arena.view(ukeys.actionsBlock[ukey], ukeys.actionsLength[ukey])),
      packets: ukeys.packets.get(ukey),
      bytes: ukeys.bytes.get(ukey),
      ageMs: Math.max(0, native().monotonicMs() - ukeys.created[ukey]),
      ...(reason === undefined ? {} : { reason }),
    };
  }

  /** The mask's attributes; undefined when the key cannot be read. */
  #maskOf(key: Uint8Array, mask: number): Uint8Array | undefined {
    const { rows } = this.#ukeys.masks;
    native().decodeKey(key, this.#key, 0);
    const length = native().encodeMask(this.#key, 0, rows, mask * FLOW_WORDS, this.#mask, 0);
    return length < 0 ? undefined : this.#mask.subarray(0, length);
  }
}
