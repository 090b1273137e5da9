import { fromWords, toWords } from './match.js';
import type { MatchField } from './types.js';
import { fullMask, parseMaskedValue } from './values.js';

/** Flow words of a field from `field.word` on, shifted into place; the value has no bit outside the mask. */
export interface FieldWords {
  readonly value: Int32Array;
  readonly mask: Int32Array;
}

/** A value as matches have it: `10.1.0.0/16`, `50:54:00:00:00:01`, `+trk-new`, `0x5/0xff`. Throws SyntaxProblem. */
export function parseFieldWords(field: MatchField, text: string): FieldWords {
  const { value, mask } = parseMaskedValue(field, { text, line: 1, column: 1 }, undefined);
  return { value: toWords(field, value), mask: toWords(field, mask) };
}

/** A number of at most `field.bits` bits as words of the field, all of whose bits count. */
export function fieldWordsOf(field: MatchField, number: bigint): FieldWords {
  return { value: toWords(field, number), mask: toWords(field, fullMask(field)) };
}

/** The number that a field has in a row of flow words. */
export function fieldNumber(field: MatchField, row: Int32Array): bigint {
  return fromWords(field, row, field.word);
}
