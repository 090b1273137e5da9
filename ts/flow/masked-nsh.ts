import { ActionsBuffer } from './actions-buffer.js';
import { readAttributes } from './attributes.js';

/** NSH in a masked set: each inner attribute holds its value and then its mask. → value and mask as attributes of their own. */
export function splitMaskedNsh(payload: Uint8Array): [value: Uint8Array, mask: Uint8Array] {
  const value = new ActionsBuffer();
  const mask = new ActionsBuffer();
  for (const { type, payload: both } of readAttributes(payload).attributes) {
    const half = both.length >> 1;
    value.attribute(type, both, 0, half);
    mask.attribute(type, both, half, half);
  }
  return [value.toBytes(), mask.toBytes()];
}

/** The other way. Value and mask have the same attributes. */
export function joinMaskedNsh(value: Uint8Array, mask: Uint8Array): Uint8Array {
  const masks = readAttributes(mask).attributes;
  const out = new ActionsBuffer();
  for (const [i, { type, payload }] of readAttributes(value).attributes.entries()) {
    const both = Uint8Array.of(...payload, ...(masks[i]?.payload ?? new Uint8Array(payload.length)));
    out.attribute(type, both, 0, both.length);
  }
  return out.toBytes();
}
