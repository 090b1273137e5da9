import { type Subfield, rangeMask } from '../openflow/index.js';

/** `count` (1 to 32) ones, lowest first. */
function ones(count: number): number {
  return count === 32 ? -1 : (1 << count) - 1;
}

/**
 * `count` (1 to 32) bits of the subfield from its bit `from` on, right-aligned. Fields have their most significant word first
 * and may be shifted inside their last word.
 */
export function readBits(row: Int32Array, subfield: Subfield, from: number, count: number): number {
  const { field } = subfield;
  const bit = field.shift + subfield.offset + from;
  const word = field.word + field.words - 1 - (bit >> 5);
  const low = bit & 31;
  let value = row[word] >>> low;
  // A shift by 32 is none in JavaScript, but then `low` is 0 and all bits are in one word.
  if (low + count > 32) value |= row[word - 1] << (32 - low);
  return value & ones(count);
}

/** Replaces those bits by the low bits of `value`. */
export function writeBits(
  row: Int32Array,
  subfield: Subfield,
  from: number,
  count: number,
  value: number,
): void {
  const { field } = subfield;
  const bit = field.shift + subfield.offset + from;
  const word = field.word + field.words - 1 - (bit >> 5);
  const low = bit & 31;
  const bits = ones(count);
  row[word] = (row[word] & ~(bits << low)) | ((value & bits) << low);
  if (low + count > 32) {
    const high = bits >>> (32 - low);
    row[word - 1] = (row[word - 1] & ~high) | ((value & bits) >>> (32 - low));
  }
}

/** Sets every bit of the subfield: in a mask row, all of it was looked at, and whether the packet has it. */
export function markSubfield(row: Int32Array, subfield: Subfield): void {
  const { field, offset, bits } = subfield;
  if (field.presence !== undefined) row[field.presence.word] |= field.presence.mask;
  for (let i = 0; i < field.words; i++) row[field.word + i] |= rangeMask(field, offset, bits, i);
}

/** A subfield's value as an unsigned number; -1 when it is 2^32 or more, however wide the subfield is. */
export function subfieldNumber(row: Int32Array, subfield: Subfield): number {
  for (let from = 32; from < subfield.bits; from += 32) {
    if (readBits(row, subfield, from, Math.min(32, subfield.bits - from)) !== 0) return -1;
  }
  return readBits(row, subfield, 0, Math.min(32, subfield.bits)) >>> 0;
}

/** The widest field is a Geneve option of 124 bytes. */
const chunks = new Int32Array(31);

/** Copies `source` to `target`, which has as many bits. They may overlap: all is read before anything is written. */
export function copySubfield(row: Int32Array, source: Subfield, target: Subfield): void {
  const { bits } = source;
  for (let from = 0, i = 0; from < bits; from += 32, i++) {
    chunks[i] = readBits(row, source, from, Math.min(32, bits - from));
  }
  for (let from = 0, i = 0; from < bits; from += 32, i++) {
    writeBits(row, target, from, Math.min(32, bits - from), chunks[i]);
  }
}

/** Reads a subfield into four words, right-aligned. */
export function readSubfield(row: Int32Array, subfield: Subfield, value: Int32Array): void {
  for (let from = 0, i = 3; i >= 0; from += 32, i--) {
    value[i] = from < subfield.bits ? readBits(row, subfield, from, Math.min(32, subfield.bits - from)) : 0;
  }
}

/** Writes the low bits of four words to a subfield. */
export function writeSubfield(row: Int32Array, subfield: Subfield, value: Int32Array): void {
  for (let from = 0, i = 3; from < subfield.bits; from += 32, i--) {
    writeBits(row, subfield, from, Math.min(32, subfield.bits - from), value[i]);
  }
}

/** Writes a number to a subfield. */
export function writeSubfieldNumber(row: Int32Array, subfield: Subfield, value: number): void {
  for (let from = 0; from < subfield.bits; from += 32) {
    writeBits(row, subfield, from, Math.min(32, subfield.bits - from), from === 0 ? value : 0);
  }
}
