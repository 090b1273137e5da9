import {
  F_IN_PORT,
  F_PACKET_TYPE,
  F_TCP_FLAGS,
  FLOW_WORDS,
  OP_ROW_WORDS,
  OP_SEQ,
  UPCALL_FITNESS,
  UPCALL_HASH,
  UPCALL_KEY_LEN,
  UPCALL_KEY_OFF,
  UPCALL_MRU,
  UPCALL_PACKET_LEN,
  UPCALL_PACKET_OFF,
  UPCALL_ROW_WORDS,
  UPCALL_UFID,
  UPCALL_WIRE_LEN,
} from '../fields/index.js';
import { NO_MASK, type OpWriter } from '../datapath/index.js';
import { ACTIONS_LIMIT, ACTIONS_PART, ActionsWriter, CookieWriter, splitActions } from '../flow/index.js';
import { type Channel, FITNESS, type UpcallBatch } from '../native/index.js';
import type { FlowLimit, UkeySource, UkeyTable } from '../ukey/index.js';
import {
  composeSlowPath,
  type FlowRecords,
  type PacketView,
  SLOW_ACTION,
  SLOW_MATCH,
  type Snapshot,
  Trail,
  type Translation,
  type Translator,
  XLATE_ERRORS,
} from '../xlate/index.js';
import { assistActions } from './assist.js';
import { BatchIndex } from './batch-index.js';
import {
  classifyUpcall,
  UPCALL_BAD_COOKIE_SIZE,
  UPCALL_BAD_COOKIE_TYPE,
  UPCALL_BAD_KEY,
  UPCALL_BAD_NO_COOKIE,
  UPCALL_CONTROLLER,
  UPCALL_FLOW_SAMPLE,
  UPCALL_IPFIX,
  UPCALL_MISS,
  UPCALL_SFLOW,
  UPCALL_SLOW_PATH,
} from './classify.js';
import { completeKey } from './complete-key.js';
import { createUpcallCounters, type UpcallCounters } from './counters.js';
import { InstallTracker } from './install-tracker.js';
import {
  STAGE_CLASSIFY,
  STAGE_DELIVER,
  STAGE_INSTALL,
  STAGE_SEND,
  STAGE_TRANSLATE,
  UpcallProfile,
} from './profile.js';
import type { PacketInSink, SampleSink, UpcallObserver } from './sinks.js';

const FITNESS_TOO_LITTLE = FITNESS.indexOf('too_little');
const NO_BRIDGE = XLATE_ERRORS.indexOf('no_bridge');
/** Batches between two looks for refused operations; refusals of that many batches fit any receive buffer. */
const DRAIN_EVERY = 4;

/**
 * Everything a handler works with. Nothing is global, so that a handler runs on the main thread and in a worker alike; the
 * hooks are the only way out.
 */
export interface HandlerContext {
  /** Channel that operations leave through; errors of single operations come back on it. */
  readonly opsChannel: Channel;
  readonly ops: OpWriter;
  readonly batch: UpcallBatch;
  readonly translator: Translator;
  readonly ukeys: UkeyTable;
  /** What is kept with each flow for revalidation. */
  readonly records: FlowRecords;
  readonly flowLimit: FlowLimit;
  /** The configuration to translate by; asked once a batch. */
  snapshot(): Snapshot;
  /** Applies what a translation decided for `packets` packets of `bytes` bytes in all. */
  apply(translation: Translation, packets: number, bytes: number, tcpFlags: number, used: number): void;
  /** Flows in the datapath now; asked ten times a second at most. */
  countFlows(): number;
  /** Monotonic milliseconds, the clock of flow statistics. */
  now(): number;
  readonly samples: SampleSink;
  readonly packetIns: PacketInSink;
  /** Watches each upcall; null costs nothing. */
  observer: UpcallObserver | null;
  /** Called for each flow that is put. */
  onInstalled?(ukey: number): void;
  /** Called before operations leave: what they mean to a later process can be written down. */
  beforeSubmit?(): void;
  /** Called once for each flow that the datapath refused, with the errno. */
  onRefused?(errno: number): void;
}

