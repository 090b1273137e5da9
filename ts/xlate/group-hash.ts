import { FLOW_WORDS } from '../fields/index.js';
import { hashAdd, hashFinish, swap } from './hash.js';
import type { Pass } from './pass.js';
import { prerequisiteHolds } from './prerequisites.js';
import { readSubfield } from './subfield.js';
import type { XGroup } from './types.js';

/** A field's value with the bits that count, in its place in a row; then as bytes, most significant first. */
const masked = new Int32Array(FLOW_WORDS);
const bytes = new Uint8Array(16);

/** Bytes that OVS keeps a field of so many bits in. */
function fieldBytes(bits: number): number {
  if (bits <= 8) return 1;
  if (bits <= 16) return 2;
  if (bits <= 32) return 4;
  if (bits <= 48) return 6;
  return bits <= 64 ? 8 : 16;
}

/** OVS's hash_bytes: words as a little-endian host reads them. */
function hashBytes(value: Uint8Array, from: number, basis: number): number {
  const size = value.length - from;
  let hash = basis;
  let at = from;
  for (; at + 4 <= value.length; at += 4) {
    hash = hashAdd(hash, value[at] | (value[at + 1] << 8) | (value[at + 2] << 16) | (value[at + 3] << 24));
  }
  if (at < value.length) {
    let word = 0;
    for (let i = 0; at + i < value.length; i++) word |= value[at + i] << (8 * i);
    hash = hashAdd(hash, word);
  }
  return hashFinish(hash, size);
}

/** Hash of the fields that a group with selection method "hash" names, of those that the packet has. */
export function hashGroupFields(pass: Pass, group: XGroup): number {
  const { flow, mask, value } = pass;
  let hash = group.hashBasis;
  for (let f = 0; f < group.fields.length; f++) {
    const { field, mask: bits } = group.fields[f];
    if (!prerequisiteHolds(field.prerequisite, flow, mask)) continue;
    for (let i = 0; i < field.words; i++) {
      mask[field.word + i] |= bits[i];
      masked[field.word + i] = flow[field.word + i] & bits[i];
    }
    readSubfield(masked, { field, offset: 0, bits: field.bits }, value);
    for (let i = 0; i < 4; i++) {
      const word = swap(value[i]);
      for (let b = 0; b < 4; b++) bytes[4 * i + b] = word >>> (8 * b);
    }
    hash = hashBytes(bytes, 16 - fieldBytes(field.bits), hash);
  }
  return hash >>> 0;
}
