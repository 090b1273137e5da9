/**
 * The hash functions that OVS builds into observable behaviour: which link `multipath` picks. Words are as OVS reads
 * them from memory on a little-endian host, so fields in network order are byte-swapped first.
 */

/** Exchanges the bytes of a 32-bit word. */
export function swap(value: number): number {
  return (
    ((value & 0xff) << 24) | ((value & 0xff00) << 8) | ((value >>> 8) & 0xff00) | ((value >>> 24) & 0xff)
  );
}

/** Exchanges the bytes of a 16-bit value. */
export function swap16(value: number): number {
  return ((value & 0xff) << 8) | ((value >>> 8) & 0xff);
}

/** MurmurHash3 (32 bits): takes in one word. */
export function hashAdd(hash: number, word: number): number {
  let k = Math.imul(word, 0xcc9e2d51);
  k = Math.imul((k << 15) | (k >>> 17), 0x1b873593);
  const h = hash ^ k;
  return (Math.imul((h << 13) | (h >>> 19), 5) + 0xe6546b64) | 0;
}

/** MurmurHash3's finaliser over `hash ^ final`; unsigned. */
export function hashFinish(hash: number, final: number): number {
  let h = hash ^ final;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/** Hash of two words; unsigned. */
export function hash2Words(x: number, y: number): number {
  return hashFinish(hashAdd(hashAdd(x, 0), y), 8);
}

function rot(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}

/**
 * Bob Jenkins's lookup3 over `bytes` bytes whose memory words are `words`; those behind `bytes` must be zero, up to a
 * multiple of three words. Unsigned.
 */
export function jhash(words: Int32Array, bytes: number, basis: number): number {
  let a = (0xdeadbeef + bytes + basis) | 0;
  let b = a;
  let c = a;
  let at = 0;
  let left = bytes;
  for (; left >= 12; left -= 12, at += 3) {
    a = (a + words[at]) | 0;
    b = (b + words[at + 1]) | 0;
    c = (c + words[at + 2]) | 0;
    a = ((a - c) ^ rot(c, 4)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rot(a, 6)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rot(b, 8)) | 0;
    b = (b + a) | 0;
    a = ((a - c) ^ rot(c, 16)) | 0;
    c = (c + b) | 0;
    b = ((b - a) ^ rot(a, 19)) | 0;
    a = (a + c) | 0;
    c = ((c - b) ^ rot(b, 4)) | 0;
    b = (b + a) | 0;
  }
  if (left === 0) return c >>> 0;
  a = (a + words[at]) | 0;
  b = (b + words[at + 1]) | 0;
  c = (c + words[at + 2]) | 0;
  c = ((c ^ b) - rot(b, 14)) | 0;
  a = ((a ^ c) - rot(c, 11)) | 0;
  b = ((b ^ a) - rot(a, 25)) | 0;
  c = ((c ^ b) - rot(b, 16)) | 0;
  a = ((a ^ c) - rot(c, 4)) | 0;
  b = ((b ^ a) - rot(a, 14)) | 0;
  return ((c ^ b) - rot(b, 24)) >>> 0;
}
