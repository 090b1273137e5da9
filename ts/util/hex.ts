/** Lower-case hexadecimal digits of `bytes`, no separators. */
export function toHex(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) text += (byte < 16 ? '0' : '') + byte.toString(16);
  return text;
}

/** Bytes of a string of hexadecimal digit pairs; null when it is not one. */
export function fromHex(text: string): Uint8Array | null {
  if (text.length % 2 !== 0 || !/^[0-9a-fA-F]*$/.test(text)) return null;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) bytes[i] = Number.parseInt(text.slice(2 * i, 2 * i + 2), 16);
  return bytes;
}

/** `0x` and the digits of `value` as an unsigned 32-bit number, at least `width` of them. */
export function hex32(value: number, width = 1): string {
  return `0x${(value >>> 0).toString(16).padStart(width, '0')}`;
}

/** As C's %#x prints: 0 without a prefix. */
export function alternateHex(value: number): string {
  return value === 0 ? '0' : hex32(value);
}
