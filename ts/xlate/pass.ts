import {
  F_ACTSET_OUTPUT,
  F_IN_PORT,
  F_METADATA,
  F_PACKET_TYPE,
  F_REG0,
  F_SKB_MARK,
  F_SKB_PRIORITY,
  F_TUN_DST,
  F_TUN_ID,
  F_TUN_IPV6_DST,
  F_TUN_OPTS_LEN,
  FLOW_END_L4,
  FLOW_END_METADATA,
  FLOW_WORDS,
} from '../fields/index.js';
import { ACTIONS_MAX, ActionsWriter, CookieWriter } from '../flow/index.js';
import { type Action, OFPP_UNSET, type Rule, TUN_OPTS_AS_FIELDS } from '../openflow/index.js';
import type { FrameStack } from './frames.js';
import { unpackOptions } from './tunnel-options.js';
import { limitTags } from './vlan-limit.js';
import type { PacketView } from './packet-view.js';
import { ActionSet, Scope } from './scope.js';
import type { NoteLevel, Tracer } from './trace.js';
import type { Trail } from './trail.js';
import {
  type BucketEffect,
  type Effect,
  type FrozenState,
  type LearnEffect,
  NETFLOW_DROP,
  type Snapshot,
  type Translation,
  XLATE_ERRORS,
  type XBridge,
  type XBucket,
  type XGroup,
  type XBundle,
  type XPort,
} from './types.js';
import { ValueStack } from './value-stack.js';

/** Index of an error name. */
export function errorNumber(name: (typeof XLATE_ERRORS)[number]): number {
  return XLATE_ERRORS.indexOf(name);
}

const TOO_DEEP = errorNumber('too_deep');

const REGISTERS = 16;
/** Scopes that may be open at a time; each costs a few frames of the JavaScript stack. */
const SCOPES_MAX = 512;

/** An effect while it is being filled in; effects are objects that are used again. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] };

/** Runs action lists and looks tables up, for actions that hold other actions. */
export interface Pipeline {
  /**
   * Does `actions[from … size)` to their end, rules that they enter included. `flags`: FRAME_* bits. Errors and exits are left
   * in the pass.
   */
  execute(actions: readonly Action[], size: number, flags: number, from?: number): void;
  /** Whether another table or group may be entered; else the error is set. */
  checkResources(): boolean;
  /**
   * Looks the packet up in `table` as if from `inPort`, credits the rule and sets `pass.table` to its table. Null for a
   * miss, where nothing is to be done unless the bridge is standalone: then `actions` has what.
   */
  lookup(inPort: number, table: number, mayPacketIn: boolean, honorTableMiss: boolean): Rule | null;
  /** What the last lookup wants done. */
  readonly actions: readonly Action[];
  /** The lists that are being done. */
  readonly frames: FrameStack;
}

/**
 * The state of one translation: the packet as it stands, the mask earned so far, what was written. One object for all
 * translations of a translator; `begin` makes it ready for the next packet.
 */
