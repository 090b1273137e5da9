import type { Rule } from '../openflow/index.js';
import type { Handles } from '../util/index.js';
import type { StateEffect } from './policy.js';
import type {
  BondEffect,
  BucketEffect,
  Effect,
  LearnEffect,
  MirrorEffect,
  NetflowEffect,
  PortEffect,
  TableEffect,
  Translation,
  XBond,
  XBridge,
  XBucket,
  XBundle,
  XGroup,
  XMirror,
  XPort,
} from './types.js';

/** Kinds of credits: the low four bits of a credit's first word; a handle is above. */
const RULE = 0;
const BUCKET = 1;
const MIRROR = 2;
const BOND = 3;
const LEARN = 4;
const RECEIVED = 5;
const SENT = 6;
const TABLE = 7;
const NETFLOW4 = 8;
const NETFLOW6 = 9;
const STATE = 10;
const KIND_MASK = 15;
const KIND_BITS = 4;
/** Words of each kind. */
const SIZES = [1, 3, 1, 3, 4, 1, 1, 2, 7, 13, 1] as const;
/** In the second word of a learned address: it was told by a gratuitous ARP. VLAN and the upper 16 bits are below. */
const GRATUITOUS = 1 << 31;

/** What credits name. */
export type Credited = Rule | XBucket | XGroup | XBridge | XMirror | XBond | XPort | XBundle | StateEffect;

/** Takes in what packets are credited to. */
export interface CreditSink {
  rule(rule: Rule): void;
  /** The object is used again for the next effect. */
  effect(effect: Effect): void;
}

/**
 * Follows what the flows of bridges with NetFlow count. Each packet is told once: the first of a flow when it is translated, others when a round
 * finds them in the datapath's statistics, the last when the flow leaves the datapath.
 */
export interface FlowStatsSink {
  /**
   * `packets` packets with `bytes` bytes came, of which `used` (monotonic milliseconds) is when the last did; `tcpFlags` are all that the flow
   * saw, ORed. The object is used again for the next flow.
   */
  counted(flow: NetflowEffect, packets: number, bytes: number, tcpFlags: number, used: number): void;
  /** The flow left the datapath; all that it counted has been told (OVS: netflow_flow_clear). The object is used again. */
  ended(flow: NetflowEffect): void;
}

/** What NetFlow is told of a translation: the last of its effects, if at all. */
export function netflowOf({ effects, effectCount }: Translation): NetflowEffect | null {
  const last = effectCount === 0 ? undefined : effects[effectCount - 1];
  return last?.type === 'netflow' ? last : null;
}

/** Words of the credits of a translation at most: what has more is translated again to be credited. */
export const MAX_CREDIT_WORDS = 4096;

/**
 * Whom the packets of a flow are credited to, as words: what a translation reported, kept so that statistics need no other
 * translation. The objects are named by handles, which the words hold until `release`.
 */
export class FlowCredits {
  private readonly handles: Handles<Credited>;
  private readonly bucket = {
    type: 'bucket',
  } as { -readonly [K in keyof BucketEffect]: BucketEffect[K] };
  private readonly mirror = { type: 'mirror' } as { -readonly [K in keyof MirrorEffect]: MirrorEffect[K] };
  private readonly bond = { type: 'bond' } as { -readonly [K in keyof BondEffect]: BondEffect[K] };
  private readonly learn = { type: 'learn' } as { -readonly [K in keyof LearnEffect]: LearnEffect[K] };
  private readonly port = { type: 'port' } as { -readonly [K in keyof PortEffect]: PortEffect[K] };
  private readonly table = { type: 'table' } as { -readonly [K in keyof TableEffect]: TableEffect[K] };
  private readonly netflow = { type: 'netflow', src: new Int32Array(4), dst: new Int32Array(4) } as {
    -readonly [K in keyof NetflowEffect]: NetflowEffect[K];
  };

  constructor(handles: Handles<Credited>) {
    this.handles = handles;
  }

