import { fieldByName } from './fields.js';
import { fail, parseNumber, slice, type Token } from './syntax.js';
import type { MatchField, Subfield } from './types.js';

/** The field that a token, or the part of it before a bit range, names; undefined when there is none. */
export function findField(token: Token): MatchField | undefined {
  const name = token.text.split('[')[0];
  return fieldByName(name) ?? token.fields?.field(name);
}

/** The field called so; throws when there is none. */
export function parseField(token: Token): MatchField {
  return (
    fieldByName(token.text) ??
    token.fields?.field(token.text) ??
    fail(token, `"${token.text}" is no known field: expected a name such as eth_src, reg0 or NXM_OF_IP_SRC`)
  );
}

/** Bits of a field that a range can name: of vlan_vid the id, without the bit that says that there is a tag. */
function width(field: MatchField): number {
  return field.name === 'vlan_vid' ? 12 : field.bits;
}

/** `FIELD[from..to]`, `FIELD[bit]`, `FIELD[]` or `FIELD`. */
export function parseSubfield(token: Token): Subfield {
  const open = token.text.indexOf('[');
  if (open < 0) {
    const field = parseField(token);
    return { field, offset: 0, bits: width(field) };
  }
  const field = parseField(slice(token, 0, open));
  if (!token.text.endsWith(']')) fail(token, `"${token.text}": expected ] at the end of a bit range`);
  const range = slice(token, open + 1, token.text.length - 1);
  const bits = width(field);
  if (range.text === '') return { field, offset: 0, bits };
  const dots = range.text.indexOf('..');
  const what = `bit of ${field.name}`;
  const from = parseNumber(dots < 0 ? range : slice(range, 0, dots), what, bits - 1);
  const to = dots < 0 ? from : parseNumber(slice(range, dots + 2), what, bits - 1, from);
  return { field, offset: from, bits: to - from + 1 };
}

/** As parseSubfield, for a place that an action writes to. */
export function parseTarget(token: Token): Subfield {
  const target = parseSubfield(token);
  if (!target.field.writable) fail(token, `${target.field.name} is read-only: actions cannot write it`);
  return target;
}

export function sameSubfield(a: Subfield, b: Subfield): boolean {
  return a.field === b.field && a.offset === b.offset && a.bits === b.bits;
}

/** The name that OVS prints in bit ranges: the NXM or OXM one, where the field has one. */
function wireName(field: MatchField): string {
  return field.aliases.find((alias) => /^[A-Z]/.test(alias)) ?? field.name;
}

export function formatSubfield({ field, offset, bits }: Subfield): string {
  if (offset === 0 && bits === width(field)) return `${wireName(field)}[]`;
  return `${wireName(field)}[${bits === 1 ? offset : `${offset}..${offset + bits - 1}`}]`;
}
