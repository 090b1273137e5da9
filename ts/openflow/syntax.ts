import { SyntaxProblem } from '../errors/index.js';
import type { MatchField } from './types.js';

/** A piece of the text being parsed, with where it stands. Lines and columns count from 1. */
export interface Token {
  readonly text: string;
  readonly line: number;
  readonly column: number;
  /** Fields that this text may name besides the fixed ones (tun_metadata). */
  readonly fields?: FieldSource;
}

/** Finds fields by name. */
export interface FieldSource {
  field(name: string): MatchField | undefined;
}

/** `key=value`, `key:value`, `key(value)` or a bare `key`. */
export interface Item {
  readonly key: Token;
  /** What stands after the delimiter or between the parentheses; undefined for a bare key. */
  readonly value: Token | undefined;
  /** `=`, `:`, `(`, or nothing. */
  readonly delimiter: '' | '=' | ':' | '(';
  /** What stands after `->` behind the closing parenthesis, as in check_pkt_larger(100)->reg0[0]. */
  readonly target?: Token;
}

/** Throws: `message` says what is wrong and what would be right. */
export function fail(at: Token, message: string): never {
  throw new SyntaxProblem(message, at.line, at.column);
}

/** The part of a token from `start` to `end`, without blanks around it. */
export function slice(token: Token, start: number, end = token.text.length): Token {
  if (start === 0 && end === token.text.length && !/^\s|\s$/.test(token.text)) return token;
  const raw = token.text.slice(start, end);
  const lead = raw.length - raw.trimStart().length;
  const part = { text: raw.trim(), line: token.line, column: token.column + start + lead };
  return token.fields === undefined ? part : { ...part, fields: token.fields };
}

const isDelimiter = (text: string, i: number) => {
  const c = text.charCodeAt(i);
  return c === 0x2c || c === 0x20 || (c >= 9 && c <= 13);
};

/** Whether the key of an item ends here. */
const endsKey = (text: string, i: number) => {
  const c = text.charCodeAt(i);
  return c === 0x3d || c === 0x3a || c === 0x28 || isDelimiter(text, i);
};

/** Where `close` of the parenthesis at `open` stands. */
function closing(token: Token, open: number): number {
  let depth = 0;
  for (let i = open; i < token.text.length; i++) {
    if (token.text[i] === '(') depth++;
    else if (token.text[i] === ')' && --depth === 0) return i;
  }
  return fail(slice(token, open), 'this parenthesis is never closed: expected )');
}

/** End of an item's value: the next comma or blank outside parentheses. */
function valueEnd(token: Token, start: number): number {
  let i = start;
  while (i < token.text.length && !isDelimiter(token.text, i)) {
    i = token.text[i] === '(' ? closing(token, i) + 1 : i + 1;
  }
  return i;
}

/** Splits a list of items separated by commas or blanks. */
export function splitItems(token: Token): Item[] {
  const items: Item[] = [];
  let i = 0;
  for (;;) {
    while (i < token.text.length && isDelimiter(token.text, i)) i++;
    if (i >= token.text.length) return items;
    const start = i;
    while (i < token.text.length && !endsKey(token.text, i)) i++;
    const key = slice(token, start, i);
    const next = token.text[i];
    if (next === '(') {
      const end = closing(token, i);
      const value = slice(token, i + 1, end);
      i = end + 1;
      if (token.text.startsWith('->', i)) {
        const stop = valueEnd(token, i + 2);
        items.push({ key, value, delimiter: '(', target: slice(token, i + 2, stop) });
        i = stop;
      } else {
        items.push({ key, value, delimiter: '(' });
      }
    } else if (next === '=' || next === ':') {
      const end = valueEnd(token, i + 1);
      items.push({ key, value: slice(token, i + 1, end), delimiter: next });
      i = end;
    } else {
      items.push({ key, value: undefined, delimiter: '' });
    }
  }
}

/** Splits at each comma, keeping empty parts. */
export function splitCommas(token: Token): Token[] {
  const parts: Token[] = [];
  let start = 0;
  for (let i = 0; i <= token.text.length; i++) {
    if (i < token.text.length && token.text[i] !== ',') continue;
    parts.push(slice(token, start, i));
    start = i + 1;
  }
  return parts;
}

/** A whole number, decimal or 0x hexadecimal, from `min` to `max`. */
export function parseBig(token: Token, what: string, max: bigint, min = 0n): bigint {
  if (!/^(0[xX][0-9a-fA-F]+|[0-9]+)$/.test(token.text)) {
    fail(token, `${what}: expected a number, decimal or 0x hexadecimal, not "${token.text}"`);
  }
  const value = BigInt(token.text);
  if (value < min || value > max) {
    fail(token, `${what}: ${token.text} is out of range, expected ${min} to ${max}`);
  }
  return value;
}

/** A table by name, which may be quoted, or by number up to `max`. */
export function parseTable(
  token: Token,
  names: ReadonlyMap<string, number> | undefined,
  what: string,
  max: number,
): number {
  const quoted = /^"(.*)"$/.exec(token.text);
  return names?.get(quoted === null ? token.text : quoted[1]) ?? parseNumber(token, what, max);
}

/** As parseBig, for what fits a JavaScript integer. */
export function parseNumber(token: Token, what: string, max: number, min = 0): number {
  if (/^[0-9]{1,10}$/.test(token.text)) {
    const value = Number(token.text);
    if (value >= min && value <= max) return value;
  }
  return Number(parseBig(token, what, BigInt(max), BigInt(min)));
}

/** The value that an item must have. */
export function requireValue(item: Item, example: string): Token {
  if (item.value === undefined || item.value.text === '') {
    fail(item.key, `${item.key.text} needs a value, for example ${example}`);
  }
  return item.value;
}