export class Pass implements Translation {
  /** The packet as the pipeline sees it now; in_port is the OpenFlow port. */
  readonly flow = new Int32Array(FLOW_WORDS);
  /** Parts of it, as frozen states have them: reg0 to reg15, tunnel fields, tunnel options. */
  readonly registers = this.flow.subarray(F_REG0, F_REG0 + REGISTERS);
  readonly tunnelFields = this.flow.subarray(F_TUN_ID, F_METADATA);
  readonly tunnelOptions = this.flow.subarray(F_TUN_OPTS_LEN);
  /** The packet as the actions written so far leave it. Valid once `changed` is true; before, it equals `flow`. */
  readonly base = new Int32Array(FLOW_WORDS);
  readonly mask = new Int32Array(FLOW_WORDS);
  /** Which bits of one key attribute a set action writes; used between two writes only. */
  readonly setMask = new Int32Array(FLOW_WORDS);
  /** Scratch of hash functions. */
  readonly words = new Int32Array(9);
  readonly writer = new ActionsWriter(ACTIONS_MAX);
  readonly cookie = new CookieWriter();
  readonly rules: Rule[] = [];
  readonly effects: Effect[] = [];
  ruleCount = 0;
  effectCount = 0;
  slow = 0;
  provisional = false;
  netflowOutput = NETFLOW_DROP;
  error = 0;
  /** A field that the datapath can set may differ between `flow` and `base`. */
  changed = false;
  /** The tunnel fields of `base` are valid: an encapsulation was set. Before, they count as 0. */
  tunnelCommitted = false;
  /** Where the packet came in, and its datapath port. */
  snapshot!: Snapshot;
  bridge!: XBridge;
  odpPort = 0;
  /** Its port; null when the packet came from no port (OFPP_NONE) or one that is gone. */
  inPort: XPort | null = null;
  /** The state that the packet went on from; null for a packet seen first. */
  thawed: FrozenState | null = null;
  /** The rule whose actions are being done, its table and cookie; the cookie is all ones before any rule. */
  rule: Rule | null = null;
  table = 0;
  cookieHigh = -1;
  cookieLow = -1;
  /** The packet itself, where the caller has it. */
  packet: PacketView | null = null;
  /** Tables entered backwards and buckets, nested (OVS: depth); tables entered altogether. */
  depth = 0;
  resubmits = 0;
  /** Actions done, so that nested groups and branches come to an end. */
  work = 0;
  /** Nothing happens to the packet after the action. */
  last = false;
  /** Which table a resubmit or goto asks for, as if from which port, and how. */
  nextTable = 0;
  nextInPort = 0;
  nextMayPacketIn = false;
  nextHonorTableMiss = false;
  nextWithCt = false;
  /** The action set is being carried out. */
  inActionSet = false;
  /** The list being done is a bucket's. */
  inBucket = false;
  /** The pipeline ends here (exit), or stops to go on after a recirculation (freezing too). */
  exit = false;
  freezing = false;
  /** Actions left to do after the recirculation. */
  readonly frozen: Action[] = [];
  /** The recirculation is to come with a hash of the datapath. */
  updateDpHash = false;
  dpHashAlgorithm = 0;
  dpHashBasis = 0;
  /** The controller action that the pipeline waits for, null for none. */
  pause: Extract<Action, { type: 'controller' }> | null = null;
  /** The packet had a label stack that a pop took off: its new headers are not known yet. */
  wasMpls = false;
  /** ct_* fields say what the connection tracker found. */
  conntracked = false;
  /** The packet's tunnel options cannot be understood. */
  invalidOptions = false;
  readonly stack = new ValueStack();
  readonly actionSet = new ActionSet();
  /** Scratch of values that are moved about: 128 bits. */
  readonly value = new Int32Array(4);
  /** skb_priority that the packet came with. */
  originalPriority = 0;
  /** Mirrors that the packet went to already: a bit each. */
  mirrors = 0;
  /** Bytes that a mirror wants of each packet while it outputs, 0 for all. */
  mirrorSnaplen = 0;
  /** A clone action of the datapath was written. */
  cloned = false;
  /** Outputs so far, and the device of the last, for sFlow. */
  outputCount = 0;
  outputIfindex = 0;
  /** A header is to be put on (encap) or taken off (decap) by the next commit; context headers of an NSH one. */
  pendingEncap = false;
  pendingDecap = false;
  /** Commits that wrote something or could have. */
  commits = 0;
  encapData: Uint8Array | null = null;
  /** The datapath's packet before an NSH header was put on it. */
  readonly behindNsh = new Int32Array(FLOW_WORDS);
  /** Outer destination that the packet had: IPv4, then IPv6; zeros when it came out of no tunnel. */
  readonly arrivedAt = new Int32Array(5);
  /** Controllers are not to be told (a trace): cookies say so, and nothing waits for them. */
  dontSend = false;
  /** Tags beyond the limit count as well: the packet is one in words, which are believed. */
  allTags = false;
  pipeline!: Pipeline;
  tracer: Tracer | null = null;
  /** Notes what the translation depends on; null when nobody wants to know. */
  trail: Trail | null = null;
  private readonly scopes: Scope[] = [];
  private scopeCount = 0;

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
    port: XPort | null,
  ): void {
    const { flow } = this;
    this.invalidOptions = false;
    for (let w = 0; w < FLOW_END_L4; w++) flow[w] = keys[base + w];
    // Tunnel options are a third of the key and hardly ever there.
    if ((flow[F_TUN_OPTS_LEN] | keys[base + F_TUN_OPTS_LEN]) !== 0) {
      for (let w = FLOW_END_L4; w < FLOW_WORDS; w++) flow[w] = keys[base + w];
      if (flow[F_TUN_OPTS_LEN] !== TUN_OPTS_AS_FIELDS) this.invalidOptions = !unpackOptions(flow, bridge);
    }
    if (!this.allTags) limitTags(flow, snapshot.vlanLimit);
    this.writer.reset();
    flow[F_ACTSET_OUTPUT] = OFPP_UNSET;
    this.ruleCount = 0;
    this.effectCount = 0;
    this.slow = 0;
    this.provisional = false;
    this.netflowOutput = NETFLOW_DROP;
    this.error = 0;
    this.changed = false;
    this.tunnelCommitted = false;
    this.thawed = null;
    this.rule = null;
    this.table = 0;
    this.cookieHigh = -1;
    this.cookieLow = -1;
    this.depth = 0;
    this.resubmits = 0;
    this.work = 0;
    this.inActionSet = false;
    this.inBucket = false;
    this.exit = false;
    this.cancelFreeze();
    this.wasMpls = false;
    this.conntracked = false;
    this.stack.clear();
    this.actionSet.clear();
    this.originalPriority = flow[F_SKB_PRIORITY];
    this.mirrors = 0;
    this.mirrorSnaplen = 0;
    this.outputCount = 0;
    this.cloned = false;
    this.pendingEncap = false;
    this.pendingDecap = false;
    this.commits = 0;
    this.encapData = null;
    const { arrivedAt } = this;
    arrivedAt[0] = flow[F_TUN_DST];
    arrivedAt[1] = flow[F_TUN_IPV6_DST];
    arrivedAt[2] = flow[F_TUN_IPV6_DST + 1];
    arrivedAt[3] = flow[F_TUN_IPV6_DST + 2];
    arrivedAt[4] = flow[F_TUN_IPV6_DST + 3];
    this.scopeCount = 0;
    this.snapshot = snapshot;
    this.odpPort = odpPort;
    this.inPort = port;
    this.packet = null;
    if (bridge !== null) {
      this.bridge = bridge;
      flow[F_IN_PORT] = ofport;
    }
  }

  /** Ends the pipeline here; what is left of it is to be done after a recirculation. */
  freeze(): void {
    this.exit = true;
    this.freezing = true;
  }

  /** Forgets that the pipeline was to be frozen. */
  cancelFreeze(): void {
    this.freezing = false;
    this.updateDpHash = false;
    // Setting the length costs, even if it is the same.
    if (this.frozen.length !== 0) this.frozen.length = 0;
    this.pause = null;
  }

  /** A scope to keep things in; null, with the error set, when too many are open. To be given back by closeScope. */
  openScope(): Scope | null {
    const at = this.scopeCount;
    if (at >= SCOPES_MAX) {
      this.fail(TOO_DEEP, `more than ${SCOPES_MAX} clones, buckets and branches are nested`);
      return null;
    }
    this.scopeCount = at + 1;
    this.scopes[at] ??= new Scope();
    return this.scopes[at];
  }

  closeScope(): void {
    this.scopeCount--;
  }

  /** To be called before word `word` of the flow is written: keeps what `commit` will compare with. */
  touch(word: number): void {
    if (
      this.changed ||
      (word < FLOW_END_METADATA && word !== F_SKB_MARK && word !== F_SKB_PRIORITY && word !== F_PACKET_TYPE)
    )
      return;
    const { flow, base } = this;
    base[F_SKB_PRIORITY] = flow[F_SKB_PRIORITY];
    base[F_SKB_MARK] = flow[F_SKB_MARK];
    base[F_PACKET_TYPE] = flow[F_PACKET_TYPE];
    for (let w = FLOW_END_METADATA; w < FLOW_END_L4; w++) base[w] = flow[w];
    this.changed = true;
  }

  credit(rule: Rule): void {
    this.rules[this.ruleCount++] = rule;
  }

  report(effect: Effect): void {
    this.effects[this.effectCount++] = effect;
  }

  learn(bundle: XBundle, vlan: number, macHigh: number, macLow: number, gratuitousArp: boolean): void {
    const at = this.effectCount++;
    const { bridge } = this;
    const effect = this.effects[at] as Writable<LearnEffect> | undefined;
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

  /** A packet went through a bucket. */
  creditBucket(group: XGroup, bucket: XBucket): void {
    const at = this.effectCount++;
    const effect = this.effects[at] as Writable<BucketEffect> | undefined;
    if (effect === undefined || effect.type !== 'bucket') {
      this.effects[at] = { type: 'bucket', bridge: this.bridge, group, bucket };
      return;
    }
    effect.bridge = this.bridge;
    effect.group = group;
    effect.bucket = bucket;
  }

  /** Says something about the packet to the tracer. */
  note(text: string, level: NoteLevel = 'detail'): void {
    if (this.tracer !== null) this.tracer.note(text, level);
  }

  /** Ends the translation with an error (an index of XLATE_ERRORS); the packet drops. */
  fail(error: number, text: string, level: NoteLevel = 'error'): void {
    this.error = error;
    this.note(text, level);
  }
}
