import { CT_STATE_FLAGS, type FlagNames, TCP_FLAGS, TUNNEL_FLAGS } from '../util/index.js';
import { fail, type Token } from './syntax.js';

/** Names of the bits of fields, by the field's format. Of a tunnel's flags rules see the first only. */
export const FLAG_FORMATS: Readonly<Record<string, FlagNames>> = {
  tcp_flags: TCP_FLAGS,
  ct_state: CT_STATE_FLAGS,
  tun_flags: TUNNEL_FLAGS.slice(0, 1),
};

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
