import { F_TUN_OPTS, F_TUN_OPTS_LEN } from '../fields/index.js';
import { namedArguments } from './action-list.js';
import { fail, parseNumber, slice, type Token } from './syntax.js';
import { TableError } from './table-errors.js';
import type { MatchField } from './types.js';

/** One Geneve option that a flow may match and set as `tun_metadata<index>`. */
export interface TlvEntry {
  /** Option class and type of the Geneve header (RFC 8926, 3.5); the type with its critical bit. */
  readonly optionClass: number;
  readonly optionType: number;
  /** Bytes of the option's content: a multiple of 4, 124 at most. */
  readonly length: number;
  /** Number of the field, 0 to 63. */
  readonly index: number;
}

const INDEXES = 64;
const MAX_LENGTH = 124;
/**
 * Inside translation tun_opts holds the contents of mapped options, each in its place, instead of the options as they are on the
 * wire, and its last two words a bit for each field that the packet has. 248 bytes are left, as many as options on the wire can
 * have of content (255 bytes with their headers).
 */
const CONTENT_WORDS = 62;
const PRESENCE = F_TUN_OPTS + CONTENT_WORDS;
/** Length that a row with fields in the place of options says it has. None on the wire is as long. */
export const TUN_OPTS_AS_FIELDS = 0xffff;
const OPTION_WORDS = CONTENT_WORDS + 2;
const HEADER_BYTES = 4;
/** Class, type and length; not the reserved bits. */
const HEADER_MASK = 0xffffff1f | 0;
/** Bit of an option type: whoever does not know the option must drop the packet. */
const CRITICAL = 0x80;
/** Bytes of options in a key at most. */
const MAX_BYTES = OPTION_WORDS * 4;

/** Versions of maps that were given out. */
let versions = 0;

const scratch = new Uint8Array(MAX_BYTES + HEADER_BYTES);
const fields = new Int32Array(OPTION_WORDS);

/**
 * The Geneve options that a switch knows by number (`ovs-ofctl add-tlv-map`). Fields stay where they are until their entry is
 * deleted, so that flows which match them stay valid.
 */
export class TlvMap {
  private readonly entries = new Map<number, TlvEntry>();
  /** The same by class and type, and by index. */
  private readonly byOption = new Map<number, TlvEntry>();
  private ordered: readonly TlvEntry[] = [];
  /** First content word of each field, by index. */
  private readonly places = new Map<number, number>();
  private readonly fields = new Map<string, MatchField>();
  /** Grows with each change, over all maps: what was made of one is good as long as it has this version. */
  version = ++versions;

  get size(): number {
    return this.entries.size;
  }

  /** All entries, by index. */
  [Symbol.iterator](): IterableIterator<TlvEntry> {
    return this.ordered[Symbol.iterator]();
  }

  /** The field `tun_metadataN`, also as NXM_NX_TUN_METADATAN; undefined when N is not mapped. */
  field(name: string): MatchField | undefined {
    return this.fields.get(name.startsWith('NXM_NX_TUN_METADATA') ? name.slice(7).toLowerCase() : name);
  }

  /** Adds entries, all or none. Throws TableError with the errors that OVS gives. */
  add(entries: readonly TlvEntry[]): void {
    const before = [...this.entries.values()];
    try {
      for (const entry of entries) this.addOne(entry);
    } catch (error) {
      this.clear();
      for (const entry of before) this.addOne(entry);
      throw error;
    }
  }

  /** Deletes the entries with these options and indexes; others are left alone, as in OVS. */
  delete(entries: readonly TlvEntry[]): void {
    for (const { index, optionClass, optionType } of entries) {
      const own = this.entries.get(index);
      if (own?.optionClass === optionClass && own.optionType === optionType) this.drop(index);
    }
  }

  clear(): void {
    for (const index of [...this.entries.keys()]) this.drop(index);
  }

  private drop(index: number): void {
    this.version = ++versions;
    const { optionClass, optionType } = this.entries.get(index)!;
    this.byOption.delete(optionKey(optionClass, optionType));
    this.entries.delete(index);
    this.ordered = this.ordered.filter((entry) => entry.index !== index);
    this.places.delete(index);
    this.fields.delete(`tun_metadata${index}`);
  }

  private addOne(entry: TlvEntry): void {
    const { index, length, optionClass, optionType } = entry;
    if (index >= INDEXES) {
      throw new TableError(
        'NXTTMFC_BAD_FIELD_IDX',
        `tun_metadata${index}: expected tun_metadata0 to tun_metadata63`,
      );
    }
    if (length === 0 || length % 4 !== 0 || length > MAX_LENGTH) {
      throw new TableError(
        'NXTTMFC_BAD_OPT_LEN',
        `option length ${length}: expected a multiple of 4 up to ${MAX_LENGTH}`,
      );
    }
    if (this.entries.has(index)) {
      throw new TableError(
        'NXTTMFC_ALREADY_MAPPED',
        `tun_metadata${index} is mapped: delete its entry first`,
      );
    }
    if (this.byOption.has(optionKey(optionClass, optionType))) {
      throw new TableError(
        'NXTTMFC_DUP_ENTRY',
        `option class=${optionClass},type=${optionType} is mapped already`,
      );
    }
    const place = this.freePlace(length / 4);
    if (place < 0)
      throw new TableError('NXTTMFC_TABLE_FULL', `no room for ${length} more bytes: delete other entries`);
    this.version = ++versions;
    this.entries.set(index, entry);
    this.byOption.set(optionKey(optionClass, optionType), entry);
    this.ordered = [...this.ordered, entry].sort((a, b) => a.index - b.index);
    this.places.set(index, place);
    this.fields.set(`tun_metadata${index}`, makeField(index, place, length));
  }

