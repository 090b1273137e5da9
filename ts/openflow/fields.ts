import { FLOW_FIELDS } from '../fields/index.js';
import { type FieldRow, fieldRows } from './field-table.js';
import type { MatchField } from './types.js';

const flowFields = new Map(FLOW_FIELDS.map((field) => [field.name, field]));

function build(row: FieldRow): MatchField {
  const [name, aliases, flow, bits, format, prerequisite, flags, shift = 0] = row;
  const home = flowFields.get(flow)!;
  const words = Math.ceil((bits + shift) / 32);
  // A MAC address or an IPv6 address fills its words; nsh_c1 to nsh_c4 are one word each of the four.
  const word = /^nsh_c\d$/.test(name) ? home.word + Number(name.slice(5)) - 1 : home.word;
  return {
    name,
    aliases: aliases === '' ? [] : aliases.split(' '),
    flow,
    word,
    words,
    bits,
    shift,
    format,
    maskable: flags.includes('m'),
    writable: flags.includes('w'),
    prerequisite,
  };
}

/** All match fields, in the order of ovs-fields(7). */
export const MATCH_FIELDS: readonly MatchField[] = fieldRows.map(build);

const byName = new Map<string, MatchField>();
for (const field of MATCH_FIELDS) {
  for (const name of [field.name, ...field.aliases]) byName.set(name, field);
}
// Generic names of transport ports: which protocol they belong to follows from the rest of the match.
byName.set('tp_src', byName.get('tcp_src')!);
byName.set('tp_dst', byName.get('tcp_dst')!);

/** The field with this name or alias (`nw_src`, `ip_src`, `NXM_OF_IP_SRC`, …). */
export function fieldByName(name: string): MatchField | undefined {
  return byName.get(name);
}

/** The field with this name; for names known when the program is written. */
export function requireField(name: string): MatchField {
  const field = byName.get(name);
  if (field === undefined) throw new RangeError(`no match field is called ${name}`);
  return field;
}

/**
 * Mask of word `index` (0 … words-1) that covers `bits` bits from bit `offset` of the field, shifted into place. Words of
 * a flow field run from the most significant down.
 */
export function rangeMask(field: MatchField, offset: number, bits: number, index: number): number {
  const low = (field.words - 1 - index) * 32;
  const from = Math.max(offset + field.shift - low, 0);
  const to = Math.min(offset + bits + field.shift - low, 32);
  if (to <= from) return 0;
  return to - from === 32 ? -1 : ((1 << (to - from)) - 1) << from;
}
