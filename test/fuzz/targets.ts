import { FLOW_WORDS, OVS_KEY_ATTR_ENCAP } from '../../ts/fields/index.js';
import { SyntaxProblem } from '../../ts/errors/index.js';
import { formatActions, formatFlowRow, formatKey, parseActions, parseKey } from '../../ts/flow/index.js';
import { native } from '../../ts/native/index.js';
import { mutateBytes, mutateText, type Random } from './mutate.js';

/** What is fuzzed in TypeScript. Native targets are native/test/*_fuzz.cc. */
export interface Target {
  /** Throws when something is wrong with how `input` is dealt with. What it returns is the same for inputs that are alike. */
  run(input: Uint8Array): string;
  mutate(input: Uint8Array, random: Random, seeds: readonly Uint8Array[]): Uint8Array;
}

const decoder = new TextDecoder();
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
/** What is left of a text when numbers do not matter. */
const shape = (text: string) => text.replace(/[0-9a-f]*[0-9][0-9a-fx:.]*/g, '0').slice(0, 200);

function demand(condition: boolean, what: string): asserts condition {
  if (!condition) throw new Error(what);
}

/** The value of `parse`, or the SyntaxProblem that it threw, which must point into `text`. Anything else is a find. */
function parsed<T>(text: string, parse: (text: string) => T): { value: T } | { problem: string } {
  try {
    return { value: parse(text) };
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error;
    demand(Number.isInteger(error.line) && error.line >= 1, `line ${error.line}`);
    demand(Number.isInteger(error.column) && error.column >= 1, `column ${error.column}`);
    demand(error.column <= text.length + 1, `column ${error.column} of ${text.length}`);
    return { problem: error.message };
  }
}

/** Text → bytes → text → bytes must come to rest after the first bytes. Of set(…), bits that its mask leaves out are not printed. */
function actionsText(input: Uint8Array): string {
  const text = decoder.decode(input);
  const first = parsed(text, (t) => parseActions(t));
  if ('problem' in first) return shape(first.problem);
  const printed = formatActions(first.value);
  const again = parseActions(printed, { extended: true });
  const same = hex(again) === hex(first.value);
  demand(
    same || (printed.includes('set(') && formatActions(again) === printed),
    `printed as ${printed}, which is ${hex(again)} and not ${hex(first.value)}`,
  );
  return shape(printed);
}

/** Whether an attribute is there twice on one level: then which of its masks is meant cannot be told. */
function hasTwice(attributes: Uint8Array): boolean {
  const bytes = Buffer.from(attributes.buffer, attributes.byteOffset, attributes.length);
  const seen = new Set<number>();
  for (let at = 0; at + 4 <= bytes.length; ) {
    const [length, type] = [bytes.readUInt16LE(at), bytes.readUInt16LE(at + 2)];
    const inner = bytes.subarray(at + 4, at + length);
    if (seen.has(type) || (type === OVS_KEY_ATTR_ENCAP && hasTwice(inner))) return true;
    seen.add(type);
    at += (length + 3) & ~3;
  }
  return false;
}

function keyText(input: Uint8Array): string {
  const text = decoder.decode(input);
  const first = parsed(text, (t) => parseKey(t));
  if ('problem' in first) return shape(first.problem);
  const { key, mask } = first.value;
  const printed = formatKey(key, mask, { verbose: true });
  const again = parseKey(printed);
  if (hasTwice(key)) return shape(printed);
  demand(
    hex(again.key) === hex(key),
    `printed as ${printed}, whose key is ${hex(again.key)} and not ${hex(key)}`,
  );
  demand(
    hex(again.mask) === hex(mask),
    `printed as ${printed}, whose mask is ${hex(again.mask)} and not ${hex(mask)}`,
  );
  return shape(printed);
}

/** Any bytes have a text. If that parses, its bytes come to rest: text can say less than bytes, but not twice. */
function actionsBytes(input: Uint8Array): string {
  const printed = formatActions(input);
  const again = parsed(printed, (t) => parseActions(t, { extended: true }));
  if ('problem' in again) return shape(printed);
  const second = formatActions(again.value);
  const third = parseActions(second, { extended: true });
  demand(hex(third) === hex(again.value), `printed as ${printed}, then as ${second}, which is ${hex(third)}`);
  return shape(printed);
}

const row = new Int32Array(FLOW_WORDS);

function keyBytes(input: Uint8Array): string {
  const half = input.subarray(0, input.length >> 1);
  const rest = input.subarray(input.length >> 1);
  native().decodeKey(input, row, 0);
  const texts = [
    formatKey(input),
    formatKey(input, input, { verbose: true }),
    formatKey(half, rest),
    formatFlowRow(row, 0),
  ];
  parsed(texts[0]!, (t) => parseKey(t));
  return shape(texts[0]!);
}

export const targets: Readonly<Record<string, Target>> = {
  key_text: { run: keyText, mutate: mutateText },
  actions_text: { run: actionsText, mutate: mutateText },
  key_bytes: { run: keyBytes, mutate: mutateBytes },
  actions_bytes: { run: actionsBytes, mutate: mutateBytes },
};
