import { hex32 } from './hex.js';

/** Names of single bits; index = bit number. */
export type FlagNames = readonly string[];

/** OVS_CS_F_* */
export const CT_STATE_FLAGS: FlagNames = ['new', 'est', 'rel', 'rpl', 'inv', 'trk', 'snat', 'dnat'];
/** FLOW_TNL_F_*; OpenFlow knows only the first. */
export const TUNNEL_FLAGS: FlagNames = ['oam', 'df', 'csum', 'key'];
/** TCP flags, RFC 9293 and ECN nonce sum; the last three are reserved and named by their bits. */
export const TCP_FLAGS: FlagNames = [
  ...['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ns'],
  ...['[200]', '[400]', '[800]'],
];

/** Names of the bits set, joined by `separator`; unknown bits in front of the end as one number; `0` for none. */
export function formatFlags(flags: number, names: FlagNames, separator = '|'): string {
  if (flags === 0) return '0';
  const words: string[] = [];
  let unknown = 0;
  for (let bit = 0; bit < 32; bit++) {
    if ((flags & (1 << bit)) === 0) continue;
    if (bit < names.length) words.push(names[bit]);
    else unknown |= 1 << bit;
  }
  if (unknown !== 0) words.push(hex32(unknown));
  return words.join(separator);
}

/** `+set-clear` for the bits of `mask`. */
export function formatSignedFlags(flags: number, mask: number, names: FlagNames): string {
  let text = '';
  for (let bit = 0; bit < 32; bit++) {
    if ((mask & (1 << bit)) === 0) continue;
    text += ((flags & (1 << bit)) !== 0 ? '+' : '-') + (names[bit] ?? '[Unknown]');
  }
  return text;
}

/** `+set-clear` for the bits of `mask`; the plain form when the mask is all of `full`, `0/0` when it is empty. */
export function formatMaskedFlags(flags: number, mask: number, names: FlagNames, full: number): string {
  if (mask === full) return formatFlags(flags, names);
  return mask === 0 ? '0/0' : formatSignedFlags(flags, mask, names);
}
