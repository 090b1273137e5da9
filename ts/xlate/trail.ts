import { F_CONJ_ID, F_IN_PORT, F_METADATA, FLOW_END_L4 } from '../fields/index.js';
import type { XBridge } from './types.js';

/** Words that a trail holds at most; what depends on more depends on everything. */
const MAX_WORDS = 1 << 14;
/** Kinds of entries: the low bit of an entry's first word; a hash of what it is about is above. */
export const TRAIL_TAG = 0;
/** A table lookup: the next word counts the words of the packet that changed since the lookup before; three words follow for each of them. */
export const TRAIL_TABLE = 1;

/** Different things with one name cost a needless translation, nothing else. */
function tagOf(kind: number, a: number, b: number, c: number): number {
  let h = Math.imul(kind + 1, 0x9e3779b1) ^ a;
  h = Math.imul(h ^ (h >>> 15), 0x85ebca6b) ^ b;
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35) ^ c;
  h = Math.imul(h ^ (h >>> 16), 0x27d4eb2f);
  return (h ^ (h >>> 15)) << 1;
}

/** What a MAC table says of an address in a VLAN. */
export function macTag(bridge: XBridge, vlan: number, macHigh: number, macLow: number): number {
  return tagOf(0, bridge.uuid[0], (vlan << 16) | macHigh, macLow) | TRAIL_TAG;
}

/** A group, there or not. */
export function groupTag(bridge: XBridge, group: number): number {
  return tagOf(1, bridge.uuid[0], group, 0) | TRAIL_TAG;
}

/** Whether packets may leave by a port. */
export function portTag(bridge: XBridge, ofport: number): number {
  return tagOf(2, bridge.uuid[0], ofport, 0) | TRAIL_TAG;
}

/** What multicast snooping knows. */
export function mcastTag(bridge: XBridge): number {
  return tagOf(3, bridge.uuid[0], 0, 0) | TRAIL_TAG;
}

/** Something of a policy: an entry of its state, or an answer that it gave. `kind` and `what` are hashes of which. */
export function policyTag(bridge: { readonly uuid: Int32Array }, kind: number, what: number): number {
  return tagOf(5, bridge.uuid[0], kind, what) | TRAIL_TAG;
}

/** A flow table. */
export function tableTag(bridge: XBridge, table: number): number {
  return tagOf(4, bridge.uuid[0], table, 0) | TRAIL_TABLE;
}

/** Fields of the switch's own, which packets come without. */
export function isOwnField(word: number): boolean {
  return word >= F_METADATA && word <= F_CONJ_ID;
}

/**
 * What a translation depended on, so that a change finds the flows that it may concern. Entries of words: tags of things asked for
 * (an address, a group, a port), and table lookups with the packet as it stood there, told as differences from the lookup before.
 *
 * A bit of the packet that differs from the packet that came in was written, by a constant or from bits in the mask, so it is the same
 * in all packets of the megaflow; a bit that is the same is known where the mask has it.
 */
export class Trail {
  words = new Int32Array(256);
  length = 0;
  /** Any change may concern it: it asked for something that has no tag, or for too much. */
  everything = false;
  /** OpenFlow port that the packet came in by. */
  ofport = 0;
  /** The packet as it was at the last lookup noted; at first as it came in, with the OpenFlow port. Without tunnel options, of which nothing is told. */
  private readonly last = new Int32Array(FLOW_END_L4);
  /** Where the packet's key is. */
  private keys: Int32Array = new Int32Array(0);
  private base = 0;

  /** Begins with the packet whose key is `keys[base …]`, which stays as it is meanwhile, from OpenFlow port `ofport`. */
  begin(keys: Int32Array, base: number, ofport: number): void {
    const last = this.last;
    for (let w = 0; w < FLOW_END_L4; w++) last[w] = keys[base + w];
    last[F_IN_PORT] = ofport;
    this.keys = keys;
    this.base = base;
    this.ofport = ofport;
    this.length = 0;
    this.everything = false;
  }

  /** Something was asked for that has a tag. */
  tag(tag: number): void {
    if (this.room(1)) this.words[this.length++] = tag;
  }

  /** A table is looked up with `flow`. `swapped`: fields stand in the place of others, so what they are is not known. */
  table(tag: number, flow: Int32Array, swapped: boolean): void {
    const last = this.last;
    if (swapped) this.everything = true;
    if (!this.room(2)) return;
    const counter = this.length + 1;
    this.words[this.length] = tag;
    this.length += 2;
    let count = 0;
    for (let w = 0; w < FLOW_END_L4; w++) {
      if (flow[w] === last[w]) continue;
      if (!this.room(3)) return;
      const { words, length } = this;
      words[length] = w;
      words[length + 1] = flow[w];
      words[length + 2] = flow[w] ^ (w === F_IN_PORT ? this.ofport : this.keys[this.base + w]);
      last[w] = flow[w];
      this.length = length + 3;
      count++;
    }
    this.words[counter] = count;
  }

  private room(words: number): boolean {
    if (this.length + words <= this.words.length) return true;
    if (this.words.length >= MAX_WORDS) {
      this.everything = true;
      this.length = 0;
      return false;
    }
    const larger = new Int32Array(this.words.length * 2);
    larger.set(this.words);
    this.words = larger;
    return true;
  }
}
