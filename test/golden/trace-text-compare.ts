import { splitTop } from './trace-compare.js';

/** A trace as `ofproto/trace` printed it. */
export interface RecordedText {
  readonly text: string;
  /** Whether the order of actions is defined. */
  readonly compare?: 'exact' | 'multiset';
}

/** Renames recirculation ids, which differ from run to run, to R1, R2, … in order of appearance. */
export function renameIds(text: string): string {
  const names = new Map<number, string>();
  return text.replace(
    /\b(recirc(?:_id=|\())(0x[0-9a-fA-F]+|\d+)\b/g,
    (whole, before: string, id: string) => {
      const number = Number(id);
      if (number === 0) return whole;
      if (!names.has(number)) names.set(number, `R${names.size + 1}`);
      return before + names.get(number);
    },
  );
}

const ACTIONS = 'Datapath actions: ';

/** Lines without trailing empty ones. In a flood the order of ports is not defined, so that of lines and actions neither. */
export function comparableLines(text: string, compare: RecordedText['compare']): string[] {
  const lines = renameIds(text).trimEnd().split('\n');
  if (compare !== 'multiset') return lines;
  const sorted = lines.map((line) =>
    line.startsWith(ACTIONS) ? ACTIONS + splitTop(line.slice(ACTIONS.length)).sort().join(',') : line,
  );
  return sorted.sort();
}

/** Longest common subsequence lengths of two lists from each pair of places on. */
function commonLengths(a: readonly string[], b: readonly string[]): Uint16Array[] {
  const table = Array.from({ length: a.length + 1 }, () => new Uint16Array(b.length + 1));
  for (let i = a.length - 1; i >= 0; i--) {
    for (let j = b.length - 1; j >= 0; j--) {
      table[i][j] = a[i] === b[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
    }
  }
  return table;
}

/** What has to be done to `ours` to get `theirs`: lines `-` of ours and `+` of theirs, in order; empty when they are equal. */
export function difference(ours: readonly string[], theirs: readonly string[]): string[] {
  const table = commonLengths(ours, theirs);
  const out: string[] = [];
  let i = 0;
  let j = 0;
  while (i < ours.length || j < theirs.length) {
    if (i < ours.length && j < theirs.length && ours[i] === theirs[j]) {
      i++;
      j++;
    } else if (j === theirs.length || (i < ours.length && table[i + 1][j] >= table[i][j + 1])) {
      out.push(`-${ours[i++]}`);
    } else {
      out.push(`+${theirs[j++]}`);
    }
  }
  return out;
}

/** How our text differs from the recorded one, as `difference` says it. */
export function compareText(ours: string, { text, compare }: RecordedText): string[] {
  return difference(comparableLines(ours, compare), comparableLines(text, compare));
}