  /** Whether all effects of the translation can be told as credits; else they are only found by translating again. */
  covers(translation: Translation): boolean {
    if (translation.ruleCount + 4 * translation.effectCount + 9 > MAX_CREDIT_WORDS) return false;
    for (let i = 0; i < translation.effectCount; i++) {
      const { type } = translation.effects[i];
      if (type === 'mcast' || type === 'lacp' || type === 'learn_flow' || type === 'fin_timeout')
        return false;
    }
    return true;
  }

  /** Writes the credits of a translation that is covered to words[at …]; where they end. */
  write(translation: Translation, words: Int32Array, at: number): number {
    let to = at;
    for (let i = 0; i < translation.ruleCount; i++) words[to++] = this.name(translation.rules[i], RULE);
    for (let i = 0; i < translation.effectCount; i++)
      to = this.writeEffect(translation.effects[i], words, to);
    return to;
  }

  private writeEffect(effect: Effect, words: Int32Array, at: number): number {
    switch (effect.type) {
      case 'bucket':
        words[at] = this.name(effect.bucket, BUCKET);
        words[at + 1] = this.handles.acquire(effect.group);
        words[at + 2] = this.handles.acquire(effect.bridge);
        return at + 3;
      case 'mirror':
        words[at] = this.name(effect.mirror, MIRROR);
        return at + 1;
      case 'bond':
        words[at] = this.name(effect.bond, BOND);
        words[at + 1] = effect.entry;
        words[at + 2] = this.handles.acquire(effect.port);
        return at + 3;
      case 'learn':
        words[at] = this.name(effect.bundle, LEARN);
        words[at + 1] = (effect.gratuitousArp ? GRATUITOUS : 0) | (effect.vlan << 16) | effect.macHigh;
        words[at + 2] = effect.macLow;
        words[at + 3] = this.handles.acquire(effect.bridge);
        return at + 4;
      case 'port':
        words[at] = this.name(effect.port, effect.received ? RECEIVED : SENT);
        return at + 1;
      case 'table':
        words[at] = this.name(effect.bridge, TABLE);
        words[at + 1] = (effect.table << 1) | (effect.matched ? 1 : 0);
        return at + 2;
      case 'netflow':
        return this.writeFlow(effect, words, at);
      case 'state':
        words[at] = this.name(effect, STATE);
        return at + 1;
      default:
        return at;
    }
  }

  private writeFlow(flow: NetflowEffect, words: Int32Array, at: number): number {
    const kind = flow.ipVersion === 4 ? NETFLOW4 : NETFLOW6;
    words[at] = this.name(flow.bridge, kind);
    words[at + 1] = (flow.output << 16) | flow.inPort;
    words[at + 2] = (flow.tpSrc << 16) | flow.tpDst;
    words[at + 3] = (flow.nwProto << 8) | flow.nwTos;
    words[at + 4] = (flow.vlanOut << 16) | flow.vlanIn;
    const addressWords = flow.ipVersion === 4 ? 1 : 4;
    for (let w = 0; w < addressWords; w++) {
      words[at + 5 + w] = flow.src[w];
      words[at + 5 + addressWords + w] = flow.dst[w];
    }
    return at + SIZES[kind];
  }

  /** Writes what NetFlow is told of the translation, and nothing else, to words[at …]; where that ends. */
  writeNetflow(translation: Translation, words: Int32Array, at: number): number {
    const flow = netflowOf(translation);
    return flow === null ? at : this.writeFlow(flow, words, at);
  }

  private name(object: Credited, kind: number): number {
    return (this.handles.acquire(object) << KIND_BITS) | kind;
  }

  /** Hands the credits in words[at … end) to `sink`. */
  replay(words: Int32Array, at: number, end: number, sink: CreditSink): void {
    for (let i = at; i < end; ) {
      const kind = words[i] & KIND_MASK;
      const object = this.handles.get(words[i] >>> KIND_BITS);
      if (kind === RULE) sink.rule(object as Rule);
      else sink.effect(this.effectOf(kind, object, words, i));
      i += SIZES[kind];
    }
  }

