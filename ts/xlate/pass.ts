import {
  F_IN_PORT,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TUN_OPTS_LEN,
  FLOW_END_L4,
  FLOW_END_METADATA,
  FLOW_WORDS,
} from '../fields/index.js';
import { ActionsWriter, CookieWriter } from '../flow/index.js';
import type { Rule } from '../openflow/index.js';
import type { PacketView } from './packet-view.js';
import type { Tracer } from './trace.js';
import {
  type Effect,
  type LearnEffect,
  type Snapshot,
  type Translation,
  XLATE_ERRORS,
  type XBridge,
  type XBundle,
} from './types.js';

/** Index of an error name. */
export function errorNumber(name: (typeof XLATE_ERRORS)[number]): number {
  return XLATE_ERRORS.indexOf(name);
}

/** A learn effect while it is being filled in; effects are objects that are used again. */
type WritableLearn = { -readonly [K in keyof LearnEffect]: LearnEffect[K] };

/**
 * The state of one translation: the packet as it stands, the mask earned so far, what was written. One object for all
 * translations of a translator; `begin` makes it ready for the next packet.
 */
export class Pass implements Translation {
  /** The packet as the pipeline sees it now; in_port is the OpenFlow port. */
  readonly flow = new Int32Array(FLOW_WORDS);
  /** The packet as the actions written so far leave it. Valid once `changed` is true; before, it equals `flow`. */
  readonly base = new Int32Array(FLOW_WORDS);
  readonly mask = new Int32Array(FLOW_WORDS);
  /** Which bits of one key attribute a set action writes; used between two writes only. */
  readonly setMask = new Int32Array(FLOW_WORDS);
  /** Scratch of hash functions. */
  readonly words = new Int32Array(9);
  readonly writer = new ActionsWriter();
  readonly cookie = new CookieWriter();
  readonly rules: Rule[] = [];
  readonly effects: Effect[] = [];
  ruleCount = 0;
  effectCount = 0;
  slow = 0;
  error = 0;
  /** A field that the datapath can set may differ between `flow` and `base`. */
  changed = false;
  /** Where the packet came in, and its datapath port. */
  snapshot!: Snapshot;
  bridge!: XBridge;
  odpPort = 0;
  /** The rule whose actions are being done, and its table. */
  rule: Rule | null = null;
  table = 0;
  /** Which table a resubmit or goto asks for, and as if from which port. */
  nextTable = 0;
  nextInPort = 0;
  /** Rules nested, for the tracer. */
  nesting = 0;
  tracer: Tracer | null = null;
  /** Packets that go to a controller are not to be sent to it. */
  dontSend = false;
  /** Mirrors that the packet went to already: a bit each. */
  mirrors = 0;
  /** Bytes that a mirror wants of each packet while it outputs, 0 for all. */
  mirrorSnaplen = 0;
  /** The packet itself, where the caller has it. */
  packet: PacketView | null = null;

  get actions(): Uint8Array {
    return this.writer.bytes;
  }

  get actionsLength(): number {
    return this.error === 0 ? this.writer.length : 0;
  }

  /** Takes the packet with key `keys[base …]` from port `ofport` of `bridge`; null when the datapath port belongs to no bridge. */
  begin(
    snapshot: Snapshot,
    keys: Int32Array,
    base: number,
    odpPort: number,
    bridge: XBridge | null,
    ofport: number,
  ): void {
    const { flow } = this;
    for (let w = 0; w < FLOW_END_L4; w++) flow[w] = keys[base + w];
    // Tunnel options are a third of the key and hardly ever there.
    if ((flow[F_TUN_OPTS_LEN] | keys[base + F_TUN_OPTS_LEN]) !== 0) {
      for (let w = FLOW_END_L4; w < FLOW_WORDS; w++) flow[w] = keys[base + w];
    }
    this.writer.reset();
    this.ruleCount = 0;
    this.effectCount = 0;
    this.slow = 0;
    this.error = 0;
    this.changed = false;
    this.rule = null;
    this.table = 0;
    this.nesting = 0;
    this.mirrors = 0;
    this.mirrorSnaplen = 0;
    this.packet = null;
    this.snapshot = snapshot;
    this.odpPort = odpPort;
    if (bridge !== null) {
      this.bridge = bridge;
      flow[F_IN_PORT] = ofport;
    }
  }

  /** To be called before word `word` of the flow is written: keeps what `commit` will compare with. */
  touch(word: number): void {
    if (this.changed || (word < FLOW_END_METADATA && word !== F_SKB_MARK && word !== F_SKB_PRIORITY)) return;
    const { flow, base } = this;
    base[F_SKB_PRIORITY] = flow[F_SKB_PRIORITY];
    base[F_SKB_MARK] = flow[F_SKB_MARK];
    for (let w = FLOW_END_METADATA; w < FLOW_END_L4; w++) base[w] = flow[w];
    this.changed = true;
  }

  credit(rule: Rule): void {
    this.rules[this.ruleCount++] = rule;
  }

  learn(bundle: XBundle, vlan: number, macHigh: number, macLow: number, gratuitousArp: boolean): void {
    const at = this.effectCount++;
    const { bridge } = this;
    const effect = this.effects[at] as WritableLearn | undefined;
    if (effect === undefined || effect.type !== 'learn') {
      this.effects[at] = { type: 'learn', bridge, bundle, vlan, macHigh, macLow, gratuitousArp };
      return;
    }
    effect.bridge = bridge;
    effect.bundle = bundle;
    effect.vlan = vlan;
    effect.macHigh = macHigh;
    effect.macLow = macLow;
    effect.gratuitousArp = gratuitousArp;
  }

  note(text: string): void {
    if (this.tracer !== null) this.tracer.note(text);
  }
}