  /** First of `words` free content words, or -1. */
  private freePlace(words: number): number {
    const taken = new Uint8Array(CONTENT_WORDS);
    for (const [index, place] of this.places) {
      taken.fill(1, place, place + this.entries.get(index)!.length / 4);
    }
    for (let place = 0; place + words <= CONTENT_WORDS; place++) {
      if (!taken.subarray(place, place + words).includes(1)) return place;
    }
    return -1;
  }

  /**
   * Turns the options of the key at `base`, as they are on the wire, into fields. Options that are not mapped are lost. False, with
   * no fields, when the packet must drop (OVS: EINVAL): an option is cut off, has another length than its entry says, or is critical and
   * not mapped.
   */
  unpack(flow: Int32Array, base: number): boolean {
    const length = Math.min(flow[base + F_TUN_OPTS_LEN], MAX_BYTES);
    readBytes(flow, base + F_TUN_OPTS, length);
    clearOptions(flow, base);
    let at = 0;
    while (at < length) {
      const size = at + HEADER_BYTES <= length ? contentBytes(at) : length;
      const entry = this.optionAt(at);
      const fits = entry === undefined ? (scratch[at + 2] & CRITICAL) === 0 : entry.length === size;
      if (!fits || at + HEADER_BYTES + size > length) {
        clearOptions(flow, base);
        return false;
      }
      if (entry !== undefined) this.takeOption(flow, base, entry, at);
      at += HEADER_BYTES + size;
    }
    return true;
  }

  private takeOption(flow: Int32Array, base: number, entry: TlvEntry, at: number): void {
    const word = base + F_TUN_OPTS + this.places.get(entry.index)!;
    for (let i = 0; i < entry.length / 4; i++) flow[word + i] = bigEndian(at + HEADER_BYTES + 4 * i);
    flow[base + PRESENCE + (entry.index >> 5)] |= 1 << (entry.index & 31);
    flow[base + F_TUN_OPTS_LEN] = TUN_OPTS_AS_FIELDS;
  }

  /** The entry of the option whose header is at `at` in the scratch bytes. */
  private optionAt(at: number): TlvEntry | undefined {
    return this.byOption.get(optionKey((scratch[at] << 8) | scratch[at + 1], scratch[at + 2]));
  }

  /** Whether the flow, with fields in the place of options, has any. */
  hasFields(flow: Int32Array, base: number): boolean {
    return (flow[base + PRESENCE] | flow[base + PRESENCE + 1]) !== 0;
  }

  /** The inverse of unpack: options of the fields that the flow has, by index. */
  pack(flow: Int32Array, base: number): void {
    const low = flow[base + PRESENCE];
    const high = flow[base + PRESENCE + 1];
    let length = 0;
    for (let i = 0; i < this.ordered.length; i++) {
      const entry = this.ordered[i];
      if (((entry.index < 32 ? low : high) & (1 << (entry.index & 31))) === 0) continue;
      scratch[length] = entry.optionClass >>> 8;
      scratch[length + 1] = entry.optionClass;
      scratch[length + 2] = entry.optionType;
      scratch[length + 3] = entry.length / 4;
      const word = base + F_TUN_OPTS + this.places.get(entry.index)!;
      writeBytes(flow, word, length + HEADER_BYTES, entry.length / 4);
      length += HEADER_BYTES + entry.length;
    }
    clearOptions(flow, base);
    for (let i = 0; i < length / 4; i++) flow[base + F_TUN_OPTS + i] = bigEndian(4 * i);
    flow[base + F_TUN_OPTS_LEN] = length;
  }

  /**
   * Turns the row `mask` over fields into one over the options on the wire that `keys[base …]` has: content of mapped options as the
   * mask has it, headers and the length of all always, because they decide which fields there are.
   */
  packMask(keys: Int32Array, base: number, mask: Int32Array): void {
    const length = Math.min(keys[base + F_TUN_OPTS_LEN], MAX_BYTES) & ~3;
    readBytes(keys, base + F_TUN_OPTS, length);
    fields.set(mask.subarray(F_TUN_OPTS, F_TUN_OPTS + OPTION_WORDS));
    clearOptions(mask, 0);
    mask[F_TUN_OPTS_LEN] = 0xffff;
    let at = 0;
    while (at < length) {
      const entry = this.optionAt(at);
      const size = contentBytes(at);
      mask[F_TUN_OPTS + at / 4] = HEADER_MASK;
      if (entry !== undefined && entry.length === size && at + HEADER_BYTES + size <= length) {
        const place = this.places.get(entry.index)!;
        for (let i = 0; i < size / 4; i++) mask[F_TUN_OPTS + at / 4 + 1 + i] = fields[place + i];
      }
      at += HEADER_BYTES + size;
    }
  }

