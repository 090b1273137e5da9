/**
 * MAC, IPv4 and IPv6 addresses as flow words: host order, most significant word first. A MAC is (high 16 bits, low 32
 * bits), an IPv6 address four words.
 */

/** `aa:bb:cc:dd:ee:ff`. */
export function formatMac(high: number, low: number): string {
  let text = '';
  for (let shift = 40; shift >= 0; shift -= 8) {
    const byte = shift >= 32 ? (high >>> (shift - 32)) & 0xff : (low >>> shift) & 0xff;
    text += (byte < 16 ? '0' : '') + byte.toString(16) + (shift === 0 ? '' : ':');
  }
  return text;
}

/** Dotted decimal. */
export function formatIpv4(address: number): string {
  return `${address >>> 24}.${(address >>> 16) & 0xff}.${(address >>> 8) & 0xff}.${address & 0xff}`;
}

/** Four words from `at` on in the form of RFC 5952, as inet_ntop writes it (IPv4-mapped addresses end in dotted decimal). */
export function formatIpv6(words: Int32Array | readonly number[], at = 0): string {
  const groups: number[] = [];
  for (let i = 0; i < 4; i++) groups.push((words[at + i] >>> 16) & 0xffff, words[at + i] & 0xffff);
  const { start, length } = longestZeroRun(groups);
  const embedsIpv4 = start === 0 && (length === 6 || (length === 5 && groups[5] === 0xffff));
  const groupsText = (from: number, to: number) =>
    groups
      .slice(from, to)
      .map((group) => group.toString(16))
      .join(':');
  if (embedsIpv4) return `::${length === 5 ? 'ffff:' : ''}${formatIpv4(words[at + 3])}`;
  if (length === 0) return groupsText(0, 8);
  return `${groupsText(0, start)}::${groupsText(start + length, 8)}`;
}

/** The first of the longest runs of at least two zero groups. */
function longestZeroRun(groups: readonly number[]): { start: number; length: number } {
  let best = { start: 0, length: 0 };
  for (let i = 0; i < groups.length; i++) {
    let length = 0;
    while (i + length < groups.length && groups[i + length] === 0) length++;
    if (length > 1 && length > best.length) best = { start: i, length };
    i += length;
  }
  return best;
}

/** Writes the two words of a MAC address to `out[at]`; false, and nothing written, when the text is not one. */
export function parseMac(text: string, out: Int32Array, at: number): boolean {
  const groups = text.split(':');
  if (groups.length !== 6 || !groups.every((group) => /^[0-9a-fA-F]{1,2}$/.test(group))) return false;
  const bytes = groups.map((group) => Number.parseInt(group, 16));
  out[at] = (bytes[0] << 8) | bytes[1];
  out[at + 1] = (bytes[2] << 24) | (bytes[3] << 16) | (bytes[4] << 8) | bytes[5];
  return true;
}

/** The 32-bit word (signed) of a dotted decimal address, null when the text is not one. */
export function parseIpv4(text: string): number | null {
  const groups = text.split('.');
  if (groups.length !== 4) return null;
  let address = 0;
  for (const group of groups) {
    if (!/^\d{1,3}$/.test(group) || Number(group) > 255) return null;
    address = (address << 8) | Number(group);
  }
  return address;
}

/** Writes the four words of an IPv6 address to `out[at]`; false, and nothing written, when the text is not one. */
export function parseIpv6(text: string, out: Int32Array, at: number): boolean {
  const halves = text.split('::');
  if (halves.length > 2) return false;
  const head = ipv6Groups(halves[0], halves.length === 1);
  const tail = halves.length === 2 ? ipv6Groups(halves[1], true) : [];
  if (head === null || tail === null) return false;
  const missing = 8 - head.length - tail.length;
  if (halves.length === 1 ? missing !== 0 : missing < 1) return false;
  const groups = [...head, ...new Array<number>(missing).fill(0), ...tail];
  for (let i = 0; i < 4; i++) out[at + i] = (groups[2 * i] << 16) | groups[2 * i + 1];
  return true;
}

/** 16-bit groups of one side of `::`; null when malformed. Only the last side may end in dotted decimal. */
function ipv6Groups(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const ipv4 = last && i === parts.length - 1 ? parseIpv4(part) : null;
    if (ipv4 === null) return null;
    groups.push(ipv4 >>> 16, ipv4 & 0xffff);
  }
  return groups;
}

/** The word with its upper `length` bits (0 to 32) set. */
export function prefixMask(length: number): number {
  return length === 0 ? 0 : -1 << (32 - length);
}

/** Length of the prefix that `count` words from `at` on mask, or -1 when their ones are not all in front. */
export function prefixLength(words: Int32Array | readonly number[], at: number, count: number): number {
  let length = 0;
  for (let i = 0; i < count; i++) {
    const ones = Math.clz32(~words[at + i]);
    if ((words[at + i] | 0) !== prefixMask(ones)) return -1;
    if (length !== 32 * i && ones !== 0) return -1;
    length += ones;
  }
  return length;
}
