import type { Bridge } from '../bridge/index.js';
import { type Datapath, openDatapath, type UpcallChannel } from '../datapath/index.js';
import {
  F_IN_PORT,
  FLOW_WORDS,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_USERDATA_LEN,
  UPCALL_USERDATA_OFF,
} from '../fields/index.js';
import {
  ACTIONS_MAX,
  ActionsWriter,
  type DatapathAction,
  decodeActions,
  encodeActions,
  formatActions,
  formatKey,
} from '../flow/index.js';
import { native } from '../native/index.js';
import { BridgeTables, EffectApplier } from '../switch/index.js';
import type { TraceSwitch } from '../trace/index.js';
import { type Translation, Translator, type XBridge, XLATE_ERRORS } from '../xlate/index.js';
import { type Megaflow, MegaflowCache } from './replay-cache.js';

/** One way of a packet through the pipeline; a recirculation begins another. */
export interface ReplayPass {
  readonly megaflow: Megaflow;
  /** No megaflow was there: it was translated. */
  readonly isMiss: boolean;
  readonly actions: string;
  /** Why it was dropped although nothing said so. */
  readonly error?: string;
}

/** What became of a packet. */
export interface Replayed {
  readonly passes: readonly ReplayPass[];
  /** In order: the datapath port, and the frame as it leaves there. */
  readonly outputs: readonly { readonly port: number; readonly frame: Uint8Array }[];
}

/** Begins the cookie of what stands for an output; the datapath port follows. */
const OUTPUT_COOKIE = 0x736c6f77;
const COOKIE_BYTES = 8;
/** Passes of one packet at most: a rule may send it around for ever. */
const MAX_PASSES = 64;
const ROOM = 8192;

/**
 * Runs frames through a switch that is described by files. Megaflows are looked up and counted as a datapath does; actions are carried out by the embedded datapath, its connection
 * tracking included, where each output is sent up to us instead. Learned addresses stay learned.
 */
export class Replay implements Disposable {
  readonly cache = new MegaflowCache();
  readonly #switch: TraceSwitch;
  readonly #datapath: Datapath;
  readonly #handler: UpcallChannel;
  readonly #translator = new Translator();
  readonly #effects: EffectApplier;
  readonly #names: ReadonlyMap<number, string>;
  readonly #key = new Int32Array(FLOW_WORDS);
  readonly #room = new Uint8Array(ROOM);

  /** `names`: of datapath ports. Throws as openDatapath: it takes CAP_NET_ADMIN. */
  constructor(described: TraceSwitch, names: ReadonlyMap<number, string>) {
    this.#switch = described;
    this.#names = names;
    this.#datapath = openDatapath({ type: 'netdev', name: `pcap${process.pid}` });
    this.#handler = this.#datapath.openHandler();
    this.#datapath.setUpcallPids([this.#handler.portId]);
    const tables = new Map<XBridge, BridgeTables>();
    for (const bridge of described.model.bridges.values()) {
      tables.set(bridge, new BridgeTables(bridge, described.snapshot.support, null));
      this.#watch(bridge);
    }
    this.#effects = new EffectApplier(tables);
  }

