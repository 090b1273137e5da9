import { F_NW_FRAG, F_NW_PROTO, F_VLAN1_TCI, FLOW_WORDS } from '../fields/index.js';
import type { Prerequisite } from '../openflow/index.js';
import { prerequisiteHolds } from '../xlate/index.js';

/** Is told of values that were looked for in the bits `bits` of words from `word` on, and not found. */
export type MissListener = (word: number, value: ArrayLike<number>, bits: ArrayLike<number>) => void;

/** What tells packets that have a field: OVS's prerequisites, any protocol with ports, and a second VLAN tag. */
export type Presence = Prerequisite | 'transport' | 'vlan1';

/** A presence with a bit of its own. */
export interface PacketKind {
  readonly presence: Presence;
  readonly bit: number;
}

const kinds = new Map<Presence, PacketKind>();

/** The kind of packets that have fields with this presence. There are fewer than 32. */
export function kindOf(presence: Presence): PacketKind {
  let kind = kinds.get(presence);
  if (kind === undefined) {
    kind = { presence, bit: 1 << kinds.size };
    kinds.set(presence, kind);
  }
  return kind;
}

const TCP = 6;
const UDP = 17;
const SCTP = 132;
const NOT_FIRST = 2;
/** Bit of a TCI that says that there is a tag. */
const TAG = 0x1000;

/** Where reads go: the packet that is being decided about, and what was looked at of it. Accessors are bound to one for ever. */
export class Cursor {
  /** The packet: FLOW_WORDS words. */
  flow: Int32Array = new Int32Array(FLOW_WORDS);
  /** Bits that count for the megaflow: what was looked at, here and before. */
  mask: Int32Array = new Int32Array(FLOW_WORDS);
  /** The same for this run alone, where somebody wants to be told; null costs nothing. */
  seen: Int32Array | null = null;
  /** For whoever makes up packets; null costs nothing. */
  onMiss: MissListener | null = null;

  /** Kinds that the packet is known to be of or not, and those of them that it is of. */
  #asked = 0;
  #found = 0;

  /** Turns to a packet. `mask` gets what is looked at; `tracing`: so does `seen`. */
  begin(flow: Int32Array, mask: Int32Array, tracing: boolean): void {
    this.flow = flow;
    this.mask = mask;
    this.seen = tracing ? new Int32Array(FLOW_WORDS) : null;
    this.#asked = 0;
    this.#found = 0;
  }

  /** Bits of a word were looked at. */
  mark(word: number, bits: number): void {
    this.mask[word] |= bits;
    if (this.seen !== null) this.seen[word] |= bits;
  }

  /** Whether the packet has the headers that fields of the kind are in; what tells that counts as looked at. */
  has(kind: PacketKind): boolean {
    const { bit } = kind;
    if ((this.#asked & bit) === 0) {
      this.#asked |= bit;
      if (this.#look(kind.presence)) this.#found |= bit;
    }
    return (this.#found & bit) !== 0;
  }

  #look(presence: Presence): boolean {
    if (presence === 'transport') return this.#hasPorts();
    if (presence === 'vlan1') return this.#hasSecondTag();
    if (this.seen !== null) prerequisiteHolds(presence, this.flow, this.seen);
    return prerequisiteHolds(presence, this.flow, this.mask);
  }

  #hasPorts(): boolean {
    if (!this.#look('ip')) return false;
    this.mark(F_NW_PROTO, 0xff);
    const protocol = this.flow[F_NW_PROTO];
    const hasPorts = protocol === TCP || protocol === UDP || protocol === SCTP;
    return hasPorts && (this.flow[F_NW_FRAG] & NOT_FIRST) === 0;
  }

  #hasSecondTag(): boolean {
    if (!this.#look('vlan')) return false;
    this.mark(F_VLAN1_TCI, TAG);
    return (this.flow[F_VLAN1_TCI] & TAG) !== 0;
  }

  /**
   * Whether the packet has `value` in the bits `bits` of a word. Where it has not, only the bits from the highest down to the first
   * that differs are looked at, and none if what is known already tells: that is proof enough, and all packets that share them agree.
   */
  matchesWord(word: number, value: number, bits: number): boolean {
    const difference = (this.flow[word] ^ value) & bits;
    if (difference === 0) {
      this.mark(word, bits);
      return true;
    }
    if (this.onMiss !== null) this.onMiss(word, [value], [bits]);
    const known = difference & this.mask[word];
    if (known === 0) this.mark(word, bits & -highestBit(difference));
    else if (this.seen !== null) this.seen[word] |= highestBit(known);
    return false;
  }

  /** As matchesWord, for `value` in `bits` of several words from `word` on, most significant first. */
  matches(word: number, value: Int32Array, bits: Int32Array): boolean {
    const { flow, mask } = this;
    const count = value.length;
    for (let i = 0; i < count; i++) {
      const known = (flow[word + i] ^ value[i]) & bits[i] & mask[word + i];
      if (known === 0) continue;
      if (this.onMiss !== null) this.onMiss(word, value, bits);
      if (this.seen !== null) this.seen[word + i] |= highestBit(known);
      return false;
    }
    for (let i = 0; i < count; i++) {
      const difference = (flow[word + i] ^ value[i]) & bits[i];
      if (difference === 0) {
        this.mark(word + i, bits[i]);
        continue;
      }
      if (this.onMiss !== null) this.onMiss(word, value, bits);
      this.mark(word + i, bits[i] & -highestBit(difference));
      return false;
    }
    return true;
  }
}

/** The highest bit that is set, alone. */
function highestBit(bits: number): number {
  return 1 << (31 - Math.clz32(bits));
}