  private effectOf(kind: number, object: Credited, words: Int32Array, at: number): Effect {
    const { bucket, mirror, bond, port, table } = this;
    const handles = this.handles;
    switch (kind) {
      case BUCKET:
        bucket.bucket = object as XBucket;
        bucket.group = handles.get(words[at + 1]) as XGroup;
        bucket.bridge = handles.get(words[at + 2]) as XBridge;
        return bucket;
      case MIRROR:
        mirror.mirror = object as XMirror;
        return mirror;
      case BOND:
        bond.bond = object as XBond;
        bond.entry = words[at + 1];
        bond.port = handles.get(words[at + 2]) as XPort;
        return bond;
      case RECEIVED:
      case SENT:
        port.port = object as XPort;
        port.received = kind === RECEIVED;
        return port;
      case TABLE:
        table.bridge = object as XBridge;
        table.table = words[at + 1] >> 1;
        table.matched = (words[at + 1] & 1) !== 0;
        return table;
      case NETFLOW4:
      case NETFLOW6:
        return this.flowOf(object as XBridge, kind, words, at);
      case STATE:
        return object as StateEffect;
      default:
        return this.learnOf(object as XBundle, words, at);
    }
  }

  private learnOf(bundle: XBundle, words: Int32Array, at: number): LearnEffect {
    const learn = this.learn;
    learn.bundle = bundle;
    learn.gratuitousArp = (words[at + 1] & GRATUITOUS) !== 0;
    learn.vlan = (words[at + 1] >>> 16) & 0xfff;
    learn.macHigh = words[at + 1] & 0xffff;
    learn.macLow = words[at + 2];
    learn.bridge = this.handles.get(words[at + 3]) as XBridge;
    return learn;
  }

  private flowOf(bridge: XBridge, kind: number, words: Int32Array, at: number): NetflowEffect {
    const netflow = this.netflow;
    netflow.bridge = bridge;
    netflow.inPort = words[at + 1] & 0xffff;
    netflow.output = words[at + 1] >>> 16;
    netflow.tpSrc = words[at + 2] >>> 16;
    netflow.tpDst = words[at + 2] & 0xffff;
    netflow.nwProto = words[at + 3] >>> 8;
    netflow.nwTos = words[at + 3] & 0xff;
    netflow.vlanIn = words[at + 4] & 0xffff;
    netflow.vlanOut = words[at + 4] >>> 16;
    netflow.ipVersion = kind === NETFLOW4 ? 4 : 6;
    const addressWords = kind === NETFLOW4 ? 1 : 4;
    for (let w = 0; w < 4; w++) {
      netflow.src[w] = w < addressWords ? words[at + 5 + w] : 0;
      netflow.dst[w] = w < addressWords ? words[at + 5 + addressWords + w] : 0;
    }
    return netflow;
  }

  /** Tells `sink` that the flow whose credits are words[at … end) has ended, if NetFlow counts it. */
  end(words: Int32Array, at: number, end: number, sink: FlowStatsSink): void {
    for (let i = at; i < end; i += SIZES[words[i] & KIND_MASK]) {
      const kind = words[i] & KIND_MASK;
      if (kind !== NETFLOW4 && kind !== NETFLOW6) continue;
      sink.ended(this.flowOf(this.handles.get(words[i] >>> KIND_BITS) as XBridge, kind, words, i));
    }
  }

  /** Lets go of what the credits in words[at … end) name. */
  release(words: Int32Array, at: number, end: number): void {
    const { handles } = this;
    for (let i = at; i < end; ) {
      const kind = words[i] & KIND_MASK;
      handles.release(words[i] >>> KIND_BITS);
      if (kind === BUCKET) handles.release(words[i + 1]);
      if (kind === BUCKET || kind === BOND) handles.release(words[i + 2]);
      if (kind === LEARN) handles.release(words[i + 3]);
      i += SIZES[kind];
    }
  }
}