  /** Sets in `mask` the bits of the fields that `flow` has, as when they are put into an encapsulation. */
  markPresent(flow: Int32Array, mask: Int32Array): void {
    for (let i = 0; i < this.ordered.length; i++) {
      const { index, length } = this.ordered[i];
      const bit = 1 << (index & 31);
      const presence = PRESENCE + (index >> 5);
      if ((flow[presence] & bit) === 0) continue;
      mask[presence] |= bit;
      const word = F_TUN_OPTS + this.places.get(index)!;
      for (let w = word; w < word + length / 4; w++) mask[w] = -1;
    }
  }
}

/** Key of an option in `byOption`. */
function optionKey(optionClass: number, optionType: number): number {
  return (optionClass << 8) | optionType;
}

/** Bytes behind the header at `at` in the scratch bytes. */
function contentBytes(at: number): number {
  return (scratch[at + 3] & 0x1f) * 4;
}

/** Takes all options, or fields of options, from the row at `base`. */
export function clearOptions(flow: Int32Array, base: number): void {
  for (let w = base + F_TUN_OPTS_LEN; w < base + F_TUN_OPTS + OPTION_WORDS; w++) flow[w] = 0;
}

/** The flow has the field from now on. */
export function addField(flow: Int32Array, presence: NonNullable<MatchField['presence']>): void {
  flow[presence.word] |= presence.mask;
  flow[F_TUN_OPTS_LEN] = TUN_OPTS_AS_FIELDS;
}

/** The flow has the field no more. */
export function deleteField(flow: Int32Array, { word, words, presence }: MatchField): void {
  if (presence === undefined || (flow[presence.word] & presence.mask) === 0) return;
  flow[presence.word] &= ~presence.mask;
  for (let w = word; w < word + words; w++) flow[w] = 0;
  if ((flow[PRESENCE] | flow[PRESENCE + 1]) === 0) flow[F_TUN_OPTS_LEN] = 0;
}

function makeField(index: number, place: number, length: number): MatchField {
  return {
    name: `tun_metadata${index}`,
    aliases: [`NXM_NX_TUN_METADATA${index}`],
    flow: 'tun_opts',
    word: F_TUN_OPTS + place,
    words: length / 4,
    bits: length * 8,
    shift: 0,
    format: 'hexadecimal',
    maskable: true,
    writable: true,
    prerequisite: 'none',
    presence: { word: PRESENCE + (index >> 5), mask: 1 << (index & 31) },
  };
}

function bigEndian(at: number): number {
  return (scratch[at] << 24) | (scratch[at + 1] << 16) | (scratch[at + 2] << 8) | scratch[at + 3];
}

function readBytes(flow: Int32Array, word: number, length: number): void {
  for (let i = 0; i < length; i++) scratch[i] = flow[word + (i >> 2)] >>> (24 - 8 * (i & 3));
}

function writeBytes(flow: Int32Array, word: number, at: number, words: number): void {
  for (let i = 0; i < 4 * words; i++) scratch[at + i] = flow[word + (i >> 2)] >>> (24 - 8 * (i & 3));
}

const ENTRY = /\{([^}]*)\}\s*->\s*tun_metadata([0-9]+)\s*(,\s*|$)/y;

/** Parses `{class=0xffff,type=0,len=4}->tun_metadata0,…` as `ovs-ofctl add-tlv-map` takes it. Throws SyntaxProblem. */
export function parseTlvMap(text: string, line = 1): TlvEntry[] {
  const whole: Token = slice({ text, line, column: 1 }, 0);
  const entries: TlvEntry[] = [];
  ENTRY.lastIndex = 0;
  while (ENTRY.lastIndex < whole.text.length) {
    const start = ENTRY.lastIndex;
    const found = ENTRY.exec(whole.text);
    if (found === null) fail(slice(whole, start), 'expected {class=0xffff,type=0,len=4}->tun_metadata0');
    const args = namedArguments(slice(whole, start + 1, start + 1 + found[1].length), [
      'class',
      'type',
      'len',
    ]);
    if (args.class === undefined || args.type === undefined || args.len === undefined) {
      fail(slice(whole, start), 'an option needs class, type and len, as in {class=0xffff,type=0,len=4}');
    }
    entries.push({
      optionClass: parseNumber(args.class, 'class', 0xffff),
      optionType: parseNumber(args.type, 'type', 0xff),
      length: parseNumber(args.len, 'len', 0xff),
      index: Number(found[2]),
    });
  }
  return entries;
}

/** Entries in the words of parseTlvMap. */
export function formatTlvMap(map: Iterable<TlvEntry>): string {
  const show = ({ optionClass, optionType, length, index }: TlvEntry) =>
    `{class=0x${optionClass.toString(16)},type=0x${optionType.toString(16)},len=${length}}->tun_metadata${index}`;
  return Array.from(map, show).join(',');
}
