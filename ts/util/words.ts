/** Whether two arrays of words hold the same; null, for words that are not there, is like null only. */
export function sameWords(a: Int32Array | null, b: Int32Array | null): boolean {
  if (a === null || b === null) return a === b;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** FNV-1a of numbers of up to 32 bits, a step for each: the published hash where they are bytes. Signed. */
export function fnv1a(values: Uint8Array | Int32Array): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < values.length; i++) hash = Math.imul(hash ^ values[i], 0x01000193);
  return hash | 0;
}
