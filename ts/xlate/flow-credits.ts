import type { Rule } from '../openflow/index.js';
import type { Handles } from '../util/index.js';
import type {
  BondEffect,
  BucketEffect,
  Effect,
  LearnEffect,
  MirrorEffect,
  Translation,
  XBond,
  XBridge,
  XBucket,
  XBundle,
  XGroup,
  XMirror,
  XPort,
} from './types.js';

/** Kinds of credits: the low three bits of a credit's first word; a handle is above. */
const RULE = 0;
const BUCKET = 1;
const MIRROR = 2;
const BOND = 3;
const LEARN = 4;
const KIND_MASK = 7;
const KIND_BITS = 3;
/** Words of each kind. */
const SIZES = [1, 3, 1, 3, 4] as const;
/** In the second word of a learned address: it was told by a gratuitous ARP. VLAN and the upper 16 bits are below. */
const GRATUITOUS = 1 << 31;

/** What credits name. */
export type Credited = Rule | XBucket | XGroup | XBridge | XMirror | XBond | XPort | XBundle;

/** Takes in what packets are credited to. */
export interface CreditSink {
  rule(rule: Rule): void;
  /** The object is used again for the next effect. */
  effect(effect: Effect): void;
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

  constructor(handles: Handles<Credited>) {
    this.handles = handles;
  }

  /** Whether all effects of the translation can be told as credits; else they are only found by translating again. */
  covers(translation: Translation): boolean {
    if (translation.ruleCount + 4 * translation.effectCount > MAX_CREDIT_WORDS) return false;
    for (let i = 0; i < translation.effectCount; i++) {
      const { type } = translation.effects[i];
      if (type === 'mcast' || type === 'learn_flow' || type === 'fin_timeout') return false;
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
      default:
        return at;
    }
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
    const { handles, bucket, mirror, bond } = this;
    const learn = this.learn;
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
      default:
        learn.bundle = object as XBundle;
        learn.gratuitousArp = (words[at + 1] & GRATUITOUS) !== 0;
        learn.vlan = (words[at + 1] >>> 16) & 0xfff;
        learn.macHigh = words[at + 1] & 0xffff;
        learn.macLow = words[at + 2];
        learn.bridge = handles.get(words[at + 3]) as XBridge;
        return learn;
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
