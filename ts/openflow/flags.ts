import { fail, type Token } from './syntax.js';

/** Bits by name, lowest bit first; null for a bit without a name. */
export type FlagNames = readonly (string | null)[];

export const TCP_FLAGS: FlagNames = [
  'fin',
  'syn',
  'rst',
  'psh',
  'ack',
  'urg',
  'ece',
  'cwr',
  'ns',
  '[200]',
  '[400]',
  '[800]',
];
export const CT_STATE: FlagNames = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'];
export const TUN_FLAGS: FlagNames = ['oam'];

/** `+syn-ack`: the named bits, with the mask of those that were named. Throws on an unknown name. */
export function parseMaskedFlags(token: Token, names: FlagNames): { value: number; mask: number } {
  let value = 0;
  let mask = 0;
  const pattern = /([+-])([^+-]*)/y;
  while (pattern.lastIndex < token.text.length) {
    const at = { ...token, column: token.column + pattern.lastIndex };
    const match = pattern.exec(token.text);
    const bit = match === null ? -1 : names.indexOf(match[2]);
    if (match === null || bit < 0) {
      return fail(at, `expected + or - and one of ${names.join(', ')}, as in +${names[0]}`);
    }
    mask |= 1 << bit;
    if (match[1] === '+') value |= 1 << bit;
  }
  return { value, mask };
}

/** `syn|ack`: exactly the named bits, or null when the text is no such list. */
export function parseExactFlags(text: string, names: FlagNames): number | null {
  let value = 0;
  for (const name of text.split('|')) {
    const bit = names.indexOf(name.trim());
    if (bit < 0) return null;
    value |= 1 << bit;
  }
  return value;
}

/** `+syn-ack` for masked flags. */
export function formatMaskedFlags(value: number, mask: number, names: FlagNames): string {
  let text = '';
  for (let bit = 0; bit < names.length; bit++) {
    if ((mask & (1 << bit)) !== 0) text += `${(value & (1 << bit)) !== 0 ? '+' : '-'}${names[bit]}`;
  }
  return text;
}

/** `syn|ack`, or 0 without any. */
export function formatFlags(value: number, names: FlagNames): string {
  const set = names.filter((_, bit) => (value & (1 << bit)) !== 0);
  return set.length === 0 ? '0' : set.join('|');
}
