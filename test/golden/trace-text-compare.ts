import { FLOW_WORDS } from '../../ts/fields/index.js';
import { maskOf, splitTop } from './trace-compare.js';

/** A trace as `ofproto/trace` printed it. */
export interface RecordedText {
  readonly text: string;
  /** Whether the order of actions is defined. */
  readonly compare?: 'exact' | 'multiset';
}

/** Renames recirculation ids, which differ from run to run, to R1, R2, … in order of appearance. */
export function renameIds(text: string): string {
  const names = new Map<number, string>();
  return text.replace(/\b(recirc(?:_id=|\())(0x[0-9a-fA-F]+|\d+)\b/g, (whole, before: string, id: string) => {
    const number = Number(id);
    if (number === 0) return whole;
    if (!names.has(number)) names.set(number, `R${names.size + 1}`);
    return before + names.get(number);
  });
}

const ACTIONS = 'Datapath actions: ';
/** In megaflows OVS tells 20 bits of a flow label from 32 of which 12 do not exist. */
const WHOLE_LABEL = /\b(ipv6_label=0x[0-9a-f]{5})\/0xfffff\b/g;

/** Actions in an order that says nothing, those within others too. */
function sortedActions(text: string): string {
  const parts = splitTop(text).map((part) =>
    part.replace(
      /^([^(]+)\((.*)\)$/s,
      (_, name: string, inner: string) => `${name}(${sortedActions(inner)})`,
    ),
  );
  return parts.sort().join(',');
}

/**
 * Lines without trailing empty ones. In a flood the order of ports is not defined, so that of lines and actions neither, nor how far lines are
 * indented: the last of several bridges is not.
 */
export function comparableLines(text: string, compare: RecordedText['compare']): string[] {
  const lines = renameIds(text).replace(WHOLE_LABEL, '$1').trimEnd().split('\n');
  if (compare !== 'multiset') return lines;
  const sorted = lines.map((line) =>
    line.startsWith(ACTIONS) ? ACTIONS + sortedActions(line.slice(ACTIONS.length)) : line.trim(),
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
  const most = Math.min(ours.length, theirs.length);
  let start = 0;
  while (start < most && ours[start] === theirs[start]) start++;
  let end = 0;
  while (end < most - start && ours[ours.length - 1 - end] === theirs[theirs.length - 1 - end]) end++;
  return middleDifference(ours.slice(start, ours.length - end), theirs.slice(start, theirs.length - end));
}

/** As difference, in time and space of both lengths multiplied. */
function middleDifference(ours: readonly string[], theirs: readonly string[]): string[] {
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

const MEGAFLOW = 'Megaflow: ';

/** Megaflows as a match can be read: OVS prints tun_tos and tun_ttl hexadecimal without saying so. */
function readable(megaflow: string): string {
  return megaflow
    .slice(MEGAFLOW.length)
    .replace(/\b(tun_tos|tun_ttl)=([0-9a-f]+)\b/g, (_, name, hex) => `${name}=0x${hex}`);
}

/** Whether two megaflows match different bits, so that they cannot read the same, or are none that OpenFlow could say. */
function differInMask(ours: string, theirs: string): boolean {
  try {
    const [a, b] = [maskOf(readable(ours)), maskOf(readable(theirs))];
    for (let w = 0; w < FLOW_WORDS; w++) if (a[w] !== b[w]) return true;
  } catch {
    // Label stack entries of packets that are no MPLS, say.
    return true;
  }
  return false;
}

/**
 * Our lines, with their megaflows where ours match other bits. Which bits are matched is judged elsewhere (trace-compare.ts); here it is how
 * the same is told.
 */
function withTheirMegaflows(ours: readonly string[], theirs: readonly string[]): string[] {
  const recorded = theirs.filter((line) => line.startsWith(MEGAFLOW));
  let at = 0;
  return ours.map((line) => {
    if (!line.startsWith(MEGAFLOW)) return line;
    const other = recorded[at++];
    return other !== undefined && line !== other && differInMask(line, other) ? other : line;
  });
}

/** How our text differs from the recorded one, as `difference` says it. */
export function compareText(ours: string, { text, compare }: RecordedText): string[] {
  const theirs = comparableLines(text, compare);
  return difference(withTheirMegaflows(comparableLines(ours, compare), theirs), theirs);
}