/** Turns a batch of upcalls into operations: OVS's recv_upcalls, process_upcall and handle_upcalls. */
export class UpcallHandler {
  readonly counters: UpcallCounters = createUpcallCounters();
  readonly profile = new UpcallProfile();
  /** Flows that are put match what the translation looked at; without, exactly the packet (OVS: upcall/disable-megaflows). */
  megaflows = true;
  readonly #context: HandlerContext;
  readonly #seen = new BatchIndex();
  /** What the last translation depended on. */
  readonly #trail = new Trail();
  readonly #installs: InstallTracker;
  readonly #slowPath = new ActionsWriter(256);
  readonly #cookie = new CookieWriter();
  readonly #source: UkeySource;
  /** Ukey put by row i of this batch, and where its actions lie, for later packets of the same flow. */
  readonly #actionsOff: Int32Array;
  readonly #actionsLen: Int32Array;
  /** The translation made last in this batch, and the row it was made for (-1: none that can be reused). */
  #translated: Translation | null = null;
  #translatedFor = -1;
  readonly #packet: { -readonly [K in keyof PacketView]: PacketView[K] } = {
    bytes: new Uint8Array(0),
    offset: 0,
    length: 0,
  };
  #batchesSinceDrain = 0;
  #now = 0;

  constructor(context: HandlerContext) {
    this.#context = context;
    context.translator.trail = this.#trail;
    this.#installs = new InstallTracker(context.ukeys, this.counters, (errno) => context.onRefused?.(errno));
    this.#actionsOff = new Int32Array(context.batch.capacity);
    this.#actionsLen = new Int32Array(context.batch.capacity);
    const none = new Int32Array(0);
    const noBytes = new Uint8Array(0);
    this.#source = {
      ufid: none,
      ufidAt: 0,
      key: noBytes,
      keyOffset: 0,
      keyLength: 0,
      mask: none,
      maskBase: 0,
      actions: noBytes,
      actionsLength: 0,
      inPort: 0,
      slow: 0,
      generation: 0,
    };
  }

  /** Who watches each upcall from now on. */
  set observer(observer: UpcallObserver | null) {
    this.#context.observer = observer;
  }

  /** Handles rows 0 … count-1 of the batch; what they lead to has been sent when this returns. */
  handle(count: number): void {
    const context = this.#context;
    const snapshot = context.snapshot();
    this.#now = context.now();
    this.#seen.clear();
    this.#translated = null;
    this.counters.batches++;
    this.counters.upcalls += count;
    this.profile.batch(count);
    for (let row = 0; row < count; row++) this.#processUpcall(snapshot, row);
    this.#flush();
    this.profile.lap(STAGE_SEND);
    // Packets do not wait for the answer: the next batch goes by it.
    context.flowLimit.look(this.#now, context.countFlows);
    this.#context.observer?.batchDone?.();
    if (++this.#batchesSinceDrain >= DRAIN_EVERY) this.drain();
  }

  /** Looks for operations that the datapath refused. Call it when upcalls have paused, too. */
  drain(): void {
    this.#batchesSinceDrain = 0;
    this.#installs.drain(this.#context.opsChannel);
  }

  #processUpcall(snapshot: Snapshot, row: number): void {
    const { batch, samples, packetIns } = this.#context;
    const counters = this.counters;
    const kind = classifyUpcall(batch.rows, row, batch.slab);
    this.profile.upcall(batch.keys[row * FLOW_WORDS + F_IN_PORT], kind);
    this.profile.lap(STAGE_CLASSIFY);
    switch (kind) {
      case UPCALL_MISS:
        counters.miss++;
        this.#translate(snapshot, row, true);
        return;
      case UPCALL_SLOW_PATH:
        counters.slow_path++;
        this.#translate(snapshot, row, false);
        return;
      case UPCALL_SFLOW:
        counters.sflow++;
        samples.sample(kind, batch, row);
        break;
      case UPCALL_FLOW_SAMPLE:
        counters.flow_sample++;
        samples.sample(kind, batch, row);
        break;
      case UPCALL_IPFIX:
        counters.ipfix++;
        samples.sample(kind, batch, row);
        break;
      case UPCALL_CONTROLLER:
        counters.controller++;
        if (!packetIns.deliver(snapshot, batch, row)) counters.stale_controller_state++;
        break;
      case UPCALL_BAD_NO_COOKIE:
        counters.bad_no_cookie++;
        break;
      case UPCALL_BAD_COOKIE_SIZE:
        counters.bad_cookie_size++;
        break;
      case UPCALL_BAD_COOKIE_TYPE:
        counters.bad_cookie_type++;
        break;
      case UPCALL_BAD_KEY:
        counters.bad_key++;
        break;
    }
    this.profile.lap(STAGE_DELIVER);
    this.#context.observer?.upcall(kind, batch, row, null, false);
  }

  /** The packet of a row. Multicast snooping reads it. */
  #packetAt(base: number): PacketView {
    const { rows, slab } = this.#context.batch;
    const packet = this.#packet;
    packet.bytes = slab;
    packet.offset = rows[base + UPCALL_PACKET_OFF];
    packet.length = rows[base + UPCALL_PACKET_LEN];
    return packet;
  }

  /** OVS's upcall_xlate, then the install and the execute of handle_upcalls. */
  #translate(snapshot: Snapshot, row: number, mayInstall: boolean): void {
    const { batch, translator, ukeys, ops } = this.#context;
    const counters = this.counters;
    const base = row * UPCALL_ROW_WORDS;
    const rows = batch.rows;
    const earlier = mayInstall ? this.#seen.findOrAdd(rows, UPCALL_ROW_WORDS, UPCALL_UFID, row) : -1;
    // A train of packets of one new flow is the common case: the translator still holds the answer.
    const repeat = earlier >= 0 && this.#translated !== null && this.#translatedFor === earlier;
    if (!repeat) completeKey(batch, row);
    const translation = repeat
      ? this.#translated!
      : translator.translate(snapshot, batch.keys, row * FLOW_WORDS, this.#packetAt(base));
    this.#translated = translation;
    // What only userspace can do may go by the bytes of each packet.
    const again = mayInstall && earlier < 0 && translation.slow === 0;
    this.#translatedFor = repeat ? earlier : again ? row : -1;
    if (translation.error !== 0) {
      if (translation.error === NO_BRIDGE) counters.unknown_port++;
      else counters.xlate_errors++;
    }
    // Other packets than misses have been counted in the datapath, by the flow that sent them here.
    this.#context.apply(
      translation,
      mayInstall ? 1 : 0,
      mayInstall ? rows[base + UPCALL_WIRE_LEN] : 0,
      batch.keys[row * FLOW_WORDS + F_TCP_FLAGS],
      this.#now,
    );
    this.profile.lap(STAGE_TRANSLATE);

    const known = mayInstall && (earlier >= 0 || ukeys.find(rows, base + UPCALL_UFID) >= 0);
    const length = translation.actionsLength;
    const fits = length <= ACTIONS_LIMIT;
    let actionsOff = 0;
    if (!fits) {
      // Such flows are slow: what is installed is not this.
    } else if (earlier >= 0 && this.#actionsLen[earlier] === length && this.#actionsOff[earlier] !== 0) {
      actionsOff = this.#actionsOff[earlier];
    } else {
      if (!this.#makeRoom(length)) return;
      actionsOff = ops.addBytes(translation.actions, 0, length);
    }
    this.#actionsOff[row] = actionsOff;
    this.#actionsLen[row] = length;

    const isAssisted = (translation.slow & SLOW_ACTION) !== 0;
    if (length === 0) counters.drops++;
    // Before its flow is put: it is on its way sooner, and packets that meet the flow do not overtake it.
    else if (!isAssisted) this.#execute(row, actionsOff, length);
    let installed = false;
    if (known) counters.duplicates++;
    else if (mayInstall) installed = this.#install(snapshot, row, translation, actionsOff);
    if (length > 0 && isAssisted) this.#executeAssisted(row, translation);
    this.profile.lap(STAGE_INSTALL);
    this.#context.observer?.upcall(
      mayInstall ? UPCALL_MISS : UPCALL_SLOW_PATH,
      batch,
      row,
      translation,
      installed,
    );
  }

  #install(snapshot: Snapshot, row: number, translation: Translation, actionsOff: number): boolean {
    const { batch, ukeys, records, ops, flowLimit } = this.#context;
    const counters = this.counters;
    if (ukeys.count >= flowLimit.limit || flowLimit.flows >= flowLimit.limit || ukeys.full) {
      counters.flow_limit++;
      return false;
    }
    const rows = batch.rows;
    const base = row * UPCALL_ROW_WORDS;
    const slow = translation.slow | (rows[base + UPCALL_FITNESS] === FITNESS_TOO_LITTLE ? SLOW_MATCH : 0);
    const inPort = batch.keys[row * FLOW_WORDS + F_IN_PORT];
    const source = this.#source;
    source.ufid = rows;
    source.ufidAt = base + UPCALL_UFID;
    source.key = batch.slab;
    source.keyOffset = rows[base + UPCALL_KEY_OFF];
    source.keyLength = rows[base + UPCALL_KEY_LEN];
    source.mask = translation.mask;
    source.maskBase = 0;
    source.actions = translation.actions;
    source.actionsLength = translation.actionsLength;
    source.inPort = inPort;
    source.slow = slow;
    source.generation = snapshot.generation;
    if (slow !== 0) {
      this.#slowPath.reset();
      composeSlowPath(snapshot, inPort, slow, this.#slowPath, this.#cookie);
      source.actions = this.#slowPath.bytes;
      source.actionsLength = this.#slowPath.length;
      if (!this.#makeRoom(source.actionsLength)) return false;
      actionsOff = ops.addBytes(source.actions, 0, source.actionsLength);
    }
    const ukey = ukeys.add(source, this.#now);
    ukeys.setRecord(ukey, records.make(ukeys, ukey, translation, this.#trail, batch.keys, row * FLOW_WORDS));
    const op = ops.put(
      source.keyOffset,
      source.keyLength,
      ukeys.masks.rows,
      this.megaflows ? ukeys.mask[ukey] : NO_MASK,
      actionsOff,
      source.actionsLength,
      rows,
      source.ufidAt,
    );
    this.#installs.queued(op, ukey);
    this.#context.onInstalled?.(ukey);
    counters.installs++;
    return true;
  }

  /** Executes what the datapath cannot do alone. Rare, so it may allocate. */
  #executeAssisted(row: number, translation: Translation): void {
    const { batch, ops } = this.#context;
    const packetOff = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_PACKET_OFF];
    const packetLen = batch.rows[row * UPCALL_ROW_WORDS + UPCALL_PACKET_LEN];
    // Bytes of the slab and of the translation outlast a flush, which what is in the ops does not.
    const packet = batch.slab.subarray(packetOff, packetOff + packetLen);
    const etherType = batch.keys[row * FLOW_WORDS + F_PACKET_TYPE] & 0xffff;
    const actions = translation.actions.subarray(0, translation.actionsLength);
    for (const part of assistActions(packet, etherType, actions)) {
      const { length } = part.actions;
      // What changes the packet may alone be more than a part.
      const lists =
        splitActions(part.actions, length, ACTIONS_PART) ?? splitActions(part.actions, length, ACTIONS_LIMIT);
      if (lists === null) this.counters.oversized++;
      for (const list of lists ?? []) {
        if (!this.#makeRoom(part.packet.length + list.length + 8)) continue;
        const at = ops.addBytes(part.packet, 0, packetLen);
        this.#execute(row, ops.addBytes(list, 0, list.length), list.length, at);
      }
    }
  }

  #execute(row: number, actionsOff: number, actionsLength: number, packetOff?: number): void {
    const { batch, ops } = this.#context;
    const rows = batch.rows;
    const base = row * UPCALL_ROW_WORDS;
    const op = ops.execute(
      rows[base + UPCALL_KEY_OFF],
      rows[base + UPCALL_KEY_LEN],
      packetOff ?? rows[base + UPCALL_PACKET_OFF],
      rows[base + UPCALL_PACKET_LEN],
      actionsOff,
      actionsLength,
      rows[base + UPCALL_MRU],
      rows,
      base + UPCALL_HASH,
    );
    this.#installs.queued(op, -1);
    this.counters.executes++;
  }

  /** Makes sure that actions of `length` bytes and two ops fit; false (counted) when nothing could ever hold them. */
  #makeRoom(length: number): boolean {
    const { ops } = this.#context;
    if (ops.count + 2 <= ops.batch.capacity && ops.room >= length + 8) return true;
    this.#flush();
    if (ops.room >= length + 8) return true;
    this.counters.oversized++;
    return false;
  }

  /** Sends what has been collected. Offsets of earlier actions end with it. */
  #flush(): void {
    const { ops, opsChannel, batch } = this.#context;
    if (ops.count > 0) {
      this.#context.beforeSubmit?.();
      opsChannel.submit(ops.batch, ops.count, batch);
      this.#installs.submitted(ops.batch.rows, OP_ROW_WORDS, OP_SEQ, ops.count);
    }
    ops.clear();
    this.#actionsOff.fill(0);
  }
}