  #watch(bridge: Bridge): void {
    const changed = () => this.cache.clear();
    bridge.watcher = { ...bridge.watcher, rule: changed, tag: changed, everything: changed } as NonNullable<
      Bridge['watcher']
    >;
  }

  /** Runs a frame that comes in by a datapath port. */
  run(frame: Uint8Array, odpPort: number): Replayed {
    const passes: ReplayPass[] = [];
    const outputs: Replayed['outputs'][number][] = [];
    const waiting: { readonly key: Int32Array; readonly frame: Uint8Array }[] = [];
    this.#key.fill(0);
    native().extractPacket(frame, this.#key, 0);
    this.#key[F_IN_PORT] = odpPort;
    waiting.push({ key: this.#key.slice(), frame });
    for (
      let next = waiting.shift();
      next !== undefined && passes.length < MAX_PASSES;
      next = waiting.shift()
    ) {
      const { entry, pass } = this.#resolve(next.key, next.frame);
      passes.push(pass);
      if (entry.actions.length === 0) continue;
      this.#execute(next.key, next.frame, entry.actions);
      this.#collect(outputs, waiting);
    }
    return { passes, outputs };
  }

  /** The entry that the packet hits, made if need be. */
  #resolve(key: Int32Array, frame: Uint8Array) {
    const hit = this.cache.lookup(key);
    const translation = hit === null ? this.#translate(key, frame) : null;
    const entry = hit ?? this.#install(key, translation!);
    entry.megaflow.packets++;
    entry.megaflow.bytes += frame.length;
    const { megaflow } = entry;
    const error =
      translation === null || translation.error === 0 ? {} : { error: XLATE_ERRORS[translation.error] };
    return { entry, pass: { megaflow, isMiss: hit === null, actions: megaflow.actions, ...error } };
  }

  #translate(key: Int32Array, frame: Uint8Array): Translation {
    const view = { bytes: frame, offset: 0, length: frame.length };
    const translation = this.#translator.translate(this.#switch.snapshot, key, 0, view);
    this.#effects.apply(translation, 1, frame.length, 0, native().monotonicMs());
    return translation;
  }

  #install(key: Int32Array, { mask, actions, actionsLength, slow }: Translation) {
    const room = this.#room;
    const keyBytes = room.slice(0, native().encodeKey(key, 0, room, 0));
    const maskBytes = room.slice(0, native().encodeMask(key, 0, mask, 0, room, 0));
    const bytes = actions.subarray(0, actionsLength);
    const texts = {
      flow: formatKey(keyBytes, maskBytes, { ports: this.#names }),
      actions: formatActions(bytes, this.#names),
    };
    return this.cache.miss(key, mask, texts, bytes, slow !== 0);
  }

  #execute(key: Int32Array, packet: Uint8Array, actions: Uint8Array): void {
    const writer = new ActionsWriter(ACTIONS_MAX);
    encodeActions(this.#sentUp(decodeActions(actions)), writer);
    const length = native().encodeKey(key, 0, this.#room, 0);
    const request = {
      packet,
      key: this.#room.slice(0, length),
      actions: writer.bytes.slice(0, writer.length),
    };
    this.#datapath.packets.execute(request);
  }

  /** Actions that send each output up to us. Meters have no packets beside these to weigh, and let them pass. */
  #sentUp(actions: readonly DatapathAction[]): DatapathAction[] {
    return actions.flatMap((action): DatapathAction[] => {
      if (action.type === 'output') return [this.#upward(action.port)];
      if (action.type === 'meter' || action.type === 'userspace') return [];
      if (action.type === 'clone' || action.type === 'sample')
        return [{ ...action, actions: this.#sentUp(action.actions) }];
      if (action.type === 'check_pkt_len')
        return [
          { ...action, greater: this.#sentUp(action.greater), lessEqual: this.#sentUp(action.lessEqual) },
        ];
      return [action];
    });
  }

  #upward(port: number): DatapathAction {
    const userdata = new Uint8Array(COOKIE_BYTES);
    new Uint32Array(userdata.buffer).set([OUTPUT_COOKIE, port]);
    return { type: 'userspace', pid: this.#handler.portId, userdata, tunnelPort: null, actions: false };
  }

  /** What the datapath sent up: outputs, and packets that it put into circulation again. */
  #collect(outputs: Replayed['outputs'][number][], waiting: { key: Int32Array; frame: Uint8Array }[]): void {
    const { channel, batch } = this.#handler;
    for (let count = channel.receive(batch); count > 0; count = channel.receive(batch)) {
      for (let row = 0; row < count; row++) {
        const base = row * UPCALL_ROW_WORDS;
        const { rows, slab, keys } = batch;
        const offset = rows[base + UPCALL_PACKET_OFF];
        const frame = slab.slice(offset, offset + rows[base + UPCALL_PACKET_LEN]);
        const at = rows[base + UPCALL_USERDATA_OFF];
        const isOutput = rows[base + UPCALL_USERDATA_LEN] >= COOKIE_BYTES;
        const [magic, port] = isOutput ? new Uint32Array(slab.slice(at, at + COOKIE_BYTES).buffer) : [0, 0];
        if (magic === OUTPUT_COOKIE) outputs.push({ port, frame });
        else if (!isOutput)
          waiting.push({ key: keys.slice(row * FLOW_WORDS, (row + 1) * FLOW_WORDS), frame });
      }
    }
  }

  close(): void {
    this.#datapath.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
